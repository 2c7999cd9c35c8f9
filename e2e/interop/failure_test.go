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
// It is not parallel to other tests, as it measures time.
func TestSign_HundredFiles(t *testing.T) {
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

	faults := map[string]sandbox.Fault{
		"dropped":   sandbox.Drop(),
		"refused":   sandbox.Status(403),
		"down":      sandbox.Status(503),
		"truncated": sandbox.Truncate(40),
		"empty":     sandbox.Answer(201, "application/json", nil),
		"another":   sandbox.Answer(201, "application/json", []byte("{}")),
	}
	for _, service := range []sandbox.Service{sandbox.Fulcio, sandbox.TSA, sandbox.Rekor} {
		for name, fault := range faults {
			t.Run(string(service)+" "+name, func(t *testing.T) {
				s.Fault(service, fault)
				defer s.Fault(service, nil)
				defer os.Remove(s.path("f.sigstore.json"))
				s.fails(t)
			})
		}
	}
	s.run(t, 0, "sign", "f", "--identity-token", s.token(t, sandbox.Alice), "--yes")
}

// One bit of an answer is wrong, anywhere in it: either signing fails as it
// should, or the bit does not matter to anyone and sigstore-go accepts what
// was written.
func TestSign_OneBitWrong(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	s.write(t, "f", "content\n")
	s.run(t, 0, "sign", "f", "--bundle", "first.json", "--identity-token", s.token(t, sandbox.Alice), "--yes")
	const places = 8
	for _, service := range []sandbox.Service{sandbox.Fulcio, sandbox.TSA, sandbox.Rekor} {
		refused := 0
		for i := range places {
			s.Fault(service, sandbox.Rewrite(func(b []byte) []byte {
				if len(b) > 0 {
					b[len(b)*i/places] ^= 4
				}
				return b
			}))
			r, err := s.hallmark.Run(t.Context(), "sign", "f", "--identity-token", s.token(t, sandbox.Alice), "--yes")
			s.Fault(service, nil)
			if err != nil {
				t.Fatal(err)
			}
			switch left := leftovers(t, s); {
			case r.Status == 0:
				if _, err := s.peer.Verify(s.read(t, "f.sigstore.json"), []byte("content\n"), s.Issuer(), sandbox.Alice); err != nil {
					t.Errorf("%s, %d/%d: hallmark writes what sigstore-go refuses: %v", service, i, places, err)
				}
				os.Remove(s.path("f.sigstore.json"))
			case r.Status != 1 && r.Status != 3 || len(left) > 0:
				t.Errorf("%s, %d/%d: status %d, leaves %v: %s", service, i, places, r.Status, left, r.Stderr)
			default:
				refused++
			}
		}
		t.Logf("%s: %d of %d refused", service, refused, places)
		if refused == 0 {
			t.Errorf("%s: nothing is refused", service)
		}
	}
}

// fails signs "f" and wants it to fail as it should.
func (s *scene) fails(t *testing.T) {
	t.Helper()
	token := s.token(t, sandbox.Alice)
	secret := strings.Split(string(s.read(t, token)), ".")[2]
	r, err := s.hallmark.With("CANARY_TOKEN="+canary).Run(t.Context(), "sign", "f", "--identity-token", token, "--yes")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("status %d: %s", r.Status, strings.TrimSpace(r.Stderr))
	if r.Status != 1 && r.Status != 3 {
		t.Errorf("status %d, want 3 (or 1)", r.Status)
	}
	if strings.TrimSpace(r.Stderr) == "" {
		t.Error("no word of why")
	}
	if out := r.Stdout + r.Stderr; strings.Contains(out, secret) || strings.Contains(out, canary) {
		t.Errorf("a secret is in the output:\n%s", out)
	}
	if left := leftovers(t, s); len(left) > 0 {
		t.Errorf("leaves %v", left)
	}
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

// Killed while it waits for a service: no bundle, and a second run succeeds and leaves
// nothing of the first.
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
		for _, name := range leftovers(t, s) {
			if !strings.HasPrefix(name, ".f.sigstore.json.hallmark-") {
				t.Errorf("killed at %s: leaves %s", service, name)
			}
		}
	}
	s.run(t, 0, "sign", "f", "--identity-token", s.token(t, sandbox.Alice), "--yes")
	if left := leftovers(t, s); len(left) != 1 || left[0] != "f.sigstore.json" {
		t.Errorf("the next run leaves %v, want its bundle alone", left)
	}
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
