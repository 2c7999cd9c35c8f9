// Package specmap writes docs/spec-map.md: for each rule that the verifier follows
// the functions whose refusals carry it, and the tests that carry its id. It reads
// nothing but the source, so a test can tell whether the document is current and
// whether a rule has no test.
package specmap

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/internal/vectors"
)

// A Rule is one rule of the project, with what was found about it.
type Rule struct {
	ID, Title string
	Place     string   // the function that keeps it, where no refusal carries it
	Functions []string // whose refusals carry it: package.Function
	Tests     []string // that carry its id: package.Function
	Rows      []string // of package vectors
}

// Build looks for all rules in the source below root.
func Build(root string) ([]Rule, error) {
	found, err := scan(root)
	if err != nil {
		return nil, err
	}
	out := rules()
	for i := range out {
		r := &out[i]
		for _, place := range strings.Split(r.Place, ", ") {
			if place != "" && !found.declared[place] {
				return nil, fmt.Errorf("%s: there is no function %s", r.ID, place)
			}
		}
		r.Functions = slices.Sorted(maps.Keys(found.functions[r.ID]))
		r.Tests = slices.Sorted(maps.Keys(found.tests[r.ID]))
		for _, row := range vectors.Rows() {
			if row.Left == "" && slices.Contains(strings.Fields(row.Rules), r.ID) {
				r.Rows = append(r.Rows, row.ID)
			}
		}
	}
	return out, nil
}

// Document writes the table.
func Document(all []Rule) []byte {
	var out bytes.Buffer
	out.WriteString(intro)
	group := ""
	for _, r := range all {
		if g, _, _ := strings.Cut(r.ID, "-"); g != group {
			group = g
			fmt.Fprintf(&out, "\n## %s: %s\n\n| rule | says | kept by | tests | fixtures |\n|---|---|---|---|---|\n", group, groups()[group])
		}
		kept := code(r.Functions)
		if r.Place != "" {
			kept = strings.TrimPrefix(kept+", "+code(strings.Split(r.Place, ", ")), ", ")
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", r.ID, r.Title, kept, code(r.Tests), strings.Join(r.Rows, " "))
	}
	return out.Bytes()
}

func code(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, "`"+n+"`")
	}
	return strings.Join(out, ", ")
}

const intro = `# Rules, code, tests

<!-- Written by internal/specmap: make docs -->

For each rule: the functions whose refusals carry it, or that keep it without
refusing; the tests whose names or tables carry its id; and the rows of
[vectors.md](vectors.md) whose fixtures it refuses, or demands to verify. A test
asserts that this page is current, and that no rule is without a test.
`
