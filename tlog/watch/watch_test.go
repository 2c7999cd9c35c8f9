package watch

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/checkpoint"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/tlog/ctlog"
	"github.com/hallmarksign/hallmark/tlog/index"
	"github.com/hallmarksign/hallmark/tlog/read"
	"github.com/hallmarksign/hallmark/trustroot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type world struct {
	*sigtest.World
	t     *testing.T
	root  *trustroot.Root
	ids   []string // of the search index, for whatever it is asked
	asked int      // questions to it
	x     *index.Index

	search    http.HandlerFunc // in the place of the search index; may be nil
	retrieved []string         // what was fetched, by id or global index
	older     string           // id of the tree of 1000 entries before the others; "": there is none
}

func newWorld(t *testing.T) *world {
	w := sigtest.New(t)
	v := &world{World: w, t: t, older: "7", root: must(trustroot.Parse(w.TrustedRoot()))}
	w.Rekor(1).SetFault(v.answer)
	f := must(index.Open(filepath.Join(t.TempDir(), "index"), index.Config{}))
	v.x = must(f.Log(&v.root.Logs[1]))
	t.Cleanup(func() { f.Close() })
	return v
}

// answer adds to the first log what sigtest has not; before its tree there was
// one of 1000 entries.
func (v *world) answer(w http.ResponseWriter, r *http.Request, next http.Handler) {
	get := func(path string) []byte {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, httptest.NewRequest("GET", "/log1/api/v1/log/entries"+path, nil))
		return bytes.Clone(rec.Body.Bytes())
	}
	switch strings.TrimPrefix(r.URL.Path, "/log1/api/v1") {
	case "/log":
		head := shard(v.Log1.Checkpoint())
		if v.older != "" {
			text := v.Log1.Name + " - " + v.older + "\n1000\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
			head["inactiveShards"] = []any{shard(text + "\n" + v.Log1.Line(text))}
		}
		json.NewEncoder(w).Encode(head)
	case "/index/retrieve":
		v.asked++
		if v.search != nil {
			v.search(w, r)
			return
		}
		json.NewEncoder(w).Encode(append([]string{}, v.ids...))
	case "/log/entries/retrieve":
		var q struct {
			EntryUUIDs []string
			LogIndexes []int
		}
		json.NewDecoder(r.Body).Decode(&q)
		out := []json.RawMessage{}
		for _, id := range q.EntryUUIDs {
			v.retrieved = append(v.retrieved, id)
			if body := get("/" + id); !bytes.Contains(body, []byte(`"code"`)) {
				out = append(out, body)
			}
		}
		for _, i := range q.LogIndexes {
			v.retrieved = append(v.retrieved, fmt.Sprint(i))
			out = append(out, get(fmt.Sprint("?logIndex=", i)))
		}
		json.NewEncoder(w).Encode(out)
	default:
		next.ServeHTTP(w, r)
	}
}

func shard(note string) map[string]any {
	c := must(checkpoint.Parse(note))
	_, tree, _ := strings.Cut(c.Origin, " - ")
	return map[string]any{"treeSize": c.Size, "rootHash": hex.EncodeToString(c.Root[:]), "treeID": tree, "signedTreeHead": note}
}

func (v *world) source(generation int) Source {
	c := must(fetch.New(v.Rekor(generation).URL, fetch.Config{}))
	v.t.Cleanup(c.CloseIdle)
	config := read.Config{Doer: c, Root: v.root, Now: v.Clock.Now}
	if generation == 1 {
		return Source{V1: must(read.NewV1(&v.root.Logs[0], config))}
	}
	return Source{V2: must(read.NewV2(&v.root.Logs[1], config)), Index: v.x}
}

// sign makes a bundle whose entry is in a log of a generation.
func (v *world) sign(generation int, subject, artifact string) *bundle.Bundle {
	log := v.Log2
	if generation == 1 {
		log = v.Log1
	}
	who := sigtest.Alice()
	who.Subject = subject
	if strings.Contains(subject, "://") {
		who.Kind = "uri"
	}
	return v.Sign([]byte(artifact), func(m *sigtest.Maker) { m.Logs, m.Who = []*sigtest.Log{log}, &who })
}

