package faults

import (
	"flag"
	"net/http"
	"os"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write docs/faults.md")

var other = flag.String("hallmark", "", "try this `program` instead of the one of this repository")

// lanes is how many cells of a generation of logs run at once: most of their time is
// spent waiting.
var lanes = flag.Int("lanes", 2, "sandboxes of each generation of logs")

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "64"); err != nil { // lanes bound them
		panic(err)
	}
	status := m.Run()
	http.DefaultClient.CloseIdleConnections()
	os.Exit(status)
}

// results collects what came of each cell.
type results struct {
	mu  sync.Mutex
	all map[string]verdict
}

func (s *results) set(c cell, v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[c.name()] = v
}

// Whatever fails while hallmark signs, nothing that is public is lost.
func TestMatrix(t *testing.T) {
	program := *other
	if program == "" {
		var err error
		if program, err = binary(); err != nil {
			t.Fatal(err)
		}
	}
	all := cells()
	run := sample(all)
	if os.Getenv("FAULTS") == "full" {
		run = all
	}
	t.Logf("%d cells of %d", len(run), len(all))
	pool := map[int]chan *lane{1: make(chan *lane, *lanes), 2: make(chan *lane, *lanes)}
	for generation, lanes := range pool {
		for range cap(lanes) {
			lanes <- newLane(t, program, generation)
		}
	}
	done := &results{all: map[string]verdict{}}
	text, err := os.ReadFile(page)
	if err != nil && !*update {
		t.Fatal(err)
	}
	if *update {
		t.Cleanup(func() { publish(t, all, done) })
	}
	for _, c := range run {
		t.Run(c.name(), func(t *testing.T) {
			t.Parallel()
			lanes := pool[c.log.generation]
			l := <-lanes
			defer func() { lanes <- l }()
			r := newTrial(t, l, c)
			defer r.mend()
			v := judge(r)
			done.set(c, v)
			t.Logf("%s\n%s", v.outcome, v.seen)
			if was := squareOf(string(text), c); v.outcome == said && was != said && !*update {
				t.Errorf("an entry has no bundle, and %s has %q", page, was)
			}
			for _, reason := range v.reasons {
				t.Error(reason)
			}
		})
	}
}
