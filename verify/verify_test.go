package verify_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sct/scttest"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestR18_ZeroValues(t *testing.T) {
	p := newPlan(t, 1)
	good := must[*verify.Verifier](t)(verify.New(&p.trust, p.evidence))
	b := p.bundle()
	for _, tt := range []struct {
		name string
		v    *verify.Verifier
		b    *bundle.Bundle
		a    verify.Artifact
		p    verify.Policy
	}{
		{"nil verifier", nil, b, p.asked, p.policy},
		{"zero verifier", new(verify.Verifier), b, p.asked, p.policy},
		{"nil bundle", good, nil, p.asked, p.policy},
		{"zero artifact", good, b, verify.Artifact{}, p.policy},
		{"zero policy", good, b, p.asked, verify.Policy{}},
		{"policy of zero identity", good, b, p.asked, verify.AnyOf(verify.Identity{})},
	} {
		if r, err := tt.v.Verify(tt.b, tt.a, tt.p, p.now); check.Of(err) != check.Usage || r != nil || r.Verified() {
			t.Errorf("%s: %v, %v, want a refusal by usage", tt.name, r, err)
		}
	}
	if _, err := good.Verify(new(bundle.Bundle), p.asked, p.policy, p.now); check.Of(err) != check.Content {
		t.Errorf("zero bundle: %v, want a refusal by content", err)
	}
	if _, err := verify.New(nil, verify.PublicGood); check.Of(err) != check.Usage {
		t.Errorf("nil root: %v, want a refusal by usage", err)
	}
	if _, err := verify.New(new(trustroot.Root), verify.PublicGood); check.Of(err) != check.TrustRoot {
		t.Errorf("zero root: %v, want a refusal by trustroot", err)
	}
	if new(verify.Result).Verified() {
		t.Error("the zero result is verified")
	}
}

func TestResult(t *testing.T) {
	p := newPlan(t, 1)
	p.trust.Digest = [32]byte{1, 2, 3}
	p.policy.Explain = true
	got, err := p.verify()
	if err != nil {
		t.Fatal(err)
	}
	want := &verify.Result{
		Signer: verify.Signed{Subject: workflow, SubjectKind: "uri", Issuer: provider, Algorithm: "ECDSA P-256 SHA-256",
			Claims:    map[string]string{"source_repository_uri": "https://github.com/owner/repo"},
			NotBefore: noon.Add(-5 * time.Minute), NotAfter: noon.Add(5 * time.Minute)},
		Times: []verify.Time{{Time: noon, Source: "log", Name: "rekor.example.com"}},
		Logs: []verify.LogProof{{Name: "rekor.example.com - 42", LogID: hex.EncodeToString(p.first.ID), Index: 1000, Kind: "hashedrekord 0.0.1",
			Integrated: noon, TreeSize: 1001, Evidence: []string{"signed entry timestamp", "inclusion proof"}}},
		SCTs:     []verify.SCT{{Log: "https://ct.example.com", Time: noon.Add(-5 * time.Minute)}},
		Root:     [32]byte{1, 2, 3},
		Demanded: verify.PublicGood,
	}
	ignore := cmp.Options{cmpopts.IgnoreUnexported(verify.Result{}), cmpopts.IgnoreFields(verify.Result{}, "Steps", "Artifact"),
		cmpopts.IgnoreFields(verify.Signed{}, "Certificate", "KeyID")}
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if got.Artifact.String() != "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03" {
		t.Errorf("artifact is %s", got.Artifact)
	}
	var steps []check.Check
	for _, s := range got.Steps {
		steps = append(steps, s.Check)
	}
	if diff := cmp.Diff([]check.Check{check.CertProfile, check.CertChain, check.SCT, check.Digest, check.Signature,
		check.Proof, check.Entry, check.SET, check.CertTime, check.Identity}, steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// A log of the first generation may sign under any name; the result has the one in the
// trusted root.
func TestR1_5_ResultNamesTheLogOfTheRoot(t *testing.T) {
	p := newPlan(t, 1)
	p.origin, p.signs = "other.example - 43", "other.example"
	got, err := p.verify()
	if err != nil {
		t.Fatal(err)
	}
	if name := got.Logs[0].Name; name != "rekor.example.com - 43" {
		t.Errorf("name of the log is %q", name)
	}
}

func TestR11_Weakened(t *testing.T) {
	for _, tt := range []struct {
		evidence verify.Evidence
		want     int
	}{{verify.PublicGood, 0}, {verify.Evidence{Logs: 1, Times: 1}, 1}, {verify.Evidence{SCTs: 1, TSAs: 1}, 1}, {verify.Evidence{}, 3}} {
		p := newPlan(t, 2)
		p.evidence = tt.evidence
		r, err := p.verify()
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Weakened) != tt.want {
			t.Errorf("%+v: weakened %q, want %d", tt.evidence, r.Weakened, tt.want)
		}
	}
	p := newPlan(t, 1)
	managed(p, verify.Key{Valid: trustroot.Window{Start: noon}, AssumeNow: true})
	p.evidence.Times = 0
	p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise = nil }
	if r, err := p.verify(); err != nil || len(r.Weakened) != 2 {
		t.Errorf("%+v, %v, want it said that the time was assumed", r, err)
	}
}

