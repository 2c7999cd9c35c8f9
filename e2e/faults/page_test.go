package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var page = filepath.Join("..", "..", "docs", "faults.md")

const preface = `# What happens when something fails while signing

An entry in a public log can't be taken back. So whatever fails, each entry that is
made must have its bundle in hand. This page is the result of trying it, made by
` + "`make faults`" + ` with real servers on one machine: %d cells, each a command, a step, what
happens there, and a log.

Each cell runs the command twice, with the fault and then without it, and counts the
entries of the log itself before and after. A cell is one of

| | |
|---|---|
| nothing public | the first run fails before anything is public, and the second one signs |
| signed | the first run signs in spite of the fault |
| in hand | the first run fails, and every entry has its bundle: in its place, in the folder of unfinished signatures, or on standard error |
| recovered | the first run is cut off; the second one finds its entries again and makes no second one |
| nothing lost | one of these for each file: a signal meets the files of a batch at different steps |
| said | an entry has no bundle, and the message says that it is or may be public |
| RED | anything else |

An empty square is not tried: a fault before anything is sent to the log has nothing
to do with how fast the log answers.
`

// publish writes the page. What was not tried this time stays as it is.
func publish(t *testing.T, all []cell, done *results) {
	t.Helper()
	before, err := os.ReadFile(page)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, preface, len(all))
	count := map[string]int{}
	for _, c := range all {
		if _, tried := done.all[c.name()]; !tried {
			done.set(c, verdict{outcome: squareOf(string(before), c)})
		}
		count[done.all[c.name()].outcome]++
	}
	b.WriteString("\n")
	for _, outcome := range []string{nothing, signed, inHand, recovered, whole, said, red} {
		fmt.Fprintf(&b, "- %s: %d\n", outcome, count[outcome])
	}
	for _, v := range verbs {
		fmt.Fprintf(&b, "\n## %s\n\n| step | what happens | %s | %s | %s | %s |\n|---|---|---|---|---|---|\n",
			v.name, v1.name, v1Late.name, v2.name, v2Late.name)
		for _, f := range v.faults() {
			row := rowOf(v, f, done)
			if strings.TrimSpace(row) != "" {
				fmt.Fprintf(&b, "| %s | %s |%s\n", f.step, f.name, row)
			}
		}
	}
	if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
		t.Error(err)
	}
}

// squareOf is what a page says of a cell, "" if nothing.
func squareOf(text string, c cell) string {
	row, found := rowIn(text, c.verb, c.fault)
	if !found {
		return ""
	}
	return strings.TrimSpace(strings.Split(row, "|")[slices.Index(allLogs, c.log)])
}

// rowIn is the row of a fault in a page, its squares alone.
func rowIn(text string, v *verb, f fault) (row string, found bool) {
	_, section, _ := strings.Cut(text, "\n## "+v.name+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, row, found = strings.Cut(section, fmt.Sprintf("\n| %s | %s |", f.step, f.name))
	row, _, _ = strings.Cut(row, "\n")
	return row, found
}

// rowOf are the squares of a row; "" if none was tried.
func rowOf(v *verb, f fault, done *results) string {
	var b strings.Builder
	tried := false
	for _, l := range allLogs {
		got := done.all[cell{v, f, l}.name()].outcome
		tried = tried || got != ""
		fmt.Fprintf(&b, " %s |", got)
	}
	if !tried {
		return ""
	}
	return b.String()
}

// The page is of this matrix, and all of it is green.
func TestPage(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	all := cells()
	if len(all) < 300 {
		t.Errorf("%d cells, want at least 300", len(all))
	}
	text := string(data)
	if !strings.Contains(text, fmt.Sprintf(": %d cells,", len(all))) {
		t.Errorf("%s is not of this matrix of %d cells; run make faults", page, len(all))
	}
	for _, c := range all {
		switch squareOf(text, c) {
		case "":
			t.Errorf("%s lacks %s; run make faults", page, c.name())
		case red:
			t.Errorf("%s is red", c.name())
		}
	}
}
