package registry

import (
	"os"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// cosign runs the program that HALLMARK_COSIGN names, as the same user.
func (s *scene) cosign(t *testing.T, program string, h *host, args ...string) *cli.Result {
	t.Helper()
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.hallmark.Dir, "DOCKER_CONFIG=" + s.hallmark.Dir, "TUF_ROOT=" + s.path("tuf"), "COSIGN_YES=true"}
	if h.tls != nil {
		args = append(args, "--registry-cacert", "ca.pem")
	} else {
		args = append(args, "--allow-http-registry")
	}
	r, err := cli.Run(t.Context(), s.hallmark.Dir, env, nil, program, args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A form is one of the two ways in which signatures are kept.
type form struct {
	name           string
	hallmark       []string // of sign
	sign, verify   []string // of cosign
	storedOldStyle bool
}

func (s *scene) forms(t *testing.T) []form {
	t.Helper()
	rekor1 := s.rekor1(t)
	return []form{
		{"referrers", nil,
			[]string{"--new-bundle-format=true", "--trusted-root", s.TrustedRoot(), "--signing-config", s.SigningConfig()},
			[]string{"--new-bundle-format=true", "--trusted-root", s.TrustedRoot(), "--use-signed-timestamps"}, false},
		{"tags", append(rekor1, "--storage", "tags"),
			[]string{"--new-bundle-format=false", "--use-signing-config=false", "--trusted-root", s.TrustedRoot(),
				"--fulcio-url", s.URL(sandbox.Fulcio), "--rekor-url", s.URL(sandbox.Rekor1), "--timestamp-server-url", s.URL(sandbox.TSA) + "/api/v1/timestamp"},
			[]string{"--new-bundle-format=false", "--trusted-root", s.TrustedRoot()}, true},
	}
}

// cosign and hallmark accept what the other signs, and neither accepts another
// signer: on each registry, in both forms.
func TestCosign_BothWaysOnEachRegistry(t *testing.T) {
	program := os.Getenv("HALLMARK_COSIGN")
	if program == "" {
		t.Skipf("SKIPPED: %d registries, 2 forms, both ways: HALLMARK_COSIGN names no cosign", len(kinds()))
	}
	s := newScene(t)
	n := 0
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			h := s.open(t, k)
			for i, f := range s.forms(t) {
				t.Run(f.name, func(t *testing.T) {
					s.interop(t, program, h, []string{"new", "old"}[i], f)
					n++
				})
			}
		})
	}
	t.Logf("cosign: %d pairs of registry and form tried", n)
}

func (s *scene) interop(t *testing.T, program string, h *host, repository string, f form) {
	t.Helper()
	check := func(status int, signer, ref string) {
		t.Helper()
		args := append([]string{"verify", ref, "--certificate-identity", signer, "--certificate-oidc-issuer", s.Issuer()}, f.verify...)
		if r := s.cosign(t, program, h, args...); (r.Status == 0) != (status == 0) {
			t.Errorf("%v", r.Want(status))
		}
	}
	// hallmark signs, cosign verifies.
	ours := h.name + "/" + repository + "-ours"
	_, children := s.push(t, h, repository+"-ours:1", 2)
	s.sign(t, 0, sandbox.Alice, ours+":1", f.hallmark...)
	check(0, sandbox.Alice, ours+":1")
	for _, d := range children {
		check(0, sandbox.Alice, ours+"@"+d)
	}
	check(1, sandbox.Bob, ours+":1")

	// cosign signs, hallmark verifies.
	theirs := h.name + "/" + repository + "-theirs"
	digest, children := s.push(t, h, repository+"-theirs:1", 2)
	args := append([]string{"sign", theirs + "@" + digest, "--recursive", "--yes", "--identity-token", s.token(t, sandbox.Bob)}, f.sign...)
	if err := s.cosign(t, program, h, args...).Want(0); err != nil {
		t.Fatal(err)
	}
	s.verify(t, 0, sandbox.Bob, theirs+":1", "--all-platforms")
	s.verify(t, 1, sandbox.Alice, theirs+":1")
	for _, d := range append([]string{digest}, children...) {
		if !f.storedOldStyle {
			s.accepted(t, h, repository+"-theirs", d, sandbox.Bob)
		} else if signers, _ := s.oldSignatures(t, h, repository+"-theirs", d); len(signers) != 1 || signers[0] != sandbox.Bob {
			t.Errorf("%s is signed by %q, want bob", d, signers)
		}
	}

	// Both sign one image, one after the other: nobody's signature is lost.
	s.sign(t, 0, sandbox.Alice, theirs+":1", f.hallmark...)
	s.verify(t, 0, sandbox.Alice, theirs+":1")
	s.verify(t, 0, sandbox.Bob, theirs+":1")
	check(0, sandbox.Alice, theirs+":1")
	check(0, sandbox.Bob, theirs+":1")
}
