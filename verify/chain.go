package verify

import (
	"bytes"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/trustroot"
)

// An authority is a certificate authority of the trusted root. Its own chain is
// verified once, when it is first needed.
type authority struct {
	*trustroot.Authority
	once      sync.Once
	fault     error // what is wrong with the chain above the issuing certificate
	roots     *x509.CertPool
	between   *x509.CertPool // with roots: the whole chain, when names are constrained above
	direct    bool           // the issuing certificate asks nothing of a leaf but its signature
	notBefore time.Time      // the moments at which every certificate of the chain is valid
	notAfter  time.Time
}

func newAuthority(a *trustroot.Authority) *authority { return &authority{Authority: a} }

// A path leads from a leaf to an anchor. Every signature on it was verified;
// whether its certificates were valid at a moment is another question.
type path struct {
	certs   []*x509.Certificate // from the issuer of the leaf to the anchor
	windows []*authority        // the same path may be listed with several windows (I17)
	foreign bool                // some certificate came with the bundle (CC-9)
}

// issuers returns the authorities that a leaf names as its issuer: by subject,
// and by key id where both certificates have one.
func (v *Verifier) issuers(cert *x509.Certificate) []*authority {
	var out []*authority
	for _, a := range v.authorities {
		if len(a.Chain) > 0 && named509(cert, a.Chain[0]) {
			out = append(out, a)
		}
	}
	return out
}

func named509(child, parent *x509.Certificate) bool {
	if !bytes.Equal(child.RawIssuer, parent.RawSubject) {
		return false
	}
	return len(child.AuthorityKeyId) == 0 || len(parent.SubjectKeyId) == 0 ||
		bytes.Equal(child.AuthorityKeyId, parent.SubjectKeyId)
}

// prove verifies a leaf against every authority that could have issued it, and
// returns the paths that hold (CC-1). The same chain is verified once.
func prove(cert *x509.Certificate, issuers []*authority) ([]path, error) {
	var paths []path
	var fault error
next:
	for _, a := range issuers {
		for i := range paths {
			if sameChain(paths[i].certs, a.Chain) {
				paths[i].windows = append(paths[i].windows, a)
				continue next
			}
		}
		if err := a.issued(cert); err != nil {
			fault = err
			continue
		}
		paths = append(paths, path{certs: a.Chain, windows: []*authority{a}})
	}
	if len(paths) > 0 {
		return paths, nil
	}
	if fault == nil {
		fault = check.Refuse("CC-1", check.CertChain, "issuer %q is no authority of the trusted root", cert.Issuer)
	}
	return nil, fault
}

func sameChain(a, b []*x509.Certificate) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

// issued verifies that an authority issued a leaf of the right profile: signature,
// usage nested down the chain, constraints of names and lengths (RFC 5280 section
// 6.1). Windows are compared with the time of signing later, so here some moment
// serves at which all certificates are valid.
//
// Where neither certificate has constraints, all of that was decided once for the
// authority and by the profile of the leaf, but for the signature.
func (a *authority) issued(cert *x509.Certificate) error {
	a.once.Do(a.prepare)
	if a.fault != nil {
		return a.fault
	}
	at := later(cert.NotBefore, a.notBefore)
	if at.After(cert.NotAfter) || at.After(a.notAfter) {
		return check.Refuse("CC-2", check.CertTime, "certificate is valid from %s to %s, its chain from %s to %s",
			stamped(cert.NotBefore), stamped(cert.NotAfter), stamped(a.notBefore), stamped(a.notAfter))
	}
	if a.direct && !constrains(cert) && len(cert.UnhandledCriticalExtensions) == 0 {
		return chainRefusal(cert.CheckSignatureFrom(a.Chain[0]))
	}
	_, err := cert.Verify(x509.VerifyOptions{
		Roots:         a.roots,
		Intermediates: a.between,
		CurrentTime:   at,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	})
	return chainRefusal(err)
}

