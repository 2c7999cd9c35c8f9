package index

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tiles/tilestest"
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

// A world is a log of synthetic entries in a directory.
type world struct {
	t    testing.TB
	dir  string
	log  *sigtest.Log
	root *trustroot.Root
	*sigtest.Entries
}

func newWorld(t testing.TB, dir string, certificates int) *world {
	w := sigtest.New(t)
	return &world{t, dir, w.Log2, must(trustroot.Parse(w.TrustedRoot())), w.Entries(certificates)}
}

// grow writes the log up to n entries, with a checkpoint.
func (v *world) grow(n int) tilestest.Tree {
	v.t.Helper()
	tree := must(tilestest.Write(v.dir, n, v.Body))
	v.serve(tree)
	return tree
}

func (v *world) serve(tree tilestest.Tree) {
	v.t.Helper()
	text := tree.Text(v.log.Origin)
	if err := os.WriteFile(filepath.Join(v.dir, "api/v2/checkpoint"), []byte(text+"\n"+v.log.Line(text)), 0o600); err != nil {
		v.t.Fatal(err)
	}
}

func (v *world) trusted() *trustroot.Log { return &v.root.Logs[1] }

func (v *world) reader() *read.V2 {
	return must(read.NewV2(v.trusted(), read.Config{
		Doer: tilestest.Dir(v.dir), Root: v.root, Now: func() time.Time { return sigtest.T0 },
	}))
}

func clock() time.Time { return sigtest.T0 }

// open opens an index in a new directory, or in one that is given.
func (v *world) open(path string, c Config) *Index {
	v.t.Helper()
	if c.Now == nil {
		c.Now = clock
	}
	f, err := Open(path, c)
	if err != nil {
		v.t.Fatal(err)
	}
	f.layout = small
	v.t.Cleanup(func() { f.Close() })
	return must(f.Log(v.trusted()))
}

// small is a layout for logs of some thousand entries.
const small = 9
