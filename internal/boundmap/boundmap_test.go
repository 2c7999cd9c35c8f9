package boundmap

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the table in docs/threat-model.md")

const page = "../../docs/threat-model.md"

func build(t *testing.T) []Bound {
	t.Helper()
	all, err := Build("../..")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCurrent(t *testing.T) {
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Page(got, build(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/threat-model.md is out of date: make docs")
	}
}

// Every bound has a test, and what is none is still there.
func TestEveryBoundIsTested(t *testing.T) {
	all := build(t)
	if len(all) < 90 {
		t.Errorf("%d bounds, want at least 90", len(all))
	}
	for _, b := range all {
		if len(b.Tests) == 0 {
			t.Errorf("%s (%s %s): no test names it", b.Name, b.Value, b.Of)
		}
	}
	s, err := scan("../..")
	if err != nil {
		t.Fatal(err)
	}
	for name := range others() {
		if s.all[name] == nil {
			t.Errorf("%s: there is no such constant", name)
		}
	}
}

func TestValues(t *testing.T) {
	for n, want := range map[int64]string{1: "1", 999: "999", 1000: "1,000", 1048577: "1,048,577"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
	if _, err := Page([]byte("text"), nil); err == nil {
		t.Error("a page without a place for the table")
	}
}