// prepare verifies the chain of an authority. Usually nothing above the issuing
// certificate constrains names; then that certificate alone is the root for
// leaves, and what is above it need not be verified again for each.
func (a *authority) prepare() {
	a.notBefore, a.notAfter = commonWindow(a.Chain)
	whole := false
	for i, c := range a.Chain {
		if a.fault = checkCA(c, i); a.fault != nil {
			return
		}
		if i < len(a.Chain)-1 { // an anchor's own signature proves nothing
			if a.fault = checkSigned(c); a.fault != nil {
				return
			}
		}
		whole = whole || i > 0 && constrains(c)
	}
	if a.notBefore.After(a.notAfter) {
		a.fault = check.Refuse("CC-2", check.CertTime, "there is no moment at which all certificates of the authority are valid")
		return
	}
	a.roots, a.between = pools(a.Chain)
	if whole || len(a.Chain) == 1 {
		return
	}
	_, err := a.Chain[0].Verify(x509.VerifyOptions{
		Roots:         a.roots,
		Intermediates: a.between,
		CurrentTime:   a.notBefore,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	})
	if a.fault = chainRefusal(err); a.fault != nil {
		return
	}
	a.roots, a.between = x509.NewCertPool(), nil
	a.roots.AddCert(a.Chain[0])
	a.direct = !constrains(a.Chain[0])
}

// commonWindow returns the first and the last moment at which all certificates
// are valid; the last is before the first when there is none.
func commonWindow(chain []*x509.Certificate) (first, last time.Time) {
	first, last = chain[0].NotBefore, chain[0].NotAfter
	for _, c := range chain[1:] {
		first = later(first, c.NotBefore)
		if c.NotAfter.Before(last) {
			last = c.NotAfter
		}
	}
	return first, last
}

// pools returns the anchor of a chain, and what is below it.
func pools(chain []*x509.Certificate) (anchor, below *x509.CertPool) {
	anchor, below = x509.NewCertPool(), x509.NewCertPool()
	last := len(chain) - 1
	anchor.AddCert(chain[last])
	for _, c := range chain[:last] {
		below.AddCert(c)
	}
	return anchor, below
}

// checkCA checks the certificate that has below certificates between itself and
// the leaf. Its key is looked at before anything is verified with it.
func checkCA(c *x509.Certificate, below int) error {
	if err := checkKey(c.PublicKey); err != nil {
		return err
	}
	if len(c.UnhandledCriticalExtensions) > 0 {
		return check.Refuse("CC-6", check.CertProfile, "certificate of the authority has unknown critical extension %s",
			c.UnhandledCriticalExtensions[0])
	}
	if !c.BasicConstraintsValid || !c.IsCA {
		return check.Refuse("CC-10", check.CertChain, "certificate of the authority is not a CA")
	}
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
		return check.Refuse("CC-10", check.CertChain, "certificate of the authority is not for signing certificates")
	}
	if c.MaxPathLen >= 0 && below > c.MaxPathLen {
		return check.Refuse("CC-10", check.CertChain, "certificate of the authority allows %d more below it, there are %d", c.MaxPathLen, below)
	}
	return nil
}

// checkSigned checks how a certificate is signed, before that is verified.
func checkSigned(c *x509.Certificate) error {
	if weak(c.SignatureAlgorithm) {
		return check.Refuse("CC-10", check.Alg, "certificate is signed with %s", c.SignatureAlgorithm)
	}
	return nil
}

// constrains reports whether a certificate has constraints on names or policies
// (RFC 5280 sections 4.2.1.10, 4.2.1.11 and 4.2.1.14).
func constrains(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidNameConstraints) || e.Id.Equal(oidPolicyConstraints) || e.Id.Equal(oidInhibitAnyPolicy) {
			return true
		}
	}
	return false
}

// chainRefusal translates what crypto/x509 says.
func chainRefusal(err error) error {
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return check.Refuse("CC-2", check.CertTime, "%v", err)
	}
	return check.Refuse("CC-1", check.CertChain, "%v", err)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