// pass returns the indexes of what a pass finds.
func (v *world) pass(w *Watcher, generation int) (out []int64, err error) {
	for f, e := range w.Pass(v.t.Context(), v.source(generation)) {
		if e != nil {
			return out, e
		}
		out = append(out, f.Entry.Raw.LogIndex)
	}
	return out, nil
}

func list(all ...*bundle.Bundle) (out []int64) {
	for _, b := range all {
		out = append(out, b.Entries[0].LogIndex)
	}
	return out
}

func TestPass(t *testing.T) {
	for generation := 1; generation <= 2; generation++ {
		t.Run(fmt.Sprint("generation ", generation), func(t *testing.T) {
			v := newWorld(t)
			path := filepath.Join(t.TempDir(), "state")
			one := v.sign(generation, "alice@example.com", "one")
			v.sign(generation, "bob@example.com", "two")
			three := v.sign(generation, "https://example.com/alice/x", "three")
			known := Known{}
			w := &Watcher{
				Names: []Name{{Subject: "Alice@*"}, {Subject: "https://example.com/alice/*"}}, Known: known,
				State: must(OpenState(path)), From: sigtest.ShardOffset * int64(2-generation),
			}
			check := func(name string, want []int64) {
				t.Helper()
				got, err := v.pass(w, generation)
				if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
				}
				if w.State != nil {
					if err := w.State.Save(); err != nil {
						t.Error(err)
					}
				}
				w.State = must(OpenState(path))
			}
			check("first", list(one, three))
			check("again", nil)
			four := v.sign(generation, "alice@example.com", "four")
			mine := v.sign(generation, "alice@example.com", "five")
			known.Add(mine)
			// Who does not look at all of it sees it again.
			for range w.Pass(t.Context(), v.source(generation)) {
				break
			}
			check("new", list(four))
			check("again", nil)
			w.State, w.From = nil, four.Entries[0].LogIndex
			check("from an index", list(four))
			w.State, w.Names = nil, []Name{{Subject: "alice@*", Issuer: "https://other.example.com"}}
			check("another issuer", nil)
			w.State, w.Names = nil, []Name{{Subject: "alice@*", Issuer: sigtest.Alice().Issuer}}
			check("the issuer", list(four))
		})
	}
}

func TestSearchIndexOfFirstLog(t *testing.T) {
	v := newWorld(t)
	one := v.sign(1, "alice@example.com", "one")
	two := v.sign(1, "alice@example.com", "two")
	other := v.sign(1, "mallory@example.com", "three")
	for _, b := range []*bundle.Bundle{two, one, other} {
		v.ids = append(v.ids, hex.EncodeToString(sigtest.LeafHash(b.Entries[0].Body)))
	}
	var notes []string
	w := &Watcher{Names: []Name{{Subject: "alice@example.com"}}, Note: func(s string) { notes = append(notes, s) }}
	got, err := v.pass(w, 1)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(list(two, one)) || len(notes) != 1 || v.asked != 1 {
		t.Errorf("got %v, %v, %q", got, err, notes)
	}
	// What it hides is found by reading everything.
	v.ids = nil
	w.Exhaustive, w.From = true, sigtest.ShardOffset
	if got, err := v.pass(w, 1); err != nil || fmt.Sprint(got) != fmt.Sprint(list(one, two)) || v.asked != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	w.MaxScan = 2
	if got, err := v.pass(w, 1); check.Of(err) != check.Limit || len(got) != 0 {
		t.Errorf("got %v, %v, want check limit", got, err)
	}
	w.MaxScan, w.Since = 0, v.Clock.Now().Add(time.Hour)
	if got, err := v.pass(w, 1); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v since later", got, err)
	}
}

