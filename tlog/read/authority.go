package read

import (
	"crypto/x509"

	"github.com/hallmarksign/hallmark/internal/fulcioext"
	"github.com/hallmarksign/hallmark/trustroot"
)

// issuedBy returns the authority of a trusted root that issued a certificate,
// "" if none did. Logs take any certificate, so that without this a name in an
// entry is nobody's word. fulcioext.Parse must have accepted the certificate.
// This is for telling entries apart; it is not the verification of a signature.
func issuedBy(cert *x509.Certificate, root *trustroot.Root) string {
	if root == nil {
		return ""
	}
	cert = fulcioext.HandledCritical(cert)
	for i := range root.Authorities {
		a := &root.Authorities[i]
		if len(a.Chain) == 0 || !a.Valid.Contains(cert.NotBefore) {
			continue
		}
		o := x509.VerifyOptions{
			Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: cert.NotBefore,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		}
		o.Roots.AddCert(a.Chain[len(a.Chain)-1])
		for _, c := range a.Chain[:len(a.Chain)-1] {
			o.Intermediates.AddCert(c)
		}
		if _, err := cert.Verify(o); err == nil {
			return a.URI
		}
	}
	return ""
}
