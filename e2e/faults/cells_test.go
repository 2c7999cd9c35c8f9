package faults

import (
	"slices"
	"strings"
	"time"
)

// A logKind is a generation of logs and how fast it answers.
type logKind struct {
	name       string
	generation int
	late       time.Duration // between the work and the answer
}

var (
	v1     = logKind{"v1", 1, 0}
	v1Late = logKind{"v1 after 3 s", 1, 3 * time.Second}
	v2     = logKind{"v2", 2, 0}
	v2Late = logKind{"v2 after 3 s", 2, 3 * time.Second}
)

var (
	allLogs = []logKind{v1, v1Late, v2, v2Late}
	prompt  = []logKind{v1, v2}
)

// A fault is something that happens at a step of a command.
type fault struct {
	step, name string
	begin      func(r *trial)               // before the first run; nil: nothing
	before     string                       // program and arguments to begin the line with
	args       func(args []string) []string // of the first run; nil: those of the verb
	// other says that the first line can never succeed: the second run is the verb's own.
	other  bool
	runs   int  // how many of the first run at once; 0: one
	signal bool // meets a batch at another place each time
}

// A cell is one square of the matrix.
type cell struct {
	verb *verb
	fault
	log logKind
}

func (c cell) name() string {
	return strings.ReplaceAll(strings.Join([]string{c.verb.name, c.step, c.fault.name, c.log.name}, "/"), " ", "-")
}

// cells makes the whole matrix, in the order of the report.
func cells() []cell {
	var all []cell
	for _, v := range verbs {
		for _, f := range v.faults() {
			for _, l := range logsFor(v, f) {
				all = append(all, cell{v, f, l})
			}
		}
	}
	return all
}

// early are the steps before anything is sent to a log; how fast it answers is no
// matter to them.
var early = []string{stepTUF, stepToken, stepFulcio, stepState, stepResolve, stepReferrers}

// logsFor says with which logs a fault is tried.
func logsFor(v *verb, f fault) []logKind {
	_, service := services[f.step]
	switch {
	case f.name == hidden:
		return []logKind{v1}
	case f.name == silent && v.sparse: // each takes the client's whole patience
		return nil
	case f.name == silent, !service, slices.Contains(early, f.step):
		if v.sparse {
			return []logKind{v2}
		}
		return prompt
	}
	return allLogs
}

// every is the distance of the quick cells of the sample, besides those of key.
const every = 14

// sample is the part of the matrix that each run of the tests goes through: fixed
// cells, few of which wait for a late log and none for a client to lose patience.
func sample(all []cell) []cell {
	var out []cell
	n := 0
	for _, c := range all {
		quick := c.log.late == 0 && c.fault.name != silent
		if quick {
			n++
		}
		if quick && n%every == 0 || key(c) {
			out = append(out, c)
		}
	}
	return out
}

// key says which cells are in every sample: a lost answer, a killed batch, a full
// disk, a signal.
func key(c cell) bool {
	what := c.verb.name + "/" + c.step + "/" + c.fault.name
	if c.log.late > 0 {
		return c.log == v1Late && what == "sign 20 files/log/INT"
	}
	switch what {
	case "sign/log/answer lost", "sign 20 files/timestamp/503", "sign 20 files/log/INT", "sign 20 files/log/KILL",
		"sign 20 files/log/HUP", "sign 20 files/target/5 are signed already, and their run was killed", "sign/target/folder missing", "sign/target/disk full", "attest/target/read-only folder",
		"sign/written/folder removed", "sign/written/the same, and no state folder", "sign IMAGE/manifest/refused", "sign/target/three at once", "log upload/log/answer lost":
		return true
	}
	return false
}
