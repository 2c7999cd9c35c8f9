package interop

import (
	"os/exec"
	"runtime"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// Q36: with a young cache, verification needs no network at all: it passes in a
// network namespace that has no interface.
func TestVerify_WithoutAnyNetwork(t *testing.T) {
	unshare, err := exec.LookPath("unshare")
	if err != nil || runtime.GOOS != "linux" || exec.Command(unshare, "-n", "true").Run() != nil {
		t.Skip("SKIPPED: network namespaces can't be made here (unshare -n); the same is tested by counting requests")
	}
	s := newScene(t, sandbox.Options{})
	s.write(t, "app", "an application")
	s.run(t, 0, "sign", "app", "--yes", "--identity-token", s.token(t, "alice@example.com"))
	args := with(s.from("alice@example.com"), "verify", "app")
	s.run(t, 0, args...) // fills the cache, if signing did not
	inside := s.hallmark.Command(t.Context(), args...)
	inside.Args = append([]string{unshare, "-n", inside.Path}, inside.Args[1:]...)
	inside.Path = unshare
	if out, err := inside.CombinedOutput(); err != nil {
		t.Errorf("without network: %v\n%s", err, out)
	}
}
