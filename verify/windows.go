package verify

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/trustroot"
)

// longLife is the life of a certificate above which the result says so (CC-7).
const longLife = 24 * time.Hour

// A checkedValidity is a signer who could sign at every verified time.
type checkedValidity struct {
	q       *question
	signer  checkedSigner
	assumed bool // the moment of verification stood for the time of signing
}

// checkWindows compares every verified time with every window: of the leaf, of
// each certificate above it and of the authority (CC-2, CC-3, TM-3, TM-5). All
// must hold on one path.
func (v *Verifier) checkWindows(q *question, s checkedSigner, t checkedTimes) (checkedValidity, error) {
	if s.leaf == nil {
		return checkKeyWindow(q, s, t)
	}
	l := s.leaf
	for _, m := range t.times {
		if err := validAt(l.cert, "certificate", m.Time); err != nil {
			return checkedValidity{}, err
		}
	}
	if err := onePath(l.paths, t); err != nil {
		return checkedValidity{}, err
	}
	if err := checkSCTTimes(l, t); err != nil {
		return checkedValidity{}, err
	}
	if life := l.cert.NotAfter.Sub(l.cert.NotBefore); life > longLife {
		q.warn(fmt.Sprintf("certificate is valid for %s, usual are minutes", life))
	}
	return checkedValidity{q: q, signer: s}, nil
}

// onePath finds a path that was valid at all times, or says what is wrong with
// the last.
func onePath(paths []path, t checkedTimes) error {
	var fault error = check.Refuse("CC-1", check.CertChain, "no path to an authority")
	for _, p := range paths {
		for _, a := range p.windows {
			if fault = pathAt(p, a, t); fault == nil {
				return nil
			}
		}
	}
	return fault
}

func pathAt(p path, a *authority, t checkedTimes) error {
	for _, m := range t.times {
		if !a.Valid.Contains(m.Time) {
			return check.Refuse("CC-3", check.CertTime, "signed at %s, authority %q is trusted %s",
				moment(m.Time), a.URI, describe([]trustroot.Window{a.Valid}))
		}
		for _, c := range p.certs {
			if err := validAt(c, "certificate of the authority", m.Time); err != nil {
				return err
			}
		}
	}
	return nil
}

func validAt(c *x509.Certificate, what string, at time.Time) error {
	if at.Before(c.NotBefore) || at.After(c.NotAfter) {
		return check.Refuse("CC-2", check.CertTime, "signed at %s, %s is valid from %s to %s",
			moment(at), what, stamped(c.NotBefore), stamped(c.NotAfter))
	}
	return nil
}

// moment writes a time with its fraction of a second, which may decide.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
