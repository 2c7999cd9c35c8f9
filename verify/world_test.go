package verify_test

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/checkpoint"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/sct/scttest"
	"github.com/hallmarksign/hallmark/internal/set"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

const (
	workflow = "https://github.com/owner/repo/.github/workflows/release.yml@refs/heads/main"
	provider = "https://token.actions.githubusercontent.com"
)

// noon is when everything in a plan is signed; tests verify a day later.
var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// A log of a plan signs promises and checkpoints.
type log struct {
	trustroot.Log
	key crypto.Signer
}

// A plan says how a bundle is made and under which root it is verified. The zero
// plan of newPlan is good; a test changes one thing, and what depends on it is
// signed again.
type plan struct {
	t *testing.T

	root, inter tsptest.Cert
	tsa         *tsptest.Authority
	ct          scttest.Log
	first       log // Rekor v1
	second      log // Rekor v2
	trust       trustroot.Root

	// What the signer does.
	artifact  []byte
	statement string // of an attestation; "" for a message signature
	key       crypto.Signer
	hash      crypto.Hash
	managed   bool // no certificate
	template  x509.Certificate
	issuer    tsptest.Cert
	scts      []scttest.SCT
	digest    func() []byte // claimed as messageDigest, if set

	// What the log does.
	generation int
	integrated time.Time
	body       func(*entry.Body)
	rawBody    func([]byte) []byte
	origin     string // of the checkpoint, if set
	signs      string // name under which the log signs it, if set

	// What the bundle is.
	stamps []time.Time
	edit   func(*bundle.Bundle)

	// What the verifier asks.
	evidence verify.Evidence
	policy   verify.Policy
	asked    verify.Artifact
	now      time.Time
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newPlan(t *testing.T, generation int) *plan {
	t.Helper()
	p := &plan{t: t, generation: generation, artifact: []byte("hello\n"), hash: crypto.SHA256, now: noon.Add(24 * time.Hour)}
	year := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0) }
	p.root = must[tsptest.Cert](t)(tsptest.Issue(tsptest.Cert{}, tsptest.CATemplate("root"), year))
	p.inter = must[tsptest.Cert](t)(tsptest.Issue(p.root, tsptest.CATemplate("intermediate"), year))
	p.tsa = must[*tsptest.Authority](t)(tsptest.New(noon, 24*time.Hour))
	p.ct = must[scttest.Log](t)(scttest.NewLog(nil))
	p.first = newLog(t, "https://rekor.example.com", must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	p.second = newLog(t, "https://log2026.rekor.example.com", must[ed25519.PrivateKey](t)(ed, err))
	p.key = must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p.issuer = p.inter
	p.template = x509.Certificate{
		SerialNumber:    big.NewInt(0x1234567),
		NotBefore:       noon.Add(-5 * time.Minute),
		NotAfter:        noon.Add(5 * time.Minute),
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtKeyUsage:     []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		URIs:            []*url.URL{must[*url.URL](t)(url.Parse(workflow))},
		ExtraExtensions: []pkix.Extension{fulcio(t, 8, provider), fulcio(t, 12, "https://github.com/owner/repo")},
	}
	p.scts = []scttest.SCT{p.ct.SCT(noon.Add(-5 * time.Minute))}
	p.integrated = noon
	if generation == 2 {
		p.stamps = []time.Time{noon}
	}
	window := trustroot.Window{Start: noon.AddDate(-1, 0, 0)}
	ctKey := p.ct.Key.Public()
	p.trust = trustroot.Root{
		Authorities: []trustroot.Authority{{URI: "https://fulcio.example.com", Chain: []*x509.Certificate{p.inter.Certificate, p.root.Certificate}, Valid: window}},
		TSAs:        []trustroot.Authority{{URI: "https://tsa.example.com", Chain: p.tsa.Chain(), Valid: window}},
		Logs:        []trustroot.Log{p.first.Log, p.second.Log},
		CTLogs:      []trustroot.Log{{BaseURL: "https://ct.example.com", ID: p.ct.ID[:], Key: ctKey, SPKI: must[[]byte](t)(x509.MarshalPKIXPublicKey(ctKey)), Valid: window}},
	}
	p.evidence = verify.PublicGood
	p.policy = verify.AnyOf(someone())
	p.asked = must[verify.Artifact](t)(verify.ParseDigest(fmt.Sprintf("sha256:%x", sha256.Sum256(p.artifact))))
	return p
}

func someone() verify.Identity {
	return verify.Identity{Issuer: verify.Exactly(provider), Subject: verify.Exactly(workflow)}
}

