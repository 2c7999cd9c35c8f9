package differential_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
)

// A change is made to a bundle before what depends on it is signed.
type change struct {
	name string
	make func(r *rand.Rand, w *sigtest.World, m *sigtest.Maker)
}

// flip changes one bit.
func flip(r *rand.Rand, b []byte) []byte {
	out := bytes.Clone(b)
	if len(out) > 0 {
		out[r.IntN(len(out))] ^= 1 << r.IntN(8)
	}
	return out
}

// moved is a span in which something may still be valid, or not.
func moved(r *rand.Rand) time.Duration {
	spans := []time.Duration{time.Second, time.Minute, 4 * time.Minute, 9 * time.Minute, 11 * time.Minute, time.Hour, 30 * 24 * time.Hour, 3 * 365 * 24 * time.Hour, 20 * 365 * 24 * time.Hour}
	d := spans[r.IntN(len(spans))]
	if r.IntN(2) == 0 {
		return -d
	}
	return d
}

// changes are all that are tried, alone and in pairs. Not all are faults.
func changes(stamps []tsptest.Row, strangers *sigtest.World) []change {
	var out []change
	add := func(name string, f func(r *rand.Rand, w *sigtest.World, m *sigtest.Maker)) {
		out = append(out, change{name, f})
	}
	leaf := func(name string, f func(r *rand.Rand, c *x509.Certificate)) {
		add("leaf "+name, func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
			m.Leaf.Template = then(m.Leaf.Template, func(c *x509.Certificate) { f(r, c) })
		})
	}
	sct := func(name string, f func(r *rand.Rand, s *sigtest.SCT)) {
		add("sct "+name, func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
			m.Leaf.SCT = then(m.Leaf.SCT, func(s *sigtest.SCT) { f(r, s) })
		})
	}
	logged := func(name string, f func(r *rand.Rand, b *entry.Body)) {
		add("body "+name, func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
			m.Body = then(m.Body, func(b *entry.Body) { f(r, b) })
		})
	}
	proof := func(name string, f func(r *rand.Rand, p *bundle.InclusionProof)) {
		add("proof "+name, func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
			m.Log.Proof = then(m.Log.Proof, func(p *bundle.InclusionProof) { f(r, p) })
		})
	}
	leaf("window", func(r *rand.Rand, c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(moved(r)) })
	leaf("start", func(r *rand.Rand, c *x509.Certificate) { c.NotBefore = c.NotBefore.Add(moved(r)) })
	leaf("usage", func(r *rand.Rand, c *x509.Certificate) { c.KeyUsage = x509.KeyUsage(r.IntN(512)) })
	leaf("extended usage", func(r *rand.Rand, c *x509.Certificate) {
		c.ExtKeyUsage = [][]x509.ExtKeyUsage{nil, {x509.ExtKeyUsageServerAuth}, {x509.ExtKeyUsageAny}, {x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageTimeStamping}}[r.IntN(4)]
	})
	leaf("is a CA", func(_ *rand.Rand, c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
	leaf("subject", func(_ *rand.Rand, c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "Mallory"} })
	leaf("extension", func(r *rand.Rand, c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: r.IntN(2) == 0, Value: []byte{5, 0}})
	})
	leaf("second name", func(_ *rand.Rand, c *x509.Certificate) {
		c.ExtraExtensions = c.ExtraExtensions[1:]
		c.EmailAddresses = []string{"alice@example.com", "mallory@example.com"}
	})
	leaf("poison", func(_ *rand.Rand, c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: sigtest.OIDPoison, Critical: true, Value: []byte{5, 0}})
	})
	leaf("issuers differ", func(_ *rand.Rand, c *x509.Certificate) {
		c.ExtraExtensions[1] = sigtest.Claim(1, "https://mallory.example.com")
	})
	leaf("one issuer", func(r *rand.Rand, c *x509.Certificate) {
		i := 1 + r.IntN(2)
		c.ExtraExtensions = append(c.ExtraExtensions[:i:i], c.ExtraExtensions[i+1:]...)
	})
	sct("time", func(r *rand.Rand, s *sigtest.SCT) { s.Time = s.Time.Add(moved(r)) })
	sct("version", func(_ *rand.Rand, s *sigtest.SCT) { s.Version = 1 })
	sct("extensions", func(r *rand.Rand, s *sigtest.SCT) { s.Extensions = make([]byte, r.IntN(10)) })
	sct("entry type", func(_ *rand.Rand, s *sigtest.SCT) { s.EntryType = 0 })
	sct("issuer", func(r *rand.Rand, s *sigtest.SCT) { s.IssuerKeyHash = flip(r, s.IssuerKeyHash) })
	sct("certificate", func(r *rand.Rand, s *sigtest.SCT) { s.TBS = flip(r, s.TBS) })
	sct("log", func(r *rand.Rand, s *sigtest.SCT) { s.LogID = flip(r, s.LogID) })
	sct("algorithm", func(_ *rand.Rand, s *sigtest.SCT) { s.Hash = 2 })
	add("sct none", func(_ *rand.Rand, _ *sigtest.World, m *sigtest.Maker) { m.CTs = []*sigtest.CT{} })
	add("sct twice", func(_ *rand.Rand, w *sigtest.World, m *sigtest.Maker) { m.CTs = []*sigtest.CT{w.CT, w.CT} })
	add("sct unknown beside", func(_ *rand.Rand, w *sigtest.World, m *sigtest.Maker) { m.CTs = []*sigtest.CT{strangers.CT, w.CT} })
	add("sct list", func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
		m.Leaf.SCTs = func(list []byte) []byte { return flip(r, list) }
	})
	add("authority unknown", func(_ *rand.Rand, _ *sigtest.World, m *sigtest.Maker) { m.CA = strangers.CA })
	add("log unknown", func(_ *rand.Rand, _ *sigtest.World, m *sigtest.Maker) { m.Logs = []*sigtest.Log{strangers.Log2} })
	add("timestamp unknown", func(_ *rand.Rand, _ *sigtest.World, m *sigtest.Maker) { m.TSAs = []*sigtest.TSA{strangers.TSA} })
	add("timestamp unknown beside", func(_ *rand.Rand, w *sigtest.World, m *sigtest.Maker) {
		m.TSAs = []*sigtest.TSA{strangers.TSA, w.TSA}
	})
	add("timestamp twice", func(_ *rand.Rand, w *sigtest.World, m *sigtest.Maker) { m.TSAs = []*sigtest.TSA{w.TSA, w.TSA} })
	add("timestamp none", func(_ *rand.Rand, _ *sigtest.World, m *sigtest.Maker) { m.TSAs = []*sigtest.TSA{} })
	add("log twice", func(_ *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
		if len(m.Logs) > 0 {
			m.Logs = append(m.Logs[:len(m.Logs):len(m.Logs)], m.Logs[0])
		}
	})
	add("who", func(_ *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
		m.Who = &sigtest.Identity{Subject: "mallory@example.com", Issuer: "https://accounts.example.com"}
	})
	add("issuer", func(_ *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
		m.Who = &sigtest.Identity{Subject: "alice@example.com", Issuer: "https://mallory.example.com"}
	})
	add("artifact", func(_ *rand.Rand, _ *sigtest.World, m *sigtest.Maker) { m.Artifact = []byte("another\n") })
	add("payload type", func(_ *rand.Rand, _ *sigtest.World, m *sigtest.Maker) { m.PayloadType = "text/plain" })
	add("signed text", func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
		m.PAE = func(b []byte) []byte { return flip(r, b) }
	})
	add("signature", func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
		m.Signature = func(b []byte) []byte { return flip(r, b) }
	})
	logged("digest", func(r *rand.Rand, b *entry.Body) { b.Digest = flip(r, b.Digest) })
	logged("signature", func(r *rand.Rand, b *entry.Body) { b.Signature = flip(r, b.Signature) })
	logged("certificate", func(r *rand.Rand, b *entry.Body) { b.Certificate = flip(r, b.Certificate) })
	logged("key instead", func(_ *rand.Rand, b *entry.Body) {
		if b.Certificate != nil {
			b.Certificate, b.PublicKey = nil, sigtest.SPKI(sigtest.Ed25519("another").Public())
		}
	})
	add("body bytes", func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
		m.Log.Body = func(b []byte) []byte {
			switch r.IntN(4) {
			case 0:
				return append([]byte(" "), b...)
			case 1:
				return bytes.Replace(b, []byte(`"spec":{`), []byte(`"spec":{"x":1,`), 1)
			case 2:
				return bytes.Replace(b, []byte(`"kind":"`), []byte(`"kind":"x","kind":"`), 1)
			}
			return flip(r, b)
		}
	})
	proof("index", func(r *rand.Rand, p *bundle.InclusionProof) { p.LogIndex += int64(r.IntN(3)) - 1 })
	proof("size", func(r *rand.Rand, p *bundle.InclusionProof) { p.TreeSize += int64(r.IntN(5)) - 2 })
	proof("root", func(r *rand.Rand, p *bundle.InclusionProof) { p.RootHash = flip(r, p.RootHash) })
	proof("hash", func(r *rand.Rand, p *bundle.InclusionProof) {
		i := r.IntN(len(p.Hashes))
		p.Hashes[i] = flip(r, p.Hashes[i])
	})
	proof("hash more", func(r *rand.Rand, p *bundle.InclusionProof) { p.Hashes = append(p.Hashes, make([]byte, 32)) })
	proof("hash less", func(_ *rand.Rand, p *bundle.InclusionProof) { p.Hashes = p.Hashes[1:] })
	add("note", func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
		m.Log.Note = func(text string) string {
			lines := strings.Split(text, "\n")
			return []string{text + "more\n", text + "\n", "x" + text, strings.Replace(text, "\n", " \n", 1), lines[0] + "\n0" + strings.Join(lines[1:], "\n"),
				lines[0] + "\n" + lines[1] + "\n", strings.Join(lines[1:], "\n"), text + "line\nline\n"}[r.IntN(8)]
		}
	})
	add("note signatures", func(r *rand.Rand, w *sigtest.World, m *sigtest.Maker) {
		m.Log.Envelope = func(note string) string {
			text, lines, _ := strings.Cut(note, "\n\n")
			alien := sigtest.NoteLine("witness.example.com", []byte{1, 2, 3, 4}, make([]byte, 72))
			mine := sigtest.NoteLine(w.Host, w.Log2.ID()[:4], make([]byte, 64))
			return text + "\n\n" + []string{alien + lines, lines + alien, lines + lines, mine + lines, lines + mine, alien, "", lines + "\n", strings.Repeat(alien, 64) + lines, strings.Repeat(alien, 15) + lines}[r.IntN(10)]
		}
	})
	add("promise time", func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
		m.Log.Promise = func(p *sigtest.Promise) { p.IntegratedTime += int64(moved(r) / time.Second) }
	})
	add("promise index", func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
		m.Log.Promise = func(p *sigtest.Promise) { p.LogIndex += int64(r.IntN(3000)) - 1500 }
	})
	add("promise body", func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
		m.Log.Promise = func(p *sigtest.Promise) { p.Body = flip(r, p.Body) }
	})
	add("promise text", func(r *rand.Rand, _ *sigtest.World, m *sigtest.Maker) {
		m.Log.Message = func(b []byte) []byte { return flip(r, b) }
	})
	add("entry", func(r *rand.Rand, w *sigtest.World, m *sigtest.Maker) {
		n := r.IntN(9)
		m.Log.Entry = then(m.Log.Entry, func(e *bundle.Entry) { editEntry(r, n, w, e) })
	})
	add("when", func(r *rand.Rand, w *sigtest.World, m *sigtest.Maker) { m.At = w.Clock.Now().Add(moved(r)) })
	for _, row := range stamps {
		add("timestamp "+row.Name, func(_ *rand.Rand, _ *sigtest.World, m *sigtest.Maker) { m.Token = append(m.Token, row.Fault) })
	}
	return out
}

