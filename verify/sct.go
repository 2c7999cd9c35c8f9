package verify

import (
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sct"
)

// ctSkew is how much later than the signing time a certificate may seem to have
// been logged, because the clocks of log, authority and witness of time differ
// (CT-4).
const ctSkew = 5 * time.Minute

// A provenSCT is a signed certificate timestamp that a known log made for the
// certificate.
type provenSCT struct {
	log  *logKey
	time time.Time
}

// proveSCTs verifies the embedded timestamps of a leaf under the issuer of its
// proven path (CT-1..CT-7). Those of unknown logs are skipped; one of a known log
// that does not verify is refused.
func (v *Verifier) proveSCTs(l *leaf) error {
	list, err := sct.FromCertificate(l.cert)
	if err != nil {
		if v.evidence.SCTs == 0 && check.Of(err) == check.SCT && !hasSCTs(l) {
			return nil
		}
		return err
	}
	l.units = units{}
	for i := range list {
		s := &list[i]
		log := v.ctlogs[string(s.LogID[:])]
		if log == nil {
			continue
		}
		if err := v.proveSCT(l, s, log); err != nil {
			return err
		}
		l.scts = append(l.scts, provenSCT{log: log, time: s.Time})
		l.units.add(log.unit)
	}
	return nil
}

// proveSCT checks one timestamp against its log.
func (v *Verifier) proveSCT(l *leaf, s *sct.SCT, log *logKey) error {
	if log.fault != nil {
		return log.fault
	}
	if err := s.Verify(l.cert, l.paths[0].certs[0], log.Key); err != nil {
		return err
	}
	if !inside(log.windows, s.Time) {
		return check.Refuse("CT-4", check.SCT, "certificate was logged at %s, log %q is trusted %s",
			moment(s.Time), log.BaseURL, describe(log.windows))
	}
	return nil
}

// hasSCTs reports whether a certificate has the extension at all.
func hasSCTs(l *leaf) bool {
	for _, e := range l.cert.Extensions {
		if e.Id.String() == "1.3.6.1.4.1.11129.2.4.2" {
			return true
		}
	}
	return false
}

// tooFewSCTs says what is missing (CT-1, CT-6).
func tooFewSCTs(l *leaf, want int) error {
	if len(l.units) == 0 {
		return check.Refuse("CT-1", check.SCT, "no certificate timestamp by a log of the trusted root")
	}
	return check.Refuse("CT-6", check.Threshold, "certificate timestamps by %d distinct logs, want %d", len(l.units), want)
}

// checkSCTTimes checks that the certificate was logged before it was used (CT-4).
func checkSCTTimes(l *leaf, t checkedTimes) error {
	for _, s := range l.scts {
		for _, m := range t.times {
			if s.time.After(m.Time.Add(ctSkew)) {
				return check.Refuse("CT-4", check.SCT, "certificate was logged at %s, but signed with at %s already",
					stamped(s.time), stamped(m.Time))
			}
		}
	}
	return nil
}

// scts tells about the certificate timestamps of a signer.
func (s checkedSigner) scts() []SCT {
	if s.leaf == nil {
		return nil
	}
	var out []SCT
	for _, p := range s.leaf.scts {
		out = append(out, SCT{Log: p.log.BaseURL, Time: p.time})
	}
	return out
}
