package read

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"go.uber.org/goleak"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/checkpoint"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/trustroot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A world is a Sigstore whose first log answers questions too.
type world struct {
	*sigtest.World
	t     *testing.T
	root  *trustroot.Root
	fault sigtest.Fault // of the first log, before anything else

	older bool // the first log names a tree of 1000 entries before its own

	mu      sync.Mutex
	index   map[string][]string // search index: what is asked for, ids
	lastAsk map[string]any      // question to the search index
}

func newWorld(t *testing.T) *world {
	w := sigtest.New(t)
	v := &world{World: w, t: t, root: must(trustroot.Parse(w.TrustedRoot())), index: map[string][]string{}}
	w.Rekor(1).SetFault(v.answer)
	return v
}

// twin is another history of the same logs: same names, same keys.
func (v *world) twin() *world { return newWorld(v.t) }

func (v *world) doer(generation int) fetch.Doer {
	c := must(fetch.New(v.Rekor(generation).URL, fetch.Config{}))
	v.t.Cleanup(c.CloseIdle)
	return c
}

func (v *world) config(generation int, m *Memory) Config {
	return Config{Doer: v.doer(generation), Root: v.root, Memory: m, Now: v.Clock.Now}
}

func (v *world) v1(m *Memory) *V1 { return must(NewV1(&v.root.Logs[0], v.config(1, m))) }
func (v *world) v2(m *Memory) *V2 { return must(NewV2(&v.root.Logs[1], v.config(2, m))) }

// sign makes an entry in a log of a generation and returns it.
func (v *world) sign(generation int, artifact string, edits ...func(*sigtest.Maker)) bundle.Entry {
	log := v.Log2
	if generation == 1 {
		log = v.Log1
	}
	edits = append([]func(*sigtest.Maker){func(m *sigtest.Maker) { m.Logs = []*sigtest.Log{log} }}, edits...)
	return v.Sign([]byte(artifact), edits...).Entries[0]
}

// ask is a request to the first log of the world itself.
func ask(next http.Handler, path string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, httptest.NewRequest("GET", "/log1"+path, nil))
	return rec
}

// leaves are the leaf hashes of the first log.
func leaves(next http.Handler) (out [][]byte) {
	for i := 0; ; i++ {
		rec := ask(next, fmt.Sprintf("/api/v1/log/entries?logIndex=%d", i+sigtest.ShardOffset))
		if rec.Code != 200 {
			return out
		}
		var e map[string]struct{ Body []byte }
		json.Unmarshal(rec.Body.Bytes(), &e)
		for _, one := range e {
			out = append(out, rfc6962.DefaultHasher.HashLeaf(one.Body))
		}
	}
}

// answer adds to the first log what sigtest has not.
func (v *world) answer(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if v.fault != nil {
		rec := httptest.NewRecorder()
		v.fault(rec, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { v.questions(w, r, next) }))
		w.WriteHeader(rec.Code)
		w.Write(rec.Body.Bytes())
		return
	}
	v.questions(w, r, next)
}

func (v *world) questions(w http.ResponseWriter, r *http.Request, next http.Handler) {
	switch strings.TrimPrefix(r.URL.Path, "/log1/api/v1") {
	case "/log":
		c, err := checkpoint.Parse(v.Log1.Checkpoint())
		if err != nil {
			json.NewEncoder(w).Encode(map[string]any{"signedTreeHead": v.Log1.Checkpoint()})
			return
		}
		_, tree, _ := strings.Cut(c.Origin, " - ")
		shards := []any{}
		if v.older {
			text := fmt.Sprintf("%s - 7\n%d\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", v.Log1.Name, sigtest.ShardOffset)
			shards = append(shards, map[string]any{"treeSize": sigtest.ShardOffset, "rootHash": strings.Repeat("0", 64), "treeID": "7",
				"signedTreeHead": text + "\n" + v.Log1.Line(text)})
		}
		json.NewEncoder(w).Encode(map[string]any{
			"treeSize": c.Size, "rootHash": hex.EncodeToString(c.Root[:]), "treeID": tree, "signedTreeHead": v.Log1.Checkpoint(),
			"inactiveShards": shards,
		})
	case "/log/proof":
		var from, to uint64
		fmt.Sscan(r.URL.Query().Get("firstSize"), &from)
		fmt.Sscan(r.URL.Query().Get("lastSize"), &to)
		json.NewEncoder(w).Encode(map[string]any{"rootHash": strings.Repeat("0", 64), "hashes": consistency(leaves(next), from, to)})
	case "/index/retrieve":
		v.mu.Lock()
		defer v.mu.Unlock()
		clear(v.lastAsk)
		json.NewDecoder(r.Body).Decode(&v.lastAsk)
		list := []string{}
		for _, name := range []string{"email", "subject", "hash", "publicKey"} {
			if q, ok := v.lastAsk[name]; ok {
				list = append(list, v.index[fmt.Sprint(q)]...)
			}
		}
		json.NewEncoder(w).Encode(list)
	case "/log/entries/retrieve":
		var q struct {
			EntryUUIDs []string
			LogIndexes []int
		}
		json.NewDecoder(r.Body).Decode(&q)
		out := []json.RawMessage{}
		for _, id := range q.EntryUUIDs {
			if rec := ask(next, "/api/v1/log/entries/"+id); rec.Code == 200 {
				out = append(out, bytes.Clone(rec.Body.Bytes()))
			}
		}
		for _, i := range q.LogIndexes {
			if rec := ask(next, fmt.Sprintf("/api/v1/log/entries?logIndex=%d", i)); rec.Code == 200 {
				out = append(out, bytes.Clone(rec.Body.Bytes()))
			}
		}
		json.NewEncoder(w).Encode(out)
	default:
		next.ServeHTTP(w, r)
	}
}

// consistency is a proof by another implementation.
func consistency(leaves [][]byte, from, to uint64) []string {
	nodes := must(proof.Consistency(from, to))
	hash := func(id compact.NodeID) []byte {
		f := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
		r := f.NewEmptyRange(0)
		for _, l := range leaves[id.Index<<id.Level : (id.Index+1)<<id.Level] {
			r.Append(l, nil)
		}
		return must(r.GetRootHash(nil))
	}
	var list [][]byte
	for _, id := range nodes.IDs {
		list = append(list, hash(id))
	}
	out := []string{}
	for _, h := range must(nodes.Rehash(list, rfc6962.DefaultHasher.HashChildren)) {
		out = append(out, hex.EncodeToString(h))
	}
	return out
}

func id(e bundle.Entry) string {
	return "108e9186e8c5677a" + hex.EncodeToString(sigtest.LeafHash(e.Body))
}

// rewrite changes answers of the first log to some path.
func rewrite(path string, change func(string) string) sigtest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if !strings.HasSuffix(r.URL.Path, path) {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		w.WriteHeader(rec.Code)
		w.Write([]byte(change(rec.Body.String())))
	}
}
