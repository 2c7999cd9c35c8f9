package registry

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// fewRequests verifies an image and counts; where a password is wanted, the
// first request finds that out.
func (s *scene) fewRequests(t *testing.T, k kind, h *host, ref string, most int) {
	t.Helper()
	h.taken()
	s.verify(t, 0, sandbox.Alice, ref)
	asked := lines(h.taken())
	t.Logf("verify %s: %d requests: %s", ref, len(asked), strings.Join(asked, ", "))
	if k.auth {
		most++
	}
	if k.referrers && len(asked) > most {
		t.Errorf("verify %s makes %d requests, want at most %d: %q", ref, len(asked), most, asked)
	}
}

// Twenty images in one command ask no more than twenty commands would, and for
// the password once.
func TestRequests_TwentyImages(t *testing.T) {
	const images = 20
	for _, k := range []kind{plain, withPassword, olaregAPI} {
		t.Run(k.name, func(t *testing.T) {
			s := newScene(t)
			h := s.open(t, k)
			var digests, tags []string
			for i := range images {
				digest, _ := s.push(t, h, fmt.Sprintf("app:%d", i), 1)
				digests = append(digests, h.name+"/app@"+digest)
				tags = append(tags, fmt.Sprintf("%s/app:%d", h.name, i))
			}
			s.run(t, 0, append([]string{"sign", "--no-recursive", "--yes", "--identity-token", s.token(t, sandbox.Alice)}, tags...)...)
			for name, refs := range map[string][]string{"digests": digests, "tags": tags} {
				h.taken()
				connections := h.connections.Load()
				r := s.verify(t, 0, sandbox.Alice, refs[0], refs[1:]...)
				if n := verdicts(r.Stdout); n != images {
					t.Errorf("%d verdicts, want %d", n, images)
				}
				most := 3 * images
				if name == "tags" {
					most = 4 * images
				}
				if k.auth {
					most++
				}
				asked := h.taken()
				if len(asked) > most {
					t.Errorf("%s: %d requests, want at most %d", name, len(asked), most)
				}
				n := h.connections.Load() - connections
				t.Logf("%s: %d requests on %d connections", name, len(asked), n)
				if n > images {
					t.Errorf("%s: %d connections, want one pool", name, n)
				}
			}
		})
	}
}

// A digest that a repository does not have is no image without signature.
func TestRequests_NoSuchDigest(t *testing.T) {
	s := newScene(t)
	for _, k := range []kind{plain, plainTags, withPassword, olaregAPI} {
		h := s.open(t, k)
		digest, _ := s.push(t, h, "app:1", 1)
		ref := h.name + "/app@"
		if r := s.verify(t, 4, sandbox.Alice, ref+digest); !strings.Contains(r.Stderr, "nothing is attached") {
			t.Errorf("%s: %s", k.name, r.Stderr)
		}
		none := "sha256:" + strings.Repeat("0", 64)
		if r := s.verify(t, 3, sandbox.Alice, ref+none); !strings.Contains(r.Stderr, "want digest \""+none+"\"") {
			t.Errorf("%s: %s", k.name, r.Stderr)
		}
	}
}
