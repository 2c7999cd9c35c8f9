package read

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// nothing is the root of a tree without entries.
const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// empty answers as a log without entries; root is in hexadecimal.
func empty(v *world, generation int, root string) sigtest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		log := v.Log1
		if generation == 2 {
			log = v.Log2
		}
		sum := must(hex.DecodeString(root))
		text := fmt.Sprintf("%s\n0\n%s\n", log.Origin, base64.StdEncoding.EncodeToString(sum))
		note := text + "\n" + log.Line(text)
		if generation == 2 {
			io.WriteString(w, note)
			return
		}
		_, tree, _ := strings.Cut(log.Origin, " - ")
		json.NewEncoder(w).Encode(map[string]any{"treeSize": 0, "rootHash": root, "treeID": tree, "signedTreeHead": note})
	}
}

// A tree may have no entries, if the log signs that; one that had entries has
// gone back.
func TestLG2_LM5_EmptyTree(t *testing.T) {
	forBoth(t, func(t *testing.T, generation int) {
		v, m := newWorld(t), must(OpenMemory(t.TempDir()))
		put := func(f sigtest.Fault) {
			if generation == 1 {
				v.fault = f
				return
			}
			v.Rekor(2).SetFault(f)
		}
		put(empty(v, generation, nothing))
		heads, err := v.reader(generation, m).Heads(t.Context())
		if err != nil || len(heads) != 1 || heads[0].Size != 0 || heads[0].Before != nil {
			t.Fatalf("got %+v, %v, want an empty head", heads, err)
		}
		if generation == 2 {
			tree := must(v.v2(m).Tree(t.Context()))
			if tree.Size() != 0 || tree.Bundles() != 0 {
				t.Errorf("got %d entries in %d bundles", tree.Size(), tree.Bundles())
			}
			if _, err := tree.Entry(t.Context(), 0); check.Of(err) != check.NotFound {
				t.Errorf("got %v, want check not_found", err)
			}
		}
		put(nil)
		if _, err := v.reader(generation, m).Heads(t.Context()); err != nil {
			t.Fatalf("first entries: %v", err)
		}
		put(empty(v, generation, nothing))
		_, err = v.reader(generation, m).Heads(t.Context())
		if check.Of(err) != check.Checkpoint || rule(err) != "LG-2" {
			t.Errorf("seen before: got %v, want a rollback", err)
		}
		if e := kept(t, m); len(e) != 1 || e[0].Kind != "rollback" {
			t.Errorf("got evidence %+v", e)
		}
		put(empty(v, generation, "00"+nothing[2:]))
		_, err = v.reader(generation, nil).Heads(t.Context())
		if want := map[int]check.Check{1: check.Server, 2: check.Checkpoint}[generation]; check.Of(err) != want {
			t.Errorf("root of other entries: got %v, want check %s", err, want)
		}
	})
	v := newWorld(t)
	v.fault = sigtest.Answer(200, `{"treeSize":0,"rootHash":"`+nothing+`","treeID":"1","signedTreeHead":""}`)
	if _, err := v.v1(nil).Heads(t.Context()); check.Of(err) != check.Server {
		t.Errorf("not signed: got %v, want check server", err)
	}
}