// Without a promise nothing covers the index in all trees of a log.
func TestR1_4_R1_7_IndexThatIsProved(t *testing.T) {
	for _, promised := range []bool{true, false} {
		p := newPlan(t, 1)
		p.stamps = []time.Time{noon}
		var global, inTree int64
		p.edit = func(b *bundle.Bundle) {
			e := &b.Entries[0]
			if !promised {
				e.Promise, e.IntegratedTime, e.LogIndex = nil, 0, e.LogIndex+1_000_000
			}
			global, inTree = e.LogIndex, e.Proof.LogIndex
		}
		r, err := p.verify()
		if err != nil {
			t.Fatal(err)
		}
		want := global
		if !promised {
			want = inTree
		}
		if got := r.Logs[0].Index; got != want || !promised && global == inTree {
			t.Errorf("promised %v: got index %d, want %d of %d and %d", promised, got, want, global, inTree)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		want string
		edit func(*plan)
	}{
		{"CC-7: valid for", func(p *plan) { p.template.NotAfter = noon.AddDate(0, 6, 0) }},
		{"SG-3: deprecated", func(p *plan) { withKey(p, elliptic.P384(), 5) }},
		{"R1-6: no checkpoint", func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Version, b.Entries[0].Proof.Checkpoint = bundle.V01, "" }
		}},
		{"TS-8: authority that is not in the trusted root", func(p *plan) {
			p.stamps = []time.Time{noon}
			p.tsa = newPlan(p.t, 1).tsa
		}},
		{"R1-1: log that is not in the trusted root", func(p *plan) {
			p.edit = func(b *bundle.Bundle) {
				b.Entries = slices.Repeat(b.Entries, 2)
				b.Entries[1].LogID = make([]byte, 32)
			}
		}},
	} {
		p := newPlan(t, 1)
		tt.edit(p)
		r, err := p.verify()
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(tt.want, ": ")
		if !strings.Contains(strings.Join(r.Warnings, "\n"), text) {
			t.Errorf("warnings are %q, want one with %q", r.Warnings, tt.want)
		}
	}
}

// A result belongs to its caller: changing it must not reach what the verifier
// remembers.
func TestResultIsACopy(t *testing.T) {
	p := newPlan(t, 2)
	p.statement = statement()
	v := must[*verify.Verifier](t)(verify.New(&p.trust, p.evidence))
	b := p.bundle()
	first := must[*verify.Result](t)(v.Verify(b, p.asked, p.policy, p.now))
	clear(first.Signer.Claims)
	clear(first.Signer.Certificate)
	clear(first.Statement.Payload)
	clear(first.Artifact.Value)
	second := must[*verify.Result](t)(v.Verify(b, p.asked, p.policy, p.now))
	if len(second.Signer.Claims) == 0 || second.Signer.Certificate[0] == 0 || second.Statement.Payload[0] == 0 || second.Artifact.Value[0] == 0 {
		t.Errorf("changed with the first result: %+v", second)
	}
}

