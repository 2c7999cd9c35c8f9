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

// BenchmarkVerify measures one bundle from its bytes to its result: "fresh" with
// a verifier that has not seen the certificate, "repeated" with one that has.
func BenchmarkVerify(b *testing.B) {
	for _, name := range benched {
		v := open(filepath.Join(vectorFolder, "sigstore-conformance", name))
		data, err := os.ReadFile(filepath.Join(v.dir, "bundle.sigstore.json"))
		if err != nil {
			b.Skipf("NOT RUN: %v", err)
		}
		text, err := os.ReadFile(v.root)
		if err != nil {
			b.Fatal(err)
		}
		root, err := trustroot.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		policy, err := v.policy()
		if err != nil {
			b.Fatal(err)
		}
		run := func(b *testing.B, verifier *verify.Verifier) {
			claim, err := bundle.Parse(data)
			if err != nil {
				b.Fatal(err)
			}
			artifact, err := v.load(b, claim, true)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := verifier.Verify(claim, artifact, policy, today); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(name+"/fresh", func(b *testing.B) {
			verifier, err := verify.New(root, verify.PublicGood)
			if err != nil {
				b.Fatal(err)
			}
			run(b, verifier)
			b.ReportAllocs()
			for b.Loop() {
				verifier.Forget()
				run(b, verifier)
			}
		})
		b.Run(name+"/repeated", func(b *testing.B) {
			verifier, err := verify.New(root, verify.PublicGood)
			if err != nil {
				b.Fatal(err)
			}
			run(b, verifier)
			b.ReportAllocs()
			for b.Loop() {
				run(b, verifier)
			}
		})
		b.Run(name+"/certificate", func(b *testing.B) {
			verifier, err := verify.New(root, verify.PublicGood)
			if err != nil {
				b.Fatal(err)
			}
			run(b, verifier)
			b.ReportAllocs()
			for b.Loop() {
				verifier.ForgetEvidence()
				run(b, verifier)
			}
		})
	}
}
