// Runner removes the checks of the core one at a time and reports what the
// fixtures say. It is built by package removal with an overlay; without one it has
// nothing to remove.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/removal"
	"github.com/hallmarksign/hallmark/internal/vectors"
)

// most is how many fixtures are asked about one check, the smallest first.
const most = 40

// A subject is a fixture with what happens to it when no check is removed.
type subject struct {
	*vectors.Fixture
	check, text string
	fired       []int
}

func main() {
	sites := flag.Int("sites", 0, "how many checks there are")
	row := flag.String("row", "", "only this row of the catalogue")
	flag.Parse()
	if !overlaid {
		fmt.Fprintln(os.Stderr, "built without overlay: see package removal")
		os.Exit(2)
	}
	out := json.NewEncoder(os.Stdout)
	for _, v := range run(*sites, vectors.Options{Every: 40, Splices: 4, Row: *row}) {
		if err := out.Encode(v); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func run(sites int, o vectors.Options) []removal.Verdict {
	var mu sync.Mutex
	var fixtures []*vectors.Fixture
	vectors.Each(o, func(f *vectors.Fixture) {
		mu.Lock()
		defer mu.Unlock()
		if len(f.Want) > 0 {
			fixtures = append(fixtures, f)
		}
	})
	slices.SortFunc(fixtures, func(a, b *vectors.Fixture) int {
		return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Name, b.Name))
	})
	runner := vectors.NewRunner()
	due := make([][]*subject, sites)
	for _, f := range fixtures {
		s := &subject{Fixture: f}
		remove(-1)
		s.check, s.text = outcome(runner, f)
		s.fired = remove(-1)
		for _, n := range s.fired {
			due[n] = append(due[n], s)
		}
	}
	verdicts := make([]removal.Verdict, sites)
	for n := range verdicts {
		verdicts[n] = removed(runner, n, due[n])
	}
	return verdicts
}

// removed asks the fixtures for which a check was due. Those for which nothing
// else was due come first, the smaller ones of them.
func removed(runner *vectors.Runner, n int, due []*subject) removal.Verdict {
	best := removal.Verdict{N: n, Due: len(due)}
	slices.SortStableFunc(due, func(a, b *subject) int {
		return cmp.Or(cmp.Compare(len(a.fired), len(b.fired)), cmp.Compare(len(a.Bad.Bundle), len(b.Bad.Bundle)))
	})
	for _, s := range due[:min(len(due), most)] {
		remove(n)
		got, text := outcome(runner, s.Fixture)
		remove(-1)
		if e := removal.Judge(s.check, s.text, got, text); e > best.Effect {
			best.Effect, best.Fixture, best.Now = e, s.Row+" "+s.Name, got
		}
		if best.Effect == removal.Accepted {
			break
		}
	}
	return best
}

// outcome is the check that refuses, and its text; none if the fixture is accepted.
func outcome(runner *vectors.Runner, f *vectors.Fixture) (name, text string) {
	defer func() {
		if p := recover(); p != nil {
			name, text = removal.Panicked, fmt.Sprint(p)
		}
	}()
	_, err := runner.Cold(f.Bad)
	if err == nil {
		return "", ""
	}
	var e *check.Error
	if errors.As(err, &e) {
		return string(e.Check), e.Rule + " " + e.Error()
	}
	return string(check.Of(err)), err.Error()
}
