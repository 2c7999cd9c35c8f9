package vectors_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/vectors"
)

// least is how many fixtures every run must have.
const least = 1000

// options are all fixtures with VECTORS=full. Else the long rows are sampled, and
// everything is with -short and under the race detector.
func options() vectors.Options {
	switch {
	case os.Getenv("VECTORS") == "full":
		return vectors.All()
	case raceEnabled:
		return vectors.Options{Every: 40, Thin: 6, Splices: 10}
	case testing.Short():
		return vectors.Options{Every: 40, Thin: 4, Splices: 10}
	}
	return vectors.Options{Every: 16, Splices: 14}
}

// A tally is what a run has seen.
type tally struct {
	t      *testing.T
	runner *vectors.Runner

	mu       sync.Mutex
	fixtures map[string]int
	twins    map[*vectors.Case]error
	rules    map[string]map[string]bool
	checks   map[string]map[check.Check]bool
	total    int
}

// TestFixtures makes every fixture, and asserts the check that refuses it and
// that its twin verifies.
func TestFixtures(t *testing.T) {
	y := &tally{
		t: t, runner: vectors.NewRunner(), fixtures: map[string]int{}, twins: map[*vectors.Case]error{},
		rules: map[string]map[string]bool{}, checks: map[string]map[check.Check]bool{},
	}
	vectors.Each(options(), y.use)
	if y.total < least {
		t.Errorf("%d fixtures, want at least %d", y.total, least)
	}
	t.Logf("%d fixtures and %d twins, of %d rows", y.total, len(y.twins), len(y.fixtures))
	for _, row := range vectors.Rows() {
		y.row(row)
	}
}

// use verifies a fixture and its twin. The twin comes first, so that the verifier
// that is kept has proved all that it can.
func (y *tally) use(f *vectors.Fixture) {
	if err := y.twin(f); err != nil {
		y.t.Errorf("%s %s: the twin is refused: %v", f.Row, f.Name, err)
	}
	result, err := y.runner.Warm(f.Bad)
	if got := check.Of(err); !f.Allows(got) {
		y.t.Errorf("%s %s: check %q, want %q: %v", f.Row, f.Name, got, f.Want, err)
	}
	if err == nil && f.Bad.Call == nil && !result.Verified() {
		y.t.Errorf("%s %s: accepted without a verified result", f.Row, f.Name)
	}
	if f.Warning != "" && (result == nil || !strings.Contains(strings.Join(result.Warnings, "\n"), f.Warning)) {
		y.t.Errorf("%s %s: no warning %q", f.Row, f.Name, f.Warning)
	}
	if y.count(f, err)%8 == 0 {
		if _, cold := y.runner.Cold(f.Bad); check.Of(cold) != check.Of(err) {
			y.t.Errorf("%s %s: check %q with a new verifier, %q with one that was used", f.Row, f.Name, check.Of(cold), check.Of(err))
		}
	}
}

func (y *tally) twin(f *vectors.Fixture) error {
	if f.Good == nil {
		return nil
	}
	y.mu.Lock()
	err, seen := y.twins[f.Good]
	y.mu.Unlock()
	if seen {
		return err
	}
	_, err = y.runner.Warm(f.Good)
	y.mu.Lock()
	defer y.mu.Unlock()
	y.twins[f.Good] = err
	return err
}

// count notes what happened, and returns how many fixtures there were.
func (y *tally) count(f *vectors.Fixture, err error) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.total++
	y.fixtures[f.Row]++
	if y.rules[f.Row] == nil {
		y.rules[f.Row], y.checks[f.Row] = map[string]bool{}, map[check.Check]bool{}
	}
	var refused *check.Error
	if errors.As(err, &refused) {
		y.rules[f.Row][refused.Rule] = true
	}
	for _, c := range f.Want {
		y.checks[f.Row][c] = true
	}
	return y.total
}

// row asserts that a row is covered, or left out with a reason, that its fixtures
// want nothing but what the row says, and that its rules are those that refused.
func (y *tally) row(row vectors.Row) {
	n := y.fixtures[row.ID]
	if row.Left != "" {
		y.t.Logf("left out: %s %s: %s", row.ID, row.Title, row.Left)
		if n > 0 {
			y.t.Errorf("row %s is left out, but has %d fixtures", row.ID, n)
		}
		return
	}
	if n == 0 {
		y.t.Errorf("row %s has no fixture", row.ID)
	}
	for c := range y.checks[row.ID] {
		if !slices.Contains(row.Must, c) && !slices.Contains(row.Also, c) {
			y.t.Errorf("row %s has a fixture for check %q, want %q or %q", row.ID, c, row.Must, row.Also)
		}
	}
	for rule := range y.rules[row.ID] {
		if rule != "" && !slices.Contains(strings.Fields(row.Rules), rule) {
			y.t.Errorf("row %s is refused by rule %s, which it does not name: its rules are %s", row.ID, rule,
				strings.Join(slices.Sorted(maps.Keys(y.rules[row.ID])), " "))
		}
	}
}

// TestRowsAreKnown: every fixture belongs to a row of the catalogue, and rows have
// unique ids.
func TestRowsAreKnown(t *testing.T) {
	rows, seen := 0, map[string]bool{}
	for _, row := range vectors.Rows() {
		if seen[row.ID] {
			t.Errorf("row %s is listed twice", row.ID)
		}
		if seen[row.ID] = true; row.ID[0] != 'V' {
			rows++
		}
		if row.Left == "" && row.Rules == "" {
			t.Errorf("row %s names no rule", row.ID)
		}
		if (len(row.Also) > 0) != (row.Why != "") {
			t.Errorf("row %s: further checks and their reason go together", row.ID)
		}
	}
	if rows != 332 {
		t.Errorf("%d rows of the catalogue, want 332", rows)
	}
}

// TestSameFixturesTwice: what is made does not depend on the run.
func TestSameFixturesTwice(t *testing.T) {
	sum := func() string {
		var out strings.Builder
		for _, row := range []string{"A17", "B21", "G4"} {
			vectors.Each(vectors.Options{Row: row, Splices: 2}, func(f *vectors.Fixture) {
				fmt.Fprintf(&out, "%s %s %s\n", f.Row, f.Name, f.Bad.Bundle)
			})
		}
		return out.String()
	}
	if first, second := sum(), sum(); first != second || first == "" {
		t.Error("two runs made different fixtures")
	}
}
