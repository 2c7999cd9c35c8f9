package specmap_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// Tests of rules that no other package names, through the public API.

var artifact = []byte("artifact\n")

// ask verifies a bundle for Alice, an hour after it was made.
func ask(t *testing.T, root []byte, b *bundle.Bundle, e verify.Evidence) (*verify.Result, error) {
	t.Helper()
	parsed, err := trustroot.Parse(root)
	if err != nil {
		t.Fatal(err)
	}
	v, err := verify.New(parsed, e)
	if err != nil {
		return nil, err
	}
	a, err := verify.Hash(bytes.NewReader(artifact))
	if err != nil {
		t.Fatal(err)
	}
	who := sigtest.Alice()
	p := verify.AnyOf(verify.Identity{Issuer: verify.Exactly(who.Issuer), Subject: verify.Exactly(who.Subject)})
	return v.Verify(b, a, p, sigtest.T0.Add(time.Hour))
}

func want(t *testing.T, err error, c check.Check) {
	t.Helper()
	if got := check.Of(err); got != c {
		t.Errorf("check %q, want %q: %v", got, c, err)
	}
}

// listen counts the connections to an address of this machine.
func listen(t *testing.T) (address string, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	connections = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			c.Close()
		}
	}()
	return l.Addr().String(), connections
}

func TestCC11_NothingIsFetched(t *testing.T) {
	address, connections := listen(t)
	urls := func(m *sigtest.Maker) {
		m.Leaf.Template = func(c *x509.Certificate) {
			u := []string{"http://" + address + "/x"}
			c.OCSPServer, c.IssuingCertificateURL, c.CRLDistributionPoints = u, u, u
		}
	}
	w := sigtest.At(t, "sigstore.example")
	_, err := ask(t, w.TrustedRoot(), w.Sign(artifact, urls), verify.PublicGood)
	want(t, err, "")
	// Where the issuer could be fetched from is no help either.
	other := sigtest.At(t, "other.example")
	_, err = ask(t, w.TrustedRoot(), w.Sign(artifact, urls, func(m *sigtest.Maker) { m.CA = other.CA }), verify.PublicGood)
	want(t, err, check.CertChain)
	if n := connections.Load(); n > 0 {
		t.Errorf("%d connections", n)
	}
}

func TestR2_8_NoEntryIsLookedUp(t *testing.T) {
	address, connections := listen(t)
	w := sigtest.At(t, address)
	_, err := ask(t, w.TrustedRoot(), w.Sign(artifact), verify.PublicGood)
	want(t, err, "")
	_, err = ask(t, w.TrustedRoot(), w.Sign(artifact, func(m *sigtest.Maker) {
		m.Bundle = func(b *bundle.Bundle) { b.Entries[0].Proof = nil }
	}), verify.PublicGood)
	want(t, err, check.Content)
	if n := connections.Load(); n > 0 {
		t.Errorf("%d connections", n)
	}
}

func TestR2_2_LeafIsRecomputed(t *testing.T) {
	w := sigtest.At(t, "sigstore.example")
	b := w.Sign(artifact)
	digest := sha256.Sum256(artifact)
	body, err := entry.HashedRekord2(&entry.Body{
		Hash: 5, Digest: digest[:], Signature: b.Message.Signature, Certificate: b.Certificate, KeyDetails: "PKIX_ECDSA_P256_SHA_256",
	})
	if err != nil || !bytes.Equal(body, b.Entries[0].Body) {
		t.Errorf("recomputed %s, %v; want %s", body, err, b.Entries[0].Body)
	}
	_, err = ask(t, w.TrustedRoot(), b, verify.PublicGood)
	want(t, err, "")
	// The log may say whatever it likes, what it says must be those bytes.
	_, err = ask(t, w.TrustedRoot(), w.Sign(artifact, func(m *sigtest.Maker) {
		m.Log.Body = func(b []byte) []byte { return append([]byte(" "), b...) }
	}), verify.PublicGood)
	want(t, err, check.Entry)
}

func TestTS9_ThresholdCountsAuthorities(t *testing.T) {
	w := sigtest.At(t, "sigstore.example")
	other := w.NewTSA("other")
	other.Operator = "another"
	w.TSAs = append(w.TSAs, other)
	two := verify.Evidence{SCTs: 1, Logs: 1, Times: 2, TSAs: 2}
	_, err := ask(t, w.TrustedRoot(), w.Sign(artifact, func(m *sigtest.Maker) { m.TSAs = []*sigtest.TSA{w.TSA, other} }), two)
	want(t, err, "")
	_, err = ask(t, w.TrustedRoot(), w.Sign(artifact, func(m *sigtest.Maker) {
		m.Bundle = func(b *bundle.Bundle) {
			b.Timestamps = append(b.Timestamps, w.TSA.Stamp(b.Message.Signature, sigtest.T0.Add(time.Second)))
		}
	}), two)
	want(t, err, check.Threshold)
}

func TestTR6_TrustedRootIsUsedAsItIs(t *testing.T) {
	w := sigtest.At(t, "sigstore.example")
	b := w.Sign(artifact)
	result, err := ask(t, w.TrustedRoot(), b, verify.PublicGood)
	want(t, err, "")
	if want := sha256.Sum256(w.TrustedRoot()); result.Root != want {
		t.Errorf("result names the root %x, want %x", result.Root, want)
	}
	w.Logs = w.Logs[:1]
	_, err = ask(t, w.TrustedRoot(), b, verify.PublicGood)
	want(t, err, check.TlogUnknown)
	_, err = verify.New(nil, verify.PublicGood)
	want(t, err, check.Usage)
}

func TestER3_ResultHoldsEverything(t *testing.T) {
	w := sigtest.At(t, "sigstore.example")
	b := w.Sign(artifact)
	r, err := ask(t, w.TrustedRoot(), b, verify.Evidence{SCTs: 0, Logs: 1, Times: 1})
	want(t, err, "")
	who, digest := sigtest.Alice(), sha256.Sum256(artifact)
	type said struct {
		Digest                        []byte
		Subject, Issuer, Source, Kind string
		Index                         int64
		Weakened                      []string
		Demanded                      verify.Evidence
	}
	got := said{r.Artifact.Value, r.Signer.Subject, r.Signer.Issuer, r.Times[0].Source, r.Logs[0].Kind, r.Logs[0].Index, r.Weakened, r.Demanded}
	if diff := cmp.Diff(said{digest[:], who.Subject, who.Issuer, "tsa", "hashedrekord 0.0.2", b.Entries[0].LogIndex,
		[]string{"no signed certificate timestamp demanded"}, verify.Evidence{Logs: 1, Times: 1}}, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	// What was refused has no result, and nothing says that it was verified.
	r, err = ask(t, w.TrustedRoot(), w.Sign([]byte("another")), verify.PublicGood)
	if err == nil || r.Verified() {
		t.Errorf("result %v, %v of another artifact", r, err)
	}
}
