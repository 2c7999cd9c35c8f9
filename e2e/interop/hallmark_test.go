package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
	"github.com/hallmarksign/hallmark/e2e/internal/peer"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// binary builds hallmark once for all tests of this package.
var binary = cli.Program(".", "./cmd/hallmark", "hallmark-e2e")

// A scene is a sandbox with a user of hallmark and one of sigstore-go.
type scene struct {
	*sandbox.Sandbox
	hallmark *cli.Hallmark
	peer     *peer.Trust
}

func newScene(t *testing.T, o sandbox.Options) *scene {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s := sandbox.Start(t, o)
	h, err := cli.New(t.Context(), path, t.TempDir(), s)
	if err != nil {
		t.Fatal(err)
	}
	p, err := peer.Open(s.TrustedRoot(), s.SigningConfig())
	if err != nil {
		t.Fatal(err)
	}
	return &scene{Sandbox: s, hallmark: h, peer: p}
}

func (s *scene) path(name string) string { return filepath.Join(s.hallmark.Dir, name) }

func (s *scene) write(t *testing.T, name, data string) {
	t.Helper()
	if err := os.WriteFile(s.path(name), []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (s *scene) read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(s.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// token writes a fresh identity token into a file and returns its name.
func (s *scene) token(t *testing.T, email string) string {
	t.Helper()
	token, err := s.Token(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "token.jwt", token)
	return "token.jwt"
}

// run runs hallmark and wants a status.
func (s *scene) run(t *testing.T, status int, args ...string) *cli.Result {
	t.Helper()
	r, err := s.hallmark.Run(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Want(status); err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *scene) from(email string) []string {
	return []string{"--certificate-identity", email, "--certificate-oidc-issuer", s.Issuer()}
}

func with(args []string, more ...string) []string { return append(more, args...) }

// What hallmark signs, sigstore-go accepts; and hallmark itself.
func TestSign_IsAcceptedBySigstoreGo(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	for name, data := range map[string]string{"a.txt": "one file\n", "empty": ""} {
		s.write(t, name, data)
		s.run(t, 0, "sign", name, "--identity-token", s.token(t, sandbox.Alice), "--yes")
		bundle := s.read(t, name+".sigstore.json")
		if _, err := s.peer.Verify(bundle, []byte(data), s.Issuer(), sandbox.Alice); err != nil {
			t.Errorf("%s: sigstore-go refuses: %v", name, err)
		}
		if _, err := s.peer.Verify(bundle, []byte(data), s.Issuer(), sandbox.Bob); err == nil {
			t.Errorf("%s: sigstore-go accepts another signer", name)
		}
		s.run(t, 0, with(s.from(sandbox.Alice), "verify", name)...)
	}
}

// What sigstore-go signs, hallmark accepts, and refuses when it is not what
// was asked for.
func TestVerify_AcceptsSigstoreGo(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	token, err := s.Token(t.Context(), sandbox.Alice)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := s.peer.Sign(t.Context(), []byte("signed by the peer\n"), token)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "b.txt", "signed by the peer\n")
	s.write(t, "b.txt.sigstore.json", string(bundle))
	s.write(t, "changed.txt", "signed by the pear\n")

	s.run(t, 0, with(s.from(sandbox.Alice), "verify", "b.txt")...)
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"changed file", "", with(s.from(sandbox.Alice), "verify", "changed.txt", "--bundle", "b.txt.sigstore.json")},
		{"another signer", sandbox.Alice, with(s.from(sandbox.Bob), "verify", "b.txt")},
		{"another issuer", s.Issuer(), []string{"verify", "b.txt", "--certificate-identity", sandbox.Alice, "--certificate-oidc-issuer", s.URL(sandbox.Actions)}},
	} {
		r := s.run(t, 1, tt.args...)
		if text := r.Stderr + r.Stdout; !strings.Contains(text, tt.want) || strings.TrimSpace(text) == "" {
			t.Errorf("%s: the reason does not name %q:\n%s", tt.name, tt.want, text)
		}
	}
}

// A workflow asks its runner for a token, which makes a certificate that names it.
func TestSign_AsWorkflow(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	s.hallmark = s.hallmark.With(s.ActionsEnv()...)
	s.write(t, "c.txt", "built by a workflow\n")
	s.run(t, 0, "sign", "c.txt", "--yes")
	if _, err := s.peer.Verify(s.read(t, "c.txt.sigstore.json"), []byte("built by a workflow\n"), s.URL(sandbox.Actions), sandbox.Workflow); err != nil {
		t.Errorf("sigstore-go refuses: %v", err)
	}
	s.run(t, 0, "verify", "c.txt", "--certificate-identity", sandbox.Workflow, "--certificate-oidc-issuer", s.URL(sandbox.Actions))
}
