package watch

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/tlog/read"
)

func leafID(b *bundle.Bundle) string { return hex.EncodeToString(sigtest.LeafHash(b.Entries[0].Body)) }

// all returns what a pass finds, and all errors beside it.
func (v *world) all(w *Watcher) (out []int64, errs []error) {
	for f, err := range w.Pass(v.t.Context(), v.source(1)) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, f.Entry.Raw.LogIndex)
	}
	return out, errs
}

// A watched is a watcher whose state is stored after each pass, and read again.
type watched struct {
	*Watcher
	v    *world
	path string
}

func (v *world) watched(names ...string) *watched {
	w := &watched{&Watcher{}, v, filepath.Join(v.t.TempDir(), "state")}
	for _, n := range names {
		w.Names = append(w.Names, Name{Subject: n})
	}
	return w
}

// pass wants a pass to find entries and to end with errors of some checks.
func (w *watched) pass(name string, want []int64, checks ...check.Check) {
	w.v.t.Helper()
	w.State = must(OpenState(w.path))
	got, errs := w.v.all(w.Watcher)
	var of []check.Check
	for _, err := range errs {
		of = append(of, check.Of(err))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || !slices.Equal(of, checks) {
		w.v.t.Errorf("%s: got %v, %v, want %v, %v", name, got, errs, want, checks)
	}
	if err := w.State.Save(); err != nil {
		w.v.t.Errorf("%s: %v", name, err)
	}
}

// fetched returns how many entries were fetched since it was asked last.
func (v *world) fetched() (n int) {
	n, v.retrieved = len(v.retrieved), nil
	return n
}

const aliceMail = "alice@example.com"

// A search index may name an entry long after it was logged; it is news then.
func TestSearchIndexThatLags(t *testing.T) {
	v := newWorld(t)
	w := v.watched(aliceMail)
	one := v.sign(1, aliceMail, "one")
	v.ids = []string{leafID(one)}
	w.pass("first", list(one))
	two, three := v.sign(1, aliceMail, "two"), v.sign(1, aliceMail, "three")
	v.sign(1, "bob@example.com", "four")
	v.ids = append(v.ids, leafID(three))
	w.pass("one of two is named", list(three))
	for range 10 { // the log goes on
		v.sign(1, "bob@example.com", fmt.Sprint(time.Now()))
	}
	w.pass("nothing new is named", nil)
	v.ids = append(v.ids, leafID(two))
	v.fetched()
	w.pass("the other one is named", list(two))
	if n := v.fetched(); n != 1 {
		t.Errorf("fetched %d entries, want the new one", n)
	}
	w.pass("again", nil)
	if n := v.fetched(); n != 0 {
		t.Errorf("fetched %d entries, want none", n)
	}
}

// Whatever can't be looked at, the rest is reported, and is what the next pass goes
// on behind.
func TestFindingsBesideErrors(t *testing.T) {
	v := newWorld(t)
	w := v.watched(aliceMail, "carol@example.com")
	one, two := v.sign(1, aliceMail, "one"), v.sign(1, aliceMail, "two")
	ghost := strings.Repeat("0", 64)
	v.ids = []string{ghost, leafID(one)}
	behind := func(want bool) { // if reading took over, it would begin there
		t.Helper()
		for tree, n := range w.State.doc.First[hex.EncodeToString(v.root.Logs[0].ID)].Trees {
			if (n > 0) != want {
				t.Errorf("tree %s: %d entries are behind the pass, want any: %v", tree, n, want)
			}
		}
	}
	w.pass("an entry that is not there", list(one), check.Server, check.Server) // for each name
	behind(false)
	v.ids = append(v.ids, leafID(two))
	w.pass("another one", list(two), check.Server, check.Server)
	v.ids = v.ids[1:]
	w.pass("nothing new", nil)
	behind(true)
	// A finding that the loop did not take is not delivered.
	three := v.sign(1, aliceMail, "three")
	v.ids = append(v.ids, leafID(three))
	w.State = must(OpenState(w.path))
	for range w.Pass(t.Context(), v.source(1)) {
		break
	}
	if err := w.State.Save(); err != nil {
		t.Fatal(err)
	}
	w.pass("not delivered", list(three))
	// Nor is one of a state that was not stored.
	four := v.sign(1, aliceMail, "four")
	v.ids = append(v.ids, leafID(four))
	w.State = must(OpenState(w.path))
	if got, _ := v.all(w.Watcher); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if got, _ := v.all(w.Watcher); len(got) != 0 {
		t.Errorf("again in one run: got %v", got)
	}
	w.pass("not stored", list(four))
	w.pass("stored", nil)
	if info := must(os.Stat(w.path)); info.Mode().Perm() != 0o600 {
		t.Errorf("the state has mode %v", info.Mode())
	}
}

// Many hits in one name, which anybody can make, take many passes and end.
func TestLM3_HitsOfManyPasses(t *testing.T) {
	v := newWorld(t)
	w := v.watched(aliceMail)
	w.MaxHits = 2
	var all []*bundle.Bundle
	for i := range 5 {
		b := v.sign(1, aliceMail, fmt.Sprint(i))
		all, v.ids = append(all, b), append(v.ids, leafID(b))
	}
	w.Since = v.Clock.Now() // of the first pass, also for what is left of it
	w.pass("first", list(all[:2]...), check.Limit)
	w.Since = time.Time{}
	w.pass("second", list(all[2:4]...), check.Limit)
	w.pass("third", list(all[4:]...))
	if n := v.fetched(); n != len(all) {
		t.Errorf("fetched %d entries, want each of %d once", n, len(all))
	}
	w.pass("fourth", nil)
	later := v.watched(aliceMail)
	later.MaxHits, later.Since = 2, v.Clock.Now().Add(time.Hour)
	later.pass("later: first", nil, check.Limit)
	later.Since = time.Time{}
	later.pass("later: second", nil, check.Limit)
	later.pass("later: third", nil)
	several := v.watched(aliceMail, "carol@example.com") // the index names all for both
	several.MaxHits = 2
	v.fetched()
	several.pass("two names", list(all[:2]...), check.Limit)
	if n := v.fetched(); n != 2 {
		t.Errorf("two names: fetched %d entries, want 2", n)
	}
	six := v.watched(aliceMail)
	six.From = all[3].Entries[0].LogIndex
	six.pass("from an index", list(all[3:]...))
}

// A search index that can't be used is replaced by the entries themselves.
func TestSearchIndexThatCannotBeUsed(t *testing.T) {
	v := newWorld(t)
	var notes []string
	w := v.watched(aliceMail)
	w.From, w.Note = sigtest.ShardOffset, func(s string) { notes = append(notes, s) }
	one := v.sign(1, aliceMail, "one")
	v.sign(1, "bob@example.com", "other")
	v.ids = []string{leafID(one)}
	w.pass("by the index", list(one))
	for name, search := range map[string]http.HandlerFunc{
		"none": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "[", strings.Repeat(`"",`, strictjson.MaxElements), `""]`)
		},
	} {
		two := v.sign(1, aliceMail, name)
		v.search, notes = search, nil
		w.pass(name, list(two))
		if len(notes) != 1 || !strings.Contains(notes[0], "can't be used") {
			t.Errorf("%s: notes are %q", name, notes)
		}
		three := v.sign(1, aliceMail, name+" again")
		v.fetched()
		w.pass(name+", again", list(three))
		if n := v.fetched(); n != 1 {
			t.Errorf("%s: fetched %d entries, want the new one", name, n)
		}
		w.pass(name+", nothing new", nil)
		// When it is back, it is believed no less: what was read is not news.
		four := v.sign(1, aliceMail, name+", back")
		v.search, v.ids = nil, append(v.ids, leafID(two), leafID(three), leafID(four))
		w.pass(name+", back", list(four))
	}
	v.search = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }
	w.pass("forbidden", nil, check.Server)
}

