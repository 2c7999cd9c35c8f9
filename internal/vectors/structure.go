package vectors

import (
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/verify"
)

const (
	material = "verificationMaterial"
	mediaV1  = "application/vnd.dev.sigstore.bundle+json;version=0.1"
	mediaV2  = "application/vnd.dev.sigstore.bundle+json;version=0.2"
)

// structureFaults are rows of group A about what must be together.
func structureFaults() []job {
	return []job{
		{"A10", func(l *lab) { mediaTypes(l, "application/vnd.dev.sigstore.bundle+json;version=99.9") }},
		{"A11", otherMediaTypes},
		{"A12", func(l *lab) {
			for _, shape := range []string{"v1", "v2", "v2 dsse"} {
				l.bad(shape, "certificate in version 0.2", is(check.Content), put(str(mediaV2), "mediaType"))
			}
			l.bad("v1", "certificate in version 0.1", is(check.Content), put(str(mediaV1), "mediaType"))
		}},
		{"A13", func(l *lab) {
			for _, shape := range []string{"v1 in 0.2", "v2 in 0.2", "v1 in 0.1"} {
				l.bad(shape, "chain in version 0.3", is(check.Content), put(str(bundle.MediaType), "mediaType"))
			}
		}},
		{"A14", func(l *lab) {
			l.bad("v1 in 0.1", "no promise", is(check.Content), drop(material, "tlogEntries", "0", "inclusionPromise"))
			l.bad("v1 in 0.1", "promise is null", is(check.Content), put(raw("null"), material, "tlogEntries", "0", "inclusionPromise"))
		}},
		{"A15", func(l *lab) {
			for _, shape := range []string{"v1", "v2", "v2 dsse", "v1 in 0.2", "v2 in 0.2", "v1 stamped"} {
				l.bad(shape, "no proof", is(check.Content), drop(material, "tlogEntries", "0", "inclusionProof"))
			}
		}},
		{"A16", func(l *lab) {
			for _, shape := range []string{"v1", "v2", "v2 dsse", "v1 in 0.2", "v2 in 0.2"} {
				l.bad(shape, "no checkpoint", is(check.Content), drop(material, "tlogEntries", "0", "inclusionProof", "checkpoint"))
				l.bad(shape, "empty checkpoint", is(check.Content), put(str(""), material, "tlogEntries", "0", "inclusionProof", "checkpoint", "envelope"))
			}
			l.warned("v1 in 0.1", "no checkpoint", "was not used", drop(material, "tlogEntries", "0", "inclusionProof", "checkpoint"))
			l.pass("v1 in 0.1", "no proof", drop(material, "tlogEntries", "0", "inclusionProof"))
		}},
		{"A17", func(l *lab) {
			l.bad("v2", "envelope too", is(check.Content), graft(l, "v2 dsse", "dsseEnvelope"))
			l.bad("v2 dsse", "message too", is(check.Content), graft(l, "v2", "messageSignature"))
			l.bad("v1 dsse", "message too", is(check.Content), graft(l, "v1", "messageSignature"))
			l.pass("v2", "envelope null", put(raw("null"), "dsseEnvelope"))
			l.bad("v2", "by value: envelope too", is(check.Content), byValue(func(b *bundle.Bundle) { b.Envelope = &bundle.Envelope{} }))
		}},
		{"A18", func(l *lab) {
			l.bad("v2", "no message", is(check.Content), drop("messageSignature"))
			l.bad("v2 dsse", "no envelope", is(check.Content), drop("dsseEnvelope"))
			l.bad("v1", "message null", is(check.Content), put(raw("null"), "messageSignature"))
			l.bad("v2", "by value: no message", is(check.Content), byValue(func(b *bundle.Bundle) { b.Message = nil }))
		}},
		{"A19", pairsOfKeys},
		{"A20", func(l *lab) {
			for _, shape := range []string{"v1", "v2", "v2 dsse"} {
				l.bad(shape, "no material", is(check.Content), drop(material))
				l.bad(shape, "material null", is(check.Content), put(raw("null"), material))
				l.bad(shape, "material empty", is(check.Content), put(raw("{}"), material))
			}
		}},
		{"A21", func(l *lab) {
			l.bad("v2 in 0.2", "empty chain", is(check.Content), put(raw("[]"), material, "x509CertificateChain", "certificates"))
			l.bad("v1 in 0.1", "empty chain", is(check.Content), put(raw("[]"), material, "x509CertificateChain", "certificates"))
			l.bad("v2 in 0.2", "chain of nothing", is(check.Content), put(raw("{}"), material, "x509CertificateChain"))
		}},
		{"A22", emptyCertificates},
		{"A23", rootInChain},
		{"A24", func(l *lab) {
			for _, n := range []int{10, 40} {
				l.bad("v2 in 0.2", name("intermediate %d times", n), is(check.Limit), func(p *plan) {
					p.onBundle(func(b *bundle.Bundle) { b.Chain = slices.Repeat([][]byte{p.lab.CA.Issuer.Raw}, n) })
				})
			}
			l.pass("v2 in 0.2", "intermediate 9 times", func(p *plan) {
				p.onBundle(func(b *bundle.Bundle) { b.Chain = slices.Repeat([][]byte{p.lab.CA.Issuer.Raw}, 9) })
			})
			l.bad("v2 in 0.2", "by value: chain of 11", is(check.Limit), byValue(func(b *bundle.Bundle) { b.Chain = make([][]byte, 11) }))
		}},
		{"A25", func(l *lab) {
			for _, shape := range []string{"key", "key v1", "key dsse"} {
				l.bad(shape, "somebody wanted", is(check.Content), func(p *plan) { p.policy = p.lab.plan("v2").policy })
			}
		}},
		{"A26", hints},
		{"A27", func(l *lab) {
			for _, shape := range both() {
				l.bad(shape, "no signature", is(check.Content), drop("messageSignature", "signature"))
				l.bad(shape, "empty signature", is(check.Content), put(str(""), "messageSignature", "signature"))
				l.bad(shape, "signature is not base64", is(check.Parse), put(str("$$$$"), "messageSignature", "signature"))
			}
		}},
		{"A31", func(l *lab) {
			for _, shape := range []string{"v1", "v2", "v2 dsse"} {
				l.bad(shape, "logIndex -1", is(check.Parse), put(str("-1"), material, "tlogEntries", "0", "logIndex"))
				l.bad(shape, "logIndex of the proof -1", is(check.Parse), put(str("-1"), material, "tlogEntries", "0", "inclusionProof", "logIndex"))
				l.bad(shape, "treeSize -1", is(check.Parse), put(str("-1"), material, "tlogEntries", "0", "inclusionProof", "treeSize"))
			}
		}},
		{"A32", func(l *lab) {
			at := []string{"messageSignature", "messageDigest", "algorithm"}
			l.bad("v2", "number for a name", is(check.Parse), put(raw("1"), at...))
			for _, s := range []string{"HASH_ALGORITHM_UNSPECIFIED", "SHA1", "sha256", "SHA3_256", "1"} {
				l.bad("v2", "algorithm "+s, is(check.Alg), put(str(s), at...))
			}
			l.bad("v2", "no algorithm", is(check.Content), put(str(""), at...))
		}},
		{"A33", func(l *lab) {
			for _, shape := range both() {
				l.bad(shape, "digest of something else", is(check.Digest), func(p *plan) {
					p.onBundle(func(b *bundle.Bundle) { b.Message.Digest.Value = flip(b.Message.Digest.Value, 7) })
				})
			}
		}},
		{"A34", digestLengths},
		{"A39", stampsTwice},
		{"A40", func(l *lab) {
			for _, shape := range []string{"v1 stamped", "v2", "v2 dsse", "v1 in 0.1"} {
				l.bad(shape, "no entries", is(check.Threshold), bundled(func(b *bundle.Bundle) { b.Entries = nil }))
			}
			l.bad("v2", "field missing", is(check.Threshold), drop(material, "tlogEntries"))
			l.bad("v2", "empty list", is(check.Threshold), put(raw("[]"), material, "tlogEntries"))
		}},
		{"A41", func(l *lab) {
			twice := bundled(func(b *bundle.Bundle) { b.Entries = append(b.Entries, b.Entries[0]) })
			for _, shape := range []string{"v1", "v2", "v2 dsse"} {
				l.pass(shape, "entry twice", twice)
				l.bad(shape, "entry 33 times", is(check.Limit), bundled(func(b *bundle.Bundle) { b.Entries = slices.Repeat(b.Entries, 33) }))
				l.bad(shape, "by value: entry 33 times", is(check.Limit), byValue(func(b *bundle.Bundle) { b.Entries = slices.Repeat(b.Entries, 33) }))
			}
		}},
	}
}

