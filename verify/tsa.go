package verify

import (
	"crypto/x509"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/tsp"
	"github.com/hallmarksign/hallmark/trustroot"
)

// A stamper is a timestamp authority of the trusted root. When the root pins the
// certificate that signs, the chain above it is the same for every timestamp, and
// what the first one proved about it holds for all.
type stamper struct {
	*trustroot.Authority
	unit      string
	proven    atomic.Bool // the pinned certificate leads to the anchor
	notBefore time.Time   // the moments at which every certificate of the chain is valid
	notAfter  time.Time
}

func newStamper(a *trustroot.Authority) *stamper {
	s := &stamper{Authority: a, unit: unitOf(a)}
	if len(a.Chain) > 0 {
		s.notBefore, s.notAfter = commonWindow(a.Chain)
	}
	return s
}

// verify verifies a token over a message and returns the signer's certificate.
// Once the chain was proven it is enough that the pinned certificate made the
// token while the whole chain was valid; whatever else is decided on the chain.
func (a *stamper) verify(t *tsp.Token, message []byte) (*x509.Certificate, error) {
	if a.proven.Load() && !t.Time.Before(a.notBefore) && !t.Time.After(a.notAfter) {
		if signer, err := t.Verify(message, a.Chain[:1]); err == nil {
			return signer, nil
		}
	}
	signer, err := t.Verify(message, a.Chain)
	if err == nil && signer.Equal(a.Chain[0]) {
		a.proven.Store(true)
	}
	return signer, err
}

// A stamp is a timestamp that one or more authorities made over a signature.
type stamp struct {
	time    time.Time
	half    time.Duration
	name    string
	unit    string
	windows []trustroot.Window
}

// stamp verifies one timestamp over the signature, or remembers that it did. Two
// authorities may share a CA, so all are asked before one's refusal is believed
// (TS-6, TS-8).
func (v *Verifier) stamp(der []byte, s checkedSignature) (stamp, error) {
	if len(der) > bundle.MaxTimestamp {
		return stamp{}, check.Refuse("LM-4", check.Limit, "timestamp has %d bytes, want at most %d", len(der), bundle.MaxTimestamp)
	}
	f := newFingerprinter()
	f.bytes(s.bytes)
	f.bytes(der)
	key := f.sum()
	if st, ok := v.tokens.get(key); ok {
		return st, nil
	}
	token, err := tsp.Parse(der)
	if err != nil {
		return stamp{}, err
	}
	var st stamp
	refused := error(tsp.ErrUnknown)
	for _, a := range v.tsas {
		signer, err := a.verify(token, s.bytes)
		if err != nil {
			if !errors.Is(err, tsp.ErrUnknown) {
				refused = err
			}
			continue
		}
		if st.unit == "" {
			st = stamp{time: token.Time, half: token.Accuracy, name: signer.Subject.String(), unit: a.unit}
		}
		if st.unit == a.unit {
			st.windows = append(st.windows, a.Valid)
		}
	}
	if st.unit == "" {
		return stamp{}, refused
	}
	v.tokens.put(key, st)
	return st, nil
}