// A pass that can't read all that is new goes on the next time.
func TestLM3_ScansOfManyPasses(t *testing.T) {
	v := newWorld(t)
	w := v.watched("alice@*")
	w.MaxScan, w.From = 3, sigtest.ShardOffset+3
	var all []*bundle.Bundle
	for i := range 7 {
		all = append(all, v.sign(1, aliceMail, fmt.Sprint(i)))
	}
	w.pass("first", list(all[:3]...), check.Limit)
	w.pass("second", list(all[3:6]...), check.Limit)
	w.pass("third", list(all[6:]...))
	w.pass("fourth", nil)
	// One that has nowhere to begin is refused, and stays so: a beginning may come yet.
	w = v.watched("alice@*")
	w.MaxScan = 3
	w.pass("all of it", nil, check.Limit)
	w.From = all[4].Entries[0].LogIndex
	w.pass("a part of it", list(all[4:]...))
}

// A tree that had entries can't go, and one that comes is looked at from its first
// entry on, however many others had.
func TestLG2_Trees(t *testing.T) {
	for name, pattern := range map[string]string{"search index": aliceMail, "entries": "alice@*"} {
		v := newWorld(t)
		w := v.watched(pattern)
		w.From = sigtest.ShardOffset
		one := v.sign(1, aliceMail, "one")
		v.ids = []string{leafID(one)}
		w.pass(name, list(one))
		v.older = "8"
		w.pass(name+", a tree is another", nil, check.Checkpoint)
		v.older = ""
		w.pass(name+", a tree is gone", nil, check.Checkpoint)
		v.older = "7"
		w.pass(name+", all are there", nil)
	}
	// The only tree, dropped for one that outgrows it.
	v := newWorld(t)
	v.older = ""
	w := v.watched(aliceMail)
	w.pass("the only tree", nil)
	v.Log1.Origin = v.Log1.Name + " - 99"
	v.sign(1, aliceMail, "in the new tree")
	w.pass("another tree", nil, check.Checkpoint)
}

