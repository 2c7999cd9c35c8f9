package verify_test

import (
	"bytes"
	"crypto/x509"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
	"github.com/hallmarksign/hallmark/verify"
)

// A wrong is a fault that is signed over by everything that comes after it.
type wrong func(w *sigtest.World, m *sigtest.Maker)

func flipped(b []byte) []byte {
	out := bytes.Clone(b)
	out[len(out)-1] ^= 1
	return out
}

// wrongs are all of which one is enough for any bundle with a certificate.
func wrongs(strangers *sigtest.World) []wrong {
	leaf := func(f func(*x509.Certificate)) wrong {
		return func(_ *sigtest.World, m *sigtest.Maker) {
			before := m.Leaf.Template
			m.Leaf.Template = func(c *x509.Certificate) {
				if before != nil {
					before(c)
				}
				f(c)
			}
		}
	}
	return []wrong{
		leaf(func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(-time.Second) }),
		leaf(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }),
		leaf(func(c *x509.Certificate) { c.ExtKeyUsage = nil }),
		leaf(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }),
		leaf(func(c *x509.Certificate) { c.Subject.CommonName = "alice" }),
		func(_ *sigtest.World, m *sigtest.Maker) {
			m.Leaf.SCT = func(s *sigtest.SCT) { s.IssuerKeyHash = flipped(s.IssuerKeyHash) }
		},
		func(_ *sigtest.World, m *sigtest.Maker) {
			m.Leaf.SCTs = func(list []byte) []byte { return append(list, 0) }
		},
		func(_ *sigtest.World, m *sigtest.Maker) { m.CTs = []*sigtest.CT{strangers.CT} },
		func(_ *sigtest.World, m *sigtest.Maker) { m.CA = strangers.CA },
		func(_ *sigtest.World, m *sigtest.Maker) { m.Logs = []*sigtest.Log{strangers.Log2} },
		func(_ *sigtest.World, m *sigtest.Maker) {
			m.TSAs = []*sigtest.TSA{strangers.TSA}
			m.Log.Entry = unpromised
		},
		func(_ *sigtest.World, m *sigtest.Maker) {
			m.Who = &sigtest.Identity{Subject: "mallory@example.com", Issuer: m.Who.Issuer}
		},
		func(_ *sigtest.World, m *sigtest.Maker) { m.Artifact, m.Statement = []byte("another"), nil },
		func(_ *sigtest.World, m *sigtest.Maker) { m.Signature = flipped },
		func(_ *sigtest.World, m *sigtest.Maker) {
			m.Body = func(b *entry.Body) { b.Signature = flipped(b.Signature) }
		},
		func(_ *sigtest.World, m *sigtest.Maker) { m.Log.Body = func(b []byte) []byte { return append(b, '}') } },
		func(_ *sigtest.World, m *sigtest.Maker) {
			m.Log.Proof = func(p *bundle.InclusionProof) { p.RootHash = flipped(p.RootHash) }
		},
		func(_ *sigtest.World, m *sigtest.Maker) {
			m.Log.Proof = func(p *bundle.InclusionProof) { p.TreeSize++; p.Hashes = p.Hashes[:0] }
		},
		func(_ *sigtest.World, m *sigtest.Maker) { m.Log.Note = func(text string) string { return "x" + text } },
		func(_ *sigtest.World, m *sigtest.Maker) {
			m.Log.Envelope = func(note string) string { return note + "\n" }
		},
		func(w *sigtest.World, m *sigtest.Maker) {
			m.TSAs = []*sigtest.TSA{w.TSA}
			m.Token = []tsptest.Fault{func(t *tsptest.Token) { t.Info.Imprint = flipped(t.Info.Imprint) }}
		},
		func(w *sigtest.World, m *sigtest.Maker) {
			m.At = w.Clock.Now().Add(time.Hour)
			m.TSAs = []*sigtest.TSA{w.TSA}
			m.Logs = []*sigtest.Log{w.Log2}
			m.Leaf.Template = func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(-time.Minute) }
		},
	}
}

func unpromised(e *bundle.Entry) { e.Promise, e.IntegratedTime = nil, 0 }

// FuzzResigned is target 3: bundles of a grammar, properly signed around up to
// three faults, are accepted if and only if they have none.
func FuzzResigned(f *testing.F) {
	strangers := sigtest.At(nil, "strangers.example")
	all := wrongs(strangers)
	f.Add(byte(0), []byte(nil))
	f.Add(byte(7), []byte(nil))
	for i := range all {
		f.Add(byte(i), []byte{byte(i)})
	}
	f.Add(byte(1), []byte{3, 9, 14})
	f.Fuzz(func(t *testing.T, shape byte, faults []byte) {
		w := sigtest.At(nil, "sigstore.example")
		alice := sigtest.Alice()
		artifact := []byte("artifact")
		m := sigtest.Maker{Artifact: artifact, Who: &alice}
		if shape&1 != 0 {
			m.Statement = sigtest.Statement("artifact", artifact, "https://example.com/predicate")
		}
		if shape&2 != 0 {
			m.Logs = []*sigtest.Log{w.Log1}
		}
		if shape&4 != 0 {
			m.TSAs = []*sigtest.TSA{w.TSA}
		}
		if shape&10 == 10 {
			m.Logs = append(m.Logs, w.Log2)
		}
		faults = faults[:min(len(faults), 3)]
		for _, n := range faults {
			all[int(n)%len(all)](w, &m)
		}
		v, err := verify.New(w.Root(), verify.PublicGood)
		if err != nil {
			t.Fatal(err)
		}
		accepted, why := judge(t, w, v, m, artifact)
		if accepted != (len(faults) == 0) {
			t.Errorf("%d faults %v, shape %d: accepted = %v, %v", len(faults), faults, shape, accepted, why)
		}
	})
}

// judge makes a bundle and verifies it twice, so that what is remembered counts too.
func judge(t *testing.T, w *sigtest.World, v *verify.Verifier, m sigtest.Maker, artifact []byte) (accepted bool, why error) {
	b, err := bundle.Parse(w.Make(m).As(bundle.V03))
	if err != nil {
		return false, err
	}
	a, err := verify.Hash(bytes.NewReader(artifact), b.Hashes()...)
	if err != nil {
		t.Fatal(err)
	}
	policy := verify.AnyOf(verify.Identity{Issuer: verify.Exactly(sigtest.Alice().Issuer), Subject: verify.Exactly(sigtest.Alice().Subject)})
	_, cold := v.Verify(b, a, policy, sigtest.T0.Add(48*time.Hour))
	_, warm := v.Verify(b, a, policy, sigtest.T0.Add(48*time.Hour))
	if (cold == nil) != (warm == nil) {
		t.Errorf("first %v, then %v", cold, warm)
	}
	return cold == nil, cold
}
