package registry

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// pushLarge pushes an image whose layers are streamed.
func (s *scene) pushLarge(t *testing.T, h *host, repository string, layers int64) (digest string) {
	t.Helper()
	image, err := random.Image(5<<20, layers)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(h.name+"/"+repository, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image, remote.WithTransport(s.transport()), remote.WithAuth(authn.Anonymous)); err != nil {
		t.Fatal(err)
	}
	return digestOf(t, image)
}

// Connections that break while layers are streamed: the copy goes on, or the
// next one sends what is missing and nothing else.
func TestTrouble_LayersOnTheWay(t *testing.T) {
	s := newScene(t)
	src := s.open(t, plain)
	digest := s.pushLarge(t, src, "app:1", 3)
	s.sign(t, 0, sandbox.Alice, src.name+"/app:1")
	for _, k := range []kind{distribution, olaregAPI} {
		t.Run(k.name, func(t *testing.T) {
			dst := s.open(t, k)
			dst.first(2, method(http.MethodPatch), drop)
			s.run(t, 0, "image", "copy", src.name+"/app:1", dst.name+"/passes:1")
			s.accepted(t, dst, "passes", digest, sandbox.Alice)

			dst.first(1<<30, method(http.MethodPatch), drop)
			r := s.run(t, 3, "image", "copy", src.name+"/app:1", dst.name+"/stays:1")
			if !strings.Contains(r.Stderr, "run the same command again") {
				t.Errorf("the command does not say what to repeat:\n%s", r.Stderr)
			}
			dst.set(nil)
			dst.taken()
			s.run(t, 0, "image", "copy", src.name+"/app:1", dst.name+"/stays:1")
			s.verify(t, 0, sandbox.Alice, dst.name+"/stays:1")
			dst.taken()
			r = s.run(t, 0, "image", "copy", src.name+"/app:1", dst.name+"/stays:1")
			for _, q := range dst.taken() {
				if q.method == http.MethodPatch || q.method == http.MethodPost {
					t.Errorf("what is there is sent again: %s %s\n%s", q.method, q.path, r.Stdout)
				}
			}
		})
	}
}
