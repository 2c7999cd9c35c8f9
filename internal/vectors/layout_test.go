package vectors_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/vectors"
)

// TestWrite: what was written to files gives the verdict that it says.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	written, left, err := vectors.Write(dir, vectors.Options{Row: "A17", Splices: 2})
	if err != nil || written < 4 || left != 1 {
		t.Fatalf("wrote %d and left %d out, %v; want at least 4, and the one by value left", written, left, err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) != written {
		t.Fatalf("%d directories, %v; want %d", len(found), err, written)
	}
	runner := vectors.NewRunner()
	for _, d := range found {
		file := func(name string) []byte {
			data, err := os.ReadFile(filepath.Join(d, name))
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
		var e vectors.Expectation
		if err := json.Unmarshal(file("expect.json"), &e); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(d, "_fail") != (len(e.Checks) > 0) {
			t.Errorf("%s wants %q", filepath.Base(d), e.Checks)
		}
		f := vectors.Fixture{Want: e.Checks}
		_, err := runner.Cold(&vectors.Case{
			Bundle: file("bundle.sigstore.json"), Root: file("trusted_root.json"), Artifact: file("artifact"),
			Digest: e.Digest, Policy: e.Policy, Evidence: e.Evidence, Now: e.Now,
		})
		if got := check.Of(err); !f.Allows(got) {
			t.Errorf("%s: check %q, want %q: %v", filepath.Base(d), got, e.Checks, err)
		}
	}
}
