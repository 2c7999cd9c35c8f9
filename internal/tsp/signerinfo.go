package tsp

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A signerInfo says which certificate signed what (RFC 5652 section 5.3).
type signerInfo struct {
	issuer []byte   // Name, DER; nil if keyID is set
	serial *big.Int // nil if keyID is set
	keyID  []byte

	hash      crypto.Hash
	alg       sigAlg
	attrs     []byte // signed attributes with their [0] tag
	signature []byte
	binding   binding
}

// read reads a SignerInfo over the given content.
func (i *signerInfo) read(s cryptobyte.String, content []byte) error {
	if err := i.readID(&s); err != nil {
		return err
	}
	digest, _, ok := readAlg(&s)
	i.hash = hashOf(digest)
	if !ok || i.hash == 0 {
		return check.Refuse("TS-2", check.Alg, "digest algorithm of the signer is %s, want SHA-256, SHA-384 or SHA-512", nameOID(digest))
	}
	var attrs, signature cryptobyte.String
	if !s.ReadASN1Element(&attrs, contextTag(0)) {
		return check.Refuse("TS-2", check.TSA, "signer info has no signed attributes")
	}
	if err := i.readAttrs(attrs, content); err != nil {
		return err
	}
	if err := i.readAlg(&s); err != nil {
		return err
	}
	if !s.ReadASN1(&signature, asn1.OCTET_STRING) {
		return check.Refuse("TS-2", check.TSA, "signer info has no signature")
	}
	if !s.Empty() {
		return check.Refuse("TS-2", check.TSA, "signer info has unsigned attributes, want none")
	}
	i.attrs, i.signature = attrs, signature
	return nil
}

// readID reads version and SignerIdentifier, which go together: 1 with issuer
// and serial number, 3 with a key identifier.
func (i *signerInfo) readID(s *cryptobyte.String) error {
	var version int
	if !s.ReadASN1Integer(&version) {
		return check.Refuse("TS-2", check.TSA, "signer info has no version")
	}
	var id cryptobyte.String
	if keyID := asn1.Tag(0).ContextSpecific(); s.PeekASN1Tag(keyID) {
		if !s.ReadASN1(&id, keyID) || version != 3 || len(id) == 0 {
			return check.Refuse("TS-2", check.TSA, "signer info with key identifier %x has version %d, want 3", []byte(id), version)
		}
		i.keyID = id
		return nil
	}
	var issuer cryptobyte.String
	i.serial = new(big.Int)
	if !s.ReadASN1(&id, asn1.SEQUENCE) || !id.ReadASN1Element(&issuer, asn1.SEQUENCE) ||
		!id.ReadASN1Integer(i.serial) || !id.Empty() {
		return check.Refuse("TS-2", check.TSA, "signer info does not say who signed")
	}
	if version != 1 {
		return check.Refuse("TS-2", check.TSA, "signer info with issuer and serial number has version %d, want 1", version)
	}
	i.issuer = issuer
	return nil
}

// readAlg reads the signature algorithm, which must hash as the digest
// algorithm does.
func (i *signerInfo) readAlg(s *cryptobyte.String) error {
	oid, null, _ := readAlg(s) // no oid if it is malformed or has parameters
	var ok bool
	if i.alg, ok = sigAlgOf(oid); !ok {
		return check.Refuse("TS-2", check.Alg, "signature algorithm of the signer is %s, want ECDSA, RSA PKCS #1 v1.5 or Ed25519 with SHA-2", nameOID(oid))
	}
	if null && i.alg.family != rsaKey {
		// RFC 5754 section 3.3, RFC 8419 section 2.3.
		return check.Refuse("TS-2", check.TSA, "signature algorithm %s has NULL parameters, want none", nameOID(oid))
	}
	if i.alg.hash != 0 && i.alg.hash != i.hash {
		return check.Refuse("TS-2", check.TSA, "signature algorithm hashes with %v, digest algorithm is %v", i.alg.hash, i.hash)
	}
	return nil
}

// checkDigestSet checks that the signer's digest algorithm was announced in
// front of the content.
func (i *signerInfo) checkDigestSet(set cryptobyte.String) error {
	found := false
	for !set.Empty() {
		oid, _, ok := readAlg(&set)
		if !ok {
			return check.Refuse("TS-2", check.TSA, "digest algorithms of the signed data are malformed")
		}
		found = found || hashOf(oid) == i.hash
	}
	if !found {
		return check.Refuse("TS-2", check.TSA, "digest algorithms of the signed data lack the signer's %v", i.hash)
	}
	return nil
}

// names reports whether the signer info names c.
func (i *signerInfo) names(c *x509.Certificate) bool {
	if i.keyID != nil {
		return bytes.Equal(i.keyID, c.SubjectKeyId)
	}
	return c.SerialNumber.Cmp(i.serial) == 0 && bytes.Equal(i.issuer, c.RawIssuer)
}

// String names the signer for an error message.
func (i *signerInfo) String() string {
	if i.keyID != nil {
		return "key identifier " + hexShort(i.keyID)
	}
	return "serial number " + hexShort(i.serial.Bytes())
}
