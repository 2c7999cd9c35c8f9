package verify

import (
	"bytes"
	"crypto/x509"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
)

// checkChainClaim checks the certificates that came after the leaf. None of them
// is ever an anchor (BP-7).
func (v *Verifier) checkChainClaim(q *question) ([]*x509.Certificate, error) {
	b := q.bundle
	if len(b.Chain) == 0 {
		return nil, nil
	}
	if len(b.Chain) > bundle.MaxChain {
		return nil, check.Refuse("LM-4", check.Limit, "chain has %d certificates, want at most %d", len(b.Chain), bundle.MaxChain)
	}
	var out []*x509.Certificate
	for i, der := range b.Chain {
		c, known := v.known(der)
		if c == nil {
			var err error
			if c, err = parseCertificate(der); err != nil {
				return nil, err
			}
		}
		if !bytes.Equal(c.RawSubject, c.RawIssuer) {
			out = append(out, c)
			continue
		}
		if b.Version != bundle.V01 || i != len(b.Chain)-1 || !known {
			return nil, check.Refuse("BP-7", check.Content, "chain has a self-signed certificate, want none").
				At("verificationMaterial.x509CertificateChain")
		}
	}
	return out, nil
}

// known finds a certificate of the trusted root by its bytes, and whether it is
// an anchor.
func (v *Verifier) known(der []byte) (cert *x509.Certificate, anchor bool) {
	for _, a := range v.authorities {
		for i, c := range a.Chain {
			if bytes.Equal(c.Raw, der) {
				return c, i == len(a.Chain)-1
			}
		}
	}
	return nil, false
}

// proveThrough looks for a path by way of the bundle's certificates, which are
// untrusted: they count only between the leaf and an authority (CC-9). The path
// has to lead through the whole chain of the authority: another certificate of
// the same anchor may be of an authority that is trusted no longer (CC-3).
func (v *Verifier) proveThrough(cert *x509.Certificate, chain []*x509.Certificate) ([]path, error) {
	for i, c := range chain {
		if err := checkCA(c, i); err != nil {
			return nil, err
		}
		if err := checkSigned(c); err != nil {
			return nil, err
		}
	}
	fault := error(check.Refuse("CC-1", check.CertChain, "issuer %q is no authority of the trusted root", cert.Issuer))
	for _, a := range v.authorities {
		if !named509(chain[len(chain)-1], a.Chain[0]) {
			continue
		}
		if a.once.Do(a.prepare); a.fault != nil {
			return nil, a.fault
		}
		anchor, between := pools(a.Chain)
		for _, c := range chain {
			between.AddCert(c)
		}
		found, err := cert.Verify(x509.VerifyOptions{
			Roots:         anchor,
			Intermediates: between,
			CurrentTime:   later(cert.NotBefore, a.notBefore),
			KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		})
		if err != nil {
			fault = chainRefusal(err)
			continue
		}
		for _, certs := range found {
			if above := len(certs) - len(a.Chain); above > 0 && sameChain(certs[above:], a.Chain) {
				return []path{{certs: certs[1:], windows: []*authority{a}, foreign: true}}, nil
			}
		}
	}
	return nil, fault
}
