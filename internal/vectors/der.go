package vectors

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/set"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
	"github.com/hallmarksign/hallmark/trustroot"
)

// must is for what can't fail with the fixed input it is given.
func must[T any](v T, err error) T {
	if err != nil {
		panic("vectors: " + err.Error())
	}
	return v
}

func sum256(b []byte) []byte { s := sha256.Sum256(b); return s[:] }
func sum512(b []byte) []byte { s := sha512.Sum512(b); return s[:] }

// elements splits the content of a DER element.
func elements(der []byte) [][]byte {
	var v asn1.RawValue
	must(asn1.Unmarshal(der, &v))
	var out [][]byte
	for rest := v.Bytes; len(rest) > 0; {
		rest = must(asn1.Unmarshal(rest, &v))
		out = append(out, v.FullBytes)
	}
	return out
}

// content returns what is inside a DER element.
func content(der []byte) []byte {
	var v asn1.RawValue
	must(asn1.Unmarshal(der, &v))
	return v.Bytes
}

// The fields of a TBSCertificate.
const (
	tbsVersion = iota
	tbsSerial
	tbsAlgorithm
	tbsIssuer
	tbsValidity
	tbsSubject
	tbsKey
	tbsExtensions
)

// tbsField is a fault that replaces a field of the TBSCertificate. The log and
// the authority sign what comes out.
func tbsField(field int, f func(old []byte) []byte) fault {
	return tbs(func(der []byte) []byte {
		fields := elements(der)
		fields[field] = f(fields[field])
		return tsptest.Seq(fields...)
	})
}

func tbs(f func([]byte) []byte) fault {
	return func(p *plan) {
		before := p.Leaf.TBS
		p.Leaf.TBS = func(der []byte) []byte {
			if before != nil {
				der = before(der)
			}
			return f(der)
		}
	}
}

// resealed signs the certificate anew, after f changed it behind the back of the
// certificate transparency log.
func resealed(f func(tbs []byte) []byte) fault {
	return func(p *plan) {
		replacedLeaf(func(der []byte) []byte { return p.lab.CA.Seal(f(elements(der)[0])) })(p)
	}
}

// template is a fault in the description of the certificate.
func template(f func(*x509.Certificate)) fault {
	return func(p *plan) { p.Leaf.Template = then(p.Leaf.Template, f) }
}

func logCertificate(f func([]byte) []byte) func(*entry.Body) {
	return func(b *entry.Body) {
		if b.Certificate != nil {
			b.Certificate = f(b.Certificate)
		}
	}
}

// issued makes a certificate of a template, as its parent would; without a parent
// it signs itself.
func issued(parent *sigtest.Cert, t *x509.Certificate, key crypto.Signer) sigtest.Cert {
	if parent == nil {
		self := *t
		self.PublicKey = key.Public()
		parent = &sigtest.Cert{Certificate: &self, Key: key}
	}
	der := must(x509.CreateCertificate(nil, t, parent.Certificate, key.Public(), parent.Key))
	return sigtest.Cert{Certificate: must(x509.ParseCertificate(der)), Key: key}
}

// ca is a certificate authority whose certificates were changed.
func (p *plan) ca(root, issuer func(*x509.Certificate)) *sigtest.CA {
	base := p.lab.CA
	ca := &sigtest.CA{Root: base.Root, Issuer: base.Issuer, URI: base.URI, Operator: base.Operator, Valid: base.Valid}
	again := func(old sigtest.Cert, parent *sigtest.Cert, f func(*x509.Certificate)) sigtest.Cert {
		t := *old.Certificate
		t.SignatureAlgorithm, t.ExtraExtensions = 0, nil
		t.SubjectKeyId = slices.Clone(t.SubjectKeyId)
		if f != nil {
			f(&t)
		}
		return issued(parent, &t, old.Key)
	}
	if root != nil {
		ca.Root = again(base.Root, nil, root)
	}
	ca.Issuer = again(base.Issuer, &ca.Root, issuer)
	return ca
}

// certified is a fault in the certificates of the authority, which the trusted
// root lists as they are.
func certified(root, issuer func(*x509.Certificate)) fault {
	return func(p *plan) {
		p.CA = p.ca(root, issuer)
		p.cas = []*sigtest.CA{p.CA}
	}
}

// flipByte returns b with a byte changed.
func flipByte(b []byte, i int) []byte {
	out := slices.Clone(b)
	out[i] ^= 0x55
	return out
}

// rs returns the two numbers of an ECDSA signature.
func rs(sig []byte) (r, s *big.Int) {
	var v struct{ R, S *big.Int }
	must(asn1.Unmarshal(sig, &v))
	return v.R, v.S
}

func fromRS(r, s *big.Int) []byte { return must(asn1.Marshal(struct{ R, S *big.Int }{r, s})) }

// otherS returns the second valid signature, (r, n−s).
func otherS(key crypto.PublicKey, sig []byte) []byte {
	r, s := rs(sig)
	return fromRS(r, new(big.Int).Sub(key.(*ecdsa.PublicKey).Params().N, s))
}

// sealedBy signs a TBSCertificate as it is, with ECDSA and SHA-256 or SHA-384.
func sealedBy(key crypto.Signer, hash int, tbs []byte) []byte {
	h, oid := crypto.SHA256, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	if hash == 384 {
		h, oid = crypto.SHA384, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	}
	fields := elements(tbs)
	fields[tbsAlgorithm] = tsptest.Alg(oid, false)
	tbs = tsptest.Seq(fields...)
	return tsptest.Seq(tbs, tsptest.Alg(oid, false), tsptest.TLV(3, append([]byte{0}, sigtest.SignMessage(key, h, tbs)...)))
}

func pemOf(typ string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der})
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// rootCertificate changes a certificate of the first authority.
func rootCertificate(i int, f func(*x509.Certificate)) func(*trustroot.Root) {
	return func(r *trustroot.Root) {
		c := *r.Authorities[0].Chain[i]
		if f(&c); c.SignatureAlgorithm == 0 {
			c.SignatureAlgorithm = x509.ECDSAWithSHA384
		}
		r.Authorities[0].Chain[i] = &c
	}
}

// extensionOf returns the extension of a certificate, as written.
func extensionOf(der []byte, id asn1.ObjectIdentifier) ([]byte, error) {
	for _, e := range elements(elements(elements(elements(der)[0])[tbsExtensions])[0]) {
		if bytes.HasPrefix(elements(e)[0], must(asn1.Marshal(id))) {
			return e, nil
		}
	}
	return nil, errors.New("no extension " + id.String())
}

// setMessage is what the log signs as promise of an entry.
func setMessage(e *bundle.Entry) []byte {
	return set.Message(e.Body, e.IntegratedTime, e.LogIndex, e.LogID)
}

func paeOf(payload []byte) []byte { return dsse.PAE(dsse.PayloadType, payload) }

func decodePEM(s string) ([]byte, error) {
	block, _ := pem.Decode([]byte(s))
	if block == nil {
		return nil, errors.New("no PEM")
	}
	return block.Bytes, nil
}