// A state of an older version has one number for all trees of a log.
func TestLG5_OldState(t *testing.T) {
	v := newWorld(t)
	one, two := v.sign(1, aliceMail, "one"), v.sign(1, aliceMail, "two")
	v.ids = []string{leafID(one), leafID(two)}
	id := hex.EncodeToString(v.root.Logs[0].ID)
	old := func(w *watched, next int64) {
		t.Helper()
		data := must(json.Marshal(map[string]any{"schema": 1, "next": map[string]any{id: next, "00ff": 7}, "points": map[string]any{}}))
		if err := os.WriteFile(w.path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Which entries were reported can't be known, so none is left out.
	w := v.watched(aliceMail)
	old(w, two.Entries[0].LogIndex+1)
	var notes []string
	w.Note = func(s string) { notes = append(notes, s) }
	w.pass("by the search index", list(one, two))
	if len(notes) != 1 || !strings.Contains(notes[0], "older version") {
		t.Errorf("notes are %q", notes)
	}
	w.pass("again", nil)
	if s := must(OpenState(w.path)); s.doc.Next["00ff"] != 7 || len(s.doc.Next) != 1 {
		t.Errorf("other logs are at %v", s.doc.Next)
	}
	// Nor is it believed of a log that no memory knows.
	w = v.watched("alice@*")
	w.From = sigtest.ShardOffset
	old(w, two.Entries[0].LogIndex)
	w.pass("by reading", list(one, two))
	w = v.watched("alice@*")
	old(w, two.Entries[0].LogIndex+100)
	w.pass("more than there are", nil, check.Checkpoint)
	p := &pass1{shards: []read.Shard{{Tree: "1", Size: 5, Seen: 5}, {Tree: "2", First: 5, Size: 9, Seen: 7}}}
	for sum, want := range map[int64]bool{3: true, 12: true, 13: false} {
		if got := p.remembered(sum); got != want {
			t.Errorf("%d entries of 12 that are remembered: got %v", sum, got)
		}
	}
	p.shards[1].Seen = 0
	if p.remembered(3) {
		t.Error("a tree that was never seen before is believed to have been looked at")
	}
}

// A file that changed on the disk is not believed.
func TestLG5_DamagedState(t *testing.T) {
	v := newWorld(t)
	w := v.watched(aliceMail)
	one := v.sign(1, aliceMail, "one")
	v.ids = []string{leafID(one)}
	w.pass("first", list(one))
	good := string(must(os.ReadFile(w.path)))
	for name, bad := range map[string]string{
		"a digit": strings.Replace(good, `": 1000`, `": 1009`, 1),
		"a tree less": strings.Replace(good, `,
        "7": 1000`, ``, 1),
		"another hash": strings.Replace(good, `"sha256": "`, `"sha256": "0`, 1),
	} {
		if bad == good {
			t.Fatalf("%s: is not changed in %s", name, good)
		}
		os.WriteFile(w.path, []byte(bad), 0o600)
		if _, err := OpenState(w.path); check.Of(err) != check.FS || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("%s: got %v, want check fs", name, err)
		}
	}
	// What is well formed, and yet no state.
	for name, doc := range map[string]document{
		"negative index":   {Next: map[string]int64{"00": -1}},
		"negative entries": {First: map[string]*reached{"00": {Trees: map[string]int64{"1": -1}}}},
		"negative begin":   {First: map[string]*reached{"00": {Trees: map[string]int64{}, Begin: map[string]int64{"1": -1}}}},
		"no trees":         {First: map[string]*reached{"00": {}}},
		"no log":           {First: map[string]*reached{"00": nil}},
	} {
		doc.Schema = schema
		doc.Sum = doc.sum()
		os.WriteFile(w.path, must(json.Marshal(doc)), 0o600)
		if _, err := OpenState(w.path); check.Of(err) != check.FS || strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: got %v, want check fs", name, err)
		}
	}
	for _, text := range []string{"AA==", "!", strings.Repeat("A", (maxHandled+1)*32/3*4+4)} {
		var l leaves
		if err := l.UnmarshalJSON([]byte(`"` + text + `"`)); err == nil {
			t.Errorf("%d letters are taken for hashes", len(text))
		}
	}
}

// What is remembered of hits has a bound, behind which entries are read.
func TestLM3_Handled(t *testing.T) {
	v := newWorld(t)
	w := v.watched(aliceMail)
	w.From, w.State = sigtest.ShardOffset, NewState()
	pass := func(name string, want []int64) {
		t.Helper()
		if got, errs := v.all(w.Watcher); fmt.Sprint(got) != fmt.Sprint(want) || len(errs) > 0 {
			t.Errorf("%s: got %v, %v, want %v", name, got, errs, want)
		}
	}
	one := v.sign(1, aliceMail, "one")
	v.ids = []string{leafID(one)}
	pass("first", list(one))
	at := w.State.doc.First[hex.EncodeToString(v.root.Logs[0].ID)]
	for i := 0; len(at.Handled) < maxHandled; i++ {
		w.State.handle(at, [32]byte{byte(i), byte(i >> 8), byte(i >> 16), 1})
	}
	w.State.handle(at, [32]byte{2})
	if len(at.Handled) != maxHandled {
		t.Errorf("remembers %d entries, want at most %d", len(at.Handled), maxHandled)
	}
	two := v.sign(1, aliceMail, "two")
	v.ids = append(v.ids, leafID(two))
	pass("over the bound", list(two))
	pass("again", nil)
}
