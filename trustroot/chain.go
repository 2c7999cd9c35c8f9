package trustroot

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A use is what an authority certifies (TR-5).
type use struct {
	ext    x509.ExtKeyUsage
	name   string
	leaves bool // the first certificate may be the one that signs, not a CA
}

var (
	forCode = use{x509.ExtKeyUsageCodeSigning, "code signing", false}
	forTime = use{x509.ExtKeyUsageTimeStamping, "time stamping", true}
)

// authorities reads one list of authorities.
func authorities(r *Root, field string, in []authorityJSON, u use) ([]Authority, error) {
	if len(in) > MaxInstances {
		return nil, check.Refuse("LM-1", check.TrustRoot, "has %d elements, want at most %d", len(in), MaxInstances).At(field)
	}
	var out []Authority
	for i := range in {
		at := fmt.Sprintf("%s[%d]", field, i)
		valid, err := in[i].ValidFor.window(at + ".validFor")
		if err != nil {
			return nil, err
		}
		chain, err := in[i].chain(at + ".certChain.certificates")
		if err != nil {
			return nil, err
		}
		if alg := unknownAlgorithm(chain); alg != "" { // TR-3
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: skipped: %s", at, alg))
			r.Skipped = append(r.Skipped, Skipped{List: field, URL: in[i].URI, Algorithm: alg, Valid: valid})
			continue
		}
		if err := ordered(chain, u, at+".certChain.certificates"); err != nil {
			return nil, err
		}
		out = append(out, Authority{URI: in[i].URI, Operator: in[i].Operator, Chain: chain, Valid: valid})
	}
	return out, nil
}

// chain parses the certificates of one authority.
func (in *authorityJSON) chain(at string) ([]*x509.Certificate, error) {
	certs := in.CertChain.Certificates
	if len(certs) == 0 {
		return nil, check.Refuse("TR-4", check.TrustRoot, "is empty, want at least the anchor").At(at)
	}
	if len(certs) > MaxChain {
		return nil, check.Refuse("LM-4", check.TrustRoot, "has %d elements, want at most %d", len(certs), MaxChain).At(at)
	}
	var chain []*x509.Certificate
	for i, c := range certs {
		at := fmt.Sprintf("%s[%d].rawBytes", at, i)
		if len(c.RawBytes) > MaxCert {
			return nil, check.Refuse("LM-4", check.TrustRoot, "has %d bytes, want at most %d", len(c.RawBytes), MaxCert).At(at)
		}
		cert, err := x509.ParseCertificate(c.RawBytes)
		if err != nil {
			return nil, check.Refuse("TR-4", check.TrustRoot, "%v", err).At(at)
		}
		chain = append(chain, cert)
	}
	return chain, nil
}

// unknownAlgorithm names the first algorithm that cannot be verified with. MD5
// and SHA-1 are among them (CC-10). The signature of the anchor does not matter.
func unknownAlgorithm(chain []*x509.Certificate) string {
	for i, c := range chain {
		if c.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm || c.PublicKeyAlgorithm == x509.DSA {
			return fmt.Sprintf("certificate %d has a key of an unknown type", i)
		}
		if i == len(chain)-1 {
			return ""
		}
		switch c.SignatureAlgorithm {
		case x509.UnknownSignatureAlgorithm, x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA,
			x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.DSAWithSHA256:
			return fmt.Sprintf("certificate %d is signed with algorithm %v", i, c.SignatureAlgorithm)
		}
	}
	return ""
}

// ordered refuses a chain that is not one path from the issuing end to the
// anchor (TR-4, I19), or is not for use u (TR-5).
func ordered(chain []*x509.Certificate, u use, at string) error {
	last := len(chain) - 1
	for i, c := range chain {
		at := fmt.Sprintf("%s[%d]", at, i)
		if !c.IsCA && (i == last || i > 0 || !u.leaves) {
			return check.Refuse("TR-4", check.TrustRoot, "%q is not a CA certificate", c.Subject.String()).At(at)
		}
		if !u.allowedBy(c) {
			return check.Refuse("TR-5", check.TrustRoot, "%q is not for %s", c.Subject.String(), u.name).At(at)
		}
		if i == last {
			return nil
		}
		if bytes.Equal(c.RawSubject, c.RawIssuer) {
			return check.Refuse("TR-4", check.TrustRoot, "%q issued itself but is not the last", c.Subject.String()).At(at)
		}
		if err := signedBy(c, chain[i+1]); err != nil {
			return check.Refuse("TR-4", check.TrustRoot, "%q is not issued by the next one %q: %v",
				c.Subject.String(), chain[i+1].Subject.String(), err).At(at)
		}
	}
	return nil
}

func signedBy(c, issuer *x509.Certificate) error {
	if !bytes.Equal(c.RawIssuer, issuer.RawSubject) {
		return errors.New("the names differ")
	}
	return c.CheckSignatureFrom(issuer)
}

// allowedBy reports whether the extended key usage of c, if it has one, lets it
// serve u.
func (u use) allowedBy(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, u.ext) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}
