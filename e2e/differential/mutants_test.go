package differential_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
)

// How many mutants a run compares. They are the same in every run.
const (
	structural = 20000
	signedAnew = 4000
	batch      = 50 // made in one world
)

// each calls f with 0 to n-1 on all cores.
func each(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// bases are good bundles: those of the suite and one of each kind.
func bases(t *testing.T) []base {
	var out []base
	for _, b := range suite(t) {
		if b.q != nil && b.q.ask(b.data) == nil {
			out = append(out, b)
		}
	}
	w := world("rekor.example.com")
	for _, k := range kinds() {
		out = append(out, base{name: k.name, data: w.Make(k.maker(w)).As(k.version), q: k.question(t, w)})
	}
	return out
}

// TestDifferential_StructuralMutants changes good bundles in what nobody signs
// again: members dropped, moved, taken from other bundles, written otherwise.
func TestDifferential_StructuralMutants(t *testing.T) {
	good := bases(t)
	var documents []any
	for _, b := range good {
		doc, ok := decode(b.data)
		if !ok {
			t.Fatalf("%s is not JSON", b.name)
		}
		documents = append(documents, doc)
	}
	counts := newTally(t)
	each(structural, func(i int) {
		r := seeded("structural", i)
		n := r.IntN(len(good))
		if i%10 == 0 {
			data, did := textual(r, good[n].data)
			counts.add(good[n].name+": "+did, good[n].q, data)
			return
		}
		doc, did := mutate(r, documents[n], documents)
		counts.add(good[n].name+": "+did, good[n].q, encode(doc))
	})
	counts.report()
	if counts.cases != structural {
		t.Errorf("compared %d mutants, want %d", counts.cases, structural)
	}
}

// TestDifferential_SignedMutants changes bundles while they are made, so that
// everything outside the change is signed over it.
func TestDifferential_SignedMutants(t *testing.T) {
	strangers := world("strangers.example.com")
	stamps := tsptest.Rows(strangers.TSA.Leaf)
	all := changes(stamps, strangers)
	questions := map[string]*question{}
	for _, k := range kinds() {
		questions[k.name] = k.question(t, world("rekor.example.com"))
	}
	counts := newTally(t)
	var impossible atomic.Int64
	each(signedAnew/batch, func(n int) {
		w := world("rekor.example.com") // its logs grow, in the same order in every run
		for i := n * batch; i < (n+1)*batch; i++ {
			k := kinds()[i%len(kinds())]
			data, did := resigned(seeded("signed", i), w, k, all)
			for try := 1; data == nil; try++ {
				impossible.Add(1)
				data, did = resigned(seeded("signed", i+try<<32), w, k, all)
			}
			counts.add(did, questions[k.name], data)
		}
	})
	counts.report()
	if counts.cases != signedAnew {
		t.Errorf("compared %d mutants, want %d", counts.cases, signedAnew)
	}
	if impossible.Load() > signedAnew {
		t.Errorf("%d mutants could not be made", impossible.Load())
	}
}
