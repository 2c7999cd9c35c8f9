package verify_test

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/vectors"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

const vectorFolder = "../../shared/vectors"

// today is the moment of verification in tests with vectors.
var today = time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)

// A vector is one directory of the conformance suite.
type vector struct {
	name, dir string
	artifact  string // path
	policy    func() (verify.Policy, error)
	root      string // path
}

// conformance returns all vectors. Without the folder the test is skipped.
func conformance(tb testing.TB) []vector {
	tb.Helper()
	dirs, err := filepath.Glob(filepath.Join(vectorFolder, "sigstore-conformance", "*", "bundle.sigstore.json"))
	if err != nil || len(dirs) == 0 {
		tb.Skipf("NOT RUN: no vectors under %s", vectorFolder)
	}
	var out []vector
	for _, d := range dirs {
		out = append(out, open(filepath.Dir(d)))
	}
	return out
}

func open(dir string) vector {
	v := vector{name: filepath.Base(dir), dir: dir}
	or := func(name, fallback string) string {
		if path := filepath.Join(dir, name); exists(path) {
			return path
		}
		return fallback
	}
	text := func(name, fallback string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return fallback
		}
		return strings.TrimSpace(string(data))
	}
	v.artifact = or("artifact", filepath.Join(vectorFolder, "sigstore-conformance", "a.txt"))
	v.root = or("trusted_root.json", filepath.Join(vectorFolder, "public-good", "trusted_root.json"))
	v.policy = func() (verify.Policy, error) {
		if path := or("key.pub", ""); path != "" {
			data, err := os.ReadFile(path)
			if err != nil {
				return verify.Policy{}, err
			}
			key, err := verify.ParsePublicKey(data)
			return verify.AnyOf(verify.Key{Public: key}), err
		}
		return verify.AnyOf(verify.Identity{
			Subject: verify.Exactly(text("identity", "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main")),
			Issuer:  verify.Exactly(text("issuer", "https://token.actions.githubusercontent.com")),
		}), nil
	}
	return v
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// verify runs the vector as a user would.
func (v vector) verify(tb testing.TB, byDigest bool) (*verify.Result, error) {
	tb.Helper()
	data, err := os.ReadFile(v.root)
	if err != nil {
		tb.Fatal(err)
	}
	root, err := trustroot.Parse(data)
	if err != nil {
		return nil, err
	}
	evidence := verify.PublicGood
	if len(root.CTLogs) == 0 {
		evidence.SCTs = 0
	}
	verifier, err := verify.New(root, evidence)
	if err != nil {
		return nil, err
	}
	policy, err := v.policy()
	if err != nil {
		return nil, err
	}
	if data, err = os.ReadFile(filepath.Join(v.dir, "bundle.sigstore.json")); err != nil {
		tb.Fatal(err)
	}
	b, err := bundle.Parse(data)
	if err != nil {
		return nil, err
	}
	artifact, err := v.load(tb, b, byDigest)
	if err != nil {
		return nil, err
	}
	policy.Explain = true
	return verifier.Verify(b, artifact, policy, today)
}

func (v vector) load(tb testing.TB, b *bundle.Bundle, byDigest bool) (verify.Artifact, error) {
	tb.Helper()
	if byDigest {
		data, err := os.ReadFile(v.artifact)
		if err != nil {
			tb.Fatal(err)
		}
		digest := sha256.Sum256(data)
		return verify.FromDigest(crypto.SHA256, digest[:])
	}
	f, err := os.Open(v.artifact)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	return verify.Hash(f, b.Hashes()...)
}

func TestConformance(t *testing.T) {
	accepted, refused := 0, 0
	for _, v := range conformance(t) {
		for _, mode := range []string{"artifact", "digest"} {
			t.Run(v.name+"/"+mode, func(t *testing.T) {
				result, err := v.verify(t, mode == "digest")
				if !strings.HasSuffix(v.name, "_fail") {
					if err != nil {
						t.Fatalf("refused: %v", err)
					}
					if !result.Verified() || len(result.Times) == 0 || len(result.Logs) == 0 || len(result.Steps) == 0 {
						t.Errorf("result is incomplete: %+v", result)
					}
					accepted++
					return
				}
				want, listed := vectors.Suite[v.name]
				if !listed {
					t.Fatalf("no check is named for this vector; err = %v", err)
				}
				if result.Verified() || result != nil {
					t.Error("there is a result beside the refusal")
				}
				if check.Of(err) != want {
					t.Errorf("refused by %q, want %q: %v", check.Of(err), want, err)
				}
				var e *verify.Error
				if errors.As(err, &e) && e.Rule == "" {
					t.Errorf("refusal names no rule: %v", err)
				}
				t.Log(err)
				refused++
			})
		}
	}
	t.Logf("%d accepted, %d refused", accepted, refused)
	if accepted != 2*21 || refused != 2*49 {
		t.Errorf("%d accepted and %d refused as they should, want 42 and 98", accepted, refused)
	}
}
