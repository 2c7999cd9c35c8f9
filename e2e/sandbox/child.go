package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
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
)

// A child is the process with the servers. It ends when its standard input
// does, so it cannot outlive us.
type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr *tail
}

func spawn(binary string) (*child, error) {
	c := &child{cmd: exec.Command(binary, "--driven"), stderr: &tail{}}
	c.cmd.Stderr = c.stderr
	// A group of its own: Ctrl-C is for us, who then end the child in order.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdout = bufio.NewReader(out)
	return c, c.cmd.Start()
}

// ask writes one line and reads the answer.
func (c *child) ask(ctx context.Context, question, answer any) error {
	stop := context.AfterFunc(ctx, func() { c.cmd.Process.Kill() })
	defer stop()
	if err := json.NewEncoder(c.stdin).Encode(question); err != nil {
		return fmt.Errorf("servers are gone: %w\n%s", err, c.stderr)
	}
	line, err := c.stdout.ReadBytes('\n')
	if err != nil {
		c.cmd.Wait()
		return fmt.Errorf("servers do not start: %w\n%s", errors.Join(context.Cause(ctx), err), c.stderr)
	}
	return json.Unmarshal(line, answer)
}

func (c *child) end() error {
	c.stdin.Close()
	late := time.AfterFunc(30*time.Second, func() { c.cmd.Process.Kill() })
	defer late.Stop()
	if err := c.cmd.Wait(); err != nil && c.cmd.ProcessState == nil {
		return err
	}
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("servers ended with status %d\n%s", code, c.stderr)
	}
	return nil
}

// A tail keeps the last of what was written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailSize = 64 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(b)
	if over := t.buf.Len() - tailSize; over > 0 {
		t.buf.Next(over)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

// Binary returns the sandbox program: $HALLMARK_SANDBOX, or bin/sandbox-e2e of the
// repository, brought up to date by go build.
func Binary(ctx context.Context) (string, error) {
	if path := os.Getenv("HALLMARK_SANDBOX"); path != "" {
		return path, nil
	}
	root, err := Module(ctx)
	if err != nil {
		return "", err
	}
	bin := filepath.Join(filepath.Dir(root), "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	// Several test binaries may come here at the same time.
	lock, err := os.OpenFile(filepath.Join(bin, ".sandbox.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	path := filepath.Join(bin, "sandbox-e2e")
	return path, Build(ctx, root, "./cmd/sandbox", path)
}

// Build compiles a program, stripped and static, as the Makefile does.
func Build(ctx context.Context, dir, pkg, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, output)
	}
	return nil
}

// Module is the folder of this module; its parent is the repository.
func Module(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/hallmarksign/hallmark/e2e").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w (run inside the e2e folder, or set HALLMARK_SANDBOX)", err)
	}
	return strings.TrimSpace(string(out)), nil
}
