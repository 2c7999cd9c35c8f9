package vectors

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/verify"
)

// stated is a fault in the statement, which is signed and logged.
func stated(f func(*node)) fault {
	return func(p *plan) {
		n := parse(p.Statement)
		f(n)
		p.Statement = n.bytes()
	}
}

// statedText is stated for what is not even JSON.
func statedText(text string) fault { return func(p *plan) { p.Statement = []byte(text) } }

func subjectDigest(alg, value string) fault {
	return stated(func(n *node) {
		*n.at("subject", "0", "digest") = node{kind: 'o', names: []string{alg}, items: []*node{str(value)}}
	})
}

func attested() []string { return []string{"v1 dsse", "v1 intoto", "v2 dsse", "key dsse"} }

// statementFaults are rows of group J about envelopes and statements.
func statementFaults() []job {
	bad := is(check.Statement)
	digest := hex.EncodeToString(sum256(artifact()))
	return []job{
		{"J12", func(l *lab) {
			l.each(attested(), "signature of another statement", is(check.Signature, check.Entry), bundled2(func(p *plan, b *bundle.Bundle) {
				b.Envelope.Payload = append(slices.Clone(b.Envelope.Payload), ' ')
			}))
			l.each(attested(), "signature changed, logged and stamped", is(check.Signature), signed(func(b []byte) []byte { return flip(b, bits(b)-1) }))
			l.each(attested(), "payload signed without type", is(check.Signature), func(p *plan) { p.PAE = func([]byte) []byte { return p.Statement } })
		}},
		{"J13", func(l *lab) {
			signatures := func(f func(list *node)) fault {
				return treed(func(n *node) { f(n.at("dsseEnvelope", "signatures")) })
			}
			l.each(attested(), "none", is(check.DSSE), signatures(func(n *node) { n.items = nil }))
			l.each(attested(), "null", is(check.DSSE), put(raw("null"), "dsseEnvelope", "signatures"))
			l.each(attested(), "missing", is(check.DSSE), drop("dsseEnvelope", "signatures"))
			l.each(attested(), "good twice", is(check.DSSE), signatures(func(n *node) { n.items = append(n.items, n.items[0].clone()) }))
			l.each(attested(), "good and bad", is(check.DSSE), signatures(func(n *node) { n.items = append(n.items, raw(`{"sig":"AAAA"}`)) }))
			l.each(attested(), "bad and good", is(check.DSSE), signatures(func(n *node) { n.items = append([]*node{raw(`{"sig":"AAAA"}`)}, n.items...) }))
			l.each(attested(), "good and null", is(check.DSSE), signatures(func(n *node) { n.items = append(n.items, raw("null")) }))
			l.each(attested(), "empty signature", is(check.DSSE), signatures(func(n *node) { n.items[0] = raw(`{"sig":""}`) }))
			l.each(attested(), "signature missing", is(check.DSSE), signatures(func(n *node) { n.items[0] = raw("{}") }))
			l.each(attested(), "empty payload", is(check.DSSE), put(str(""), "dsseEnvelope", "payload"))
		}},
		{"J14", func(l *lab) {
			for _, typ := range []string{"text/plain", "", "application/vnd.in-toto+json; charset=utf-8", "Application/vnd.in-toto+json", "application/vnd.in-toto+json ", "application/json", "application/vnd.in-toto"} {
				l.each(attested(), name("%q", typ), is(check.DSSE), func(p *plan) { p.PayloadType = typ; p.retype(typ) })
			}
			l.each(attested(), "by value: text/plain", is(check.DSSE), byValue(func(b *bundle.Bundle) { b.Envelope.PayloadType = "text/plain" }))
		}},
		{"J15", func(l *lab) {
			l.each(attested(), "lengths left out", is(check.Signature), func(p *plan) {
				p.PAE = func([]byte) []byte { return []byte("DSSEv1 " + dsse.PayloadType + " " + string(p.Statement)) }
			})
			l.each(attested(), "length of the payload as another number", is(check.Signature), func(p *plan) {
				p.PAE = func(b []byte) []byte {
					return bytes.Replace(b, fmt.Appendf(nil, " %d ", len(p.Statement)), fmt.Appendf(nil, " 0%d ", len(p.Statement)), 1)
				}
			})
			l.each(attested(), "type and payload exchanged", is(check.Signature), func(p *plan) {
				p.PAE = func([]byte) []byte { return dsse.PAE(string(p.Statement), []byte(dsse.PayloadType)) }
			})
			l.each(attested(), "version 2", is(check.Signature), func(p *plan) {
				p.PAE = func(b []byte) []byte { return bytes.Replace(b, []byte("v1"), []byte("v2"), 1) }
			})
		}},
		{"J16", func(l *lab) {
			accent := stated(func(n *node) { n.at("subject", "0").set("name", str("artif\u00e4ct")) })
			l.each(attested(), "payload counted in characters", is(check.Signature), func(p *plan) {
				p.PAE = func(b []byte) []byte {
					n := len([]rune(string(p.Statement)))
					return bytes.Replace(b, fmt.Appendf(nil, " %d ", len(p.Statement)), fmt.Appendf(nil, " %d ", n), 1)
				}
			}, accent)
		}},
		{"J17", func(l *lab) {
			good := string(l.plan("v2 dsse").Statement)
			for what, s := range map[string]string{"not JSON": "statement", "array": "[]", "two values": good + good, "string": `"x"`, "null": "null", "subject twice": strings.Replace(good, `"subject"`, `"subject":[],"subject"`, 1),
				"type twice": strings.Replace(good, `"_type"`, `"_type":"x","_type"`, 1), "byte order mark": "\xef\xbb\xbf" + good, "not UTF-8": strings.Replace(good, "artifact", "\xff", 1), "cut": good[:len(good)-1], "text behind": good + "x"} {
				l.each(attested(), what, bad, statedText(s))
			}
			l.each(attested(), "nested too deep", is(check.Limit), statedText(strings.Repeat("[", 100_000)))
		}},
		{"J18", func(l *lab) {
			for _, typ := range []string{"", "https://in-toto.io/Statement/v2", "https://in-toto.io/statement/v1", "https://in-toto.io/Statement/v1/", "http://in-toto.io/Statement/v1"} {
				l.each(attested(), name("%q", typ), bad, stated(func(n *node) { n.set("_type", str(typ)) }))
			}
			l.each(attested(), "missing", bad, stated(func(n *node) { n.drop("_type") }))
			for _, shape := range attested() {
				l.pass(shape, "v0.1", stated(func(n *node) { n.set("_type", str("https://in-toto.io/Statement/v0.1")) }))
			}
		}},
		{"J19", func(l *lab) {
			l.each(attested(), "missing", bad, stated(func(n *node) { n.drop("subject") }))
			for _, s := range []string{"[]", "null", "{}", `"x"`, "[null]", "[{}]", `[{"digest":{}}]`, `[{"digest":null}]`, `[{"name":"artifact"}]`, `[{"digest":[]}]`, `[{"digest":"x"}]`} {
				l.each(attested(), s, bad, stated(func(n *node) { n.set("subject", raw(s)) }))
			}
		}},
		{"J20", func(l *lab) {
			l.each(attested(), "another digest", bad, subjectDigest("sha256", strings.Repeat("ab", 32)))
			l.each(attested(), "another artifact", bad, func(p *plan) { p.artifact = []byte("another") })
			l.each(attested(), "digest under another name", bad, subjectDigest("gitCommit", digest))
		}},
		{"J21", func(l *lab) {
			for _, alg := range []string{"sha512", "sha384", "sha1", "gitCommit", "md5", "SHA256", "sha256 ", ""} {
				l.each(attested(), name("as %q", alg), bad, subjectDigest(alg, digest))
			}
		}},
		{"J22", func(l *lab) {
			for what, d := range map[string]string{"upper case": strings.ToUpper(digest), "prefix": "sha256:" + digest, "cut": digest[:32], "empty": "", "blank": digest + " ", "longer": digest + "00"} {
				l.each(attested(), what, bad, subjectDigest("sha256", d))
			}
			l.each(attested(), "other digest of another kind empty", bad, stated(func(n *node) { n.at("subject", "0", "digest").add("gitCommit", str("")) }))
		}},
		{"J23", func(l *lab) {
			two := stated(func(n *node) {
				other := n.at("subject", "0").clone()
				other.set("digest", raw(`{"sha256":"`+strings.Repeat("ab", 32)+`"}`))
				n.at("subject").items = append([]*node{other}, n.at("subject").items...)
			})
			named := func(s string) fault { return func(p *plan) { p.policy.SubjectName = s } }
			l.each(attested(), "two of the name asked for", bad, two, named("artifact"))
			l.each(attested(), "no subject of the name", bad, named("other"))
			for _, shape := range attested() {
				l.pass(shape, "two of a name, none asked for", two)
			}
		}},
		{"J24", func(l *lab) {
			both := func(alg, d string) fault {
				return stated(func(n *node) { n.at("subject", "0", "digest").add(alg, str(d)) })
			}
			l.each(attested(), "wrong SHA-512", bad, both("sha512", strings.Repeat("ab", 64)))
			l.each(attested(), "wrong SHA-384", bad, both("sha384", strings.Repeat("ab", 48)))
			for _, shape := range attested() {
				l.pass(shape, "right SHA-512", both("sha512", hex.EncodeToString(sum512(artifact()))))
			}
		}},
		{"J25", func(l *lab) {
			subjects := func(n int) fault {
				return stated(func(doc *node) { doc.at("subject").items = slices.Repeat(doc.at("subject").items, n) })
			}
			digests := func(n int) fault {
				return stated(func(doc *node) {
					for i := range n - 1 {
						doc.at("subject", "0", "digest").add(name("x%d", i), str("x"))
					}
				})
			}
			l.each(attested(), "1,025 subjects", is(check.Limit), subjects(1025))
			l.each([]string{"v2 dsse"}, "100,000 subjects", is(check.Limit), subjects(100_000))
			l.each(attested(), "33 digests", is(check.Limit), digests(33))
			for _, shape := range attested() {
				l.pass(shape, "1,024 subjects", subjects(1024))
				l.pass(shape, "32 digests", digests(32))
			}
		}},
		{"J26", func(l *lab) {
			asked := func(p *plan) { p.policy.Predicate = predicateType }
			for _, typ := range []string{predicateType + "/", predicateType + "/v1", strings.ToUpper(predicateType), predicateType[:len(predicateType)-1], predicateType + "\x00"} {
				l.each(attested(), name("%q", typ), is(check.Predicate), stated(func(n *node) { n.set("predicateType", str(typ)) }), asked)
			}
			l.each(attested(), "missing", is(check.Predicate), stated(func(n *node) { n.drop("predicateType") }))
			l.each(attested(), "empty", is(check.Predicate), stated(func(n *node) { n.set("predicateType", str("")) }))
			l.each(attested(), "number", bad, stated(func(n *node) { n.set("predicateType", raw("5")) }))
		}},
		{"J28", func(l *lab) {
			l.each(attested(), "URL alphabet", is(check.Parse), treed(func(n *node) {
				p := n.at("dsseEnvelope", "payload")
				p.text = str(strings.NewReplacer("+", "-", "/", "_").Replace(p.string())).text
			}), stated(func(n *node) { n.at("subject", "0").set("name", str("???>>>???")) }))
		}},
		{"J30", func(l *lab) {
			l.each([]string{"v1", "v2", "v2 dsse"}, "no digest", is(check.Usage), func(p *plan) { p.empty = true })
		}},
		{"J33", func(l *lab) {
			l.each([]string{"v1", "v2", "key"}, "attestation wanted", is(check.Content), func(p *plan) { p.policy.Content = verify.Attestation })
			l.each(attested(), "signature wanted", is(check.Content), func(p *plan) { p.policy.Content = verify.Message })
			l.each([]string{"v1", "v2"}, "predicate wanted of a signature", is(check.Content), func(p *plan) { p.policy.Predicate = predicateType })
			l.each([]string{"v1", "v2"}, "subject wanted of a signature", is(check.Content), func(p *plan) { p.policy.SubjectName = "artifact" })
			l.each([]string{"v1", "v2"}, "signature with a predicate wanted", is(check.Usage), func(p *plan) { p.policy.Content, p.policy.Predicate = verify.Message, "x" })
			l.each([]string{"v2"}, "content of no kind wanted", is(check.Usage), func(p *plan) { p.policy.Content = 7 })
		}},
	}
}

// retype writes another payload type into the envelope, as signed.
func (p *plan) retype(typ string) {
	p.onBundle(func(b *bundle.Bundle) { b.Envelope.PayloadType = typ })
}