func newLog(t *testing.T, base string, key crypto.Signer) log {
	spki := must[[]byte](t)(x509.MarshalPKIXPublicKey(key.Public()))
	id := sha256.Sum256(spki)
	return log{trustroot.Log{BaseURL: base, Origin: base[len("https://"):], ID: id[:], Key: key.Public(), SPKI: spki,
		Valid: trustroot.Window{Start: noon.AddDate(-1, 0, 0)}}, key}
}

// fulcio makes a Fulcio extension.
func fulcio(t *testing.T, n int, value string) pkix.Extension {
	der := must[[]byte](t)(asn1.MarshalWithParams(value, "utf8"))
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, n}, Value: der}
}

// verify makes the bundle and verifies it twice: with a new verifier, and with
// one that has seen the bundle before and after it was edited. What a verifier
// remembers must not change a verdict.
func (p *plan) verify() (*verify.Result, error) {
	p.t.Helper()
	b := p.bundle()
	cold, err := verify.New(&p.trust, p.evidence)
	if err != nil {
		return nil, err
	}
	warm := must[*verify.Verifier](p.t)(verify.New(&p.trust, p.evidence))
	_, _ = warm.Verify(clone(b), p.asked, p.policy, p.now) // may be refused
	if p.edit != nil {
		p.edit(b)
	}
	result, err := cold.Verify(b, p.asked, p.policy, p.now)
	for range 2 {
		if _, again := warm.Verify(b, p.asked, p.policy, p.now); check.Of(again) != check.Of(err) {
			p.t.Errorf("refused by %q when warm, by %q when cold", check.Of(again), check.Of(err))
		}
	}
	return result, err
}

// clone copies a bundle so deeply that an edit does not reach the original.
func clone(b *bundle.Bundle) *bundle.Bundle {
	c := *b
	c.Certificate = slices.Clone(b.Certificate)
	if b.Message != nil {
		m := *b.Message
		m.Signature = slices.Clone(m.Signature)
		c.Message = &m
	}
	if b.Envelope != nil {
		e := *b.Envelope
		e.Signature, e.Payload = slices.Clone(e.Signature), slices.Clone(e.Payload)
		c.Envelope = &e
	}
	c.Entries = slices.Clone(b.Entries)
	for i := range c.Entries {
		e := &c.Entries[i]
		e.Body, e.Promise, e.LogID = slices.Clone(e.Body), slices.Clone(e.Promise), slices.Clone(e.LogID)
		if e.Proof != nil {
			p := *e.Proof
			p.RootHash, p.Hashes = slices.Clone(p.RootHash), slices.Clone(p.Hashes)
			for j := range p.Hashes {
				p.Hashes[j] = slices.Clone(p.Hashes[j])
			}
			e.Proof = &p
		}
	}
	c.Timestamps = slices.Clone(b.Timestamps)
	return &c
}

func (p *plan) bundle() *bundle.Bundle {
	p.t.Helper()
	b := &bundle.Bundle{MediaType: bundle.MediaType, Version: bundle.V03}
	if p.managed {
		b.PublicKey = &bundle.PublicKey{}
	} else {
		b.Certificate = must[[]byte](p.t)(scttest.Certificate{
			Template: &p.template, Issuer: p.issuer.Certificate, Key: p.key.Public(), IssuerKey: p.issuer.Key, SCTs: p.scts,
		}.DER())
	}
	signed, content := p.artifact, p.artifact
	if p.statement != "" {
		signed, content = dsse.PAE(dsse.PayloadType, []byte(p.statement)), []byte(p.statement)
	}
	digest := signed
	if p.hash != 0 {
		digest = hashed(p.hash, signed)
	}
	signature := must[[]byte](p.t)(p.key.Sign(rand.Reader, digest, p.hash))
	if p.statement != "" {
		b.Envelope = &bundle.Envelope{PayloadType: dsse.PayloadType, Payload: content, Signature: signature}
	} else {
		b.Message = &bundle.Message{Signature: signature}
		if p.digest != nil {
			b.Message.Digest = &bundle.Digest{Algorithm: "SHA2_256", Value: p.digest()}
		}
	}
	b.Entries = []bundle.Entry{p.entry(b, signature, digest)}
	for _, at := range p.stamps {
		b.Timestamps = append(b.Timestamps, must[[]byte](p.t)(p.tsa.Issue(signature, at)))
	}
	return b
}

