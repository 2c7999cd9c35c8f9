package ctlog

import (
	"crypto/sha256"

	"github.com/hallmarksign/hallmark/trustroot"
)

// Authority returns the URI of the authority of a trusted root that issued the
// certificate, "" if none did. Of what was logged before the certificate was issued
// it is the log's word: such an entry names the key of the issuer and has no
// signature (RFC 6962 section 3.2).
func (c *Certificate) Authority(root *trustroot.Root) string {
	for i := range root.Authorities {
		a := &root.Authorities[i]
		if len(a.Chain) == 0 || !a.Valid.Contains(c.Parsed.NotBefore) {
			continue
		}
		issuer := a.Chain[0]
		if c.Pre && sha256.Sum256(issuer.RawSubjectPublicKeyInfo) == c.Issuer || !c.Pre && c.Parsed.CheckSignatureFrom(issuer) == nil {
			return a.URI
		}
	}
	return ""
}
