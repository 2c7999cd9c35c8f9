// Command gotest runs "go test" with its arguments and prints what that prints,
// and at the end each test that was skipped with its reason: a test that did not
// run must not look like one that passed.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// An event is a line of "go test -json" (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

// A run collects what tests print until it is known whether anybody wants it.
type run struct {
	out     io.Writer
	said    map[string]string // by package and test
	skipped []string
	passed  int
}

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	lines, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	r := run{out: os.Stdout, said: map[string]string{}}
	read := bufio.NewReader(lines)
	for {
		line, err := read.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if err != nil {
			break
		}
	}
	err = cmd.Wait()
	r.summary()
	if err != nil {
		os.Exit(1)
	}
}

// line takes one line, which is no event where go itself has something to say.
func (r *run) line(data []byte) {
	var e event
	if json.Unmarshal(data, &e) != nil {
		r.out.Write(data)
		return
	}
	key := e.Package + " " + e.Test
	switch {
	case e.Action == "build-output":
		io.WriteString(r.out, e.Output)
	case e.Action == "output":
		r.said[key] += e.Output
		return
	case e.Action == "fail":
		if e.Test == "" { // what ended in the middle of a test
			for other, said := range r.said {
				if other != key && strings.HasPrefix(other, key) {
					io.WriteString(r.out, said)
					delete(r.said, other)
				}
			}
		}
		io.WriteString(r.out, r.said[key])
	case e.Action == "skip" && e.Test != "":
		r.skipped = append(r.skipped, key+": "+reason(r.said[key]))
	case e.Action == "pass" && e.Test != "":
		r.passed++
	case e.Action == "pass", e.Action == "skip":
		io.WriteString(r.out, verdict(r.said[key]))
	default:
		return
	}
	delete(r.said, key)
}

// verdict is the last line about a package.
func verdict(said string) string {
	said = strings.TrimSuffix(said, "\n")
	return said[strings.LastIndex(said, "\n")+1:] + "\n"
}

// reason is what a test said when it skipped.
func reason(said string) string {
	var words []string
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ")
}

// summary prints the counts, and adds the names to the file of GOTEST_SKIPPED.
func (r *run) summary() {
	for _, s := range r.skipped {
		fmt.Fprintln(r.out, "skip  "+s)
	}
	fmt.Fprintf(r.out, "%d tests passed, %d were skipped\n", r.passed, len(r.skipped))
	path := os.Getenv("GOTEST_SKIPPED")
	if path == "" || len(r.skipped) == 0 {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = fmt.Fprintln(f, strings.Join(r.skipped, "\n"))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
	}
}
