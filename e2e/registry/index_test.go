package registry

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// An index of five platforms: one login, one certificate, one log entry. Each
// child verifies alone, also after copying all, saving and loading, and copying
// that child only. sigstore-go agrees everywhere.
func TestIndex_OnEachRegistry(t *testing.T) {
	s := newScene(t)
	signed := int64(0)
	t.Run("on", func(t *testing.T) {
		for i, k := range kinds() {
			t.Run(k.name, func(t *testing.T) {
				src, dst := s.open(t, k), s.open(t, []kind{distribution, plain, plain, plainTags, plain, plain, plain}[i])
				signed++
				t.Parallel()
				digest, children := s.push(t, src, "app:1", 5)
				ref, archive := src.name+"/app", fmt.Sprintf("app%d.tar", i)

				s.sign(t, 0, sandbox.Alice, ref+":1")
				r := s.verify(t, 0, sandbox.Alice, ref+":1", "--all-platforms")
				if n := verdicts(r.Stdout); n != 6 || !strings.Contains(r.Stdout, "found by "+k.where()) {
					t.Errorf("%d verdicts, want 6, found by %s:\n%s", n, k.where(), r.Stdout)
				}
				s.verify(t, 1, sandbox.Bob, ref+":1")
				for _, d := range append([]string{digest}, children...) {
					s.accepted(t, src, "app", d, sandbox.Alice)
				}
				s.fewRequests(t, k, src, ref+"@"+children[0], 3) // referrers, manifest, bundle
				s.fewRequests(t, k, src, ref+":1", 4)            // and what the tag means

				tree := s.run(t, 0, "image", "tree", ref+":1").Stdout
				if n := strings.Count(tree, "- signature, claims "+sandbox.Alice); n != 6 {
					t.Errorf("the tree has %d signers, want 6:\n%s", n, tree)
				}
				for _, d := range append([]string{digest}, children...) {
					if !strings.Contains(tree, d) {
						t.Errorf("the tree does not show %q:\n%s", d, tree)
					}
				}

				s.run(t, 0, "image", "copy", ref+":1", dst.name+"/mirror/app:1")
				s.allVerify(t, dst, "mirror/app", ":1", digest, children)

				s.run(t, 0, "image", "copy", ref+"@"+children[2], dst.name+"/alone:1")
				s.verify(t, 0, sandbox.Alice, dst.name+"/alone:1")
				s.accepted(t, dst, "alone", children[2], sandbox.Alice)

				s.run(t, 0, "image", "save", ref+":1", "--output", archive)
				if n := verdicts(s.verify(t, 0, sandbox.Alice, "oci:"+archive, "--offline", "--all-platforms").Stdout); n != 6 {
					t.Errorf("%d verdicts of the archive, want 6", n)
				}
				s.verify(t, 1, sandbox.Bob, "oci:"+archive, "--offline")
				s.run(t, 0, "image", "load", archive, dst.name+"/loaded:1")
				s.allVerify(t, dst, "loaded", ":1", digest, children)
			})
		}
	})
	s.made(t, signed, signed)
}

func (s *scene) allVerify(t *testing.T, h *host, repository, tag, digest string, children []string) {
	t.Helper()
	if n := verdicts(s.verify(t, 0, sandbox.Alice, h.name+"/"+repository+tag, "--all-platforms").Stdout); n != 6 {
		t.Errorf("%d verdicts at %s, want 6", n, repository)
	}
	s.verify(t, 0, sandbox.Alice, h.name+"/"+repository+"@"+children[3])
	for _, d := range append([]string{digest}, children...) {
		s.accepted(t, h, repository, d, sandbox.Alice)
	}
}