// put replaces a value of the document, or adds it.
func put(v *node, path ...string) fault {
	return treed(func(n *node) {
		last := len(path) - 1
		at := n.at(path[:last]...)
		if at.kind == 'o' {
			at.set(path[last], v)
			return
		}
		*at.at(path[last]) = *v
	})
}

func drop(path ...string) fault {
	return treed(func(n *node) { n.at(path[:len(path)-1]...).drop(path[len(path)-1]) })
}

// graft copies a field of another shape.
func graft(l *lab, from string, path ...string) fault {
	return put(parse(l.twin(from, nil).Bundle).at(path...), path...)
}

func byValue(f func(*bundle.Bundle)) fault { return func(p *plan) { p.byValue = f } }

func mediaTypes(l *lab, all ...string) {
	for _, shape := range both() {
		for _, s := range all {
			l.bad(shape, name("mediaType %.60q", s), is(check.Version), put(str(s), "mediaType"))
		}
	}
}

func otherMediaTypes(l *lab) {
	const old = "application/vnd.dev.sigstore.bundle+json"
	mediaTypes(l, "", bundle.MediaType+" ", " "+bundle.MediaType, strings.ToUpper(bundle.MediaType), bundle.MediaType+";version=0.3",
		bundle.MediaType+"x", bundle.MediaType+"\x00", old, old+"; version=0.3", old+`;version="0.3"`, old+";charset=utf-8;version=0.3",
		old+";version=0.3;charset=utf-8", old+";VERSION=0.3", old+";version=0.30", old+";version=0.0", old+";version=0.4", old+";version=1.0",
		"application/vnd.dev.sigstore.bundle.v0.2+json", "application/vnd.dev.sigstore.bundle.v0.1+json",
		"application/vnd.dev.sigstore.bundle.v0.3.1+json", "application/json", strings.Repeat("x", 4000))
	for _, shape := range both() {
		l.bad(shape, "no mediaType", is(check.Version), drop("mediaType"))
		l.bad(shape, "mediaType in an array", is(check.Version), put(&node{kind: 'a', items: []*node{str(bundle.MediaType)}}, "mediaType"))
		l.bad(shape, "mediaType null", is(check.Version), put(raw("null"), "mediaType"))
		l.bad(shape, "mediaType of 5,000 bytes", is(check.Limit), put(str(strings.Repeat("x", 5000)), "mediaType"))
		l.pass(shape, "other spelling of version 0.3", put(str(old+";version=0.3"), "mediaType"))
	}
}

