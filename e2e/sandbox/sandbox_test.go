package sandbox_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

var services = []sandbox.Service{
	sandbox.Fulcio, sandbox.CTLog, sandbox.Rekor, sandbox.TSA,
	sandbox.OIDC, sandbox.Actions, sandbox.TUF, sandbox.Registry, sandbox.Rekor1,
}

// probes are paths that each server answers with 200.
var probes = map[sandbox.Service]string{
	sandbox.Fulcio: "/api/v2/trustBundle", sandbox.CTLog: "/ct/v1/get-roots", sandbox.Rekor: "/api/v2/checkpoint",
	sandbox.TSA: "/api/v1/timestamp/certchain", sandbox.OIDC: "/.well-known/openid-configuration",
	sandbox.Actions: "/.well-known/openid-configuration", sandbox.TUF: "/timestamp.json", sandbox.Registry: "/v2/",
	sandbox.Rekor1: "/api/v1/log",
}

func TestStart_AllServersAnswerQuickly(t *testing.T) {
	t.Parallel()
	s := sandbox.Start(t, sandbox.Options{})
	for _, service := range services {
		resp, err := http.Get(s.URL(service) + probes[service])
		if err != nil {
			t.Errorf("%s: %v", service, err)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s%s: %s", service, probes[service], resp.Status)
		}
	}
	t.Logf("ready after %v", s.StartTime())
	if s.StartTime() > 5*time.Second {
		t.Errorf("started in %v", s.StartTime())
	}
}

func TestStart_ListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	s := sandbox.Start(t, sandbox.Options{})
	got := listening(t, s.PID())
	// Behind the fronts: HTTP, gRPC and metrics of Rekor v2, Trillian and Redis of v1.
	if want := len(services) + 5; len(got) != want {
		t.Errorf("%d listening sockets, want %d: %v", len(got), want, got)
	}
	for _, ip := range got {
		if !ip.Equal(net.IPv4(127, 0, 0, 1)) {
			t.Errorf("a server listens on %v", ip)
		}
	}
}

func TestStart_SeveralAtOnce(t *testing.T) {
	t.Parallel()
	a, b := sandbox.Start(t, sandbox.Options{}), sandbox.Start(t, sandbox.Options{})
	first, err := os.ReadFile(a.TrustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(b.TrustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	if string(first) == string(second) {
		t.Error("two sandboxes have the same keys")
	}
}

func TestClose_LeavesNothing(t *testing.T) {
	t.Parallel()
	s, err := sandbox.Open(t.Context(), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := syscall.Kill(s.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there: %v", s.PID(), err)
	}
	if _, err := os.Stat(s.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", s.Dir(), err)
	}
}

func TestOpen_FindsKeysAndLogAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var trusted, checkpoint [2]string
	for i := range trusted {
		s, err := sandbox.Open(t.Context(), sandbox.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		trusted[i] = keys(t, s.TrustedRoot())
		checkpoint[i] = body(t, s.URL(sandbox.TUF)+"/timestamp.json")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if trusted[0] != trusted[1] {
		t.Error("keys are new after a restart")
	}
	if !strings.Contains(checkpoint[1], `"version": 2`) {
		t.Errorf("TUF does not go on from version 1: %s", checkpoint[1])
	}
}

// The program itself: prints lines for a shell, and ends on a signal with
// status 0 and its temporary folder gone.
func TestProgram_EndsOnSignal(t *testing.T) {
	t.Parallel()
	binary, err := sandbox.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := exec.Command(binary)
		cmd.Env = append(os.Environ(), "TMPDIR="+temp)
		out := &lines{want: "data in", seen: make(chan struct{})}
		cmd.Stdout, cmd.Stderr = out, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-out.seen:
		case <-time.After(20 * time.Second):
			cmd.Process.Kill()
			t.Fatalf("not ready: %s", out.text.String())
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
		for _, want := range []string{"export HALLMARK_INSTANCE=sandbox\n", "export HALLMARK_CACHE_DIR=", "http://127.0.0.1:"} {
			if !strings.Contains(out.text.String(), want) {
				t.Errorf("%q is not printed: %s", want, out.text.String())
			}
		}
		left, err := os.ReadDir(temp)
		if err != nil || len(left) > 0 {
			t.Errorf("%v leaves %v (%v)", sig, left, err)
		}
	}
}

// lines collects output and says when a text has been seen.
type lines struct {
	text strings.Builder
	want string
	seen chan struct{}
	once sync.Once
}

func (l *lines) Write(b []byte) (int, error) {
	n, err := l.text.Write(b)
	if strings.Contains(l.text.String(), l.want) {
		l.once.Do(func() { close(l.seen) })
	}
	return n, err
}
