package verify_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// benched are vectors of each kind of evidence.
var benched = []string{"happy-path-v0.3", "happy-path-intoto-in-dsse-v3", "rekor2-happy-path", "rekor2-dsse-happy-path"}

// A round is a vector that can be verified again and again.
type round struct {
	verifier *verify.Verifier
	once     func() // from the bytes of the bundle to its result
}

func newRound(t testing.TB, name string) round {
	t.Helper()
	v := open(filepath.Join(vectorFolder, "sigstore-conformance", name))
	data, err := os.ReadFile(filepath.Join(v.dir, "bundle.sigstore.json"))
	if err != nil {
		t.Skipf("NOT RUN: %v", err)
	}
	text, err := os.ReadFile(v.root)
	if err != nil {
		t.Fatal(err)
	}
	root, err := trustroot.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := v.policy()
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := verify.New(root, verify.PublicGood)
	if err != nil {
		t.Fatal(err)
	}
	r := round{verifier, func() {
		claim, err := bundle.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		artifact, err := v.load(t, claim, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(claim, artifact, policy, today); err != nil {
			t.Fatal(err)
		}
	}}
	r.once()
	return r
}

// BenchmarkVerify measures one bundle from its bytes to its result: "fresh" with
// a verifier that has seen nothing of it, "certificate" with one that knows the
// certificate, "repeated" with one that knows the bundle.
func BenchmarkVerify(b *testing.B) {
	for _, name := range benched {
		for _, known := range []struct {
			what   string
			forget func(*verify.Verifier)
		}{
			{"fresh", (*verify.Verifier).Forget},
			{"certificate", (*verify.Verifier).ForgetEvidence},
			{"repeated", func(*verify.Verifier) {}},
		} {
			b.Run(name+"/"+known.what, func(b *testing.B) {
				r := newRound(b, name)
				b.ReportAllocs()
				for b.Loop() {
					known.forget(r.verifier)
					r.once()
				}
			})
		}
	}
}

// TestAllocations: what is allocated is a part of what is promised. The race
// detector adds some forty to what the benchmark counts.
func TestAllocations(t *testing.T) {
	for _, name := range benched {
		r := newRound(t, name)
		fresh := testing.AllocsPerRun(20, func() { r.verifier.Forget(); r.once() })
		repeated := testing.AllocsPerRun(20, r.once)
		if fresh > 520 || repeated > 180 {
			t.Errorf("%s: %v allocations for a new bundle, %v for a known one; want at most 520 and 180", name, fresh, repeated)
		}
	}
}
