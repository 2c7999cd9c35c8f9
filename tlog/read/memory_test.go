package read

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// rule returns the rule of a refusal.
func rule(err error) string {
	if e, ok := err.(*check.Error); ok {
		return e.Rule
	}
	return ""
}

// kept returns the evidence in a memory.
func kept(t *testing.T, m *Memory) (out []Evidence) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(m.dir, "evidence", "*"))
	for _, f := range files {
		var e Evidence
		if err := json.Unmarshal(must(os.ReadFile(f)), &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func (v *world) reader(generation int, m *Memory) Reader {
	if generation == 1 {
		return v.v1(m)
	}
	return v.v2(m)
}

func forBoth(t *testing.T, f func(t *testing.T, generation int)) {
	t.Run("first generation", func(t *testing.T) { f(t, 1) })
	t.Run("second generation", func(t *testing.T) { f(t, 2) })
}

func TestLG1_LogThatGrows(t *testing.T) {
	forBoth(t, func(t *testing.T, generation int) {
		v, m := newWorld(t), must(OpenMemory(t.TempDir()))
		var size uint64
		for range 4 {
			h := must(v.reader(generation, m).Heads(t.Context()))[0]
			if size != 0 && (h.Before == nil || h.Size < size) {
				t.Errorf("got %+v after size %d", h, size)
			}
			seen := must(m.Last(v.reader(generation, m).Log(), h.Origin))
			if seen == nil || seen.Note != h.Note || !seen.Last.Equal(v.Clock.Now()) {
				t.Errorf("remembers %+v, want the checkpoint of size %d of now", seen, h.Size)
			}
			v.Clock.Add(time.Minute)
			must(v.reader(generation, m).Heads(t.Context()))
			if seen := must(m.Last(v.reader(generation, m).Log(), h.Origin)); !seen.Last.Equal(v.Clock.Now()) || seen.First.Equal(v.Clock.Now()) {
				t.Errorf("remembers %+v, want that it was seen again now", seen)
			}
			size = h.Size
			v.sign(generation, "artifact "+time.Duration(size).String())
			v.Clock.Add(time.Minute)
		}
		if got := kept(t, m); len(got) != 0 {
			t.Errorf("got evidence %v of an honest log", got)
		}
	})
}

func TestLG1_F42_Fork(t *testing.T) {
	forBoth(t, func(t *testing.T, generation int) {
		for _, more := range []int{0, 1, 5} {
			v, m := newWorld(t), must(OpenMemory(t.TempDir()))
			v.sign(generation, "one")
			honest := must(v.reader(generation, m).Heads(t.Context()))[0]
			w := v.twin()
			w.sign(generation, "another")
			for range more {
				w.sign(generation, "and more "+time.Now().String())
			}
			_, err := w.reader(generation, m).Heads(t.Context())
			if check.Of(err) != check.Checkpoint || rule(err) != "LG-1" {
				t.Fatalf("%d more: got %v, want a fork", more, err)
			}
			e := kept(t, m)
			if len(e) != 1 || e[0].Kind != "fork" || e[0].Remembered.Note != honest.Note || e[0].Served == honest.Note {
				t.Errorf("%d more: got evidence %+v", more, e)
			}
			if !strings.Contains(err.(*check.Error).Next, "evidence") {
				t.Errorf("%v does not say where the evidence is", err)
			}
			// Seen again, it is refused again, and nothing is remembered of it.
			if _, err := w.reader(generation, m).Heads(t.Context()); rule(err) != "LG-1" || len(kept(t, m)) != 1 {
				t.Errorf("got %v the second time", err)
			}
			if _, err := v.reader(generation, m).Heads(t.Context()); err != nil {
				t.Errorf("got %v of the honest log", err)
			}
		}
	})
}

func TestLG2_Rollback(t *testing.T) {
	forBoth(t, func(t *testing.T, generation int) {
		v, m := newWorld(t), must(OpenMemory(t.TempDir()))
		w := v.twin()
		v.sign(generation, "one")
		must(v.reader(generation, m).Heads(t.Context()))
		_, err := w.reader(generation, m).Heads(t.Context())
		if check.Of(err) != check.Checkpoint || rule(err) != "LG-2" {
			t.Fatalf("got %v, want a rollback", err)
		}
		if e := kept(t, m); len(e) != 1 || e[0].Kind != "rollback" {
			t.Errorf("got evidence %+v", e)
		}
	})
}

func TestLG3_Stale(t *testing.T) {
	forBoth(t, func(t *testing.T, generation int) {
		v, m := newWorld(t), must(OpenMemory(t.TempDir()))
		c := v.config(generation, m)
		c.MaxAge = time.Hour
		r := must(New(generation, &v.root.Logs[generation-1], c))
		must(r.Heads(t.Context()))
		v.Clock.Add(time.Hour)
		must(r.Heads(t.Context()))
		v.Clock.Add(time.Second)
		_, err := r.Heads(t.Context())
		if check.Of(err) != check.Checkpoint || rule(err) != "LG-3" {
			t.Fatalf("got %v, want that it stands still", err)
		}
		if e := kept(t, m); len(e) != 1 || e[0].Kind != "stale" {
			t.Errorf("got evidence %+v", e)
		}
		v.sign(generation, "one")
		if _, err := r.Heads(t.Context()); err != nil {
			t.Errorf("got %v after it went on", err)
		}
		// A log that is no longer in use may stand still.
		old := v.root.Logs[generation-1]
		old.Valid.End = v.Clock.Now()
		v.Clock.Add(2 * time.Hour)
		if _, err := must(New(generation, &old, c)).Heads(t.Context()); err != nil {
			t.Errorf("got %v of a log that is not in use", err)
		}
	})
}

// Some logs sign when.
func TestLG3_SignedTime(t *testing.T) {
	v := newWorld(t)
	at := v.Clock.Now()
	v.Log1.Edits.Note = func(s string) string {
		return s + "Timestamp: " + time.Duration(at.UnixNano()).String()[:0] + itoa(at.UnixNano()) + "\n"
	}
	c := v.config(1, nil)
	c.MaxAge = time.Hour
	r := must(NewV1(&v.root.Logs[0], c))
	v.Clock.Add(time.Hour)
	h := must(r.Heads(t.Context()))[0]
	if age, ok := h.Age(v.Clock.Now()); !ok || age != time.Hour {
		t.Errorf("got age %v, %v", age, ok)
	}
	v.Clock.Add(time.Second)
	if _, err := r.Heads(t.Context()); rule(err) != "LG-3" {
		t.Errorf("got %v, want that it stands still", err)
	}
}

func itoa(n int64) string { return string(must(json.Marshal(n))) }

func TestLG5_DamagedMemory(t *testing.T) {
	v := newWorld(t)
	dir := t.TempDir()
	m := must(OpenMemory(dir))
	h := must(v.v2(m).Head(t.Context()))
	file := filepath.Join(dir, m.file(v.v2(m).log, h.Origin))
	good := string(must(os.ReadFile(file)))
	end := strings.Index(good, `=\n"`)
	for name, bad := range map[string]string{
		"empty": "", "cut": good[:len(good)/2], "another log": strings.Replace(good, `"logId": "`, `"logId": "00`, 1),
		"another origin": strings.Replace(good, h.Origin, "x", 1), "signature": good[:end-6] + "AAAA" + good[end-2:],
		"size": strings.Replace(good, `\n3\n`, `\n4\n`, 1), "too long": good + strings.Repeat(" ", maxMemory),
	} {
		if bad == good {
			t.Fatalf("%s: is not damaged", name)
		}
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := v.v2(m).Head(t.Context()); check.Of(err) != check.FS {
			t.Errorf("%s: got %v, want check fs", name, err)
		}
	}
	os.Remove(file)
	// A checkpoint of another tree of the same log, in the file of this one.
	h1 := must(v.v1(m).Heads(t.Context()))[0]
	seen := must(m.Last(&v.root.Logs[0], h1.Origin))
	text := strings.Replace(strings.Split(h1.Note, "\n\n")[0]+"\n", " - 1", " - 2", 1)
	seen.Note = text + "\n" + v.Log1.Line(text)
	if err := m.store(&v.root.Logs[0], seen); err != nil {
		t.Fatal(err)
	}
	if _, err := v.v1(m).Heads(t.Context()); check.Of(err) != check.FS || !strings.Contains(err.Error(), "it is about") {
		t.Errorf("another tree: got %v, want check fs and what it is about", err)
	}
	os.Symlink("/etc/passwd", file)
	if _, err := v.v2(m).Head(t.Context()); check.Of(err) != check.FS {
		t.Errorf("link: got %v, want check fs", err)
	}
}

func TestVerify(t *testing.T) {
	forBoth(t, func(t *testing.T, generation int) {
		v, m := newWorld(t), must(OpenMemory(t.TempDir()))
		claim := v.sign(generation, "one")
		v.sign(generation, "two")
		got, err := v.reader(generation, m).Verify(t.Context(), &claim)
		if err != nil || got.Entry.Raw.LogIndex != claim.LogIndex || got.From.Size >= got.Head.Size {
			t.Fatalf("got %+v, %v", got, err)
		}
		if generation == 1 {
			// A bundle need not have the promise of the log, but one that it has counts.
			without, time, promise := claim, claim, claim
			without.Promise = nil
			time.IntegratedTime++
			promise.Promise = append([]byte{claim.Promise[0] ^ 1}, claim.Promise[1:]...)
			for name, tt := range map[string]struct {
				claim *bundle.Entry
				want  check.Check
			}{"no promise": {&without, ""}, "E2 other time": {&time, check.SET}, "E1 other promise": {&promise, check.SET}} {
				if _, err := v.v1(nil).Verify(t.Context(), tt.claim); check.Of(err) != tt.want {
					t.Errorf("%s: got %v, want check %q", name, err, tt.want)
				}
			}
		}
		// The other history does not hold it.
		w := v.twin()
		w.sign(generation, "another")
		w.sign(generation, "and more")
		if _, err := w.reader(generation, nil).Verify(t.Context(), &claim); rule(err) != "LG-1" {
			t.Errorf("fork: got %v", err)
		}
		fresh := must(OpenMemory(t.TempDir()))
		if _, err := w.reader(generation, fresh).Verify(t.Context(), &claim); rule(err) != "LG-1" || len(kept(t, fresh)) != 1 {
			t.Errorf("fork: got %v and evidence %v", err, kept(t, fresh))
		}
		if _, err := v.twin().reader(generation, nil).Verify(t.Context(), &claim); rule(err) != "LG-2" {
			t.Errorf("rollback: got %v", err)
		}
		for name, tt := range map[string]struct {
			change func(*bundle.Entry)
			want   check.Check
		}{
			"R1-1 another log": {func(e *bundle.Entry) { e.LogID = make([]byte, 32) }, check.TlogUnknown},
			"R2-1 other kind": {func(e *bundle.Entry) {
				e.Kind, e.Version = "hashedrekord", map[int]string{1: "0.0.2", 2: "0.0.1"}[generation]
			}, check.Entry},
			"E6 body":                             {func(e *bundle.Entry) { e.Body = []byte("{}") }, ""},
			"no body":                             {func(e *bundle.Entry) { e.Body = nil }, check.Entry},
			"no proof":                            {func(e *bundle.Entry) { e.Proof = nil }, check.Proof},
			"F1 no checkpoint":                    {func(e *bundle.Entry) { p := *e.Proof; p.Checkpoint = ""; e.Proof = &p }, check.Checkpoint},
			"E3 F23 other index":                  {func(e *bundle.Entry) { e.LogIndex++ }, map[int]check.Check{1: check.SET, 2: check.Proof}[generation]},
			"E3 F23 other index, without promise": {func(e *bundle.Entry) { e.LogIndex++; e.Promise = nil }, map[int]check.Check{1: check.Server, 2: check.Proof}[generation]},
		} {
			bad := claim
			tt.change(&bad)
			_, err := v.reader(generation, nil).Verify(t.Context(), &bad)
			if err == nil || tt.want != "" && check.Of(err) != tt.want {
				t.Errorf("%s: got %v, want check %s", name, err, tt.want)
			}
		}
	})
}

func TestHeadsOfFirstLogThatLies(t *testing.T) {
	v := newWorld(t)
	other := sigtest.At(t, "other.example")
	for name, change := range map[string]func(string) string{
		"R1-5 size": func(s string) string { return strings.Replace(s, `"treeSize":3`, `"treeSize":4`, 1) },
		"R1-5 root": func(s string) string { return strings.Replace(s, `"rootHash":"`, `"rootHash":"00`, 1) },
		"R1-5 tree": func(s string) string { return strings.Replace(s, `"treeID":"1`, `"treeID":"2`, 1) },
		"F8 another log": func(s string) string {
			return strings.Replace(s, mustJSON(v.Log1.Checkpoint()), mustJSON(other.Log1.Checkpoint()), 1)
		},
		"the tree twice": func(s string) string { return strings.Replace(s, `"inactiveShards":[]`, `"inactiveShards":[`+s+`]`, 1) },
		"no checkpoint":  func(string) string { return `{"treeSize":3}` },
		"negative size":  func(s string) string { return strings.Replace(s, `"treeSize":3`, `"treeSize":-3`, 1) },
	} {
		v.fault = rewrite("/log", change)
		if _, err := v.v1(nil).Heads(t.Context()); check.Of(err) != check.Server {
			t.Errorf("%s: got %v, want check server", name, err)
		}
	}
	v.fault = rewrite("/log", func(s string) string {
		return strings.Replace(s, `"inactiveShards":[]`, `"inactiveShards":[`+strings.Repeat("{},", 256)+`{}]`, 1)
	})
	if _, err := v.v1(nil).Heads(t.Context()); check.Of(err) != check.Limit {
		t.Errorf("got %v, want check limit", err)
	}
}

func mustJSON(v any) string { return string(must(json.Marshal(v))) }

func TestProofThatLies(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"no hashes": func(string) string { return `{"hashes":[],"rootHash":"00"}` },
		"other hashes": func(string) string {
			return `{"hashes":["` + strings.Repeat("00", 32) + `"],"rootHash":"00"}`
		},
		"short hash": func(string) string { return `{"hashes":["00"],"rootHash":"00"}` },
		"too many":   func(string) string { return `{"hashes":[` + strings.Repeat(`"00",`, 127) + `"00"],"rootHash":"00"}` },
	} {
		v, m := newWorld(t), must(OpenMemory(t.TempDir()))
		must(v.v1(m).Heads(t.Context()))
		v.sign(1, "one")
		v.fault = rewrite("/log/proof", change)
		if _, err := v.v1(m).Heads(t.Context()); rule(err) != "LG-1" {
			t.Errorf("%s: got %v, want that nothing is proved", name, err)
		}
	}
	v, m := newWorld(t), must(OpenMemory(t.TempDir()))
	must(v.v1(m).Heads(t.Context()))
	v.sign(1, "one")
	v.fault = func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/proof") {
			w.WriteHeader(400)
			return
		}
		next.ServeHTTP(w, r)
	}
	if _, err := v.v1(m).Heads(t.Context()); check.Of(err) != check.Server || len(kept(t, m)) != 0 {
		t.Errorf("got %v, want that it refuses a proof", err)
	}
}

