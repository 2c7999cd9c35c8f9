package vectors

import (
	"crypto/elliptic"
	"math/rand/v2"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// A part is something that one bundle may have from another.
type part struct {
	row, name string
	path      []string
	want      []check.Check
}

func partsOfBundle() []part {
	entry := func(field ...string) []string { return append([]string{material, "tlogEntries", "0"}, field...) }
	return []part{
		{"G25", "log entries", []string{material, "tlogEntries"}, is(check.Entry)},
		{"G26", "inclusion proof", entry("inclusionProof"), is(check.Proof)},
		{"G26", "promise", entry("inclusionPromise"), is(check.SET, check.Content)},
		{"G26", "timestamps", []string{material, "timestampVerificationData"}, is(check.TSA)},
		{"G26", "certificate", []string{material, "certificate"}, is(check.Entry)},
		{"G26", "signature", []string{"messageSignature", "signature"}, is(check.Signature)},
		{"G26", "signature", []string{"dsseEnvelope", "signatures", "0", "sig"}, is(check.Signature)},
		{"G26", "body", entry("canonicalizedBody"), is(check.Entry, check.SET)},
		{"G26", "payload", []string{"dsseEnvelope", "payload"}, is(check.Signature)},
	}
}

// splices are the pairs of good bundles that exchange one part.
func splices() []job {
	return []job{
		{"G25", func(l *lab) { l.splice("G25") }},
		{"G26", func(l *lab) { l.splice("G26") }},
	}
}

// splice makes good bundles of several signers and artifacts, and gives each the
// parts of each other. With fewer than all, the pairs are drawn with a fixed seed.
func (l *lab) splice(row string) {
	shapes := []string{"v2", "v1 stamped", "v2 dsse", "v1", "v1 dsse"}
	good := make([]*Case, l.opts.Splices)
	docs := make([]*node, len(good))
	for i := range good {
		p := l.plan(shapes[i%len(shapes)])
		p.Key = sigtest.Key{Signer: sigtest.ECDSA(elliptic.P256(), name("signer %d", i))}
		p.Artifact, p.artifact = name2("artifact %d", i), name2("artifact %d", i)
		if p.Statement != nil {
			p.Statement = sigtest.Statement("artifact", p.artifact, predicateType)
		}
		good[i] = p.made()
		docs[i] = parse(good[i].Bundle)
	}
	draw := rand.New(rand.NewPCG(1, 2))
	for _, part := range partsOfBundle() {
		if part.row != row {
			continue
		}
		for i := range good {
			for j := range good {
				if i == j || l.skip() || l.opts.Every > 1 && l.emitted > 1 && draw.IntN(l.opts.Every) > 0 {
					continue
				}
				l.exchange(part, good[i], docs[i], docs[j], name("%s of bundle %d (%s) in bundle %d (%s)", part.name, j, shapes[j%len(shapes)], i, shapes[i%len(shapes)]))
			}
		}
	}
}

// exchange emits a bundle with a part of another, if both have the part.
func (l *lab) exchange(part part, good *Case, to, from *node, what string) {
	if !to.has(part.path...) || !from.has(part.path...) {
		return
	}
	n := to.clone()
	*n.at(part.path...) = *from.at(part.path...)
	bad := *good
	bad.Bundle = n.bytes()
	want := part.want
	if part.name == "log entries" && !to.has(material, "timestampVerificationData") && from.has(material, "timestampVerificationData") {
		want = is(check.Entry)
	}
	l.use(&Fixture{Row: part.row, Name: what, Want: want, Bad: &bad, Good: good})
}

func name2(format string, args ...any) []byte { return []byte(name(format, args...)) }
