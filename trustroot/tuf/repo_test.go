package tuf

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
)

// day is a moment all tests start from.
var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// repo makes a TUF repository whose every byte a test can change.
type repo struct {
	t     *testing.T
	keys  map[string][]ed25519.PrivateKey // by role
	need  int                             // threshold of root
	files map[string][]byte               // by path, as served
	roots map[int64][]byte

	root      *rootMeta
	timestamp *timestampMeta
	snapshot  *snapshotMeta
	targets   *targetsMeta
	content   map[string][]byte

	mu       sync.Mutex
	requests []string
	hook     func(path string) (*fetch.Response, error) // nil results: go on
}

func key(seed string) ed25519.PrivateKey {
	s := sha256.Sum256([]byte(seed))
	return ed25519.NewKeyFromSeed(s[:])
}

func newRepo(t *testing.T) *repo {
	r := &repo{
		t: t, need: 2, files: map[string][]byte{}, roots: map[int64][]byte{},
		keys: map[string][]ed25519.PrivateKey{
			"root": {key("r1"), key("r2"), key("r3")}, "timestamp": {key("ts")}, "snapshot": {key("sn")}, "targets": {key("tg")},
		},
		timestamp: metadata.Timestamp(day.AddDate(0, 0, 7)),
		snapshot:  metadata.Snapshot(day.AddDate(0, 0, 14)),
		targets:   metadata.Targets(day.AddDate(0, 6, 0)),
		content:   map[string][]byte{TrustedRoot: []byte(publicTrustedRoot), SigningConfig: []byte(`{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}`)},
	}
	r.publishRoot(1, r.keys["root"], nil)
	r.publish()
	return r
}

// sign replaces the signatures of m.
func sign[T metadata.Roles](t *testing.T, m *metadata.Metadata[T], keys ...ed25519.PrivateKey) []byte {
	t.Helper()
	m.ClearSignatures()
	seen := map[string]bool{}
	for _, k := range keys {
		if seen[string(k)] {
			continue
		}
		seen[string(k)] = true
		s, err := signature.LoadSigner(k, crypto.Hash(0))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Sign(s); err != nil {
			t.Fatal(err)
		}
	}
	data, err := m.ToBytes(false)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// publishRoot makes root version v of the keys in r.keys, signed by signers.
func (r *repo) publishRoot(v int64, signers []ed25519.PrivateKey, change func(*metadata.RootType)) {
	r.t.Helper()
	root := metadata.Root(day.AddDate(0, 6, 0))
	root.Signed.Version = v
	for role, keys := range r.keys {
		for _, k := range keys {
			tk, err := metadata.KeyFromPublicKey(k.Public())
			if err != nil {
				r.t.Fatal(err)
			}
			if err := root.Signed.AddKey(tk, role); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	root.Signed.Roles["root"].Threshold = r.need
	if change != nil {
		change(&root.Signed)
	}
	r.root = root
	r.roots[v] = sign(r.t, root, signers...)
	r.files[fmt.Sprintf("/%d.root.json", v)] = r.roots[v]
}

// publish signs everything below the root anew, in the versions that are set.
func (r *repo) publish() {
	r.t.Helper()
	for name, data := range r.content {
		f, err := metadata.TargetFile().FromBytes(name, data)
		if err != nil {
			r.t.Fatal(err)
		}
		r.targets.Signed.Targets[name] = f
		r.files[fmt.Sprintf("/targets/%x.%s", []byte(f.Hashes["sha256"]), name)] = data
	}
	for name := range r.targets.Signed.Targets {
		if _, ok := r.content[name]; !ok {
			delete(r.targets.Signed.Targets, name)
		}
	}
	r.publishTargets()
	r.publishSnapshot()
	r.publishTimestamp()
}

func (r *repo) publishTargets() {
	r.files[fmt.Sprintf("/%d.targets.json", r.targets.Signed.Version)] = sign(r.t, r.targets, r.keys["targets"]...)
	r.snapshot.Signed.Meta["targets.json"] = &metadata.MetaFiles{Version: r.targets.Signed.Version}
}

func (r *repo) publishSnapshot() {
	r.files[fmt.Sprintf("/%d.snapshot.json", r.snapshot.Signed.Version)] = sign(r.t, r.snapshot, r.keys["snapshot"]...)
	r.timestamp.Signed.Meta["snapshot.json"] = &metadata.MetaFiles{Version: r.snapshot.Signed.Version}
}

func (r *repo) publishTimestamp() {
	r.files["/timestamp.json"] = sign(r.t, r.timestamp, r.keys["timestamp"]...)
}

// bump raises the versions of everything below the root and publishes it.
func (r *repo) bump() {
	r.timestamp.Signed.Version++
	r.snapshot.Signed.Version++
	r.targets.Signed.Version++
	r.publish()
}

// Do serves the repository to a client.
func (r *repo) Do(ctx context.Context, q fetch.Request) (*fetch.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, q.Path)
	if r.hook != nil {
		if res, err := r.hook(q.Path); res != nil || err != nil {
			return res, err
		}
	}
	data, ok := r.files[q.Path]
	if !ok {
		return &fetch.Response{Status: http.StatusNotFound}, nil
	}
	if int64(len(data)) > q.MaxBody {
		return nil, check.Refuse("LM-1", check.Limit, "body has more than %d bytes", q.MaxBody)
	}
	return &fetch.Response{Status: http.StatusOK, Body: bytes.Clone(data)}, nil
}

// serve serves the repository over HTTP.
func (r *repo) serve() string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		data, ok := r.files[q.URL.Path]
		r.mu.Unlock()
		if !ok {
			http.NotFound(w, q)
			return
		}
		_, _ = io.Copy(w, bytes.NewReader(data))
	}))
	r.t.Cleanup(s.Close)
	return s.URL
}