// elsewhere lets the first log sign under the name of another host.
func elsewhere(v *world, host string) {
	v.Log1.Origin = host + " - " + treeOf(v.Log1.Origin)
	v.Log1.Name = host
}

// A tree that had entries is gone, and another one begins under the same key: the
// log says nothing of the old one.
func TestLG2_DroppedTree(t *testing.T) {
	v, dir := newWorld(t), t.TempDir()
	m := must(OpenMemory(dir))
	v.sign(1, "one")
	before := must(v.v1(m).Heads(t.Context()))[0]
	w := v.twin()
	tree := treeOf(before.Origin)
	w.Log1.Origin = w.Log1.Name + " - 77"
	for range 3 {
		w.sign(1, "another "+itoa(int64(len(w.index)))) // it may outgrow the old one
	}
	ask := map[string]func() error{
		"heads":  func() error { _, err := w.v1(m).Heads(t.Context()); return err },
		"shards": func() error { _, err := w.v1(m).Shards(t.Context()); return err },
		"find": func() error {
			for _, err := range w.v1(m).Find(t.Context(), Query{Subject: "alice@example.com"}, nil) {
				return err
			}
			return nil
		},
	}
	for name, ask := range ask {
		err := ask()
		if check.Of(err) != check.Checkpoint || rule(err) != "LG-2" || !strings.Contains(err.Error(), "no longer names the tree") {
			t.Errorf("%s: got %v, want that a tree is gone", name, err)
		}
		next := err.(*check.Error).Next
		if !strings.Contains(next, "evidence") || !strings.Contains(next, m.file(v.v1(m).log, before.Origin)) {
			t.Errorf("%s: next step is %q, want the evidence and what is remembered", name, next)
		}
		w.sign(1, name)
	}
	if e := kept(t, m); len(e) != 1 || e[0].Kind != "dropped" || e[0].Remembered.Note != before.Note || !strings.Contains(e[0].Served, " - 77\n") {
		t.Errorf("got evidence %+v", e)
	}
	if all := must(m.All(v.v1(m).log)); len(all) != 1 || all[0].Note != before.Note {
		t.Errorf("remembers %+v, want what it was", all)
	}
	// Named as inactive it is all right.
	w.fault = rewrite("/log", func(s string) string {
		return strings.Replace(s, `"inactiveShards":[]`, `"inactiveShards":[{"treeSize":`+itoa(int64(before.Size))+`,"rootHash":"`+
			fmt.Sprintf("%x", before.Root)+`","treeID":"`+tree+`","signedTreeHead":`+mustJSON(before.Note)+`}]`, 1)
	})
	for range 2 {
		heads, err := w.v1(m).Heads(t.Context())
		if err != nil || len(heads) != 2 || heads[0].Origin == before.Origin || heads[1].Before == nil {
			t.Errorf("an inactive tree: got %+v, %v", heads, err)
		}
	}
	// But then neither may go.
	w.fault = nil
	if _, err := w.v1(m).Heads(t.Context()); rule(err) != "LG-2" {
		t.Errorf("the inactive tree is gone: got %v", err)
	}
	if _, err := v.v1(m).Heads(t.Context()); rule(err) != "LG-2" {
		t.Errorf("the new tree is gone: got %v", err)
	}
}