func pairsOfKeys(l *lab) {
	chain := func(n *node) *node {
		return &node{kind: 'o', names: []string{"certificates"}, items: []*node{{kind: 'a', items: []*node{n}}}}
	}
	for _, shape := range both() {
		l.bad(shape, "certificate and publicKey", is(check.Content), put(raw(`{"hint":"x"}`), material, "publicKey"))
		l.bad(shape, "certificate and chain", is(check.Content), treed(func(n *node) {
			m := n.at(material)
			m.add("x509CertificateChain", chain(m.at("certificate")))
		}))
		l.bad(shape, "none", is(check.Content), drop(material, "certificate"))
		l.bad(shape, "by value: certificate and publicKey", is(check.Content), byValue(func(b *bundle.Bundle) { b.PublicKey = &bundle.PublicKey{} }))
	}
	l.bad("v2 in 0.2", "chain and publicKey", is(check.Content), put(raw(`{"hint":"x"}`), material, "publicKey"))
	l.bad("key", "publicKey null", is(check.Content), put(raw("null"), material, "publicKey"))
	l.bad("v2", "by value: neither", is(check.Content), byValue(func(b *bundle.Bundle) { b.Certificate = nil }))
}

func emptyCertificates(l *lab) {
	for _, v := range []string{"{}", `{"rawBytes":""}`, `{"rawBytes":null}`, "null"} {
		for _, shape := range []string{"v2 in 0.2", "v1 in 0.1"} {
			l.bad(shape, "leaf is "+v, is(check.Parse), put(raw(v), material, "x509CertificateChain", "certificates", "0"))
			l.bad(shape, "behind the leaf is "+v, is(check.Parse), treed(func(n *node) {
				list := n.at(material, "x509CertificateChain", "certificates")
				list.items = append(list.items, raw(v))
			}))
		}
		if v != "null" {
			l.bad("v2", "certificate is "+v, is(check.Parse), put(raw(v), material, "certificate"))
		}
	}
}

