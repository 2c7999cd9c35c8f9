package tuf

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/trustroot"
)

func TestTU3_PublicChainLeadsToTheEmbeddedRoot(t *testing.T) {
	dir := "../../../shared/vectors/public-good/root_history"
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: no shared vectors: %v", err)
	}
	var tr *trusted
	read := func(v int) []byte {
		data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%d.root.json", v)))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	first, err := pin(read(1))
	if err != nil {
		t.Fatal(err)
	}
	tr = &trusted{root: first, pinned: 1}
	n := 0
	for v := 2; v <= 15; v++ {
		if err := tr.nextRoot(read(v)); err != nil {
			t.Fatalf("root %d: %v", v, err)
		}
		n++
	}
	if err := tr.nextRoot(read(15)); check.Of(err) != check.TUFRollback && check.Of(err) != check.TUFSig {
		t.Fatalf("got %v, want root 15 refused after itself", err)
	}
	if err := tr.nextRoot([]byte(publicRoot)); err != nil {
		t.Fatal(err)
	}
	if n != 14 || tr.root.Signed.Version != 16 {
		t.Fatalf("walked %d roots to version %d", n, tr.root.Signed.Version)
	}
}

func TestTU2_EmbeddedData(t *testing.T) {
	want := map[string]struct {
		version      int64
		keys, needed int
	}{"public": {16, 5, 3}, "staging": {13, 4, 2}}
	for _, i := range Instances() {
		root, err := pin(i.Root)
		if err != nil {
			t.Fatalf("%s: %v", i.Name, err)
		}
		role := root.Signed.Roles[metadata.ROOT]
		if w := want[i.Name]; root.Signed.Version != w.version || len(role.KeyIDs) != w.keys || role.Threshold != w.needed {
			t.Errorf("%s: version %d, %d of %d keys", i.Name, root.Signed.Version, role.Threshold, len(role.KeyIDs))
		}
	}
	r, err := trustroot.Parse([]byte(publicTrustedRoot))
	if err != nil || len(r.Warnings) != 0 || useful(r, nil) != nil {
		t.Fatalf("got %v, %q", err, r.Warnings)
	}
	c, err := New(&Config{Offline: true, Now: func() time.Time { return Instances()[0].Fallback.Date.Add(49 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Root(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := c.Warnings()
	if len(w) != 1 || w[0] != "using the trusted root built into this program, of 2026-11-05, 2 days old, for there is neither cache nor network" {
		t.Fatalf("got %q", w)
	}
	s, err := c.Status(t.Context())
	if err != nil || s.Source != "built in" || len(s.Targets) != 1 || s.Roles != nil {
		t.Fatalf("got %+v, %v", s, err)
	}
	if _, err := c.Services(t.Context()); check.Of(err) != check.TrustRoot {
		t.Fatalf("got %v, want no signing configuration", err)
	}
}

func TestTR3_P48_Useful(t *testing.T) {
	full, err := trustroot.Parse([]byte(publicTrustedRoot))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(r *trustroot.Root)
		first  bool // useful if nothing came before
	}{
		"everything":            {func(*trustroot.Root) {}, true},
		"no log":                {func(r *trustroot.Root) { r.Logs = nil }, true},
		"no certificate log":    {func(r *trustroot.Root) { r.CTLogs = nil }, true},
		"no TSA":                {func(r *trustroot.Root) { r.TSAs = nil }, true},
		"no authority":          {func(r *trustroot.Root) { r.Authorities = nil }, false},
		"no source of any time": {func(r *trustroot.Root) { r.Logs, r.TSAs = nil, nil }, false},
	} {
		r := *full
		c.change(&r)
		if err := useful(&r, nil); (err == nil) != c.first {
			t.Errorf("%s: got %v first, want useful %v", name, err, c.first)
		}
		if err := useful(&r, &r); (err == nil) != c.first {
			t.Errorf("%s: got %v after one that had no more", name, err)
		}
		if err := useful(&r, full); (err == nil) != (name == "everything") {
			t.Errorf("%s: got %v after a full one", name, err)
		}
	}
}
