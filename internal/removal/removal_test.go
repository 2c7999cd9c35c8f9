package removal

import (
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// sites rewrites the core into a temporary folder.
func sites(t *testing.T) (overlay, dir string, list []Site) {
	t.Helper()
	dir = t.TempDir()
	above, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	overlay, list, err = Rewrite(above, dir)
	if err != nil {
		t.Fatal(err)
	}
	return overlay, dir, list
}

// TestRewrite: every refusal of the core can be switched off but the few that are
// first values, and what is written is Go.
func TestRewrite(t *testing.T) {
	_, dir, list := sites(t)
	if len(list) < 400 {
		t.Errorf("%d refusals, want at least 400", len(list))
	}
	fixed, keys := 0, map[string]bool{}
	for i, s := range list {
		if s.N != i {
			t.Fatalf("%s has number %d, want %d", s.Where, s.N, i)
		}
		if keys[s.Key()] = true; s.Fixed {
			fixed++
		}
	}
	if fixed > 3 {
		t.Errorf("%d refusals can't be switched off, want at most 3", fixed)
	}
	for key := range Explained() {
		if !keys[key] {
			t.Errorf("%q is explained, but there is no such refusal", key)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	calls := 0
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.ParseFile(token.NewFileSet(), f, src, 0); err != nil {
			t.Errorf("%v", err)
		}
		calls += bytes.Count(src, []byte("check.Removed("))
	}
	if want := len(list) - fixed; calls != want {
		t.Errorf("%d switches, want %d", calls, want)
	}
}

func TestRewriteForms(t *testing.T) {
	const src = `package p

func f(a, b bool) (int, error) {
	if a || b {
		return 0, check.Refuse("R-1", check.Parse, "one").At("x")
	}
	switch {
	case a:
		return 1, check.Refuse("R-2", check.Parse, "two")
	}
	err := check.Refuse("R-3", check.Parse, "three")
	return 2, err
}
`
	got, list, err := rewriteFile("p/f.go", []byte(src), 7)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"if (a || b) && !check.Removed(7) {",
		`if check.Removed(8) { return 1, nil }; return 1, check.Refuse("R-2"`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	if len(list) != 3 || list[0].Fixed || list[1].Fixed || !list[2].Fixed || list[2].Rule != "R-3" || list[2].Key() != "p f: three" {
		t.Errorf("sites are %+v", list)
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		check, text, now, nowText string
		want                      Effect
	}{
		{"parse", "a", "parse", "a", Nothing},
		{"parse", "a", "parse", "b", Echoed},
		{"parse", "a", "limit", "b", Doubled},
		{"parse", "a", Panicked, "", Broken},
		{"parse", "a", "", "", Accepted},
	} {
		if got := Judge(c.check, c.text, c.now, c.nowText); got != c.want {
			t.Errorf("Judge(%q, %q, %q, %q) = %v, want %v", c.check, c.text, c.now, c.nowText, got, c.want)
		}
	}
}

// TestRemoval takes out every check and demands that some fixture notices, or that
// the table says why none can. It builds a program and runs for a minute or so:
// REMOVAL=1 turns it on.
func TestRemoval(t *testing.T) {
	if os.Getenv("REMOVAL") == "" {
		t.Skip("SKIPPED: takes a minute or more; REMOVAL=1 turns it on")
	}
	overlay, dir, list := sites(t)
	program := filepath.Join(dir, "runner")
	run(t, "go", "build", "-overlay", overlay, "-o", program, "./runner")
	verdicts := json.NewDecoder(bytes.NewReader(run(t, program, "-sites", strconv.Itoa(len(list)))))
	counts, explained := map[Effect]int{}, Explained()
	seen := 0
	for verdicts.More() {
		var v Verdict
		if err := verdicts.Decode(&v); err != nil {
			t.Fatal(err)
		}
		s := list[v.N]
		seen++
		counts[v.Effect]++
		why := explained[s.Key()]
		switch {
		case v.Effect == Nothing && why == "":
			t.Errorf("%s %s: nothing notices that %s %s is gone (due in %d fixtures)", s.Where, s.Func, s.Rule, s.Check, v.Due)
		case v.Effect == Nothing:
			t.Logf("%s %s: %s", s.Where, s.Func, why)
		case why != "":
			t.Errorf("%s is explained (%s), but %s notices", s.Key(), why, v.Fixture)
		case v.Effect == Doubled:
			t.Logf("%s %s %s: doubled by check %s in %s", s.Where, s.Func, s.Rule, v.Now, v.Fixture)
		}
	}
	if seen != len(list) {
		t.Errorf("%d verdicts, want %d", seen, len(list))
	}
	t.Logf("%d checks: without it a bad input is accepted %d, the code behind panics %d, another check refuses %d, the same check elsewhere %d, nothing notices %d",
		seen, counts[Accepted], counts[Broken], counts[Doubled], counts[Echoed], counts[Nothing])
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.String())
	}
	return out
}
