package sigtest_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var artifact = []byte("artifact")

// verdict verifies what a file would hold, for Alice.
func verdict(t *testing.T, w *sigtest.World, document []byte, evidence verify.Evidence) error {
	t.Helper()
	b, err := bundle.Parse(document)
	if err != nil {
		return err
	}
	v, err := verify.New(w.Root(), evidence)
	if err != nil {
		t.Fatal(err)
	}
	a, err := verify.Hash(bytes.NewReader(artifact), crypto.SHA256, crypto.SHA384, crypto.SHA512)
	if err != nil {
		t.Fatal(err)
	}
	who := sigtest.Alice()
	policy := verify.AnyOf(verify.Identity{Issuer: verify.Exactly(who.Issuer), Subject: verify.Exactly(who.Subject)})
	_, err = v.Verify(b, a, policy, w.Clock.Now().Add(time.Hour))
	return err
}

func refused(t *testing.T, err error, want check.Check) {
	t.Helper()
	if got := check.Of(err); got != want {
		t.Errorf("check is %q (%v), want %q", got, err, want)
	}
}

// TestGood: every kind of good bundle verifies.
func TestGood(t *testing.T) {
	w := sigtest.New(t)
	statement := sigtest.Statement("artifact", artifact, "https://example.com/p")
	p384 := sigtest.Key{Signer: sigtest.ECDSA(elliptic.P384(), "p384"), Hash: crypto.SHA384}
	tests := map[string]sigtest.Maker{
		"v2":               {Artifact: artifact},
		"v2 envelope":      {Statement: statement},
		"v1":               {Artifact: artifact, Logs: []*sigtest.Log{w.Log1}},
		"v1 dsse":          {Statement: statement, Logs: []*sigtest.Log{w.Log1}},
		"v1 intoto":        {Statement: statement, Logs: []*sigtest.Log{w.Log1}, Kind: "intoto 0.0.2"},
		"v1 with stamp":    {Artifact: artifact, Logs: []*sigtest.Log{w.Log1}, TSAs: []*sigtest.TSA{w.TSA}},
		"both generations": {Artifact: artifact, Logs: []*sigtest.Log{w.Log1, w.Log2}},
		"v2 P-384":         {Artifact: artifact, Key: p384},
		"v2 P-521":         {Artifact: artifact, Key: sigtest.Key{Signer: sigtest.ECDSA(elliptic.P521(), "p521"), Hash: crypto.SHA512}},
		"v1 P-384":         {Artifact: artifact, Key: p384, Logs: []*sigtest.Log{w.Log1}},
		"v2 RSA":           {Artifact: artifact, Key: sigtest.Key{Signer: sigtest.RSA()}},
	}
	for name, m := range tests {
		t.Run(name, func(t *testing.T) {
			made := w.Make(m)
			refused(t, verdict(t, w, made.JSON, verify.PublicGood), "")
			if len(m.Logs) == 1 {
				refused(t, verdict(t, w, made.As(bundle.V01), verify.PublicGood), "")
			}
			refused(t, verdict(t, w, made.As(bundle.V02), verify.PublicGood), "")
			parsed, err := bundle.Parse(made.JSON)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(made.Bundle, parsed); diff != "" {
				t.Errorf("document and bundle differ: %s", diff)
			}
		})
	}
}

// TestFixed: the same bundle is made every time, byte for byte, and worlds of
// different names have nothing in common.
func TestFixed(t *testing.T) {
	make := func() []byte {
		w := sigtest.New(t)
		return append(w.Make(sigtest.Maker{Artifact: artifact, Logs: []*sigtest.Log{w.Log1, w.Log2}, TSAs: w.TSAs}).JSON, w.TrustedRoot()...)
	}
	if !bytes.Equal(make(), make()) {
		t.Error("two worlds made different bytes")
	}
	other := sigtest.At(t, "sigtest.example")
	refused(t, verdict(t, sigtest.New(t), other.Make(sigtest.Maker{Artifact: artifact}).JSON, verify.PublicGood), check.CertChain)
	refused(t, verdict(t, other, other.Make(sigtest.Maker{Artifact: artifact}).JSON, verify.PublicGood), "")
}

