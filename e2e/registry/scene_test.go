package registry

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
	"github.com/hallmarksign/hallmark/e2e/internal/peer"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// binary builds hallmark once for all tests of this package.
var binary = cli.Program(".", "./cmd/hallmark", "hallmark-registry")

// started is the sandbox of all tests. They run one after the other; what runs
// at once is within a test, whose scene counts all of it.
var started *sandbox.Sandbox

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil { // most of the time is spent waiting
		panic(err)
	}
	os.Exit(sandbox.Main(m, sandbox.Options{}, &started))
}

// A scene is a sandbox with a user of hallmark, one of sigstore-go, and an
// authority for registries.
type scene struct {
	*sandbox.Sandbox
	hallmark *cli.Hallmark
	peer     *peer.Trust
	ca       *authority
	auths    map[string]any // of the user's credentials file

	certificates, entries atomic.Int64 // made since the scene began
	tokens                atomic.Int64
}

func newScene(t testing.TB) *scene {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{Sandbox: started, ca: newAuthority(t), auths: map[string]any{}}
	h, err := cli.New(t.Context(), path, t.TempDir(), s.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	s.hallmark = h.With("DOCKER_CONFIG=" + h.Dir)
	if s.peer, err = peer.Open(s.TrustedRoot(), s.SigningConfig()); err != nil {
		t.Fatal(err)
	}
	s.write(t, "ca.pem", s.ca.pem)
	s.Fault(sandbox.Fulcio, counting(&s.certificates))
	s.Fault(sandbox.Rekor, counting(&s.entries))
	return s
}

// counting counts the requests that make something.
func counting(n *atomic.Int64) sandbox.Fault {
	return func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				n.Add(1)
			}
			server.ServeHTTP(w, r)
		})
	}
}

// made fails the test unless so many certificates and log entries were made
// since the last call.
func (s *scene) made(t testing.TB, certificates, entries int64) {
	t.Helper()
	if n := s.certificates.Swap(0); n != certificates {
		t.Errorf("%d certificates were made, want %d", n, certificates)
	}
	if n := s.entries.Swap(0); n != entries {
		t.Errorf("%d log entries were made, want %d", n, entries)
	}
}

// open runs a registry of a kind, and gives the user its password.
func (s *scene) open(t testing.TB, k kind) *host {
	t.Helper()
	handler := k.open(t)
	h := serve(t, handler, nil)
	if k.tls {
		h.stop()
		h = serve(t, handler, s.ca.server(t))
	}
	if k.auth {
		s.login(t, h.name)
	}
	return h
}

func (s *scene) login(t testing.TB, name string) {
	t.Helper()
	s.auths[name] = map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(userName + ":" + password))}
	data, err := json.Marshal(map[string]any{"auths": s.auths})
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "config.json", data)
}

func (s *scene) path(name string) string { return filepath.Join(s.hallmark.Dir, name) }

func (s *scene) write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(s.path(name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs hallmark on registries and wants a status.
func (s *scene) run(t testing.TB, status int, args ...string) *cli.Result {
	t.Helper()
	r, err := s.hallmark.Run(t.Context(), append(args, "--registry-ca", "ca.pem")...)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Want(status); err != nil {
		t.Fatal(err)
	}
	return r
}

// sign signs an image as somebody, wanting a status.
func (s *scene) sign(t testing.TB, status int, email, ref string, args ...string) *cli.Result {
	t.Helper()
	return s.run(t, status, append([]string{"sign", ref, "--yes", "--identity-token", s.token(t, email)}, args...)...)
}

// token writes a fresh identity token into a file and returns its name.
func (s *scene) token(t testing.TB, email string) string {
	t.Helper()
	token, err := s.Token(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("%s.%d.jwt", email, s.tokens.Add(1))
	s.write(t, name, []byte(token))
	return name
}

// verify verifies an image as one of somebody's, wanting a status.
func (s *scene) verify(t testing.TB, status int, email, ref string, args ...string) *cli.Result {
	t.Helper()
	return s.run(t, status, append([]string{"verify", ref, "--certificate-identity", email, "--certificate-oidc-issuer", s.Issuer()}, args...)...)
}

// platforms are those of the images that tests sign.
var platforms = []v1.Platform{
	{OS: "linux", Architecture: "amd64"},
	{OS: "linux", Architecture: "arm64"},
	{OS: "linux", Architecture: "arm", Variant: "v7"},
	{OS: "linux", Architecture: "s390x"},
	{OS: "windows", Architecture: "amd64"},
}

// push pushes an index of n platforms under a tag, and returns its digest and
// those of its children.
func (s *scene) push(t testing.TB, h *host, repository string, n int) (digest string, children []string) {
	t.Helper()
	var index v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range platforms[:n] {
		image, err := random.Image(256, 1)
		if err != nil {
			t.Fatal(err)
		}
		image = mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &p}})
		children = append(children, digestOf(t, image))
	}
	ref, err := name.ParseReference(h.name+"/"+repository, name.Insecure)
	if h.tls != nil {
		ref, err = name.ParseReference(h.name + "/" + repository)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = remote.WriteIndex(ref, index, remote.WithTransport(s.transport()), remote.WithContext(t.Context()),
		remote.WithAuth(&authn.Basic{Username: userName, Password: password}))
	if err != nil {
		t.Fatal(err)
	}
	h.taken()
	return digestOf(t, index), children
}

func digestOf(t testing.TB, i interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	d, err := i.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// verdicts counts the images that were accepted.
func verdicts(out string) int { return strings.Count("\n"+out, "\nok  ") }
