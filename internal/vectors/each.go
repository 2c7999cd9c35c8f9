package vectors

import (
	"runtime"
	"sync"

	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// Options says how many fixtures are made.
type Options struct {
	Every   int    // of each long row of similar fixtures, keep one in Every; 0 and 1: all
	Thin    int    // of all fixtures but the first of a row, keep one in Thin; 0 and 1: all
	Splices int    // how many bundles are spliced with each other
	Row     string // make only this row, if set
}

// All makes every fixture.
func All() Options { return Options{Splices: 50} }

// Sample makes about one in n of the rows that are long.
func Sample(n int) Options { return Options{Every: n, Splices: 50} }

// A job makes fixtures of one row.
type job struct {
	row  string
	make func(*lab)
}

func jobs() []job {
	var out []job
	for _, group := range [][]job{
		splices(), // the longest first
		certificateFlips(), jsonFaults(), structureFaults(), fieldFaults(), chainFaults(), profileFaults(), keyFaults(), sctFaults(), identityFaults(),
		promiseFaults(), proofFaults(), checkpointFaults(), secondFaults(), bodyFaults(), stampFaults(), timeFaults(),
		rootFaults(), signatureFaults(), statementFaults(), legacyFaults(), furtherFaults(),
	} {
		out = append(out, group...)
	}
	return out
}

func newLab(row string, o Options, use func(*Fixture)) *lab {
	return &lab{World: sigtest.At(nil, "sigstore.example"), row: row, opts: o, use: use, good: map[string]*Case{}}
}

// Each makes the fixtures, several rows at a time, and hands each to use, which
// must be safe for concurrent use. The fixtures of a row come in order.
func Each(o Options, use func(*Fixture)) {
	queue := make(chan job)
	var done sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		done.Go(func() {
			for j := range queue {
				j.make(newLab(j.row, o, use))
			}
		})
	}
	for _, j := range jobs() {
		if o.Row == "" || o.Row == j.row {
			queue <- j
		}
	}
	close(queue)
	done.Wait()
}
