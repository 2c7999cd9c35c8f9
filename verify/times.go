package verify

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/tsp"
	"github.com/hallmarksign/hallmark/trustroot"
)

// clockSkew is how far a verified time may be ahead of the moment of
// verification (TM-4).
const clockSkew = 60 * time.Second

// checkedTimes are moments at which the signature existed, earliest first. All
// of them are compared with every window (TM-3).
type checkedTimes struct{ times []Time }

// checkTimes verifies every source of time in a bundle (TM-1..TM-4). A time that
// a log merely states is none.
func (v *Verifier) checkTimes(q *question, s checkedSignature, e checkedEntries) (checkedTimes, error) {
	tsas, all := units{}, units{}
	var t checkedTimes
	unknown, err := v.stamps(q, s, &t, tsas)
	if err != nil {
		return checkedTimes{}, err
	}
	all.join(tsas)
	if err := integrated(e, &t, all); err != nil {
		return checkedTimes{}, err
	}
	slices.SortFunc(t.times, func(a, b Time) int { return a.Time.Compare(b.Time) })
	for _, m := range t.times {
		if m.Time.After(q.now.Add(clockSkew)) {
			return checkedTimes{}, check.Refuse("TM-4", check.Time, "%q says %s, but it is %s here",
				m.Name, stamped(m.Time), stamped(q.now)).WithNext("compare the clock of this machine")
		}
	}
	if err := logsInForce(e, t); err != nil {
		return checkedTimes{}, err
	}
	return t, v.enoughTimes(q, len(all), len(tsas), unknown)
}

// enoughTimes holds the sources of time against what is demanded (TM-2, TT-1).
// What a certificate of minutes signed is worth nothing without a time.
func (v *Verifier) enoughTimes(q *question, all, tsas, unknown int) error {
	want := v.evidence.Times
	if q.bundle.PublicKey == nil {
		want = max(want, 1)
	}
	if all == 0 && want > 0 {
		why := ""
		if unknown > 0 {
			why = fmt.Sprintf("; %d timestamps are of authorities that are not in the trusted root", unknown)
		}
		return check.Refuse("TM-2", check.Time, "no verified time of signing%s", why)
	}
	if all < want {
		return check.Refuse("TT-1", check.Threshold, "times by %d distinct authorities and logs, want %d", all, want)
	}
	if tsas < v.evidence.TSAs {
		return check.Refuse("TT-1", check.Threshold, "times by %d distinct timestamp authorities, want %d", tsas, v.evidence.TSAs)
	}
	return nil
}

// stamps verifies the timestamps and reports how many are of unknown
// authorities. A copy of a timestamp is no second one (A39).
func (v *Verifier) stamps(q *question, s checkedSignature, t *checkedTimes, seen units) (unknown int, err error) {
	list := q.bundle.Timestamps
	if len(list) > bundle.MaxTimestamps {
		return 0, check.Refuse("LM-3", check.Limit, "bundle has %d timestamps, want at most %d", len(list), bundle.MaxTimestamps)
	}
	for i, der := range list {
		if slices.ContainsFunc(list[:i], func(other []byte) bool { return bytes.Equal(der, other) }) {
			continue
		}
		st, err := v.stamp(der, s)
		if errors.Is(err, tsp.ErrUnknown) {
			unknown++
			q.warn("timestamp of an authority that is not in the trusted root was not examined")
			continue
		}
		if err != nil {
			return unknown, err
		}
		if !inside(st.windows, st.time) {
			return unknown, check.Refuse("TS-6", check.Time, "timestamp is of %s, authority %q is trusted %s",
				stamped(st.time), st.name, describe(st.windows))
		}
		seen.add(st.unit)
		t.times = append(t.times, Time{Time: st.time, Source: "tsa", Name: st.name, Accuracy: st.half})
	}
	return unknown, nil
}

// integrated takes the times that logs promised (TM-1, R1-3).
func integrated(e checkedEntries, t *checkedTimes, seen units) error {
	for i := range e.list {
		c := &e.list[i]
		if !c.facts.promised {
			continue
		}
		at := time.Unix(c.entry.IntegratedTime, 0).UTC()
		if !inside(c.log.windows, at) {
			return check.Refuse("R1-3", check.Time, "entry was logged at %s, log %q is trusted %s", stamped(at), c.log.Origin, describe(c.log.windows))
		}
		if m := (Time{Time: at, Source: "log", Name: c.log.Origin}); !slices.Contains(t.times, m) {
			t.times = append(t.times, m)
		}
		seen.add(c.log.unit)
	}
	return nil
}

// logsInForce checks that logs without a time of their own were trusted when the
// signature was made (R2-9).
func logsInForce(e checkedEntries, t checkedTimes) error {
	for i := range e.list {
		c := &e.list[i]
		for _, m := range t.times {
			if !c.facts.promised && !inside(c.log.windows, m.Time) {
				return check.Refuse("R2-9", check.Time, "signed at %s, log %q is trusted %s", stamped(m.Time), c.log.Origin, describe(c.log.windows))
			}
		}
	}
	return nil
}

// inside reports whether a moment is in one of the windows (TM-5).
func inside(windows []trustroot.Window, at time.Time) bool {
	for _, w := range windows {
		if w.Contains(at) {
			return true
		}
	}
	return false
}