// editEntry changes a finished entry, which nobody signs.
func editEntry(r *rand.Rand, n int, w *sigtest.World, e *bundle.Entry) {
	switch n {
	case 0:
		e.LogIndex += int64(r.IntN(5)) - 2
	case 1:
		e.LogID = w.Log1.ID()
	case 2:
		e.LogID = w.Log2.ID()
	case 3:
		e.Kind, e.Version = "hashedrekord", "0.0.1"
	case 4:
		e.Kind, e.Version = "hashedrekord", "0.0.2"
	case 5:
		e.Kind, e.Version = "dsse", "0.0.1"
	case 6:
		e.IntegratedTime = w.Clock.Now().Unix() + int64(r.IntN(100))
	case 7:
		e.Promise = nil
	case 8:
		e.Promise = make([]byte, 70)
	}
}

// then chains hooks, so that a change does not undo the kind.
func then[T any](first, second func(T)) func(T) {
	return func(v T) {
		if first != nil {
			first(v)
		}
		second(v)
	}
}

// resigned makes a bundle of a kind with up to three changes, and says which. A
// change that can't be made here gives none.
func resigned(r *rand.Rand, w *sigtest.World, k kind, all []change) (data []byte, did string) {
	defer func() {
		if recover() != nil { // such as a proof hash that is not there
			data = nil
		}
	}()
	m := k.maker(w)
	did = k.name
	for range 1 + r.IntN(5)/2 {
		c := all[r.IntN(len(all))]
		c.make(r, w, &m)
		did += ", " + c.name
	}
	return w.Make(m).As(k.version), did
}

func seeded(kind string, i int) *rand.Rand {
	var seed [32]byte
	copy(seed[:], fmt.Sprintf("%d %s", i, kind))
	return rand.New(rand.NewChaCha8(seed))
}
