package vectors

import (
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// second are the shapes with an entry in a Rekor v2 log.
func second() []string { return []string{"v2", "v2 dsse", "v2 in 0.2", "key", "key dsse"} }

// bodied is a fault in what is logged.
func bodied(f func(*entry.Body)) fault { return func(p *plan) { p.Body = then(p.Body, f) } }

// logged is a fault in the bytes that are logged.
func logged(f func([]byte) []byte) fault { return func(p *plan) { p.Log.Body = f } }

// secondFaults are rows of group F about entries of Rekor v2.
func secondFaults() []job {
	proof, bad := is(check.Proof), is(check.Entry)
	return []job{
		{"F23", func(l *lab) {
			for _, d := range []int64{-1, 1, 1000} {
				l.each(second(), name("logIndex %+d", d), proof, entered(func(e *bundle.Entry) { e.LogIndex += d }))
				l.each(second(), name("both indexes %+d", d), proof, entered(func(e *bundle.Entry) { e.LogIndex += d; e.Proof.LogIndex += d }))
			}
		}},
		{"F24", func(l *lab) {
			l.each(second(), "index 0", proof, proofed(func(p *bundle.InclusionProof) { p.LogIndex = 0 }))
			l.each(second(), "size 4711", proof, proofed(func(p *bundle.InclusionProof) { p.TreeSize = 4711 }))
			l.each(second(), "root of zeros", proof, proofed(func(p *bundle.InclusionProof) { p.RootHash = make([]byte, 32) }))
			l.each(second(), "all of them absent", proof, proofed(func(p *bundle.InclusionProof) { p.LogIndex, p.TreeSize, p.RootHash = 0, 0, nil }))
		}},
		{"F25", func(l *lab) {
			for what, b := range map[string]string{"empty object": "{}", "other content": `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{}}`, "of kind rpm": `{"apiVersion":"0.0.1","kind":"rpm","spec":{}}`} {
				l.each(second(), what, bad, entered(func(e *bundle.Entry) { e.Body = []byte(b) }))
				l.each(second(), what+", in the log", bad, logged(func([]byte) []byte { return []byte(b) }))
			}
			for _, b := range []string{"garbage", "[]", "5", "{", "null", `{"kind":"hashedrekord"} `} {
				want := is(check.Parse)
				if b == "null" || b[len(b)-1] == ' ' {
					want = bad
				}
				l.each(second(), name("%q", b), want, entered(func(e *bundle.Entry) { e.Body = []byte(b) }))
			}
			for what, f := range rewritten() {
				l.each(second(), what, bad, logged(f))
			}
			n := len(l.plan("v2").made().body())
			l.many(func() {
				for i := range n {
					l.bad("v2", name("byte %d of the body", i), is(check.Entry, check.Parse), entered(func(e *bundle.Entry) { e.Body = flipByte(e.Body, min(i, len(e.Body)-1)) }))
				}
			})
		}},
		{"F26", func(l *lab) {
			for _, k := range [][2]string{{"", ""}, {"hashedrekord", ""}, {"", "0.0.2"}, {"dsse", "0.0.1"}, {"intoto", "0.0.2"}, {"hashedrekord", "0.0.1"}, {"Hashedrekord", "0.0.2"}, {"hashedrekord", "0.0.2 "}, {"hashedrekord 0.0.2", ""}} {
				l.each(second(), name("%q %q", k[0], k[1]), bad, entered(func(e *bundle.Entry) { e.Kind, e.Version = k[0], k[1] }))
			}
			l.each(second(), "missing", bad, drop(material, "tlogEntries", "0", "kindVersion"))
			l.each(second(), "null", bad, put(raw("null"), material, "tlogEntries", "0", "kindVersion"))
		}},
		{"F27", func(l *lab) {
			l.each(second(), "dsse 0.0.2", bad, func(p *plan) {
				p.Log.Body = func(b []byte) []byte { return renamed(renamed(b, "kind", str("dsse")), "apiVersion", str("0.0.2")) }
				p.onEntry(func(e *bundle.Entry) { e.Kind = "dsse" })
			})
		}},
		{"F28", func(l *lab) {
			for _, v := range []string{"0.0.3", "0.0.0", "1.0.0", "0.0.2.0"} {
				l.each(second(), "hashedrekord "+v, bad, func(p *plan) {
					p.Log.Body = func(b []byte) []byte { return renamed(b, "apiVersion", str(v)) }
					p.onEntry(func(e *bundle.Entry) { e.Version = v })
				})
			}
		}},
		{"F29", func(l *lab) {
			for _, at := range []int64{1, sigtest.T0.Unix()} {
				l.each(second(), name("at %d", at), is(check.Content), entered(func(e *bundle.Entry) { e.IntegratedTime = at }))
			}
		}},
		{"F30", func(l *lab) {
			l.each(second(), "garbage", is(check.Content), entered(func(e *bundle.Entry) { e.Promise = []byte("promise") }))
			l.each(second(), "signed by the log", is(check.Content), entered2(func(p *plan, e *bundle.Entry) {
				e.Promise = sigtest.SignMessage(p.log().Key, 0, setMessage(e))
			}))
			l.bad("v2", "by value: no proof", is(check.Content), byValue(func(b *bundle.Bundle) { b.Entries[0].Proof = nil }))
		}},
		{"F31", func(l *lab) {
			l.each([]string{"v2", "v2 dsse", "v2 in 0.2", "key"}, "no timestamp", is(check.Time), bundled(func(b *bundle.Bundle) { b.Timestamps = nil }))
			l.each([]string{"v2", "v2 dsse"}, "empty list", is(check.Time), put(raw("[]"), material, "timestampVerificationData", "rfc3161Timestamps"))
			l.each([]string{"v2", "v2 dsse"}, "null", is(check.Time), put(raw("null"), material, "timestampVerificationData"))
		}},
		{"F32", func(l *lab) {
			other := func(p *plan) {
				o := p.lab.NewLog("other", 2)
				o.Operator = "another"
				p.logs = append(p.logs, o)
			}
			l.each(second(), "log id of another operator's log", is(check.TlogUnknown), entered2(func(p *plan, e *bundle.Entry) {
				e.LogID = p.logs[len(p.logs)-1].ID()
			}), other)
			l.each(second(), "log id of another log of the operator", is(check.Checkpoint, check.TlogUnknown), entered2(func(p *plan, e *bundle.Entry) {
				p.logs = append(p.logs, p.lab.NewLog("same", 2))
				e.LogID = p.logs[len(p.logs)-1].ID()
			}))
			l.each(second(), "log id of the v1 log", is(check.Checkpoint, check.TlogUnknown), entered2(func(p *plan, e *bundle.Entry) { e.LogID = p.lab.Log1.ID() }))
		}},
		{"F33", func(l *lab) {
			for _, d := range []string{"PKIX_ECDSA_P384_SHA_256", "PKIX_ECDSA_P521_SHA_256", "PKIX_RSA_PKCS1V15_2048_SHA256", "PKIX_RSA_PSS_2048_SHA256", "PKIX_ECDSA_P384_SHA_384",
				"PKIX_ED25519", "PKIX_ED25519_PH", "ML_DSA_65", "", "PUBLIC_KEY_DETAILS_UNSPECIFIED"} {
				l.each([]string{"v2", "v2 dsse", "key"}, name("%q", d), bad, logged(func(b []byte) []byte {
					n := parse(b)
					n.at("spec", "hashedRekordV002", "signature", "verifier").set("keyDetails", str(d))
					return n.bytes()
				}))
			}
			l.each([]string{"v2", "v2 dsse"}, "hash that does not fit", bad, logged(func(b []byte) []byte {
				n := parse(b)
				n.at("spec", "hashedRekordV002", "data").set("algorithm", str("SHA2_384"))
				n.at("spec", "hashedRekordV002", "data").set("digest", inBase64(make([]byte, 48)))
				return n.bytes()
			}))
		}},
		{"F34", func(l *lab) {
			l.each([]string{"v2", "v2 dsse", "v2 in 0.2", "v1", "v1 dsse", "v1 intoto"}, "key for certificate", bad, bodied2(func(p *plan, b *entry.Body) {
				b.Certificate, b.PublicKey = nil, sigtest.SPKI(p.lab.SignerKey().Public())
			}))
			l.each([]string{"key", "key dsse", "key v1"}, "certificate for key", bad, bodied2(func(p *plan, b *entry.Body) {
				b.PublicKey, b.Certificate = nil, p.lab.plan("v2").certificate()
			}))
			l.each([]string{"v2", "key"}, "both", bad, logged(func(b []byte) []byte {
				n := parse(b)
				v := n.at("spec", "hashedRekordV002", "signature", "verifier")
				v.set("publicKey", raw(`{"rawBytes":"AAAA"}`))
				v.set("x509Certificate", raw(`{"rawBytes":"AAAA"}`))
				return n.bytes()
			}))
			l.each([]string{"v2", "key"}, "neither", bad, logged(func(b []byte) []byte {
				n := parse(b)
				n.at("spec", "hashedRekordV002", "signature").set("verifier", raw(`{"keyDetails":"PKIX_ECDSA_P256_SHA_256"}`))
				return n.bytes()
			}))
		}},
		{"F35", func(l *lab) {
			l.each(included(), "checkpoint of the tree before", proof, func(p *plan) {
				p.Log.Note = noteLine(1, func(string) string { return "1" })
			})
			l.each(included(), "proof and checkpoint of size 1", proof, proven(func(p *bundle.InclusionProof) { p.TreeSize = 1 }))
		}},
		{"F36", func(l *lab) {
			l.each(included(), "checkpoint of the tree after", proof, func(p *plan) {
				p.onEntry(func(e *bundle.Entry) {
					p.log().Add("hashedrekord", "0.0.2", []byte("{}"), sigtest.LogEdits{})
					e.Proof.Checkpoint = p.log().Checkpoint()
				})
			})
		}},
		{"F41", func(l *lab) {
			at := map[string]int{"v2": 1, "v2 dsse": 1, "v2 in 0.2": 1, "v1 proof": 0, "key": 1}
			for shape, i := range at {
				l.bad(shape, "window ended a second before", is(check.Time), validFor("tlogs", i, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0.Add(-time.Second)))
				l.bad(shape, "window begins a second later", is(check.Time), validFor("tlogs", i, sigtest.T0.Add(time.Second), time.Time{}))
				l.pass(shape, "window ends at the time", validFor("tlogs", i, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0))
				l.pass(shape, "window begins at the time", validFor("tlogs", i, sigtest.T0, time.Time{}))
			}
		}},
	}
}

// bodied2 is bodied with the plan at hand.
func bodied2(f func(*plan, *entry.Body)) fault {
	return func(p *plan) { p.Body = then(p.Body, func(b *entry.Body) { f(p, b) }) }
}