// entry logs the signature.
func (p *plan) entry(b *bundle.Bundle, signature, digest []byte) bundle.Entry {
	p.t.Helper()
	e := bundle.Entry{LogIndex: 1000, Kind: "hashedrekord", Version: "0.0.1"}
	body := &entry.Body{Kind: e.Kind, Hash: p.hash, Digest: digest, Signature: signature, Certificate: b.Certificate}
	if p.managed {
		body.PublicKey = must[[]byte](p.t)(x509.MarshalPKIXPublicKey(p.key.Public()))
	}
	if p.generation == 2 {
		e.Version = "0.0.2"
		body.KeyDetails, _ = entry.KeyDetailsOf(p.key.Public(), p.hash) // "" is for the test to fill in
	} else if b.Envelope != nil {
		e.Kind, body.Kind = "dsse", "dsse"
		body.Hash, body.Digest = crypto.SHA256, hashed(crypto.SHA256, b.Envelope.Payload)
	}
	if p.body != nil {
		p.body(body)
	}
	l := p.first
	if p.generation == 2 {
		l = p.second
		e.Body = must[[]byte](p.t)(entry.HashedRekord2(body))
	} else {
		e.Body = firstBody(body)
	}
	if p.rawBody != nil {
		e.Body = p.rawBody(e.Body)
	}
	e.LogID = l.ID
	if p.generation == 1 {
		e.IntegratedTime = p.integrated.Unix()
		e.Promise = l.sign(p.t, set.Message(e.Body, e.IntegratedTime, e.LogIndex, e.LogID))
	}
	origin := l.Origin
	if p.generation == 1 {
		origin += " - 42"
	}
	if p.origin != "" {
		origin = p.origin
	}
	e.Proof = l.include(p.t, e.Body, origin, cmp.Or(p.signs, l.Origin), e.LogIndex)
	return e
}

// firstBody writes a body of Rekor v1.
func firstBody(b *entry.Body) []byte {
	block := &pem.Block{Type: "CERTIFICATE", Bytes: b.Certificate}
	if b.Certificate == nil {
		block = &pem.Block{Type: "PUBLIC KEY", Bytes: b.PublicKey}
	}
	b64 := base64.StdEncoding.EncodeToString
	name := map[crypto.Hash]string{crypto.SHA256: "sha256", crypto.SHA384: "sha384", crypto.SHA512: "sha512"}[b.Hash]
	hash := fmt.Sprintf(`{"algorithm":"%s","value":"%s"}`, name, hex.EncodeToString(b.Digest))
	if b.Kind == "dsse" {
		return fmt.Appendf(nil, `{"apiVersion":"0.0.1","kind":"dsse","spec":{"envelopeHash":%s,"payloadHash":%s,"signatures":[{"signature":"%s","verifier":"%s"}]}}`,
			hash, hash, b64(b.Signature), b64(pem.EncodeToMemory(block)))
	}
	return fmt.Appendf(nil, `{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":%s},"signature":{"content":"%s","publicKey":{"content":"%s"}}}}`,
		hash, b64(b.Signature), b64(pem.EncodeToMemory(block)))
}

func (l log) sign(t *testing.T, message []byte) []byte {
	t.Helper()
	if _, ok := l.key.(ed25519.PrivateKey); ok {
		return must[[]byte](t)(l.key.Sign(rand.Reader, message, crypto.Hash(0)))
	}
	return must[[]byte](t)(l.key.Sign(rand.Reader, hashed(crypto.SHA256, message), crypto.SHA256))
}

// include proves that body is the last leaf of a tree, and signs its root.
func (l log) include(t *testing.T, body []byte, origin, name string, index int64) *bundle.InclusionProof {
	t.Helper()
	leaf := sha256.Sum256(append([]byte{0}, body...))
	p := &bundle.InclusionProof{LogIndex: index, TreeSize: index + 1}
	// The last leaf of a tree has only left neighbours: one for each bit of its index.
	node := leaf
	for i := int64(0); index>>i > 0; i++ {
		if index>>i&1 == 1 {
			left := sha256.Sum256([]byte{byte(i)})
			p.Hashes = append(p.Hashes, left[:])
			node = sha256.Sum256(append(append([]byte{1}, left[:]...), node[:]...))
		}
	}
	p.RootHash = node[:]
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, p.TreeSize, base64.StdEncoding.EncodeToString(p.RootHash))
	id := must[[]byte](t)(checkpoint.KeyID(name, l.Key))
	p.Checkpoint = text + "\n\u2014 " + name + " " + base64.StdEncoding.EncodeToString(append(id, l.sign(t, []byte(text))...)) + "\n"
	return p
}

func hashed(h crypto.Hash, data []byte) []byte {
	state := h.New()
	state.Write(data)
	return state.Sum(nil)
}