func TestER2_LG5_Refused(t *testing.T) {
	v := newWorld(t)
	for name, w := range map[string]*Watcher{"no names": {}, "a star": {Names: []Name{{Subject: "**"}}}, "nothing": {Names: []Name{{}}}} {
		if _, err := v.pass(w, 2); check.Of(err) != check.Usage {
			t.Errorf("%s: got %v, want check usage", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "state")
	for name, data := range map[string]string{
		"empty": "", "list": "[]", "other schema": `{"schema":3,"next":{}}`, "negative": `{"schema":1,"next":{"00":-1}}`,
		"no hash": `{"schema":2,"next":{}}`, "old with new members": `{"schema":1,"next":{},"first":{}}`,
		"more": `{"schema":1,"next":{},"x":1}`, "long": strings.Repeat(" ", maxState+1),
	} {
		os.WriteFile(path, []byte(data), 0o600)
		if _, err := OpenState(path); check.Of(err) != check.FS {
			t.Errorf("%s: got %v, want check fs", name, err)
		}
	}
	// LG-2: a log that lost entries, or of the first generation a tree.
	s := must(OpenState(filepath.Join(t.TempDir(), "state")))
	for generation := 1; generation <= 2; generation++ {
		s.move(hex.EncodeToString(v.root.Logs[generation-1].ID), 9999)
		if _, err := v.pass(&Watcher{Names: []Name{{Subject: "a"}}, State: s}, generation); check.Of(err) != check.Checkpoint {
			t.Errorf("generation %d: got %v, want check checkpoint", generation, err)
		}
	}
	// A log that can't be read leaves the state as it was.
	v.Rekor(2).SetFault(sigtest.Answer(500, ""))
	s = must(OpenState(filepath.Join(t.TempDir(), "state")))
	if _, err := v.pass(&Watcher{Names: []Name{{Subject: "a"}}, State: s}, 2); check.Of(err) != check.Net {
		t.Errorf("got %v, want check net", err)
	}
	if _, ok := s.next(hex.EncodeToString(v.root.Logs[1].ID)); ok {
		t.Error("the state moved on")
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"a*", "a", true}, {"a*", "abc", true}, {"*a", "ba", true}, {"*a", "ab", false},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"a*b*c", "aXbYc", true}, {"a*b*c", "abc", true}, {"a*b*c", "acb", false},
		{"a*b*b", "ab", false}, {"a**b", "ab", true}, {"*@example.com", "x@example.com.evil", false}, {"", "", true}, {"", "a", false},
		{"a.c", "abc", false},
	} {
		if got := glob(tt.pattern, tt.s); got != tt.want {
			t.Errorf("glob(%q, %q) = %v", tt.pattern, tt.s, got)
		}
	}
	if !(Name{Subject: "ALICE@example.com"}).Matches("alice@EXAMPLE.com", "x") {
		t.Error("letters of another case do not match")
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		n               Name
		subject, issuer string
		want            bool
	}{
		{Name{"alice@example.com", ""}, "alice@example.com", "https://any", true},
		{Name{"alice@example.com", "https://i.example"}, "alice@example.com", "https://i.example", true},
		{Name{"alice@example.com", "https://i.example"}, "alice@example.com", "https://I.example", false},
		{Name{"alice@example.com", "https://i.example"}, "alice@example.com", "https://i.example/", false},
		{Name{"alice@example.com", "https://i.example"}, "alice@example.com", "", false},
		{Name{"alice@example.com", "https://*.example"}, "alice@example.com", "https://i.example", true},
		{Name{"alice@example.com", "https://i.example"}, "bob@example.com", "https://i.example", false},
		{Name{"AZ@[", ""}, "az@[", "", true},
		{Name{"AZ@[", ""}, "az@{", "", false},
		{Name{"é", ""}, "É", "", false},
	} {
		if got := tt.n.Matches(tt.subject, tt.issuer); got != tt.want {
			t.Errorf("%+v matches %q of %q: got %v", tt.n, tt.subject, tt.issuer, got)
		}
	}
}

// A log of certificates with one entry, for alice, or with the same one twice.
type certificates struct {
	w     *sigtest.World
	leaf  []byte
	twice bool
}