func rootInChain(l *lab) {
	chain := func(certs ...func(*plan) []byte) fault {
		return func(p *plan) {
			p.onBundle(func(b *bundle.Bundle) {
				for _, c := range certs {
					b.Chain = append(b.Chain, c(p))
				}
			})
		}
	}
	root := func(p *plan) []byte { return p.lab.CA.Root.Raw }
	issuer := func(p *plan) []byte { return p.lab.CA.Issuer.Raw }
	stranger := func(p *plan) []byte { return p.lab.NewCA("stranger").Root.Raw }
	for _, shape := range []string{"v1 in 0.2", "v2 in 0.2"} {
		l.pass(shape, "intermediate alone", chain(issuer))
		l.bad(shape, "root last", is(check.Content), chain(issuer, root))
		l.bad(shape, "root alone", is(check.Content), chain(root))
		l.bad(shape, "root before the intermediate", is(check.Content), chain(root, issuer))
		l.bad(shape, "by value: root last", is(check.Content), func(p *plan) {
			p.byValue = func(b *bundle.Bundle) { b.Chain = [][]byte{p.lab.CA.Root.Raw} }
		})
	}
	l.pass("v1 in 0.1", "root last, an anchor", chain(issuer, root))
	l.pass("v1 in 0.1", "root alone, an anchor", chain(root))
	l.bad("v1 in 0.1", "root not last", is(check.Content), chain(root, issuer))
	l.bad("v1 in 0.1", "root twice", is(check.Content), chain(root, root))
	l.bad("v1 in 0.1", "root last, no anchor", is(check.Content), chain(issuer, stranger))
}

