// Package cli runs the hallmark program as a user would, against a sandbox,
// and measures it.
package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// A Hallmark is an installed program with a user's folders of its own.
type Hallmark struct {
	Binary string
	Dir    string   // working directory; it also holds the user's folders
	Env    []string // besides the few of every process
}

// Program returns a function that builds a program of the repository, once: of the
// module in dir and the package pkg, as bin/NAME. Packages of tests run at once, so
// each has a program of its own.
func Program(dir, pkg, name string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		ctx := context.Background()
		module, err := sandbox.Module(ctx)
		if err != nil {
			return "", err
		}
		root := filepath.Dir(module)
		out := filepath.Join(root, "bin", name)
		return out, sandbox.Build(ctx, filepath.Join(root, dir), pkg, out)
	})
}

// New gives a user the sandbox as the instance they use.
func New(ctx context.Context, binary, dir string, s *sandbox.Sandbox) (*Hallmark, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	h := &Hallmark{Binary: binary, Dir: dir, Env: []string{
		"HALLMARK_CONFIG_DIR=" + filepath.Join(dir, ".hallmark", "config"),
		"HALLMARK_CACHE_DIR=" + filepath.Join(dir, ".hallmark", "cache"),
		"HALLMARK_STATE_DIR=" + filepath.Join(dir, ".hallmark", "state"),
		"HALLMARK_INSTANCE=sandbox",
	}}
	r, err := h.Run(ctx, "trust", "add", "sandbox", "--mirror", s.URL(sandbox.TUF), "--root", s.TUFRoot())
	if err != nil {
		return nil, err
	}
	return h, r.Want(0)
}

// With returns a user with more environment.
func (h *Hallmark) With(env ...string) *Hallmark {
	other := *h
	other.Env = append(append([]string{}, h.Env...), env...)
	return &other
}

// A Result is how a command ended.
type Result struct {
	Line           string // what was run
	Status         int
	Stdout, Stderr string
	Wall, CPU      time.Duration // CPU is user and system time together
	Peak           int64         // largest resident set, in bytes
}

// Run runs a command to its end. Only a command that can't be run at all, or
// is ended by ctx, is an error.
func (h *Hallmark) Run(ctx context.Context, args ...string) (*Result, error) {
	return Run(ctx, h.Dir, h.environ(), nil, h.Binary, args...)
}

// RunWith is like Run with standard input.
func (h *Hallmark) RunWith(ctx context.Context, stdin io.Reader, args ...string) (*Result, error) {
	return Run(ctx, h.Dir, h.environ(), stdin, h.Binary, args...)
}

// Command is a command that is not started yet, for a test that interferes.
func (h *Hallmark) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, h.Binary, args...)
	cmd.Dir, cmd.Env = h.Dir, h.environ()
	return cmd
}

// environ is small and the same everywhere: no CI variables, no tokens, no
// display of the machine the tests run on.
func (h *Hallmark) environ() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.Dir, "LC_ALL=C", "NO_COLOR=1", "TMPDIR=" + os.TempDir()}
	return append(env, h.Env...)
}

// Run runs any program and measures it.
func Run(ctx context.Context, dir string, env []string, stdin io.Reader, binary string, args ...string) (*Result, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, env, stdin
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	state := cmd.ProcessState
	r := &Result{
		Line:   filepath.Base(binary) + " " + strings.Join(args, " "),
		Status: state.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String(),
		Wall: time.Since(begin), CPU: state.UserTime() + state.SystemTime(),
	}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		r.Peak = int64(usage.Maxrss) << 10 // Linux counts kibibytes
	}
	return r, nil
}

// Want is an error unless the command ended with this status.
func (r *Result) Want(status int) error {
	if r.Status == status {
		return nil
	}
	return fmt.Errorf("%s\n  ended with status %d, want %d\n%s%s", r.Line, r.Status, status, indent(r.Stdout), indent(r.Stderr))
}

func indent(text string) string {
	if text == "" {
		return ""
	}
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}
