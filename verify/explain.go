package verify

import (
	"fmt"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// steps tells the way a verification went, in the order of Verify. It is told
// from the result, so that nobody pays for it who did not ask.
func (r *Result) steps() []Step {
	var out []Step
	saw := func(c check.Check, format string, args ...any) {
		out = append(out, Step{Check: c, Saw: fmt.Sprintf(format, args...)})
	}
	if r.Signer.Certificate == nil {
		saw(check.Alg, "public key %s of the caller", r.Signer.KeyID)
	} else {
		saw(check.CertProfile, "certificate for code signing, key %s", r.Signer.KeyID)
		saw(check.CertChain, "path to an authority of the trusted root")
		for _, s := range r.SCTs {
			saw(check.SCT, "logged by %q at %s", s.Log, stamped(s.Time))
		}
	}
	saw(check.Digest, "artifact is %s", r.Artifact)
	saw(check.Signature, "%s", r.Signer.Algorithm)
	for _, l := range r.Logs {
		c := check.Proof
		if l.TreeSize == 0 {
			c = check.SET
		}
		saw(c, "%s of %q, index %d", strings.Join(l.Evidence, " and "), l.Name, l.Index)
		saw(check.Entry, "%s about this signature, artifact and key", l.Kind)
	}
	for _, t := range r.Times {
		c := check.TSA
		if t.Source == "log" {
			c = check.SET
		}
		saw(c, "signed before %s, says %q", stamped(t.Time), t.Name)
	}
	if r.Signer.Certificate != nil {
		saw(check.CertTime, "certificate valid from %s to %s", stamped(r.Signer.NotBefore), stamped(r.Signer.NotAfter))
		saw(check.Identity, "%s %q, known to %q", r.Signer.SubjectKind, r.Signer.Subject, r.Signer.Issuer)
	}
	if r.Statement != nil {
		saw(check.Statement, "artifact is subject %q", r.Statement.Subject)
		saw(check.Predicate, "%q", r.Statement.PredicateType)
	}
	return out
}

func stamped(t time.Time) string { return t.UTC().Format(time.RFC3339) }