// The evidence has all trees that are named, and a tree without entries may go.
func TestLG2_DroppedTreeAmongOthers(t *testing.T) {
	v, m := newWorld(t), must(OpenMemory(t.TempDir()))
	empty := v.Log1.Name + " - 55\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
	empty += "\n" + v.Log1.Line(empty)
	v.fault = rewrite("/log", func(s string) string {
		return strings.Replace(s, `"inactiveShards":[]`, `"inactiveShards":[{"treeSize":0,"rootHash":"`+
			fmt.Sprintf("%x", sha256.Sum256(nil))+`","treeID":"55","signedTreeHead":`+mustJSON(empty)+`}]`, 1)
	})
	if heads, err := v.v1(m).Heads(t.Context()); err != nil || len(heads) != 2 {
		t.Fatalf("an empty tree: got %+v, %v", heads, err)
	}
	v.fault, v.older = nil, true
	if _, err := v.v1(m).Heads(t.Context()); err != nil {
		t.Errorf("the empty tree is gone: got %v", err)
	}
	v.Log1.Origin = v.Log1.Name + " - 77"
	if _, err := v.v1(m).Heads(t.Context()); rule(err) != "LG-2" {
		t.Errorf("a tree with entries is gone: got %v", err)
	}
	if e := kept(t, m); len(e) != 1 || len(e[0].Named) != 1 || !strings.Contains(e[0].Named[0], "\n1000\n") {
		t.Errorf("got evidence %+v, want it with the older tree", e)
	}
}

