package tsp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"

	"github.com/hallmarksign/hallmark/internal/check"
)

// maxChecks bounds the signatures of certificates that are checked to find the
// signer of one token (CC-10).
const maxChecks = 64 // signatures that are checked to find the signer of a token

// path finds the signer's certificate and its path to the anchor of chain, the
// signer first. Only the SignerInfo selects it, never the order of the embedded
// certificates (CVE-2026-39984), and a pinned certificate excludes every other
// of the same CA (decision 12).
func (t *Token) path(chain []*x509.Certificate) ([]*x509.Certificate, error) {
	if len(chain) == 0 {
		return nil, check.Refuse("TS-6", check.TSA, "authority has no certificates")
	}
	var pinned *x509.Certificate
	cas := chain
	if !chain[0].IsCA {
		pinned, cas = chain[0], chain[1:]
		if t.signer.names(pinned) {
			return chain, t.brings(pinned)
		}
	}
	for _, ca := range cas {
		if t.signer.names(ca) {
			return nil, check.Refuse("TS-5", check.TSA, "signer is %q, a CA of the authority", ca.Subject.String())
		}
	}
	w := walk{cas: cas, whole: pinned == nil, left: maxChecks}
	if err := w.parse(t.certs); err != nil {
		return nil, err
	}
	path, stray := t.choose(&w)
	if w.left < 0 {
		return nil, check.Refuse("CC-10", check.Limit, "signer was not found within %d signature checks", maxChecks)
	}
	if path != nil && pinned != nil {
		return nil, check.Refuse("TS-5", check.TSA, "signer has serial number %s, want the configured certificate's %s",
			hexShort(path[0].SerialNumber.Bytes()), hexShort(pinned.SerialNumber.Bytes()))
	}
	if path == nil && (stray || w.has(pinned)) {
		return nil, check.Refuse("TS-4", check.TSA, "signer has %s, and the authority's certificate in the token has another", t.signer.String())
	}
	if path == nil {
		return nil, ErrUnknown
	}
	return path, nil
}

// brings checks that a token with certificates has the one that signed it among
// them: an authority that sends any must send that one (RFC 3161 section 2.4.1).
func (t *Token) brings(signer *x509.Certificate) error {
	for _, der := range t.certs {
		if bytes.Equal(der, signer.Raw) {
			return nil
		}
	}
	if len(t.certs) > 0 {
		return check.Refuse("TS-4", check.TSA, "token has %d certificates, but not the one of its signer", len(t.certs))
	}
	return nil
}

// choose returns the path of the embedded certificate that the SignerInfo names
// and that leads to the authority. Should a CA have given one serial number
// twice, the signed attributes decide. stray says that only certificates that
// are not named lead there.
func (t *Token) choose(w *walk) (path []*x509.Certificate, stray bool) {
	for _, c := range w.bag {
		if !t.signer.names(c) {
			continue
		}
		p := w.climb(c)
		if p != nil && (path == nil || t.signer.checkBinding(c) == nil) {
			path = p
		}
	}
	for _, c := range w.bag {
		if path == nil && !c.IsCA && w.climb(c) != nil {
			stray = true
		}
	}
	return path, stray
}

// A walk goes from an embedded certificate up to the CAs of an authority, by
// signature. It says nothing about validity; checkPath does.
type walk struct {
	cas   []*x509.Certificate
	whole bool // only a path through all of cas counts, see climb
	bag   []*x509.Certificate
	left  int // signature checks that may still be made
}

func (w *walk) parse(certs [][]byte) error {
	for _, der := range certs {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return check.Refuse("TS-2", check.TSA, "certificate in the token is malformed: %v", err)
		}
		w.bag = append(w.bag, c)
	}
	return nil
}

func (w *walk) has(c *x509.Certificate) bool {
	for _, b := range w.bag {
		if c != nil && b.Equal(c) {
			return true
		}
	}
	return false
}

// climb returns the path from c to the anchor, nil if there is none. Where nothing
// is pinned the CA that issues for the authority has to be on it: another one of
// the same anchor may be of an authority that was trusted at other times (TS-6).
func (w *walk) climb(c *x509.Certificate) []*x509.Certificate {
	path := []*x509.Certificate{c}
	for len(path) <= MaxCerts {
		top := path[len(path)-1]
		for i, ca := range w.cas {
			if w.whole && i > 0 {
				break
			}
			if w.issued(ca, top) {
				return append(path, w.cas[i:]...)
			}
		}
		next := w.above(top, path)
		if next == nil {
			return nil
		}
		path = append(path, next)
	}
	return nil
}

// above returns an embedded CA that issued c and is not yet in path.
func (w *walk) above(c *x509.Certificate, path []*x509.Certificate) *x509.Certificate {
next:
	for _, b := range w.bag {
		for _, p := range path {
			if p.Equal(b) {
				continue next
			}
		}
		if b.IsCA && w.issued(b, c) {
			return b
		}
	}
	return nil
}

func (w *walk) issued(ca, c *x509.Certificate) bool {
	if !bytes.Equal(c.RawIssuer, ca.RawSubject) || !usable(ca) {
		return false
	}
	if w.left--; w.left < 0 {
		return false
	}
	return ca.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// usable reports whether the key of c is one that is accepted (CC-8); it keeps
// an embedded certificate from costing seconds with a huge RSA key.
func usable(c *x509.Certificate) bool {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		n := key.N.BitLen()
		return n >= 2048 && n <= 8192
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P256() || key.Curve == elliptic.P384() || key.Curve == elliptic.P521()
	case ed25519.PublicKey:
		return true
	}
	return false
}
