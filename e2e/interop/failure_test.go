package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

const canary = "canary-3f1c9d77"

// A hundred files: one login, one certificate, all in parallel.
func TestSign_HundredFiles(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{CheckpointInterval: time.Second})
	s.write(t, "one", "one\n")
	single := s.run(t, 0, "sign", "one", "--identity-token", s.token(t, sandbox.Alice), "--yes")

	args := []string{"sign", "--yes", "--identity-token", s.token(t, sandbox.Alice)}
	var names []string
	for i := range 100 {
		name := fmt.Sprintf("file-%03d", i)
		s.write(t, name, name)
		names = append(names, name)
	}
	before := s.Requests(sandbox.Fulcio)
	many := s.run(t, 0, append(args, names...)...)
	if got := s.Requests(sandbox.Fulcio) - before; got != 1 {
		t.Errorf("%d requests to Fulcio, want 1", got)
	}
	if limit := 2*single.Wall + 3*time.Second; many.Wall > limit {
		t.Errorf("100 files took %v, one took %v: limit %v", many.Wall, single.Wall, limit)
	}
	t.Logf("one file %v, a hundred %v", single.Wall, many.Wall)
	s.run(t, 0, append(append([]string{"verify"}, names...), s.from(sandbox.Alice)...)...)
}

// Each service down or lying: a clear line, status 3 or 1, nothing written,
// and nothing secret said.
func TestSign_FailsCleanly(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	s.write(t, "f", "content\n")
	// The trust root is cached first: from then on only the fault is new.
	s.run(t, 0, "sign", "f", "--bundle", "first.json", "--identity-token", s.token(t, sandbox.Alice), "--yes")

	spoil := func(b []byte) []byte {
		if i := len(b) / 2; len(b) > 0 {
			b[i] ^= 4
		}
		return b
	}
	faults := map[string]sandbox.Fault{
		"dropped":   sandbox.Drop(),
		"refused":   sandbox.Status(403),
		"down":      sandbox.Status(503),
		"truncated": sandbox.Truncate(40),
		"empty":     sandbox.Answer(201, "application/json", nil),
		"spoiled":   sandbox.Rewrite(spoil),
		"another":   sandbox.Answer(201, "application/json", []byte("{}")),
	}
	for _, service := range []sandbox.Service{sandbox.Fulcio, sandbox.TSA, sandbox.Rekor} {
		for name, fault := range faults {
			s.Fault(service, fault)
			token := s.token(t, sandbox.Alice)
			secret := strings.Split(string(s.read(t, token)), ".")[2]
			r, err := s.hallmark.With("CANARY_TOKEN="+canary).Run(t.Context(), "sign", "f", "--identity-token", token, "--yes")
			s.Fault(service, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status != 1 && r.Status != 3 {
				t.Errorf("%s %s: status %d, want 3 (or 1)\n%s", service, name, r.Status, r.Stderr)
			}
			if strings.TrimSpace(r.Stderr) == "" {
				t.Errorf("%s %s: no word of why", service, name)
			}
			if out := r.Stdout + r.Stderr; strings.Contains(out, secret) || strings.Contains(out, canary) {
				t.Errorf("%s %s: a secret is in the output:\n%s", service, name, out)
			}
			if left := leftovers(t, s); len(left) > 0 {
				t.Errorf("%s %s: leaves %v", service, name, left)
			}
		}
	}
	s.run(t, 0, "sign", "f", "--identity-token", s.token(t, sandbox.Alice), "--yes")
}

// leftovers lists bundles and temporary files of "f".
func leftovers(t *testing.T, s *scene) []string {
	t.Helper()
	var out []string
	entries, err := os.ReadDir(s.hallmark.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		switch name := e.Name(); name {
		case "f", "token.jwt", "first.json", ".hallmark":
		default:
			out = append(out, name)
		}
	}
	return out
}

// Killed while it waits for the log: no bundle, and a second run succeeds.
func TestSign_KilledLeavesNoBundle(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	s.write(t, "f", "content\n")
	s.run(t, 0, "sign", "f", "--bundle", "first.json", "--identity-token", s.token(t, sandbox.Alice), "--yes")
	for _, service := range []sandbox.Service{sandbox.Fulcio, sandbox.TSA, sandbox.Rekor} {
		s.Fault(service, sandbox.Hang())
		before := s.Requests(service)
		cmd := s.hallmark.Command(t.Context(), "sign", "f", "--identity-token", s.token(t, sandbox.Alice), "--yes")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); s.Requests(service) == before; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				cmd.Process.Kill()
				t.Fatalf("%s was never asked", service)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		s.Fault(service, nil)
		if left := leftovers(t, s); len(left) > 0 {
			t.Errorf("killed at %s: leaves %v", service, left)
		}
	}
	s.run(t, 0, "sign", "f", "--identity-token", s.token(t, sandbox.Alice), "--yes")
}

// With metadata in the cache, verification asks nobody; and it says so when
// the metadata has expired.
func TestVerify_YoungCacheAsksNobody(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	s.write(t, "f", "content\n")
	s.run(t, 0, "sign", "f", "--identity-token", s.token(t, sandbox.Alice), "--yes")
	services := []sandbox.Service{sandbox.Fulcio, sandbox.CTLog, sandbox.Rekor, sandbox.TSA, sandbox.OIDC, sandbox.Actions, sandbox.TUF, sandbox.Registry}
	before := map[sandbox.Service]int{}
	for _, service := range services {
		before[service] = s.Requests(service)
	}
	s.run(t, 0, with(s.from(sandbox.Alice), "verify", "f")...)
	for _, service := range services {
		if got := s.Requests(service) - before[service]; got != 0 {
			t.Errorf("%d requests to %s", got, service)
		}
	}
}

func TestSign_ExpiredMetadata(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{TimestampLife: -time.Hour})
	s.write(t, "f", "content\n")
	r := s.run(t, 3, "sign", "f", "--identity-token", s.token(t, sandbox.Alice), "--yes")
	if !strings.Contains(r.Stderr, "expire") {
		t.Errorf("the reason is not said: %s", r.Stderr)
	}
	if _, err := os.Stat(filepath.Join(s.hallmark.Dir, "f.sigstore.json")); err == nil {
		t.Error("a bundle was written")
	}
}
