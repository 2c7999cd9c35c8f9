package logs

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
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

// A judged is a fixture, or its twin, and what the command said about it.
type judged struct {
	*vectors.Case
	file  string
	check check.Check
}

// flags are the arguments that ask a case, but for the files; ok is false if no
// command can.
func flags(c *vectors.Case) (args []string, ok bool) {
	p := c.Policy
	if !c.Portable() || c.Digest != "" || c.Evidence.TSAs != 0 || p.Predicate != "" || p.SubjectName != "" || len(p.Identities)+len(p.Keys) != 1 {
		return nil, false
	}
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
		args = append(args, "--from", "key:key.pem")
	}
	if c.Evidence.SCTs < 1 || c.Evidence.Logs < 1 || c.Evidence.Times < 1 {
		return nil, false
	}
	return append(args, "--min-scts", fmt.Sprint(c.Evidence.SCTs), "--min-logs", fmt.Sprint(c.Evidence.Logs), "--min-times", fmt.Sprint(c.Evidence.Times)), true
}

// judge has one command judge all cases that ask the same of other bundles.
func (s *scene) judge(t *testing.T, all []*judged) {
	t.Helper()
	together := map[string][]*judged{}
	for i, j := range all {
		args, _ := flags(j.Case)
		key := fmt.Sprintf("%q %x %v", args, sha256.Sum256(j.Root), j.Policy.Keys)
		together[key] = append(together[key], j)
		j.file = fmt.Sprintf("case-%03d", i)
		s.write(t, j.file, j.Artifact)
		s.write(t, j.file+".sigstore.json", j.Bundle)
	}
	for _, group := range together {
		s.write(t, "root.json", group[0].Root)
		for _, k := range group[0].Policy.Keys {
			s.write(t, "key.pem", []byte(k.PEM))
		}
		args, _ := flags(group[0].Case)
		args = append(args, "verify", "--json", "--trusted-root", "root.json")
		for _, j := range group {
			args = append(args, j.file)
		}
		r, err := s.hallmark.Run(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		said(t, r, group)
	}
	t.Logf("%d commands", len(together))
}

// said takes what a command said about a group of cases.
func said(t *testing.T, r *cli.Result, group []*judged) {
	t.Helper()
	type verdict struct {
		Artifact string
		OK       bool
		Check    check.Check
	}
	said := map[string]verdict{}
	for _, v := range lines[verdict](t, r.Stdout) {
		said[v.Artifact] = v
	}
	want := 0
	for _, j := range group {
		v, decided := said[j.file]
		if !decided { // what can't be decided is said on standard error alone
			v.Check = undecided(r.Stderr, j.file)
		}
		if j.check = v.Check; v.OK != (j.check == "") {
			t.Errorf("%s: ok is %v with check %q", j.file, v.OK, j.check)
		}
		if j.check != "" && want != 1 { // a definite no comes before all others
			want = j.check.Exit()
		}
	}
	if r.Status != want {
		t.Errorf("status %d, want %d: %s", r.Status, want, r.Stderr)
	}
}

// TestVerify_E_F_Rows has the command judge one bundle of each row of the groups E
// and F that must be refused, one that must not, and their twins without a fault.
func TestVerify_E_F_Rows(t *testing.T) {
	s := newScene(t)
	chosen := map[string]map[bool]*vectors.Fixture{}
	var all []*judged
	of := map[*vectors.Case]*judged{}
	twins := map[[sha256.Size]byte]bool{}
	ask := func(c *vectors.Case) {
		j := &judged{Case: c}
		all, of[c] = append(all, j), j
	}
	for _, group := range []string{"E", "F"} {
		for n := range lastRow[group] {
			row := fmt.Sprint(group, n+1)
			chosen[row] = map[bool]*vectors.Fixture{}
			var mu sync.Mutex
			vectors.Each(vectors.Options{Row: row, Every: 100, Thin: 5}, func(f *vectors.Fixture) {
				mu.Lock()
				defer mu.Unlock()
				bad := len(f.Want) > 0
				if _, ok := flags(f.Bad); !ok || chosen[row][bad] != nil {
					return
				}
				chosen[row][bad] = f
				ask(f.Bad)
				if f.Good == nil {
					return
				}
				if twin := sha256.Sum256(slices.Concat(f.Good.Bundle, f.Good.Root, f.Good.Artifact)); !twins[twin] {
					twins[twin] = true
					ask(f.Good)
				}
			})
			if reason, left := elsewhere[row]; left == (len(chosen[row]) > 0) {
				t.Errorf("%s: %d fixtures are asked, and the reason why none is: %q", row, len(chosen[row]), reason)
			}
		}
	}
	s.judge(t, all)
	for row, fixtures := range chosen {
		for _, f := range fixtures {
			t.Run(row, func(t *testing.T) {
				if got := of[f.Bad].check; !f.Allows(got) {
					t.Errorf("%s: got check %q, want one of %q", f.Name, got, f.Want)
				}
				if twin := of[f.Good]; twin != nil && twin.check != "" {
					t.Errorf("twin of %s: got check %q", f.Name, twin.check)
				}
			})
		}
	}
	t.Logf("%d bundles", len(all))
	if len(all) < 80 {
		t.Errorf("asked about %d bundles, want at least 80", len(all))
	}
}

// undecided returns the check that the line about a file names, or else the first
// line, which is then about all files.
func undecided(stderr, file string) check.Check {
	first, _, _ := strings.Cut(strings.TrimPrefix(stderr, "hallmark: "), ":")
	for line := range strings.Lines(stderr) {
		if name, rest, ok := strings.Cut(strings.TrimPrefix(line, "hallmark: "), ": "); ok && strings.HasPrefix(rest, file) {
			return check.Check(name)
		}
	}
	return check.Check(first)
}