func TestCertificate(t *testing.T) {
	p := newPlan(t, 1)
	v := must[*verify.Verifier](t)(verify.New(&p.trust, p.evidence))
	der := p.bundle().Certificate
	if subject, issuer, err := v.Certificate(der, noon); err != nil || subject != workflow || issuer != provider {
		t.Errorf("%q, %q, %v", subject, issuer, err)
	}
	p.scts = []scttest.SCT{foreignCT(p).SCT(noon)}
	for _, tt := range []struct {
		name string
		v    *verify.Verifier
		der  []byte
		at   time.Time
		want check.Check
	}{
		{"too late", v, der, noon.Add(time.Hour), check.CertTime},
		{"garbage", v, []byte("x"), noon, check.Parse},
		{"SCT of an unknown log", v, p.bundle().Certificate, noon, check.SCT},
		{"zero verifier", new(verify.Verifier), der, noon, check.Usage},
	} {
		if _, _, err := tt.v.Certificate(tt.der, tt.at); check.Of(err) != tt.want {
			t.Errorf("%s: %v, want a refusal by %s", tt.name, err, tt.want)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	p := newPlan(t, 2)
	v := must[*verify.Verifier](t)(verify.New(&p.trust, p.evidence))
	var bundles []*bundle.Bundle
	for range 4 {
		bundles = append(bundles, p.bundle())
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 4 {
				if _, err := v.Verify(bundles[(i+j)%len(bundles)], p.asked, p.policy, p.now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestI26_ParsePublicKey(t *testing.T) {
	k := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	spki := func(key any) []byte { return must[[]byte](t)(x509.MarshalPKIXPublicKey(key)) }
	encode := func(typ string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}) }
	good := encode("PUBLIC KEY", spki(k.Public()))
	if got, err := verify.ParsePublicKey(append([]byte("\n"), good...)); err != nil || !k.PublicKey.Equal(got) {
		t.Fatalf("%v, %v", got, err)
	}
	weak := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	for _, tt := range []struct {
		name string
		text []byte
		want check.Check
	}{
		{"nothing", nil, check.Usage},
		{"text before", append([]byte("x\n"), good...), check.Usage},
		{"two blocks", append(slices.Clip(good), good...), check.Usage},
		{"certificate", encode("CERTIFICATE", newPlan(t, 1).root.Raw), check.Usage},
		{"headers", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Headers: map[string]string{"a": "b"}, Bytes: spki(k.Public())}), check.Usage},
		{"garbage", encode("PUBLIC KEY", []byte("x")), check.Usage},
		{"huge", bytes.Repeat([]byte("x"), 65<<10), check.Usage},
		{"P-224", encode("PUBLIC KEY", spki(weak.Public())), check.Alg},
	} {
		if _, err := verify.ParsePublicKey(tt.text); check.Of(err) != tt.want {
			t.Errorf("%s: %v, want a refusal by %s", tt.name, err, tt.want)
		}
	}
}

// B30: the points of small order, from the canonical encodings of their y.
func TestB30_SmallOrder(t *testing.T) {
	for _, y := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	} {
		key := ed25519.PublicKey(must[[]byte](t)(hex.DecodeString(y)))
		p := newPlan(t, 1)
		p.policy = verify.AnyOf(verify.Key{Public: key})
		if _, err := p.verify(); check.Of(err) != check.Alg {
			t.Errorf("%s: %v, want a refusal by alg", y, err)
		}
	}
	for range 8 {
		public, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		p := newPlan(t, 1)
		p.policy = verify.AnyOf(verify.Key{Public: public})
		if _, err := p.verify(); check.Of(err) == check.Alg {
			t.Errorf("good key %x: %v", public, err)
		}
	}
}

// G25, G26: parts of good bundles, exchanged among them, are never accepted.
func TestSplices(t *testing.T) {
	var good []vector
	var claims []*bundle.Bundle
	for _, v := range conformance(t) {
		data, err := os.ReadFile(filepath.Join(v.dir, "bundle.sigstore.json"))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := bundle.Parse(data); err == nil && !strings.HasSuffix(v.name, "_fail") && b.PublicKey == nil {
			good, claims = append(good, v), append(claims, b)
		}
	}
	parts := map[string]struct {
		move func(to, from *bundle.Bundle)
		same func(a, b *bundle.Bundle) bool
	}{
		"entries": {func(to, from *bundle.Bundle) { to.Entries = from.Entries },
			func(a, b *bundle.Bundle) bool { return bytes.Equal(a.Entries[0].Body, b.Entries[0].Body) }},
		"promise": {func(to, from *bundle.Bundle) { to.Entries[0].Promise = from.Entries[0].Promise },
			func(a, b *bundle.Bundle) bool {
				return bytes.Equal(a.Entries[0].Promise, b.Entries[0].Promise) || b.Entries[0].Promise == nil
			}},
		"proof": {func(to, from *bundle.Bundle) { to.Entries[0].Proof = from.Entries[0].Proof },
			func(a, b *bundle.Bundle) bool { return bytes.Equal(a.Entries[0].Body, b.Entries[0].Body) }},
		"certificate": {func(to, from *bundle.Bundle) { to.Certificate = from.Certificate },
			func(a, b *bundle.Bundle) bool { return bytes.Equal(a.Certificate, b.Certificate) }},
		"content": {func(to, from *bundle.Bundle) { to.Message, to.Envelope = from.Message, from.Envelope },
			func(a, b *bundle.Bundle) bool { return bytes.Equal(signature(a), signature(b)) }},
		"timestamps": {func(to, from *bundle.Bundle) { to.Timestamps = from.Timestamps },
			func(a, b *bundle.Bundle) bool {
				return bytes.Equal(signature(a), signature(b)) || len(b.Timestamps) == 0 && a.Entries[0].Promise != nil
			}},
	}
	ran := 0
	for i, v := range good {
		root := must[*trustroot.Root](t)(trustroot.Parse(must[[]byte](t)(os.ReadFile(v.root))))
		verifier := must[*verify.Verifier](t)(verify.New(root, verify.PublicGood))
		policy := must[verify.Policy](t)(v.policy())
		artifact := must[verify.Artifact](t)(v.load(t, claims[i], true))
		if _, err := verifier.Verify(claims[i], artifact, policy, today); err != nil {
			t.Fatal(v.name, err)
		}
		for j := range good {
			for name, part := range parts {
				if part.same(claims[i], claims[j]) {
					continue
				}
				mixed := clone(claims[i])
				part.move(mixed, clone(claims[j]))
				ran++
				r, err := verifier.Verify(mixed, artifact, policy, today)
				if err == nil && name == "timestamps" && len(r.Times) == 1 && r.Times[0].Source == "log" {
					continue // of an authority that this root does not know: not examined (TS-8)
				}
				if err == nil {
					t.Errorf("%s with %s of %s is accepted", v.name, name, good[j].name)
				}
				if name == "entries" && !slices.Contains([]check.Check{check.Entry, check.TlogUnknown, check.SET}, check.Of(err)) {
					t.Errorf("%s with %s of %s: %v, want a refusal by entry", v.name, name, good[j].name, err)
				}
			}
		}
	}
	t.Logf("%d splices refused", ran)
	if ran < 1000 {
		t.Errorf("%d splices, want more", ran)
	}
}

func signature(b *bundle.Bundle) []byte {
	if b.Message != nil {
		return b.Message.Signature
	}
	return b.Envelope.Signature
}

// The verifier reads no network, runs no program and writes no log.
func TestPurity(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 20 {
		t.Fatalf("%d dependencies, want more", len(deps))
	}
	for _, d := range deps {
		if slices.Contains([]string{"net/http", "os/exec", "log", "log/slog", "crypto/tls"}, d) {
			t.Errorf("depends on %s", d)
		}
	}
}