var errDown = check.Refuse("", check.Net, "connection refused")

func (r *repo) down() {
	r.hook = func(string) (*fetch.Response, error) { return nil, errDown }
}

func (r *repo) up() { r.hook = nil }

// noNetwork fails the test when it is asked anything.
type noNetwork struct{ t *testing.T }

func (n noNetwork) Do(_ context.Context, q fetch.Request) (*fetch.Response, error) {
	n.t.Errorf("the network was asked for %s", q.Path)
	return nil, errDown
}

// clock is a clock that a test moves.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// config returns a configuration for r pinned to root version 1.
func (r *repo) config(dir string, c *clock) *Config {
	return &Config{Mirror: "https://tuf.example.test", Root: r.roots[1], CacheDir: dir, HTTP: r, Now: c.Now}
}

// client makes a client that does not wait for the disk.
func client(t *testing.T, c *Config) *Client {
	t.Helper()
	out, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if out.cache != nil {
		out.cache.write = quickly
	}
	return out
}

// quickly writes in one step, as the real thing does, but without a sync.
func quickly(root *os.Root, name string, data []byte) error {
	if err := root.WriteFile(name+".new", data, 0o600); err != nil {
		return err
	}
	return root.Rename(name+".new", name)
}

// fetchRoot makes a new client, as a new process would, and asks for the root.
func fetchRoot(t *testing.T, c *Config) error {
	t.Helper()
	_, err := client(t, c).Root(t.Context())
	return err
}

// want fails unless err is a refusal of check c by rule, with a next step, that
// names the mirror.
func want(t *testing.T, err error, c check.Check, rule string) {
	t.Helper()
	var e *check.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a refusal of %s", err, c)
	}
	if e.Check != c || e.Rule != rule {
		t.Fatalf("got %s by %s (%v), want %s by %s", e.Check, e.Rule, err, c, rule)
	}
	if c != check.Usage && c != check.FS && (!strings.Contains(err.Error(), "tuf.example.test") || e.Next == "") {
		t.Fatalf("got %q (next %q), want the mirror and a next step named", err, e.Next)
	}
}

// edit decodes JSON, lets change work on it, and encodes it.
func edit(t *testing.T, data []byte, change func(m map[string]any)) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// resign edits the signed part of metadata as raw JSON and signs it again.
func resign(t *testing.T, data []byte, k ed25519.PrivateKey, change func(signed map[string]any)) []byte {
	t.Helper()
	return edit(t, data, func(m map[string]any) {
		signed := m["signed"].(map[string]any)
		change(signed)
		text, err := json.Marshal(signed) // sorted names, no spaces: canonical for what tests write
		if err != nil {
			t.Fatal(err)
		}
		m["signatures"].([]any)[0].(map[string]any)["sig"] = hex.EncodeToString(ed25519.Sign(k, text))
	})
}

// cachePath returns the cache file of the only instance in dir.
func cachePath(t *testing.T, dir string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*", cacheFile))
	if err != nil || len(list) != 1 {
		t.Fatalf("got %v, %v, want one cache", list, err)
	}
	return list[0]
}

// changeCache edits what is saved in dir.
func changeCache(t *testing.T, dir string, change func(*saved)) {
	t.Helper()
	path := cachePath(t, dir)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s saved
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	change(&s)
	if data, err = json.Marshal(s); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			data, err := os.ReadFile(p)
			out[p] = string(data)
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return maps.Clone(out)
}
