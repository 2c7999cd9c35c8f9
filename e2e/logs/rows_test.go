package logs

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/vectors"
)

// elsewhere are the rows of groups E and F that no bundle given to hallmark
// verify can express, with the place where they are tested.
var elsewhere = map[string]string{
	"F37": "verification demands no witnesses; cosignatures are read by internal/checkpoint",
	"F38": "as F37",
	"F39": "as F37",
	"F40": "as F37",
	"F42": "one bundle shows one view; log verify compares two, see TestLog_LG1_Fork",
}

// lastRow is the number of rows in a group of the catalogue.
var lastRow = map[string]int{"E": 26, "F": 43}

// arguments puts a case into a directory and returns the command that asks it; ok
// is false if no command can.
func arguments(t *testing.T, dir string, c *vectors.Case) (args []string, ok bool) {
	t.Helper()
	p := c.Policy
	if !c.Portable() || c.Digest != "" || c.Evidence.TSAs != 0 || p.Predicate != "" || p.SubjectName != "" || len(p.Identities)+len(p.Keys) != 1 {
		return nil, false
	}
	args = []string{"verify", "artifact", "--bundle", "bundle.json", "--trusted-root", "root.json", "--json"}
	files := map[string][]byte{"artifact": c.Artifact, "bundle.json": c.Bundle, "root.json": c.Root}
	for _, id := range p.Identities {
		if id.Match != "" || id.Kind != "" || len(id.Claims) > 0 {
			return nil, false
		}
		args = append(args, "--certificate-identity", id.Subject, "--certificate-oidc-issuer", id.Issuer)
	}
	for _, k := range p.Keys {
		if k.Hint != "" || k.AssumeNow || !k.Start.IsZero() || !k.End.IsZero() {
			return nil, false
		}
		files["key.pem"] = []byte(k.PEM)
		args = append(args, "--from", "key:key.pem")
	}
	for flag, n := range map[string]int{"--min-scts": c.Evidence.SCTs, "--min-logs": c.Evidence.Logs, "--min-times": c.Evidence.Times} {
		if n < 1 {
			return nil, false
		}
		args = append(args, flag, fmt.Sprint(n))
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return args, true
}

// TestVerify_E_F_Rows has the command judge one bundle of each row of the groups E
// and F, and its twin without the fault.
func TestVerify_E_F_Rows(t *testing.T) {
	s := newScene(t)
	judge := func(t *testing.T, c *vectors.Case) (check.Check, bool) {
		dir := t.TempDir()
		args, ok := arguments(t, dir, c)
		if !ok {
			return "", false
		}
		h := *s.hallmark
		h.Dir = dir
		r, err := h.Run(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			OK    bool
			Check check.Check
		}
		if err := json.Unmarshal([]byte(r.Stdout), &v); err != nil && r.Stdout != "" {
			t.Errorf("%v in %s", err, r.Stdout)
		}
		if r.Stdout == "" { // what can't be decided is said on standard error alone
			name, _, _ := strings.Cut(strings.TrimPrefix(r.Stderr, "hallmark: "), ":")
			v.Check = check.Check(name)
		}
		if want := v.Check.Exit(); v.OK != (r.Status == 0) || !v.OK && r.Status != want {
			t.Errorf("status %d for check %q\n%s%s", r.Status, v.Check, r.Stdout, r.Stderr)
		}
		return v.Check, true
	}
	asked := 0
	twins := map[[sha256.Size]byte]bool{} // that were found good
	for _, group := range []string{"E", "F"} {
		for n := range lastRow[group] {
			row := fmt.Sprint(group, n+1)
			t.Run(row, func(t *testing.T) {
				var mu sync.Mutex
				var all []*vectors.Fixture
				vectors.Each(vectors.Options{Row: row, Every: 8}, func(f *vectors.Fixture) {
					mu.Lock()
					defer mu.Unlock()
					all = append(all, f)
				})
				// Of a row that has both, one that must be refused and one that must not.
				done := map[bool]bool{}
				for _, f := range all {
					if done[len(f.Want) > 0] {
						continue
					}
					got, ok := judge(t, f.Bad)
					if !ok {
						continue
					}
					done[len(f.Want) > 0] = true
					asked++
					if !f.Allows(got) {
						t.Errorf("%s: got check %q, want one of %q", f.Name, got, f.Want)
					}
					if f.Good == nil {
						continue
					}
					twin := sha256.Sum256(slices.Concat(f.Good.Bundle, f.Good.Root, f.Good.Artifact))
					if twins[twin] {
						continue
					}
					twins[twin] = true
					if got, ok := judge(t, f.Good); !ok || got != "" {
						t.Errorf("twin of %s: got check %q", f.Name, got)
					}
				}
				if reason, left := elsewhere[row]; left == (len(done) > 0) {
					t.Errorf("%d fixtures, %d asked, and the reason why none is: %q", len(all), len(done), reason)
				}
			})
		}
	}
	t.Logf("%d bundles", asked)
	if asked < 60 {
		t.Errorf("asked about %d bundles, want at least 60", asked)
	}
}