// TestOneFault: a fault at each stage is noticed by the check it belongs to, so
// everything after it was signed anew.
func TestOneFault(t *testing.T) {
	w := sigtest.New(t)
	v1 := []*sigtest.Log{w.Log1}
	stranger := sigtest.At(t, "stranger.example")
	tests := []struct {
		name  string
		maker sigtest.Maker
		want  check.Check
	}{
		{"template", sigtest.Maker{Leaf: sigtest.LeafEdits{Template: ca}}, check.CertProfile},
		{"TBS", sigtest.Maker{Leaf: sigtest.LeafEdits{TBS: func(tbs []byte) []byte { return sigtest.AddExtension(tbs, sigtest.Claim(9, "a")) }}}, ""},
		{"TBS twice", sigtest.Maker{Leaf: sigtest.LeafEdits{TBS: func(tbs []byte) []byte { return sigtest.AddExtension(tbs, sigtest.Claim(8, "a")) }}}, check.CertProfile},
		{"certificate of another world", sigtest.Maker{CA: stranger.CA}, check.CertChain},
		{"SCT signature", sigtest.Maker{Leaf: sigtest.LeafEdits{SCT: func(s *sigtest.SCT) { s.Signature = flipped }}}, check.SCT},
		{"SCT over another issuer", sigtest.Maker{Leaf: sigtest.LeafEdits{SCT: func(s *sigtest.SCT) { s.IssuerKeyHash = make([]byte, 32) }}}, check.SCT},
		{"SCT list", sigtest.Maker{Leaf: sigtest.LeafEdits{SCTs: func(list []byte) []byte { return append(list, 0) }}}, check.SCT},
		{"no SCT", sigtest.Maker{CTs: []*sigtest.CT{}}, check.SCT},
		{"other identity", sigtest.Maker{Who: &sigtest.Identity{Subject: "bob@example.com", Issuer: sigtest.Alice().Issuer}}, check.Identity},
		{"signature", sigtest.Maker{Signature: flipped}, check.Signature},
		{"v1 signature", sigtest.Maker{Signature: flipped, Logs: v1}, check.Signature},
		{"body", sigtest.Maker{Log: sigtest.LogEdits{Body: func(b []byte) []byte { return append(b, '\n') }}}, check.Entry},
		{"v1 body", sigtest.Maker{Logs: v1, Log: sigtest.LogEdits{Body: func(b []byte) []byte { return bytes.Replace(b, []byte("sha256"), []byte("sha999"), 1) }}}, check.Entry},
		{"proof", sigtest.Maker{Log: sigtest.LogEdits{Proof: func(p *bundle.InclusionProof) { p.Hashes[0][0] ^= 1 }}}, check.Proof},
		{"note", sigtest.Maker{Log: sigtest.LogEdits{Note: func(s string) string { return strings.Replace(s, "log2", "log3", 1) }}}, check.Checkpoint},
		{"extension line", sigtest.Maker{Log: sigtest.LogEdits{Note: func(s string) string { return s + "more\n" }}}, ""},
		{"envelope", sigtest.Maker{Log: sigtest.LogEdits{Envelope: func(s string) string { return s + "more\n" }}}, check.Checkpoint},
		{"promise", sigtest.Maker{Logs: v1, Log: sigtest.LogEdits{Promise: func(p *sigtest.Promise) { p.IntegratedTime += 3600 }}}, check.CertTime},
		{"message of the promise", sigtest.Maker{Logs: v1, Log: sigtest.LogEdits{Message: func(m []byte) []byte { return append(m, ' ') }}}, check.SET},
		{"bundle", sigtest.Maker{Bundle: func(b *bundle.Bundle) { b.Timestamps = nil }}, check.Time},
		{"document", sigtest.Maker{JSON: func(doc map[string]any) { doc["more"] = 1 }}, check.Parse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.maker.Artifact = artifact
			refused(t, verdict(t, w, w.Make(tt.maker).JSON, verify.PublicGood), tt.want)
		})
	}
}
