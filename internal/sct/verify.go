package sct

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"

	"golang.org/x/crypto/cryptobyte"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Algorithms of RFC 5246 section 7.4.1.4.1; Ed25519 as in RFC 8422 section 5.1.3.
const (
	hashSHA256    = 4
	hashIntrinsic = 8
	sigRSA        = 1
	sigECDSA      = 3
	sigEd25519    = 7
)

// Verify checks the signature of a log's key over the precertificate of cert
// as issued by issuer (CT-2, CT-3). The issuer is the next certificate of the
// verified path, not one found by name. Errors are *check.Error of check sct,
// alg when a log may not have such a key, or limit.
func (s *SCT) Verify(cert, issuer *x509.Certificate, key crypto.PublicKey) error {
	signed, err := s.signed(cert, issuer)
	if err != nil {
		return err
	}
	var good bool
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return check.Refuse("CT-3", check.Alg, "key of the log is on curve %s, want P-256", key.Curve.Params().Name)
		}
		if s.hashAlg != hashSHA256 || s.sigAlg != sigECDSA {
			return s.mismatch("ECDSA")
		}
		sum := sha256.Sum256(signed)
		good = ecdsa.VerifyASN1(key, sum[:], s.signature)
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < 2048 || bits > 8192 {
			return check.Refuse("CT-3", check.Alg, "key of the log has %d bits, want RSA of 2048 to 8192", bits)
		}
		if s.hashAlg != hashSHA256 || s.sigAlg != sigRSA {
			return s.mismatch("RSA")
		}
		sum := sha256.Sum256(signed)
		good = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], s.signature) == nil
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return check.Refuse("CT-3", check.Alg, "Ed25519 key of the log has %d bytes, want %d", len(key), ed25519.PublicKeySize)
		}
		if s.hashAlg != hashIntrinsic || s.sigAlg != sigEd25519 {
			return s.mismatch("Ed25519")
		}
		good = ed25519.Verify(key, signed, s.signature)
	default:
		return check.Refuse("CT-3", check.Alg, "key of the log is a %T, want ECDSA, RSA or Ed25519", key)
	}
	if !good {
		return check.Refuse("CT-2", check.SCT, "signature of log %x does not verify", s.LogID)
	}
	return nil
}

func (s *SCT) mismatch(key string) error {
	return check.Refuse("CT-3", check.SCT, "algorithm bytes %d %d do not fit the log's %s key", s.hashAlg, s.sigAlg, key)
}

// signed returns what the log signed: the digitally-signed struct of RFC 6962
// section 3.2 for an entry of type precert_entry.
func (s *SCT) signed(cert, issuer *x509.Certificate) ([]byte, error) {
	tbs, err := withoutList(cert.RawTBSCertificate)
	if err != nil {
		return nil, err
	}
	issuerHash := sha256.Sum256(issuer.RawSubjectPublicKeyInfo)
	b := cryptobyte.NewBuilder(make([]byte, 0, 49+len(cert.RawTBSCertificate)+len(s.Extensions)))
	b.AddUint8(0) // v1
	b.AddUint8(0) // certificate_timestamp
	b.AddUint64(uint64(s.Time.UnixMilli()))
	b.AddUint16(1) // precert_entry
	b.AddBytes(issuerHash[:])
	b.AddUint24LengthPrefixed(tbs.add)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s.Extensions) })
	out, err := b.Bytes()
	if err != nil {
		return nil, check.Refuse("LM-4", check.Limit, "certificate of %d bytes is too large to be logged: %v", len(cert.RawTBSCertificate), err)
	}
	return out, nil
}
