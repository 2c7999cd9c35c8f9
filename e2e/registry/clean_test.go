package registry

import (
	"slices"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// What is cleaned is gone, whatever a registry knows of removing tags: the image
// stays, and its child keeps what it has.
func TestClean_OnEachRegistry(t *testing.T) {
	s := newScene(t)
	rekor1 := s.rekor1(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			h := s.open(t, k)
			t.Parallel()
			_, children := s.push(t, h, "app:1", 1)
			ref := h.name + "/app:1"
			s.sign(t, 0, sandbox.Alice, ref, append(slices.Clone(rekor1), "--storage", "both")...)
			if r := s.run(t, 0, "image", "clean", ref, "--signatures", "--yes"); !strings.Contains(r.Stdout, "removed 2 of 2") {
				t.Errorf("want the referrer and the tag:\n%s", r.Stdout)
			}
			if r := s.run(t, 0, "image", "clean", ref, "--signatures", "--yes"); !strings.Contains(r.Stderr, "nothing to remove") {
				t.Errorf("something is left:\n%s%s", r.Stdout, r.Stderr)
			}
			s.verify(t, 4, sandbox.Alice, ref)
			s.verify(t, 0, sandbox.Alice, h.name+"/app@"+children[0])
		})
	}
}
