package faults

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// What came of a cell.
const (
	nothing   = "nothing public" // and the second run signs
	signed    = "signed"         // in spite of the fault
	inHand    = "in hand"        // the first run failed; its bundles are in files or printed
	recovered = "recovered"      // by the second run, with no second entry
	whole     = "nothing lost"   // any of these: a signal meets each file of a batch elsewhere
	said      = "said"           // the message says what is or may be public
	red       = "RED"
)

// A verdict is what came of a cell, and why it is red.
type verdict struct {
	outcome string
	reasons []string
	seen    string // for a reader who looks for the cause
}

// saysPublic finds the word that entries are public, or may be.
var saysPublic = regexp.MustCompile(`(?i)(entry|entries|signatures?)\b[^\n]*\b(public|published|logged)\b|\b(is|are|may be) public\b`)

func saysSo(e ending) bool {
	for line := range strings.Lines(e.stderr) {
		if saysPublic.MatchString(line) && !strings.Contains(line, "being published") {
			return true
		}
	}
	return false
}

// judge runs a cell: with the fault, and then without it.
func judge(r *trial) verdict {
	begin := r.size()
	own := r.line()
	first := own
	if r.fault.args != nil {
		first = r.fault.args(own)
	}
	if !r.other {
		own = first
	}
	if r.begin != nil {
		r.begin(r)
	}
	endings := r.atOnce(r.before, first, max(1, r.runs))
	r.mend()
	middle := r.size()
	was := r.look(texts(endings)...)
	v := verdict{seen: show(first, endings)}
	needed := int64(r.verb.entries)
	if done := succeeded(endings); done && was.in(placed) == r.verb.entries && middle-begin == needed && len(was.missing(begin, middle)) == 0 {
		v.outcome = signed
		v.leftovers(r)
		return v.end(r)
	} else if done {
		v.because("a run ends with status 0: %d entries, %d of %d bundles in place", middle-begin, was.in(placed), needed)
	}
	again := r.run(r.command("", own))
	end := r.size()
	is := r.look(append(texts(endings), again.stderr)...)
	v.seen += show(own, []ending{again})
	v.outcome = outcome(was, is, begin, middle)
	word := false
	for _, e := range endings {
		word = word || saysSo(e)
		if e.status == 70 {
			v.because("ends as a fault of the program, status 70")
		}
	}
	lost := is.missing(begin, end)
	switch {
	case len(lost) > 0 && word:
		v.outcome = said
	case len(lost) > 0:
		v.because("%d of %d entries have no bundle, and no word of it", len(lost), end-begin)
	case end-begin > needed && is.in(printed) == 0:
		v.because("%d entries, want %d: something was signed a second time", end-begin, needed)
	}
	if again.status != 0 || is.in(placed) < r.verb.entries {
		v.because("the second run ends with status %d, %d of %d bundles in place", again.status, is.in(placed), needed)
	}
	v.leftovers(r)
	return v.end(r)
}

// atOnce runs a line, or several of the same.
func (r *trial) atOnce(limits string, args []string, n int) []ending {
	endings := make([]ending, n)
	var wg sync.WaitGroup
	for i := range n {
		cmd := r.command(limits, args)
		wg.Go(func() { endings[i] = r.run(cmd) })
	}
	wg.Wait()
	return endings
}

func outcome(was, is hands, begin, middle int64) string {
	switch {
	case middle == begin:
		return nothing
	case len(was.missing(begin, middle)) == 0:
		return inHand
	case len(is.missing(begin, middle)) == 0:
		return recovered
	}
	return red
}

func succeeded(endings []ending) bool {
	for _, e := range endings {
		if e.status == 0 {
			return true
		}
	}
	return false
}

func texts(endings []ending) (all []string) {
	for _, e := range endings {
		all = append(all, e.stderr)
	}
	return all
}

func (v *verdict) because(format string, args ...any) {
	v.reasons = append(v.reasons, fmt.Sprintf(format, args...))
}

func (v *verdict) leftovers(r *trial) {
	if left := r.temporary(); len(left) > 0 {
		v.because("temporary files stay: %q", left)
	}
}

// end finishes the verdict: what is in its place is what another client accepts.
func (v *verdict) end(r *trial) verdict {
	if !r.other && len(v.reasons) == 0 {
		for i, file := range r.files {
			data, err := os.ReadFile(r.path(r.targets[i]))
			if err == nil {
				_, err = r.peer.Verify(data, file, r.URL(sandbox.Actions), sandbox.Workflow)
			}
			if err != nil {
				v.because("sigstore-go refuses %s: %v", r.targets[i], err)
			}
		}
	}
	if r.verb.entries > 1 && r.signal && v.outcome != said {
		v.outcome = whole
	}
	v.reasons = append(v.reasons, r.problems...)
	if len(v.reasons) > 0 {
		v.outcome = red
	}
	return *v
}

// show prints a line and how it ended.
func show(args []string, endings []ending) string {
	var b strings.Builder
	fmt.Fprintf(&b, "hallmark %s\n", strings.Join(args, " "))
	for _, e := range endings {
		fmt.Fprintf(&b, "  status %d\n", e.status)
		for line := range strings.Lines(e.stderr) {
			fmt.Fprintf(&b, "  | %s\n", strings.TrimRight(line, "\n"))
		}
	}
	return b.String()
}
