package verify

import (
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Certificate reports whom a signer's certificate names, if everything that
// Verify demands of the certificate holds for a signature made at a moment:
// shape, path, certificate transparency, windows. Who asks an authority for a
// certificate checks the answer with it (SG-7).
func (v *Verifier) Certificate(der []byte, at time.Time) (subject, issuer string, err error) {
	if v == nil || v.root == nil {
		return "", "", check.Refuse("R18", check.Usage, "the verifier was not made by New")
	}
	l, err := v.leaf(der, nil)
	if err != nil {
		return "", "", err
	}
	if len(l.units) < v.evidence.SCTs {
		return "", "", tooFewSCTs(l, v.evidence.SCTs)
	}
	t := checkedTimes{times: []Time{{Time: at}}}
	if _, err := v.checkWindows(&question{}, checkedSigner{leaf: l}, t); err != nil {
		return "", "", err
	}
	return l.identity.Subject, l.identity.Issuer, nil
}
