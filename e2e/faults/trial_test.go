package faults

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// binary builds hallmark once for all tests of this package.
var binary = cli.Program(".", "./cmd/hallmark", "hallmark-faults")

// A lane is a sandbox, which one cell at a time has for itself, and a user who has
// been there before.
type lane struct {
	*sandbox.Sandbox
	program string
	user    string       // folder with configuration and cache
	busy    atomic.Int64 // requests that a log is working on
}

func newLane(t *testing.T, program string, generation int) *lane {
	t.Helper()
	s := sandbox.Start(t, sandbox.Options{FirstGeneration: generation == 1})
	l := &lane{Sandbox: s, program: program, user: t.TempDir()}
	h, err := cli.New(t.Context(), program, l.user, s)
	if err != nil {
		t.Fatal(err)
	}
	// The trust root is in the cache from now on.
	r, err := h.With(s.ActionsEnv()...).Run(t.Context(), "sign", h.Binary, "--bundle", "b.json", "--yes")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Want(0); err != nil {
		t.Fatal(err)
	}
	return l
}

func host(url string) string { return strings.TrimPrefix(url, "http://") }

// out is the folder of outputs, in the working directory.
const out = "out"

// An input is a file in the folder of outputs.
type input struct {
	name string
	data []byte
}

// A trial is one cell that is being tried.
type trial struct {
	*lane
	cell
	t      *testing.T
	number int64
	dir    string // of all that belongs to the cell

	args    []string // of the command, without --bundle
	bundle  bool     // the one target is named with --bundle
	inputs  []input
	targets []string
	copied  string       // a layout to copy into the folder of outputs
	image   *name.Digest // what is signed in the registry

	mu       sync.Mutex
	undo     []func()
	process  *os.Process
	problems []string
}

var numbers atomic.Int64

func newTrial(t *testing.T, l *lane, c cell) *trial {
	t.Helper()
	r := &trial{lane: l, cell: c, t: t, number: numbers.Add(1), dir: t.TempDir()}
	r.must(os.MkdirAll(r.path(out), 0o755))
	for _, folder := range []string{"config", "cache"} {
		if folder == "cache" && c.step == stepTUF {
			continue // so that it is asked
		}
		r.must(os.CopyFS(filepath.Join(r.dir, folder), os.DirFS(filepath.Join(l.user, ".hallmark", folder))))
	}
	c.verb.prepare(r)
	r.fillOutputs()
	r.stand(theLog(c.log), func(server http.Handler) http.Handler { return server })
	return r
}

func (r *trial) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *trial) problem(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// path is a path in the working directory.
func (r *trial) path(name string) string { return filepath.Join(r.dir, "work", name) }

func (r *trial) write(name string, data []byte) { r.must(os.WriteFile(r.path(name), data, 0o644)) }

// content is different for each file of each trial.
func (r *trial) content(name string) []byte {
	return fmt.Appendf(nil, "%s of %d, %s\n", name, r.number, r.dir)
}

// place names the one target.
func (r *trial) place(name string) {
	r.targets, r.bundle = []string{filepath.Join(out, name)}, true
}

// fillOutputs puts the inputs that lie beside the outputs in place.
func (r *trial) fillOutputs() {
	for _, in := range r.inputs {
		r.write(in.name, in.data)
	}
	if r.copied != "" {
		r.must(os.CopyFS(r.path(filepath.Join(out, "layout")), os.DirFS(r.copied)))
	}
}

// stand puts a fault before a service. A log always finishes what it began, and
// answers as late as it does.
func (r *trial) stand(s sandbox.Service, f sandbox.Fault) {
	if s != theLog(r.log) {
		r.Fault(s, f)
		return
	}
	post := services[stepLog].match
	work := sandbox.Match(post, sandbox.Finish(&r.busy))
	late := sandbox.Match(post, sandbox.Late(r.log.late))
	r.Fault(s, func(server http.Handler) http.Handler { return f(late(work(server))) })
}

// after registers what takes the fault away.
func (r *trial) after(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.undo = append(r.undo, f)
}

// mend takes the fault away, the last part first.
func (r *trial) mend() {
	for _, s := range []sandbox.Service{sandbox.TUF, sandbox.Actions, sandbox.Fulcio, sandbox.TSA, sandbox.Registry} {
		r.Fault(s, nil)
	}
	r.stand(theLog(r.log), func(server http.Handler) http.Handler { return server })
	r.mu.Lock()
	undo := r.undo
	r.undo = nil
	r.mu.Unlock()
	for i := len(undo) - 1; i >= 0; i-- {
		undo[i]()
	}
}

func (r *trial) skip(why string) { r.t.Skip("SKIPPED: " + why) }

// line is the command of the verb.
func (r *trial) line() []string {
	if !r.bundle {
		return r.args
	}
	return append(append([]string{}, r.args...), "--bundle", r.targets[0])
}

// patience is how long a command may take, far over all that it waits for.
const patience = 8 * time.Minute

// command makes a process that is not started. limits is a shell command before it.
func (r *trial) command(limits string, args []string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	r.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, r.program, args...)
	if limits != "" {
		cmd = exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", limits + `; exec "$@"`, "sh", r.program}, args...)...)
	}
	cmd.Dir = r.path("")
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "LC_ALL=C", "NO_COLOR=1", "TMPDIR=" + r.dir,
		"HALLMARK_INSTANCE=sandbox", "HALLMARK_CONFIG_DIR=" + filepath.Join(r.dir, "config"),
		"HALLMARK_CACHE_DIR=" + filepath.Join(r.dir, "cache"), "HALLMARK_STATE_DIR=" + filepath.Join(r.dir, "state"),
	}, r.ActionsEnv()...)
	return cmd
}

// An ending is how a process ended.
type ending struct {
	status         int // -1: by a signal
	stdout, stderr string
}

// run runs a command to its end.
func (r *trial) run(cmd *exec.Cmd) ending {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 5 * time.Second
	r.mu.Lock()
	err := cmd.Start()
	r.process = cmd.Process
	r.mu.Unlock()
	r.must(err)
	cmd.Wait()
	return ending{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// signal sends a signal to the process that was started last.
func (r *trial) signal(s os.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process.Signal(s) // if it has ended, there is nothing to do
}

// settle waits until the log has finished what it was sent.
func (r *trial) settle() {
	for quiet := 0; quiet < 4; {
		time.Sleep(25 * time.Millisecond)
		if quiet++; r.busy.Load() > 0 {
			quiet = 0
		}
	}
}
