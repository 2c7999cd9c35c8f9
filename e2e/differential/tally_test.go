package differential_test

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/logproof"
)

// An explanation says why sigstore-go refuses what hallmark accepts.
type explanation struct {
	name string
	says *regexp.Regexp            // what sigstore-go says
	when func(*bundle.Bundle) bool // what the bundle must be like
}

// explanations are all there are. Anything else fails the test.
func explanations() []explanation {
	return []explanation{
		// TT-2: a copy of a proof proves nothing more, and nothing less.
		{"the same log entry twice", regexp.MustCompile(`duplicate tlog entries found$`), repeated},
		// BP-9: the digest in a bundle is a hint that may be absent.
		{"no messageDigest", regexp.MustCompile(`missing verification material$`), func(b *bundle.Bundle) bool {
			return b.Message != nil && b.Message.Digest == nil
		}},
		// DSSE: keyid is an unauthenticated hint. With a certificate there is nothing
		// it could hint at (BP-10 compares it with the hint of a public key).
		{"keyid beside a certificate", regexp.MustCompile(`accepted signatures do not match threshold, Found: 0, Expected 1$`), func(b *bundle.Bundle) bool {
			return b.Envelope != nil && b.Envelope.KeyID != "" && b.Certificate != nil
		}},
		// R1-6, decision 19: real releases of 2024 are like that; the promise decides.
		{"version 0.1, proof without checkpoint", regexp.MustCompile(`inclusion proof (checkpoint empty|missing required checkpoint)$`), func(b *bundle.Bundle) bool {
			return b.Version == bundle.V01 && slices.ContainsFunc(b.Entries, func(e bundle.Entry) bool {
				return e.Promise != nil && e.Proof != nil && e.Proof.Checkpoint == ""
			})
		}},
		// WN-4: lines of keys that nobody knows are ignored. Of Rekor v1, sigstore-go
		// wants every line to be the log's.
		{"Rekor v1, further lines on the checkpoint", regexp.MustCompile(`signature on checkpoint did not verify$`), func(b *bundle.Bundle) bool {
			return slices.ContainsFunc(b.Entries, func(e bundle.Entry) bool {
				return !logproof.Second(&e) && e.Proof != nil && strings.Count(e.Proof.Checkpoint, "\n\u2014 ") > 1
			})
		}},
	}
}

// repeated reports whether two entries are the same.
func repeated(b *bundle.Bundle) bool {
	for i := range b.Entries {
		for j := range i {
			if reflect.DeepEqual(b.Entries[i], b.Entries[j]) {
				return true
			}
		}
	}
	return false
}

// explain finds the explanation of what only hallmark accepts, "" if there is none.
func explain(data []byte, theirs error) string {
	b, err := bundle.Parse(data)
	if err != nil {
		return ""
	}
	for _, e := range explanations() {
		if e.says.MatchString(theirs.Error()) && e.when(b) {
			return e.name
		}
	}
	return ""
}

// A tally counts how two verdicts go together.
type tally struct {
	tb testing.TB

	mu                  sync.Mutex
	cases, both, none   int
	stricter            map[check.Check]int    // we refuse, it accepts
	example             map[check.Check]string // of each
	explained           map[string]int         // we accept, it refuses
	unexplained, memory int
}

// newTally also silences sigstore-go, which prints to standard error.
func newTally(tb testing.TB) *tally {
	stderr := os.Stderr
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = null
		tb.Cleanup(func() {
			os.Stderr = stderr
			null.Close()
		})
	}
	return &tally{tb: tb, stricter: map[check.Check]int{}, example: map[check.Check]string{}, explained: map[string]int{}}
}

// add asks both about a bundle and counts.
func (t *tally) add(name string, q *question, data []byte) (accepted bool) {
	ours, theirs := q.ask(data), q.askPeer(data)
	t.count(name, data, ours, theirs)
	return ours == nil
}

func (t *tally) count(name string, data []byte, ours, theirs error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cases++
	switch {
	case ours != nil && strings.HasPrefix(ours.Error(), "accepted by memory alone"):
		t.memory++
		t.tb.Errorf("%s: %v", name, ours)
	case ours == nil && theirs == nil:
		t.both++
	case ours != nil && theirs != nil:
		t.none++
	case theirs == nil:
		c := check.Of(ours)
		t.stricter[c]++
		if t.example[c] == "" {
			t.example[c] = name + ": " + ours.Error()
		}
	default:
		t.looser(name, data, theirs)
	}
}

// looser looks for the reason of what only hallmark accepts.
func (t *tally) looser(name string, data []byte, theirs error) {
	if why := explain(data, theirs); why != "" {
		t.explained[why]++
		return
	}
	if t.unexplained++; t.unexplained <= 10 {
		t.tb.Errorf("%s: hallmark accepts, sigstore-go says: %v\n%s", name, theirs, data)
	}
}

// report prints the counts.
func (t *tally) report() {
	var text strings.Builder
	fmt.Fprintf(&text, "%d bundles: both accept %d, both refuse %d\n", t.cases, t.both, t.none)
	total := 0
	for _, n := range t.stricter {
		total += n
	}
	fmt.Fprintf(&text, "hallmark refuses, sigstore-go accepts: %d\n", total)
	for _, c := range slices.Sorted(maps.Keys(t.stricter)) {
		fmt.Fprintf(&text, "  %-14s %6d  such as %.200s\n", c, t.stricter[c], t.example[c])
	}
	fmt.Fprintf(&text, "hallmark accepts, sigstore-go refuses: %d unexplained\n", t.unexplained)
	for _, name := range slices.Sorted(maps.Keys(t.explained)) {
		fmt.Fprintf(&text, "  %-45s %6d\n", name, t.explained[name])
	}
	t.tb.Log(text.String())
	if t.unexplained > 0 {
		t.tb.Errorf("%d bundles are accepted by hallmark alone and for no reason in the table", t.unexplained)
	}
}
