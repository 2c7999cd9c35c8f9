package vectors_test

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/vectors"
)

// TestMutants: no structural change of a good bundle is accepted but the neutral
// ones, and nothing of it breaks an invariant.
func TestMutants(t *testing.T) {
	want := 50_000
	if testing.Short() || raceEnabled {
		want = 4_000
	}
	runner := vectors.NewRunner()
	var mu sync.Mutex
	made, accepted := 0, map[string]int{}
	vectors.Mutants(want, func(m *vectors.Mutant) {
		result, err := runner.Warm(m.Case)
		mu.Lock()
		defer mu.Unlock()
		made++
		switch {
		case check.Of(err) == check.Internal:
			t.Errorf("%v: %v", m, err)
		case err == nil && !result.Verified():
			t.Errorf("%v: accepted without a verified result", m)
		case err == nil && m.Neutral() == "":
			t.Errorf("%v: accepted", m)
		case err == nil:
			accepted[m.Neutral()]++
		}
	})
	if made != want {
		t.Errorf("%d mutants, want %d", made, want)
	}
	t.Logf("%d mutants", made)
	for _, c := range vectors.NeutralChanges() {
		t.Logf("%6d accepted: %s", accepted[c.Name], c.Name)
		if accepted[c.Name] == 0 && want >= 50_000 {
			t.Errorf("no mutant made the neutral change %q: take it off the list", c.Name)
		}
	}
	if n := len(vectors.NeutralChanges()); n > 10 {
		t.Errorf("%d neutral changes, want at most 10", n)
	}
}

// TestNeutralTellsApart: the oracle does not call everything neutral.
func TestNeutralTellsApart(t *testing.T) {
	var mu sync.Mutex
	names := map[string]bool{}
	vectors.Mutants(2_000, func(m *vectors.Mutant) {
		mu.Lock()
		defer mu.Unlock()
		names[m.Neutral()] = true
	})
	if !names[""] || len(names) < 4 {
		t.Errorf("2,000 mutants are neutral as %q", slices.Sorted(maps.Keys(names)))
	}
}
