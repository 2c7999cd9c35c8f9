package login

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// binary builds hallmark once for all tests of this package.
var binary = cli.Program(".", "./cmd/hallmark", "hallmark-login")

var sandboxBinary = sync.OnceValues(func() (string, error) { return sandbox.Binary(context.Background()) })

// A scene is a sandbox and a user with a file to sign.
type scene struct {
	*sandbox.Sandbox
	hallmark *cli.Hallmark
}

// newScene starts a sandbox that believes further issuers of e-mail addresses.
func newScene(t *testing.T, issuers ...string) *scene {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	program, err := sandboxBinary()
	if err != nil {
		t.Fatal(err)
	}
	o := sandbox.Options{Binary: program, Issuers: map[string]string{}}
	for _, i := range issuers {
		o.Issuers[i] = "email"
	}
	s := &scene{Sandbox: sandbox.Start(t, o)}
	if s.hallmark, err = cli.New(t.Context(), path, t.TempDir(), s.Sandbox); err != nil {
		t.Fatal(err)
	}
	s.write(t, "app.txt", "an application\n")
	return s
}

func (s *scene) path(name string) string { return filepath.Join(s.hallmark.Dir, name) }

func (s *scene) write(t *testing.T, name, data string) {
	t.Helper()
	if err := os.WriteFile(s.path(name), []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// services are the flags by which hallmark logs in at another issuer.
func (s *scene) services(t *testing.T, issuer string) []string {
	t.Helper()
	config, err := os.ReadFile(s.SigningConfig())
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.ReplaceAll(config, []byte(s.Issuer()), []byte(issuer))
	if bytes.Equal(changed, config) {
		t.Fatalf("issuer %s is not in %s", s.Issuer(), config)
	}
	s.write(t, "services.json", string(changed))
	return []string{"--trusted-root", s.TrustedRoot(), "--signing-config", s.path("services.json")}
}

// verify runs hallmark verify for a person.
func (s *scene) verify(t *testing.T, file, issuer, email string) {
	t.Helper()
	r, err := s.hallmark.Run(t.Context(), "verify", file, "--certificate-identity", email, "--certificate-oidc-issuer", issuer)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Want(0); err != nil {
		t.Error(err)
	}
}

// A program is a hallmark that runs while a person does something.
type program struct {
	cmd  *exec.Cmd
	said *transcript
	done chan struct{}
	err  error
}

// start runs a command. Its browser does nothing: the test is the browser.
func (s *scene) start(t *testing.T, stdin io.Reader, env []string, args ...string) *program {
	t.Helper()
	return begin(t, stdin, s.hallmark.With(append([]string{"BROWSER=/bin/true"}, env...)...).Command(t.Context(), args...))
}

func begin(t *testing.T, stdin io.Reader, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{cmd: cmd, said: &transcript{changed: make(chan struct{}, 1)}, done: make(chan struct{})}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = stdin, p.said, p.said, 5*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		p.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.done
	})
	return p
}

// sees waits until the program printed what the expression matches, and
// returns its group.
func (p *program) sees(t *testing.T, expression string) string {
	t.Helper()
	re := regexp.MustCompile(expression)
	deadline := time.After(30 * time.Second)
	for {
		if m := re.FindStringSubmatch(p.said.String()); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-p.said.changed:
		case <-p.done:
			if m := re.FindStringSubmatch(p.said.String()); m != nil {
				return m[len(m)-1]
			}
			t.Fatalf("hallmark ended (%v) without %q:\n%s", p.err, expression, p.said)
		case <-deadline:
			t.Fatalf("hallmark does not print %q:\n%s", expression, p.said)
		}
	}
}

// address is the page that hallmark wants opened.
func (p *program) address(t *testing.T) string {
	t.Helper()
	return p.sees(t, `(?m)^  (http://\S+)\s`)
}

// ends waits for the exit status.
func (p *program) ends(t *testing.T, status int) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		t.Fatalf("hallmark does not end:\n%s", p.said)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != status {
		t.Fatalf("exit status is %d, want %d (%v):\n%s", got, status, p.err, p.said)
	}
}

// A transcript is what a program printed so far.
type transcript struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
