package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// ER-2: looking in no log at all is not the same as finding nothing.
func TestLogWatch_ER2_NoLogOfCertificates(t *testing.T) {
	w := newImageWorld(t)
	root := filepath.Join(w.dir, "root_without.json")
	write(t, root, w.TrustedRoot(func(doc map[string]any) { delete(doc, "ctlogs") }))
	config := filepath.Join(w.dir, "signing_config.json")
	write(t, config, w.SigningConfig())
	args := []string{"log", "watch", "--identity", "carol@example.com", "--log", w.Log2.Name, "--trusted-root", root, "--signing-config", config}
	w.must(args...)
	if stderr := w.fails(check.ExitUndecided, append(args, "--certificates")...); !strings.Contains(stderr, "no certificate transparency log") {
		t.Error(stderr)
	}
}

// A watching is a user who watches two logs, of which the first one does not answer,
// and the second one has an entry in the name of Alice.
type watching struct {
	imageWorld
	args []string
}

func newWatching(t *testing.T) *watching {
	w := &watching{imageWorld: newImageWorld(t)}
	root, config := filepath.Join(w.dir, "both_root.json"), filepath.Join(w.dir, "both.json")
	write(t, root, w.TrustedRoot())
	write(t, config, w.SigningConfig(withFirstLog(w.World)))
	w.args = []string{"log", "watch", "--identity", "alice@example.com", "--trusted-root", root, "--signing-config", config}
	w.Rekor(1).SetFault(sigtest.Answer(400, ""))
	w.Sign([]byte("forged"), func(m *sigtest.Maker) { m.Logs = []*sigtest.Log{w.Log2} })
	return w
}

// run watches and returns what it ended with.
func (w *watching) run(ctx context.Context, stdout, stderr io.Writer, more ...string) int {
	vars := map[string]string{"HALLMARK_CONFIG_DIR": filepath.Join(w.dir, "config"), "HALLMARK_CACHE_DIR": filepath.Join(w.dir, "cache")}
	return run(ctx, &env{args: append(w.args, more...), stdin: strings.NewReader(""), stdout: stdout, stderr: stderr,
		getenv: func(name string) string { return vars[name] }, now: time.Now})
}

// want runs a watch and compares its exit status and what it says.
func (w *watching) want(status int, stdout, stderr string, more ...string) string {
	w.t.Helper()
	var out, errs bytes.Buffer
	if got := w.run(w.t.Context(), &out, &errs, more...); got != status || !strings.Contains(out.String(), stdout) || !strings.Contains(errs.String(), stderr) ||
		stdout == "" && out.Len() > 0 {
		w.t.Errorf("%q: exit status %d, want %d with %q and %q\n%s%s", more, got, status, stdout, stderr, &out, &errs)
	}
	return out.String()
}

const otherLogFails = "hallmark: server: 127.0.0.1/log1: "

// What is found is told whatever else fails, and counts as told only then.
func TestLogWatch_ER5_OneLogFails(t *testing.T) {
	for name, more := range map[string][]string{"quiet": {"-q"}, "text": nil, "json": {"--json"}} {
		t.Run(name, func(t *testing.T) {
			w := newWatching(t)
			stdout := map[string]string{"quiet": "", "text": "alice@example.com", "json": `"subject":"alice@example.com"`}[name]
			out := w.want(exitNews, stdout, otherLogFails, more...)
			if name == "json" {
				var failure struct {
					Log, Check, Error string
					OK                *bool
				}
				for line := range strings.Lines(out) {
					if strings.Contains(line, `"ok"`) {
						json.Unmarshal([]byte(line), &failure)
					}
				}
				if failure.Log != "127.0.0.1/log1" || failure.Check != "server" || failure.OK == nil || *failure.OK || failure.Error == "" {
					t.Errorf("the failure is not in %s", out)
				}
			}
			// The next time there is nothing new, so that the failure is the outcome.
			second := map[string]string{"json": `"ok":false`}[name]
			w.want(check.ExitNo, second, otherLogFails, more...)
			w.Rekor(1).SetFault(sigtest.Answer(500, ""))
			w.want(check.ExitUndecided, second, "hallmark: net: 127.0.0.1/log1: ", more...)
		})
	}
}

// A deaf writer takes nothing.
type deaf struct{}

func (deaf) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// What could not be printed is found again.
func TestLogWatch_ER5_NobodyHears(t *testing.T) {
	for _, more := range [][]string{nil, {"--json"}, {"--follow"}} {
		w := newWatching(t)
		var errs bytes.Buffer
		if got := w.run(t.Context(), deaf{}, &errs, more...); got != exitNews || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("%q: exit status %d, want %d\n%s", more, got, exitNews, &errs)
		}
		w.want(exitNews, "alice@example.com", otherLogFails)
		w.want(check.ExitNo, "", otherLogFails)
	}
}

// A trigger ends a run when a text is written to it.
type trigger struct {
	said bytes.Buffer
	text string
	end  context.CancelFunc
}

func (w *trigger) Write(p []byte) (int, error) {
	n, err := w.said.Write(p)
	if strings.Contains(w.said.String(), w.text) {
		w.end()
	}
	return n, err
}

// Ctrl-C after something was found ends with the status that says so.
func TestLogWatch_ER5_Interrupted(t *testing.T) {
	for name, more := range map[string][]string{"quiet": {"-q"}, "text": nil} {
		t.Run(name, func(t *testing.T) {
			w := newWatching(t)
			follow := append([]string{"--follow", "--every", "1h"}, more...)
			interrupt := func(want int, stdout string) {
				t.Helper()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var out bytes.Buffer
				errs := &trigger{text: otherLogFails, end: cancel} // said when the first look is over
				if got := w.run(ctx, &out, errs, follow...); got != want || !strings.Contains(errs.said.String(), "hallmark: interrupted") || !strings.Contains(out.String(), stdout) {
					t.Errorf("exit status %d, want %d\n%s%s", got, want, &out, &errs.said)
				}
			}
			interrupt(exitNews, map[string]string{"text": "alice@example.com"}[name])
			interrupt(check.ExitInterrupted, "")
		})
	}
}

// With --quiet the status is what tells, so the state stays until the run ends.
func TestLogWatch_ER5_QuietMovesLast(t *testing.T) {
	w := newWatching(t)
	states := func() []string {
		files, _ := filepath.Glob(filepath.Join(w.dir, "config", "logs", "*", "watch-*.json"))
		return files
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := &trigger{text: otherLogFails}
	errs.end = func() {
		if files := states(); len(files) > 0 {
			t.Errorf("%q is stored while the run goes on", files)
		}
		cancel()
	}
	if got := w.run(ctx, io.Discard, errs, "-q", "--follow", "--every", "1h"); got != exitNews || len(states()) != 1 {
		t.Errorf("exit status %d and states %q, want %d and one\n%s", got, states(), exitNews, &errs.said)
	}
	// A state that is not there tells again.
	for _, file := range states() {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the state has mode %v, %v", info.Mode(), err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	w.want(exitNews, "", otherLogFails, "-q")
	w.want(check.ExitNo, "", otherLogFails, "-q")
}
