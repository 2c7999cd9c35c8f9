package specmap

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write docs/spec-map.md")

const page = "../../docs/spec-map.md"

func build(t *testing.T) []Rule {
	t.Helper()
	all, err := Build("../..")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCurrent(t *testing.T) {
	want := Document(build(t))
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/spec-map.md is out of date: make docs")
	}
}

// TestEveryRuleIsKeptAndTested: no rule is without code, and none without a test
// that carries its id.
func TestEveryRuleIsKeptAndTested(t *testing.T) {
	all := build(t)
	if len(all) != 114 {
		t.Errorf("%d rules, want 114", len(all))
	}
	seen := map[string]bool{}
	for _, r := range all {
		if seen[r.ID] {
			t.Errorf("%s is listed twice", r.ID)
		}
		seen[r.ID] = true
		if len(r.Functions) == 0 && r.Place == "" {
			t.Errorf("%s: no function refuses by it, and none is named", r.ID)
		}
		if len(r.Tests) == 0 {
			t.Errorf("%s: no test carries the id (fixtures: %q)", r.ID, r.Rows)
		}
	}
}
