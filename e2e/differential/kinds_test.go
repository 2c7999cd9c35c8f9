package differential_test

import (
	"crypto"
	"crypto/elliptic"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// world makes a Sigstore whose logs are named by their host alone: sigstore-go
// looks for no other name in checkpoints.
func world(host string) *sigtest.World {
	w := sigtest.At(nil, host)
	w.Log2.Name, w.Log2.Origin = host, host
	return w
}

// A kind is one way in which good bundles differ.
type kind struct {
	name    string
	version bundle.Version
	managed bool
	edit    func(w *sigtest.World, m *sigtest.Maker)
}

// kinds are all that sigtest can make: logs of both generations, one and two of
// them, with and without timestamps, files and attestations, every key, every
// version of the bundle, every kind of name.
func kinds() []kind {
	type edit = func(w *sigtest.World, m *sigtest.Maker)
	first := func(w *sigtest.World, m *sigtest.Maker) { m.Logs = []*sigtest.Log{w.Log1} }
	stamped := func(w *sigtest.World, m *sigtest.Maker) { m.TSAs = []*sigtest.TSA{w.TSA} }
	dsse := func(_ *sigtest.World, m *sigtest.Maker) {
		m.Statement = sigtest.Statement("file", m.Artifact, "https://example.com/predicate")
	}
	intoto := func(_ *sigtest.World, m *sigtest.Maker) { m.Kind = "intoto 0.0.2" }
	unpromised := func(_ *sigtest.World, m *sigtest.Maker) {
		m.Log.Entry = func(e *bundle.Entry) { e.Promise, e.IntegratedTime = nil, 0 }
	}
	managed := func(_ *sigtest.World, m *sigtest.Maker) { m.Hint = "release" }
	key := func(k sigtest.Key) edit { return func(_ *sigtest.World, m *sigtest.Maker) { m.Key = k } }
	p384 := sigtest.ECDSA(elliptic.P384(), "P-384")
	who := func(i sigtest.Identity) edit { return func(_ *sigtest.World, m *sigtest.Maker) { m.Who = &i } }
	all := func(edits ...edit) edit {
		return func(w *sigtest.World, m *sigtest.Maker) {
			for _, e := range edits {
				e(w, m)
			}
		}
	}
	var out []kind
	add := func(name string, v bundle.Version, edits ...edit) {
		out = append(out, kind{name: name, version: v, edit: all(edits...)})
	}
	add("v2", bundle.V03)
	add("v2 attestation", bundle.V03, dsse)
	add("v2 in 0.2", bundle.V02)
	add("v1", bundle.V03, first)
	add("v1 attestation", bundle.V03, first, dsse)
	add("v1 intoto", bundle.V03, first, dsse, intoto)
	add("v1 in 0.1", bundle.V01, first)
	add("v1 in 0.2", bundle.V02, first)
	add("v1 attestation in 0.1", bundle.V01, first, dsse)
	add("v1 stamped", bundle.V03, first, stamped)
	add("v1 proof alone", bundle.V03, first, stamped, unpromised)
	add("both logs", bundle.V03, stamped, func(w *sigtest.World, m *sigtest.Maker) { m.Logs = []*sigtest.Log{w.Log1, w.Log2} })
	add("v2 P-384", bundle.V03, key(sigtest.Key{Signer: p384, Hash: crypto.SHA384}))
	add("v1 P-384 with SHA-256", bundle.V03, first, key(sigtest.Key{Signer: p384, Hash: crypto.SHA256}))
	add("v2 P-521", bundle.V03, key(sigtest.Key{Signer: sigtest.ECDSA(elliptic.P521(), "P-521"), Hash: crypto.SHA512}))
	add("v2 Ed25519ph", bundle.V03, key(sigtest.Key{Signer: sigtest.Ed25519("signer")}))
	add("v2 RSA", bundle.V03, key(sigtest.Key{Signer: sigtest.RSA()}))
	add("workflow", bundle.V03, who(sigtest.Identity{Subject: "https://github.com/o/r/.github/workflows/w.yml@refs/heads/main", Kind: "uri", Issuer: "https://token.example.com",
		Claims: map[int]string{2: "push", 9: "https://github.com/o/r", 12: "https://github.com/o/r", 24: "repo:o/r"}}))
	add("user name", bundle.V03, who(sigtest.Identity{Subject: "alice!example.com", Kind: "username", Issuer: "https://example.com"}))
	for _, k := range []struct {
		name  string
		edits []edit
	}{{"key", nil}, {"key attestation", []edit{dsse}}, {"key v1", []edit{first}}} {
		add(k.name, bundle.V03, append(k.edits, managed)...)
		out[len(out)-1].managed = true
	}
	return out
}

// artifact is what bundles are about.
var artifact = []byte("artifact\n")

// maker is a good bundle of a kind.
func (k kind) maker(w *sigtest.World) sigtest.Maker {
	m := sigtest.Maker{Artifact: artifact}
	k.edit(w, &m)
	return m
}

// question is what a bundle of this kind is asked about.
func (k kind) question(t testing.TB, w *sigtest.World) *question {
	t.Helper()
	made := w.Make(k.maker(w)).From
	var key crypto.PublicKey
	if k.managed {
		key = made.Key.Public()
	}
	q, ours, theirs := newQuestion(w.TrustedRoot(), artifact, made.Who.Issuer, made.Who.Subject, key)
	if ours != nil || theirs != nil {
		t.Fatalf("%s: trusted root: hallmark says %v, sigstore-go says %v", k.name, ours, theirs)
	}
	return q
}

// TestDifferential_Kinds compares the verdicts on every kind of good bundle, and
// on each of them under a trusted root that it is not for.
func TestDifferential_Kinds(t *testing.T) {
	w, other := world("rekor.example.com"), world("other.example.com")
	counts := newTally(t)
	for _, k := range kinds() {
		data := w.Make(k.maker(w)).As(k.version)
		if !counts.add(k.name, k.question(t, w), data) {
			t.Errorf("%s: hallmark refuses: %v", k.name, k.question(t, w).ask(data))
		}
		if counts.add(k.name+" elsewhere", k.question(t, other), data) {
			t.Errorf("%s: accepted under another root", k.name)
		}
	}
	counts.report()
	if counts.cases != 2*len(kinds()) || len(kinds()) < 20 {
		t.Errorf("compared %d bundles of %d kinds", counts.cases, len(kinds()))
	}
}