// The host name of a tree is not its identity: a log can't leave its past behind
// by another one.
func TestLG2_OtherHostName(t *testing.T) {
	v, m := newWorld(t), must(OpenMemory(t.TempDir()))
	young, name := v.twin(), v.Log1.Name
	v.sign(1, "one")
	must(v.v1(m).Heads(t.Context()))
	elsewhere(young, "pod-7")
	_, err := young.v1(m).Heads(t.Context())
	if rule(err) != "LG-2" || !strings.Contains(err.Error(), "went back") {
		t.Fatalf("rollback under another name: got %v", err)
	}
	fork := v.twin()
	elsewhere(fork, "pod-7")
	fork.sign(1, "another")
	if _, err := fork.v1(m).Heads(t.Context()); rule(err) != "LG-1" {
		t.Errorf("fork under another name: got %v", err)
	}
	// An honest log of several servers.
	for _, host := range []string{"pod-7", "pod-7", "pod-8", name} {
		for range 2 {
			elsewhere(v, host)
			h, err := v.v1(m).Heads(t.Context())
			if err != nil || h[0].Before == nil {
				t.Errorf("%s: got %+v, %v, want that it continues what was seen", host, h, err)
			}
			if all := must(m.All(v.v1(m).log)); len(all) != 1 {
				t.Errorf("%s: remembers %d checkpoints of one tree", host, len(all))
			}
			v.sign(1, "more "+time.Now().String())
		}
	}
	// What an older version remembered under two names counts twice.
	seen := must(m.All(v.v1(m).log))[0]
	v.sign(1, "more")
	elsewhere(v, "pod-7")
	note := v.Log1.Checkpoint()
	ahead := *seen
	ahead.Origin, ahead.Note = strings.Split(note, "\n")[0], note
	if err := m.store(v.v1(m).log, &ahead); err != nil {
		t.Fatal(err)
	}
	elsewhere(v, name)
	if _, err := v.v1(m).Heads(t.Context()); err != nil {
		t.Errorf("it continues both: got %v", err)
	}
	if _, err := young.twin().v1(m).Heads(t.Context()); rule(err) != "LG-2" {
		t.Errorf("it continues neither: got %v", err)
	}
}

// A file of the memory that can't be read may be about any log.
func TestLG5_DamagedFileOfATree(t *testing.T) {
	v, dir := newWorld(t), t.TempDir()
	m := must(OpenMemory(dir))
	h := must(v.v1(m).Heads(t.Context()))[0]
	good := must(os.ReadFile(filepath.Join(dir, m.file(v.v1(m).log, h.Origin))))
	for name, data := range map[string][]byte{"other-0123456789abcdef.json": good, "x-0123456789abcdef.json": []byte("{")} {
		os.WriteFile(filepath.Join(dir, name), data, 0o600)
		if _, err := v.v1(m).Heads(t.Context()); check.Of(err) != check.FS || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want check fs", name, err)
		}
		os.Remove(filepath.Join(dir, name))
	}
	os.WriteFile(filepath.Join(dir, "watch-"+strings.Repeat("0", 64)+".json"), nil, 0o600)
	os.WriteFile(filepath.Join(dir, "logs.index"), nil, 0o600)
	if _, err := v.v1(m).Heads(t.Context()); err != nil {
		t.Errorf("other files: got %v", err)
	}
}
