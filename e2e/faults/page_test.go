package faults

import (
	"fmt"
	"os"
	"path/filepath"
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

// publish writes the page.
func publish(t *testing.T, all []cell, done *results) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, preface, len(all))
	count := map[string]int{}
	for _, v := range done.all {
		count[v.outcome]++
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
	for _, v := range verbs {
		_, section, _ := strings.Cut(text, "\n## "+v.name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		for _, f := range v.faults() {
			if len(logsFor(v, f)) > 0 && !strings.Contains(section, fmt.Sprintf("\n| %s | %s |", f.step, f.name)) {
				t.Errorf("%s lacks %s, %s, %s; run make faults", page, v.name, f.step, f.name)
			}
		}
	}
	if strings.Contains(text, "| "+red+" |\n") || strings.Contains(text, " "+red+" |") && !strings.Contains(text, "- "+red+": 0\n") {
		t.Errorf("%s has red cells", page)
	}
}
