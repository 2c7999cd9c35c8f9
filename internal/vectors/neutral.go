package vectors

import (
	"bytes"
	"reflect"
	"slices"

	"github.com/hallmarksign/hallmark/bundle"
)

// A Change is one that may be made to a bundle without making it less true.
type Change struct {
	Name, Why string
	undo      func(b, good *bundle.Bundle)
}

// NeutralChanges lists them all. Whatever else is changed in a bundle must make it
// refused.
func NeutralChanges() []Change {
	return []Change{
		{"the same values, written in another order or as null for absent", "JSON objects have no order, and null is absent (BP-4).",
			func(*bundle.Bundle, *bundle.Bundle) {}},
		{"messageDigest absent", "It is a hint that is compared and never used instead of hashing (BP-9).", func(b, good *bundle.Bundle) {
			if b.Message != nil && good.Message != nil && b.Message.Digest == nil {
				b.Message.Digest = good.Message.Digest
			}
		}},
		{"another publicKey.hint that is no hash of another key", "It only chooses among the caller's keys; here there is one, and it was given without a name (BP-10).", func(b, good *bundle.Bundle) {
			if b.PublicKey != nil && good.PublicKey != nil {
				b.PublicKey.Hint = good.PublicKey.Hint
			}
		}},
		{"a timestamp twice", "A copy proves nothing more and counts once (A39, TT-2).", func(b, _ *bundle.Bundle) {
			b.Timestamps = slices.CompactFunc(b.Timestamps, bytes.Equal)
		}},
		{"a log entry twice", "A copy proves nothing more and counts once (A41, TT-2).", func(b, _ *bundle.Bundle) {
			b.Entries = slices.CompactFunc(b.Entries, func(x, y bundle.Entry) bool { return reflect.DeepEqual(x, y) })
		}},
		{"the leaf again among the certificates behind it", "They are untrusted and the path does not need them (CC-9).", func(b, _ *bundle.Bundle) {
			b.Chain = slices.DeleteFunc(b.Chain, func(c []byte) bool { return bytes.Equal(c, b.Certificate) })
			if len(b.Chain) == 0 {
				b.Chain = nil
			}
		}},
		{"promise absent beside a timestamp", "The timestamp is a time of its own, and the proof shows the entry (R1-6).", func(b, good *bundle.Bundle) {
			for i := range b.Entries {
				if b.Entries[i].Promise == nil && len(b.Timestamps) > 0 && i < len(good.Entries) {
					b.Entries[i].Promise = good.Entries[i].Promise
				}
			}
		}},
		{"timestamps absent beside a promise", "The promise is a time of its own (TM-1).", func(b, good *bundle.Bundle) {
			if len(b.Timestamps) == 0 && len(b.Entries) > 0 && b.Entries[0].Promise != nil {
				b.Timestamps = good.Timestamps
			}
		}},
		{"Rekor v1 without promise: another index in all shards", "Only a promise covers it; the index in the tree is proven (R1-4, R1-7).", func(b, good *bundle.Bundle) {
			for i := range b.Entries {
				if e := &b.Entries[i]; e.Promise == nil && e.Version != "0.0.2" && i < len(good.Entries) {
					e.LogIndex = good.Entries[i].LogIndex
				}
			}
		}},
		{"version 0.1: proof, or its checkpoint, absent", "The promise decides, and the result says that no proof was used (R1-6, decision 19).", func(b, good *bundle.Bundle) {
			if b.Version == bundle.V01 && len(b.Entries) == 1 && (b.Entries[0].Proof == nil || b.Entries[0].Proof.Checkpoint == "") {
				b.Entries[0].Proof = good.Entries[0].Proof
			}
		}},
	}
}

// Neutral returns the name of the one neutral change that was made, "" if the
// mutant differs in anything else.
func (m *Mutant) Neutral() string {
	for _, c := range NeutralChanges() {
		b, err := bundle.Parse(m.Bundle)
		if err != nil {
			return ""
		}
		good := must(bundle.Parse(m.Good.Bundle))
		if c.undo(b, good); reflect.DeepEqual(b, good) {
			return c.Name
		}
	}
	return ""
}