func hints(l *lab) {
	named := func(p *plan) { p.policy.Keys[0].Hint = "release" }
	for _, hint := range []string{"other", "../../etc/passwd", "release\x00", "Release", ""} {
		l.bad("key", name("hint %q", hint), is(check.Identity), bundled(func(b *bundle.Bundle) { b.PublicKey.Hint = hint }), named)
	}
	for _, of := range []string{"TLMsSDfG3ajPsWge+z/vX5T/zluXnmvbkTkwLIV68Tk=", strings.Repeat("ab", 32)} {
		l.bad("key", "hint is the hash of another key", is(check.Identity), bundled(func(b *bundle.Bundle) { b.PublicKey.Hint = of }))
	}
	l.bad("key", "hint fits two keys", is(check.Usage), func(p *plan) {
		p.policy.Keys = append(p.policy.Keys, Key{PEM: publicPEM(p.lab.Log1.Key.Public())})
	})
	keyid := func(id string) fault { return bundled(func(b *bundle.Bundle) { b.Envelope.KeyID = id }) }
	l.bad("key dsse", "keyid differs", is(check.Content), keyid("other"))
	l.bad("key dsse", "by value: keyid differs", is(check.DSSE), byValue(func(b *bundle.Bundle) { b.Envelope.KeyID = "other" }))
	l.pass("key dsse", "keyid is the hint", keyid("release"))
	l.pass("key", "hint with path characters, asked for", func(p *plan) {
		p.Hint, p.policy.Keys[0].Hint = "../x", "../x"
	})
}

func digestLengths(l *lab) {
	value := func(alg string, n int) fault {
		return bundled(func(b *bundle.Bundle) { b.Message.Digest = &bundle.Digest{Algorithm: alg, Value: make([]byte, n)} })
	}
	for _, shape := range both() {
		for _, n := range []int{0, 31, 33, 48, 64} {
			l.bad(shape, name("SHA2_256 of %d bytes", n), is(check.Digest), value("SHA2_256", n))
		}
		l.bad(shape, "SHA2_384 of 32 bytes", is(check.Digest), value("SHA2_384", 32))
		l.bad(shape, "SHA2_512 of 32 bytes", is(check.Digest), value("SHA2_512", 32))
		l.bad(shape, "SHA2_512 of something else", is(check.Digest), value("SHA2_512", 64))
		l.bad(shape, "SHA2_512, artifact known by SHA-256 alone", is(check.Digest), all(value("SHA2_512", 64), byDigest))
		l.bad(shape, "SHA2_512 of the artifact, which was signed by its SHA-256", is(check.Digest), bundled(func(b *bundle.Bundle) {
			b.Message.Digest = &bundle.Digest{Algorithm: "SHA2_512", Value: sum512(artifact())}
		}))
		l.pass(shape, "no digest", bundled(func(b *bundle.Bundle) { b.Message.Digest = nil }))
	}
}

// byDigest asks about the artifact by its digest.
func byDigest(p *plan) { p.digest = name("sha256:%x", sum256(p.artifact)) }

func stampsTwice(l *lab) {
	two := func(p *plan) { p.evidence = verify.Evidence{SCTs: 1, Logs: 1, Times: 2, TSAs: 2} }
	other := func(p *plan) {
		tsa := p.lab.NewTSA("tsa2")
		tsa.Operator = "another"
		p.tsas = append(p.tsas, tsa)
		p.TSAs = []*sigtest.TSA{p.lab.TSA, tsa}
	}
	again := func(b *bundle.Bundle) { b.Timestamps = [][]byte{b.Timestamps[0], b.Timestamps[0]} }
	for _, shape := range []string{"v2", "v1 stamped", "v2 dsse"} {
		l.bad(shape, "{} appended", is(check.Parse), treed(func(n *node) {
			list := n.at(material, "timestampVerificationData", "rfc3161Timestamps")
			list.items = append(list.items, raw("{}"))
		}))
		l.pass(shape, "timestamp twice", bundled(again))
		l.bad(shape, "timestamp twice, two wanted", is(check.Threshold), bundled(again), all(two, other))
		l.bad(shape, "33 timestamps", is(check.Limit), bundled(func(b *bundle.Bundle) { b.Timestamps = slices.Repeat(b.Timestamps, 33) }))
		l.bad(shape, "by value: 33 timestamps", is(check.Limit), byValue(func(b *bundle.Bundle) { b.Timestamps = slices.Repeat(b.Timestamps, 33) }))
	}
}
