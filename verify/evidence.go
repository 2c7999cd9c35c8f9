package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/trustroot"
)

// Evidence is how many distinct proofs of each kind are demanded (TT-1..TT-3).
// Two proofs of one operator count once; where the trusted root names no
// operator, two proofs of one log or authority do (TT-2).
type Evidence struct {
	SCTs  int // certificate transparency logs that saw the certificate
	Logs  int // transparency logs that hold the signature
	Times int // authorities and logs that say when
	TSAs  int // of Times, how many must be timestamp authorities; 0 is no weakening
}

// PublicGood is what the public instance promises: one of each.
var PublicGood = Evidence{SCTs: 1, Logs: 1, Times: 1}

// maxThreshold bounds each number of Evidence (TT-3).
const maxThreshold = 32 // proofs of one kind that can be demanded

// weakened says which kinds of proof are not demanded at all (TT-1).
func (e Evidence) weakened() []string {
	var out []string
	if e.SCTs == 0 {
		out = append(out, "no signed certificate timestamp demanded")
	}
	if e.Logs == 0 {
		out = append(out, "no transparency log entry demanded")
	}
	if e.Times == 0 && e.TSAs == 0 {
		out = append(out, "no verified time demanded of a signature by a key")
	}
	return out
}

// attainable refuses evidence that no bundle could bring under this root: I7,
// I9, TT-3.
func (v *Verifier) attainable() error {
	cts, logs, tsas := units{}, units{}, units{}
	for _, l := range v.ctlogs {
		cts.add(l.unit)
	}
	for _, l := range v.logs {
		logs.add(l.unit)
	}
	for _, t := range v.tsas {
		tsas.add(t.unit)
	}
	both := units{}
	both.join(logs)
	both.join(tsas)
	for _, k := range []struct {
		name string
		want int
		have units
	}{
		{"certificate transparency logs", v.evidence.SCTs, cts},
		{"transparency logs", v.evidence.Logs, logs},
		{"sources of time", v.evidence.Times, both},
		{"timestamp authorities", v.evidence.TSAs, tsas},
	} {
		if k.want < 0 || k.want > maxThreshold {
			return check.Refuse("TT-3", check.Usage, "%d %s are demanded, want 0 to %d", k.want, k.name, maxThreshold)
		}
		if k.want > 0 && len(k.have) == 0 {
			return check.Refuse("TR-3", check.TrustRoot, "the trusted root has no usable %s", k.name)
		}
		if k.want > len(k.have) {
			return check.Refuse("TT-3", check.Usage, "%d %s of different operators are demanded, the trusted root has %d", k.want, k.name, len(k.have))
		}
	}
	if v.evidence.SCTs > 0 && len(v.authorities) == 0 {
		return check.Refuse("TR-3", check.TrustRoot, "the trusted root has no usable certificate authorities")
	}
	return nil
}

// units counts distinct parties (TT-2).
type units map[string]struct{}

func (u units) add(name string) { u[name] = struct{}{} }

func (u units) join(other units) {
	for name := range other {
		u.add(name)
	}
}

// A logKey is the key of a log with every window in which it is trusted: a log
// may be listed more than once (I17).
type logKey struct {
	*trustroot.Log
	id      string // hex
	unit    string
	windows []trustroot.Window
	fault   error // what is wrong with the key
}

func logKeys(list []trustroot.Log) map[string]*logKey {
	out := make(map[string]*logKey, len(list))
	byKey := make(map[string]string, len(list)) // unit of each key: names are cheap, keys are not (I6)
	for i := range list {
		l := &list[i]
		known := out[string(l.ID)]
		if known == nil {
			known = &logKey{Log: l, id: hex.EncodeToString(l.ID), unit: "operator " + l.Operator, fault: checkKey(l.Key)}
			if l.Operator == "" {
				known.unit = "log " + known.id
			}
			if unit, twice := byKey[string(l.SPKI)]; twice {
				known.unit = unit
			}
			byKey[string(l.SPKI)] = known.unit
			out[string(l.ID)] = known
		}
		if bytes.Equal(l.SPKI, known.SPKI) {
			known.windows = append(known.windows, l.Valid)
		}
	}
	return out
}

// describe names windows in an error.
func describe(windows []trustroot.Window) string {
	text := ""
	for i, w := range windows {
		if i > 0 {
			text += " and "
		}
		if w.End.IsZero() {
			text += fmt.Sprintf("from %s on", stamped(w.Start))
		} else {
			text += fmt.Sprintf("from %s to %s", stamped(w.Start), stamped(w.End))
		}
	}
	return text
}

// unitOf names the party behind an authority: its operator, or its own subject
// and key.
func unitOf(a *trustroot.Authority) string {
	if a.Operator != "" {
		return "operator " + a.Operator
	}
	if len(a.Chain) == 0 {
		return "authority"
	}
	key := sha256.Sum256(append(bytes.Clone(a.Chain[0].RawSubject), a.Chain[0].RawSubjectPublicKeyInfo...))
	return "authority " + hex.EncodeToString(key[:])
}
