package login

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// TestAgent_TwoRunsAtOnceLogInOnce: the second says that it waits, and signs with
// the login of the first.
func TestAgent_TwoRunsAtOnceLogInOnce(t *testing.T) {
	s := newScene(t)
	s.write(t, "other.txt", "another\n")
	s.write(t, "third.txt", "a third\n")
	env := agentPlace(t, s)
	sign := func(file string) *program { return s.start(t, nil, env, "sign", "--yes", "--agent", file) }
	first := sign("app.txt")
	address := first.address(t)
	second := sign("other.txt")
	second.sees(t, `waiting for another run that is logging in`)
	third := sign("third.txt")
	third.sees(t, `waiting for another run`)
	if err := third.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	third.ends(t, 130)
	if err := s.Login(t.Context(), address, sandbox.Bob); err != nil {
		t.Fatal(err)
	}
	first.ends(t, 0)
	second.ends(t, 0)
	second.sees(t, `signing as bob@example.com .*, from the agent`)
	s.verify(t, "app.txt", s.Issuer(), sandbox.Bob)
	s.verify(t, "other.txt", s.Issuer(), sandbox.Bob)
}

// TestAgent_NextRunLogsInIfTheFirstDies: nobody waits for a run that is gone.
func TestAgent_NextRunLogsInIfTheFirstDies(t *testing.T) {
	s := newScene(t)
	s.write(t, "other.txt", "another\n")
	env := agentPlace(t, s)
	first := s.start(t, nil, env, "sign", "--yes", "--agent", "app.txt")
	before := first.address(t)
	second := s.start(t, nil, env, "sign", "--yes", "--agent", "other.txt")
	second.sees(t, `waiting for another run`)
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	address := second.address(t)
	if state(t, address) == state(t, before) {
		t.Error("both runs have the same state")
	}
	if err := s.Login(t.Context(), address, sandbox.Bob); err != nil {
		t.Fatal(err)
	}
	second.ends(t, 0)
	s.verify(t, "other.txt", s.Issuer(), sandbox.Bob)
}

// agentPlace is a folder for an agent, which ends with the test. Names of sockets
// must be short.
func agentPlace(t *testing.T, s *scene) []string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"HALLMARK_RUNTIME_DIR=" + filepath.Join(dir, "run")}
	t.Cleanup(func() {
		r, err := s.hallmark.With(env...).Run(context.WithoutCancel(t.Context()), "agent", "stop")
		if err != nil || r.Status != 0 {
			t.Errorf("agent stop: %v %v", err, r)
		}
		os.RemoveAll(dir)
	})
	return env
}

func state(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("state")
}