func (c *certificates) Do(_ context.Context, r fetch.Request) (*fetch.Response, error) {
	out := map[string]any{"entries": []any{map[string]any{"leaf_input": c.leaf}}}
	if strings.HasSuffix(r.Path, "get-sth") {
		size, root := byte(1), sigtest.LeafHash(c.leaf)
		if c.twice {
			both := sha256.Sum256(slices.Concat([]byte{1}, root, root))
			size, root = 2, both[:]
		}
		message := append(append(append([]byte{0, 1}, make([]byte, 8)...), 0, 0, 0, 0, 0, 0, 0, size), root...)
		sig := sigtest.SignMessage(c.w.CT.Key, crypto.SHA256, message)
		out = map[string]any{"tree_size": size, "timestamp": 0, "sha256_root_hash": root, "tree_head_signature": append([]byte{4, 3, 0, byte(len(sig))}, sig...)}
	}
	if strings.Contains(r.Path, "get-entry-and-proof") {
		path := [][]byte{}
		if c.twice {
			path = append(path, sigtest.LeafHash(c.leaf))
		}
		out = map[string]any{"leaf_input": c.leaf, "audit_path": path}
	}
	if strings.Contains(r.Path, "get-sth-consistency") {
		out = map[string]any{"consistency": [][]byte{sigtest.LeafHash(c.leaf)}}
	}
	if !strings.HasPrefix(r.Path, "/ct/v1/") {
		return &fetch.Response{Status: 404}, nil
	}
	return &fetch.Response{Status: 200, Body: must(json.Marshal(out))}, nil
}

func (v *world) certificates(twice bool) Source {
	cert := v.Leaf(v.CA, sigtest.Alice(), v.SignerKey().Public(), v.Clock.Now(), []*sigtest.CT{v.CT}, sigtest.LeafEdits{})
	leaf := append(make([]byte, 12), 0, byte(len(cert)>>8), byte(len(cert)))
	leaf = append(append(leaf, cert...), 0, 0)
	return Source{CT: ctlog.New(&v.root.CTLogs[0], &certificates{v.World, leaf, twice}, ctlog.Config{})}
}

// A look that leaves certificates for the next one says so.
func TestLM3_CertificatesOfManyPasses(t *testing.T) {
	v := newWorld(t)
	source := v.certificates(true)
	w := &Watcher{Names: []Name{{Subject: aliceMail}}, State: NewState(), MaxScan: 1, Since: time.Unix(0, 0)}
	for i, want := range []struct {
		found int
		check check.Check
	}{{1, check.Limit}, {1, ""}, {0, ""}} {
		found, of := 0, check.Check("")
		for _, err := range w.Pass(t.Context(), source) {
			if err != nil {
				of = check.Of(err)
				continue
			}
			found++
		}
		if found != want.found || of != want.check {
			t.Errorf("pass %d: got %d certificates and check %q, want %d and %q", i, found, of, want.found, want.check)
		}
	}
	w.State, w.Since = nil, time.Time{}
	for _, err := range w.Pass(t.Context(), source) { // log watch takes no index with certificates
		if refused, ok := err.(*check.Error); !ok || refused.Check != check.Limit || !strings.Contains(refused.Next, "date") || strings.Contains(refused.Next, "index") {
			t.Errorf("nowhere to begin: got %v, want that a date is asked for", err)
		}
	}
}

func TestCertificates(t *testing.T) {
	v := newWorld(t)
	source := v.certificates(false)
	path := filepath.Join(t.TempDir(), "state")
	known := Known{}
	pass := func(name string, w *Watcher, want int) {
		t.Helper()
		n := 0
		for f, err := range w.Pass(t.Context(), source) {
			if err != nil || f.Certificate.Identity.Subject != "alice@example.com" {
				t.Fatalf("%s: got %+v, %v", name, f, err)
			}
			n++
		}
		if n != want {
			t.Errorf("%s: got %d certificates, want %d", name, n, want)
		}
		if w.State != nil {
			if err := w.State.Save(); err != nil {
				t.Error(err)
			}
		}
	}
	names := []Name{{Subject: "*@example.com"}}
	pass("first", &Watcher{Names: names, State: must(OpenState(path))}, 1)
	pass("again", &Watcher{Names: names, State: must(OpenState(path))}, 0)
	pass("another name", &Watcher{Names: []Name{{Subject: "bob@*"}}}, 0)
	pass("the issuer", &Watcher{Names: []Name{{Subject: "*@example.com", Issuer: sigtest.Alice().Issuer}}}, 1)
	pass("another issuer", &Watcher{Names: []Name{{Subject: "*@example.com", Issuer: "https://other.example.com"}}}, 0)
	pass("since later", &Watcher{Names: names, Since: v.Clock.Now()}, 0)
	known.Add(v.Sign([]byte("artifact")))
	pass("our key", &Watcher{Names: names, Known: known}, 0)
}
