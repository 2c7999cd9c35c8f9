package vectors

import (
	"crypto"
	"crypto/elliptic"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// bodyFaults are the rows of group G but for the splices.
func bodyFaults() []job {
	bad := is(check.Entry)
	everyone := []string{"v1", "v1 dsse", "v1 intoto", "v1 in 0.1", "v2", "v2 dsse", "key", "key v1", "key dsse"}
	return []job{
		{"G1", func(l *lab) {
			for _, shape := range everyone {
				l.bad(shape, "entry of another artifact", bad, bundled2(func(p *plan, b *bundle.Bundle) { b.Entries = p.other(shape).Entries }))
			}
		}},
		{"G2", func(l *lab) {
			l.each(everyone, "digest of another artifact", bad, bodied(func(b *entry.Body) { b.Digest = flip(b.Digest, 0) }))
		}},
		{"G3", func(l *lab) {
			for _, shape := range everyone {
				l.bad(shape, "certificate and signature of another bundle", bad, bodied2(func(p *plan, b *entry.Body) {
					o := p.lab.plan(shape)
					o.Key = sigtest.Key{Signer: sigtest.ECDSA(elliptic.P256(), "another")}
					m := p.lab.Make(*o.Maker)
					b.Signature, b.Certificate, b.PublicKey = m.Signature, m.Bodies[0].Certificate, m.Bodies[0].PublicKey
				}))
			}
		}},
		{"G4", func(l *lab) {
			l.each(everyone, "another signature of the same key and artifact", bad, bodied2(func(p *plan, b *entry.Body) {
				b.Signature = otherS(p.lab.SignerKey().Public(), b.Signature)
			}))
		}},
		{"G5", func(l *lab) {
			l.each(everyone, "signature with the other s", bad, bundled2(func(p *plan, b *bundle.Bundle) {
				key := p.lab.SignerKey().Public()
				if b.Message != nil {
					b.Message.Signature = otherS(key, b.Message.Signature)
				} else {
					b.Envelope.Signature = otherS(key, b.Envelope.Signature)
				}
			}))
		}},
		{"G6", func(l *lab) {
			for _, shape := range []string{"v1", "v1 dsse", "v1 intoto", "v2", "v2 dsse"} {
				l.bad(shape, "certificate issued again", bad, bodied2(func(p *plan, b *entry.Body) {
					o := p.lab.plan(shape)
					tbsField(tbsSerial, func([]byte) []byte { return []byte{2, 1, 5} })(o)
					b.Certificate = o.certificate()
				}))
			}
		}},
		{"G7", func(l *lab) {
			for _, h := range []crypto.Hash{crypto.SHA384, crypto.SHA512} {
				l.each([]string{"v1", "key v1"}, h.String(), is(check.Alg), bodied(func(b *entry.Body) { b.Hash, b.Digest = h, make([]byte, h.Size()) }))
				l.each([]string{"v1 dsse", "v1 intoto"}, h.String()+" of something", bad, bodied(func(b *entry.Body) { b.Hash, b.Digest = h, make([]byte, h.Size()) }))
			}
			l.each([]string{"v2", "key"}, "SHA2_512", bad, logged(func(b []byte) []byte {
				n := parse(b)
				n.at("spec", "hashedRekordV002", "data").set("algorithm", str("SHA2_512"))
				n.at("spec", "hashedRekordV002", "data").set("digest", inBase64(sum512(artifact())))
				return n.bytes()
			}))
		}},
		{"G8", hexForms},
		{"G9", pemForms},
		{"G10", func(l *lab) {
			l.bad("v1 dsse", "hashedrekord", bad, kinded("hashedrekord", "0.0.1", true))
			l.bad("v1 intoto", "hashedrekord", bad, kinded("hashedrekord", "0.0.1", true))
			l.bad("v1", "dsse", bad, kinded("dsse", "0.0.1", false))
			l.bad("v1", "intoto", bad, kinded("intoto", "0.0.2", false))
			l.bad("key v1", "dsse", bad, kinded("dsse", "0.0.1", false))
		}},
		{"G11", func(l *lab) {
			l.bad("v1 dsse", "payload hash of something else", bad, bodied(func(b *entry.Body) { b.Digest = flip(b.Digest, 0) }))
			for _, field := range []string{"payloadHash", "envelopeHash"} {
				l.bad("v1 dsse", field+" missing", bad, logged(func(b []byte) []byte { n := parse(b); n.at("spec").drop(field); return n.bytes() }))
				l.bad("v1 dsse", field+" null", bad, logged(func(b []byte) []byte { n := parse(b); n.at("spec").set(field, raw("null")); return n.bytes() }))
			}
			l.bad("v1 dsse", "payload hash of the envelope's encoding", bad, bodied2(func(p *plan, b *entry.Body) { b.Digest = sum256([]byte("DSSEv1 28 " + string(p.Statement))) }))
		}},
		{"G12", func(l *lab) {
			l.bad("v1 dsse", "another signature", bad, bodied(func(b *entry.Body) { b.Signature = flip(b.Signature, bits(b.Signature)-1) }))
		}},
		{"G13", func(l *lab) {
			for _, i := range []int{0, 1} {
				l.bad("v1 dsse", name("good one is number %d of 2", i+1), bad, logged(func(b []byte) []byte {
					n := parse(b)
					list := n.at("spec", "signatures")
					other := list.items[0].clone()
					other.set("signature", inBase64([]byte("other")))
					list.items = slices.Insert(list.items, 1-i, other)
					return n.bytes()
				}))
				l.bad("v1 intoto", name("good one is number %d of 2", i+1), bad, logged(func(b []byte) []byte {
					n := parse(b)
					list := n.at("spec", "content", "envelope", "signatures")
					other := list.items[0].clone()
					other.set("sig", inBase64([]byte("b3RoZXI=")))
					list.items = slices.Insert(list.items, 1-i, other)
					return n.bytes()
				}))
			}
		}},
		{"G14", func(l *lab) {
			l.bad("v1 dsse", "none", bad, logged(func(b []byte) []byte { n := parse(b); n.at("spec").set("signatures", raw("[]")); return n.bytes() }))
			l.bad("v1 intoto", "none", bad, logged(func(b []byte) []byte {
				n := parse(b)
				n.at("spec", "content", "envelope").set("signatures", raw("[]"))
				return n.bytes()
			}))
		}},
		{"G15", func(l *lab) {
			l.bad("v1 intoto", "payload hash", bad, bodied(func(b *entry.Body) { b.Digest = flip(b.Digest, 0) }))
			l.bad("v1 intoto", "signature", bad, bodied(func(b *entry.Body) { b.Signature = []byte("other") }))
			l.bad("v1 intoto", "public key", bad, bodied2(func(p *plan, b *entry.Body) { b.Certificate = p.lab.CA.Root.Raw }))
			for what, s := range map[string]string{"signature in base64 once": "AAAA", "empty": "", "line break in base64": base64Of([]byte("AA\nAA")), "spare bits": base64Of([]byte("AB=="))} {
				l.bad("v1 intoto", what, bad, logged(func(b []byte) []byte {
					n := parse(b)
					n.at("spec", "content", "envelope", "signatures", "0").set("sig", str(s))
					return n.bytes()
				}))
			}
		}},
		{"G16", func(l *lab) {
			l.bad("v1 intoto", "0.0.1", bad, func(p *plan) {
				p.Log.Body = func(b []byte) []byte { return renamed(b, "apiVersion", str("0.0.1")) }
				p.onEntry(func(e *bundle.Entry) { e.Version = "0.0.1" })
			})
		}},
		{"G17", func(l *lab) {
			l.each([]string{"v2 dsse", "key dsse"}, "digest of another payload", bad, bodied(func(b *entry.Body) { b.Digest = sum256([]byte("another")) }))
		}},
		{"G18", func(l *lab) {
			l.each([]string{"v2 dsse", "key dsse"}, "another signature", bad, bodied(func(b *entry.Body) { b.Signature = flip(b.Signature, bits(b.Signature)-1) }))
		}},
		{"G19", func(l *lab) {
			l.each([]string{"v2 dsse", "key dsse"}, "hash of the payload", bad, bodied2(func(p *plan, b *entry.Body) { b.Digest = sum256(p.Statement) }))
		}},
		{"G20", func(l *lab) {
			for _, shape := range everyone {
				l.bad(shape, "kind", bad, logged(func(b []byte) []byte { return renamed(b, "kind", str("other")) }))
				l.bad(shape, "version", bad, logged(func(b []byte) []byte { return renamed(b, "apiVersion", str("9.9.9")) }))
				l.bad(shape, "kind claimed", bad, entered(func(e *bundle.Entry) {
					e.Kind = map[string]string{"hashedrekord": "dsse", "dsse": "hashedrekord", "intoto": "dsse"}[e.Kind]
				}))
			}
		}},
		{"G21", func(l *lab) {
			for _, shape := range everyone {
				for _, member := range []string{"spec", "kind", "apiVersion"} {
					l.bad(shape, member+" twice", is(check.Entry, check.Parse), logged(func(b []byte) []byte { n := parse(b); n.add(member, n.at(member).clone()); return n.bytes() }))
				}
			}
		}},
		{"G22", bodyFields},
		{"G23", func(l *lab) {
			for _, b := range []string{"[]", "5", `"x"`, "{", "not JSON", "\xff", "{} {}"} {
				l.each([]string{"v1", "v1 dsse", "v1 intoto", "v2"}, name("%q", b), is(check.Parse), logged(func([]byte) []byte { return []byte(b) }))
			}
			l.each([]string{"v1", "v1 dsse", "v1 intoto", "v2"}, "null", bad, logged(func([]byte) []byte { return []byte("null") }))
			l.each([]string{"v1", "v1 dsse", "v1 in 0.1"}, "empty", is(check.Content, check.Parse), treed(func(n *node) { *n.at(material, "tlogEntries", "0", "canonicalizedBody") = *str("") }))
			l.each([]string{"v2", "v2 dsse"}, "empty", is(check.Content, check.Parse), treed(func(n *node) { *n.at(material, "tlogEntries", "0", "canonicalizedBody") = *str("") }))
			l.each([]string{"v1", "v2"}, "1 MiB and a byte", is(check.Limit), logged(func([]byte) []byte { return make([]byte, 1<<20+1) }))
			l.each([]string{"v1 dsse", "v1 intoto"}, "100 KiB and a byte", is(check.Limit), logged(func([]byte) []byte { return make([]byte, 100<<10+1) }))
			l.each([]string{"v1", "v2"}, "by value: 1 MiB and a byte", is(check.Limit, check.SET), byValue(func(b *bundle.Bundle) { b.Entries[0].Body = make([]byte, 1<<20+1) }))
			l.each([]string{"v1", "v2"}, "nested too deep", is(check.Limit), logged(func([]byte) []byte { return []byte(strings.Repeat("[", 65) + strings.Repeat("]", 65)) }))
		}},
		{"G24", func(l *lab) {
			for _, shape := range everyone {
				l.bad(shape, "second is of another signature", bad, bundled2(func(p *plan, b *bundle.Bundle) { b.Entries = append(b.Entries, p.other(shape).Entries...) }))
				l.bad(shape, "first is of another signature", bad, bundled2(func(p *plan, b *bundle.Bundle) { b.Entries = append(p.other(shape).Entries, b.Entries...) }))
			}
			l.bad("v1", "second of a log nobody knows, of another signature", bad, bundled2(func(p *plan, b *bundle.Bundle) {
				e := p.other("v1").Entries[0]
				e.LogID = make([]byte, 32)
				b.Entries = append(b.Entries, e)
			}))
			l.warned("v1", "second of a log nobody knows, of the same", "was not examined", bundled(func(b *bundle.Bundle) {
				e := b.Entries[0]
				e.LogID = make([]byte, 32)
				b.Entries = append(b.Entries, e)
			}))
		}},
	}
}

// bundled2 is bundled with the plan at hand.
func bundled2(f func(*plan, *bundle.Bundle)) fault {
	return func(p *plan) { p.onBundle(func(b *bundle.Bundle) { f(p, b) }) }
}

// other is a good bundle of the same signer about something else.
func (p *plan) other(shape string) *bundle.Bundle {
	o := p.lab.plan(shape)
	o.Artifact = []byte("another artifact\n")
	if o.Statement != nil {
		o.Statement = sigtest.Statement("another", o.Artifact, predicateType)
	}
	return p.lab.Make(*o.Maker).Bundle
}

// kinded logs as an entry of another kind what a message or an envelope signs.
func kinded(kind, version string, pae bool) fault {
	return func(p *plan) {
		p.Body = func(b *entry.Body) {
			b.Kind, b.Version, b.Digest = kind, version, sum256(p.Maker.Artifact)
			if pae {
				b.Digest = sum256(paeOf(p.Statement))
			}
		}
	}
}

func hexForms(l *lab) {
	at := map[string][]string{"v1": {"spec", "data", "hash"}, "v1 dsse": {"spec", "payloadHash"}, "v1 intoto": {"spec", "content", "payloadHash"}, "key v1": {"spec", "data", "hash"}}
	for shape, path := range at {
		for what, f := range map[string]func(s string) string{
			"upper case": strings.ToUpper, "prefix": func(s string) string { return "sha256:" + s }, "odd length": func(s string) string { return s[1:] }, "cut": func(s string) string { return s[2:] },
			"longer": func(s string) string { return s + "00" }, "blank": func(s string) string { return s + " " }, "empty": func(string) string { return "" }, "base64": func(s string) string { return base64Of(must(hex.DecodeString(s))) },
		} {
			l.bad(shape, what, is(check.Entry), logged(func(b []byte) []byte {
				n := parse(b)
				h := n.at(path...)
				h.set("value", str(f(h.at("value").string())))
				return n.bytes()
			}))
		}
		for _, alg := range []string{"sha1", "SHA256", "md5", "", "sha3-256"} {
			l.bad(shape, name("algorithm %q", alg), is(check.Entry), logged(func(b []byte) []byte {
				n := parse(b)
				n.at(path...).set("algorithm", str(alg))
				return n.bytes()
			}))
		}
	}
}

func pemForms(l *lab) {
	at := map[string][]string{"v1": {"spec", "signature", "publicKey", "content"}, "v1 dsse": {"spec", "signatures", "0", "verifier"},
		"v1 intoto": {"spec", "content", "envelope", "signatures", "0", "publicKey"}, "key v1": {"spec", "signature", "publicKey", "content"}}
	for shape, path := range at {
		for what, f := range map[string]func(s string) string{
			"text before": func(s string) string { return "x\n" + s }, "text behind": func(s string) string { return s + "x\n" }, "two blocks": func(s string) string { return s + s },
			"other type": func(s string) string {
				return strings.NewReplacer("CERTIFICATE", "X509 CRL", "PUBLIC KEY", "RSA PUBLIC KEY").Replace(s)
			},
			"headers":     func(s string) string { return strings.Replace(s, "-----\n", "-----\nA: b\n\n", 1) },
			"CRLF":        func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
			"no end":      func(s string) string { return s[:strings.Index(s, "-----END")] },
			"other end":   func(s string) string { return strings.Replace(s, "END ", "END X", 1) },
			"one dash":    func(s string) string { return s[1:] },
			"DER":         func(s string) string { return string(must(decodePEM(s))) },
			"empty block": func(s string) string { return "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n" },
			"empty":       func(string) string { return "" },
			"one line":    func(s string) string { return strings.ReplaceAll(s, "\n", "") },
			"line broken": func(s string) string { return strings.Replace(s, "-----BEGIN", "-----\nBEGIN", 1) },
		} {
			l.bad(shape, what, is(check.Entry), logged(func(b []byte) []byte {
				n := parse(b)
				v := n.at(path...)
				*v = *inBase64([]byte(f(string(v.decoded()))))
				return n.bytes()
			}))
		}
	}
}

// unread are members of bodies of the first generation that say nothing we need:
// the log wrote them, and they may be anything.
func unread(shape, path string) bool {
	return shape == "v1 intoto" && (strings.HasPrefix(path, "spec.content.hash") || path == "spec.content.envelope.payloadType")
}

// bodyFields deletes, nulls and retypes every member of a body, in the log.
func bodyFields(l *lab) {
	for _, shape := range []string{"v1", "v1 dsse", "v1 intoto", "v2", "v2 dsse", "key v1", "key"} {
		for _, p := range parse(l.twin(shape, nil).body()).places() {
			emit := func(what string, f func(parent *node)) {
				if what += " " + p.path; unread(shape, p.path) {
					l.pass(shape, what, logged(func(b []byte) []byte { n := parse(b); f(n.at(p.steps[:len(p.steps)-1]...)); return n.bytes() }))
					return
				}
				l.bad(shape, what, is(check.Entry), logged(func(b []byte) []byte { n := parse(b); f(n.at(p.steps[:len(p.steps)-1]...)); return n.bytes() }))
			}
			emit("deleted", func(n *node) { n.remove(p.i) })
			for _, v := range []string{"null", "5", "true", `"x"`, "{}", "[]", `["x"]`} {
				if kindOf(v) != p.node().kind || v == "null" || v == "5" || v == "true" {
					emit(v+" for", func(n *node) { n.items[p.i] = raw(v) })
				}
			}
		}
	}
}

// kindOf is the kind of a JSON text.
func kindOf(text string) byte {
	switch text[0] {
	case '{':
		return 'o'
	case '[':
		return 'a'
	}
	return 's'
}
