package vectors

import (
	"math"
	"slices"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// included are shapes whose proof is looked at.
func included() []string {
	return []string{"v1", "v1 dsse", "v1 in 0.1", "v1 proof", "v2", "v2 dsse", "v2 in 0.2", "key"}
}

// proven is a fault in the proof, before the log signs its size and root.
func proven(f func(*bundle.InclusionProof)) fault {
	return func(p *plan) { p.Log.Proof = then(p.Log.Proof, f) }
}

// proofed is a fault in the finished proof.
func proofed(f func(*bundle.InclusionProof)) fault {
	return entered(func(e *bundle.Entry) { f(e.Proof) })
}

// proofFaults are rows of group E about Merkle proofs, in logs of both
// generations.
func proofFaults() []job {
	bad := is(check.Proof)
	return []job{
		{"E14", func(l *lab) {
			l.many(func() {
				for _, shape := range []string{"v1", "v2"} {
					for i := range 32 {
						for h := range len(parse(l.twin(shape, nil).Bundle).at(material, "tlogEntries", "0", "inclusionProof", "hashes").items) {
							l.bad(shape, name("byte %d of hash %d", i, h), bad, proofed(func(p *bundle.InclusionProof) {
								h := min(h, len(p.Hashes)-1)
								p.Hashes[h] = flipByte(p.Hashes[h], i)
							}))
						}
					}
				}
			})
			l.each(included(), "last bit", bad, proofed(func(p *bundle.InclusionProof) { p.Hashes[0] = flip(p.Hashes[0], 255) }))
		}},
		{"E15", func(l *lab) {
			l.each(included(), "first dropped", bad, proofed(func(p *bundle.InclusionProof) { p.Hashes = p.Hashes[1:] }))
			l.each(included(), "last dropped", bad, proofed(func(p *bundle.InclusionProof) { p.Hashes = p.Hashes[:len(p.Hashes)-1] }))
			l.each(included(), "one more", bad, proofed(func(p *bundle.InclusionProof) { p.Hashes = append(p.Hashes, make([]byte, 32)) }))
			l.each(included(), "one twice", bad, proofed(func(p *bundle.InclusionProof) { p.Hashes = append(p.Hashes, p.Hashes[0]) }))
			l.each(included(), "none", bad, proofed(func(p *bundle.InclusionProof) { p.Hashes = nil }))
			l.each(included(), "two exchanged", bad, proofed(func(p *bundle.InclusionProof) { p.Hashes[0], p.Hashes[1] = p.Hashes[1], p.Hashes[0] }), wide)
			l.each(both(), "64 of them", is(check.Limit), proofed(func(p *bundle.InclusionProof) { p.Hashes = slices.Repeat(p.Hashes[:1], 64) }))
			l.each(both(), "by value: 64 of them", is(check.Limit), byValue(func(b *bundle.Bundle) {
				p := b.Entries[0].Proof
				p.Hashes = slices.Repeat(p.Hashes[:1], 64)
			}))
		}},
		{"E16", func(l *lab) {
			for _, n := range []int{0, 20, 31, 33, 64} {
				l.each(both(), name("hash of %d bytes", n), is(check.Parse), proofed(func(p *bundle.InclusionProof) { p.Hashes[0] = make([]byte, n) }))
				if n > 0 {
					l.each(both(), name("root of %d bytes", n), is(check.Parse), proofed(func(p *bundle.InclusionProof) { p.RootHash = make([]byte, n) }))
				}
				l.each(both(), name("by value: hash of %d bytes", n), bad, byValue(func(b *bundle.Bundle) { b.Entries[0].Proof.Hashes[0] = make([]byte, n) }))
				l.each(both(), name("by value: root of %d bytes", n), bad, byValue(func(b *bundle.Bundle) { b.Entries[0].Proof.RootHash = make([]byte, n) }))
			}
		}},
		{"E17", func(l *lab) {
			for _, d := range []int64{-1, 1} {
				l.each(included(), name("index %+d", d), bad, proofed(func(p *bundle.InclusionProof) { p.LogIndex += d }))
				l.each(included(), name("size %+d", d), bad, proofed(func(p *bundle.InclusionProof) { p.TreeSize += d }))
			}
			l.each(included(), "index is the size", bad, proofed(func(p *bundle.InclusionProof) { p.LogIndex = p.TreeSize }))
			l.each(included(), "size 0", bad, proofed(func(p *bundle.InclusionProof) { p.TreeSize = 0 }))
			l.each(included(), "size doubled", bad, proofed(func(p *bundle.InclusionProof) { p.TreeSize *= 2 }))
			l.each(both(), "by value: index -1", bad, byValue(func(b *bundle.Bundle) {
				b.Entries[0].Proof.LogIndex = -1
				if b.Entries[0].Promise == nil {
					b.Entries[0].LogIndex = -1
				}
			}))
			l.each(both(), "by value: size -1", bad, byValue(func(b *bundle.Bundle) { b.Entries[0].Proof.TreeSize = -1 }))
		}},
		{"E18", func(l *lab) {
			l.each(included(), "largest numbers", bad, proofed(func(p *bundle.InclusionProof) {
				p.TreeSize, p.LogIndex, p.Hashes = math.MaxInt64, math.MaxInt64-1, slices.Repeat(p.Hashes[:1], 63)
			}))
			l.each([]string{"v1", "v2"}, "largest size, signed", bad, proven(func(p *bundle.InclusionProof) {
				p.TreeSize, p.Hashes = math.MaxInt64, slices.Repeat(p.Hashes[:1], 63)
			}))
		}},
		{"E19", func(l *lab) {
			l.each(included(), "root of the proof", bad, proofed(func(p *bundle.InclusionProof) { p.RootHash = flip(p.RootHash, 9) }))
			l.each(included(), "root of the proof deleted", bad, proofed(func(p *bundle.InclusionProof) { p.RootHash = nil }))
			l.each(included(), "root of the checkpoint", bad, func(p *plan) {
				p.Log.Note = noteLine(2, func(string) string { return base64Of(make([]byte, 32)) })
			})
			l.each(included(), "root of both", bad, proven(func(p *bundle.InclusionProof) { p.RootHash = flip(p.RootHash, 9) }))
		}},
		{"E20", func(l *lab) {
			l.each([]string{"v1", "v2", "v1 proof"}, "inner node as leaf", is(check.Proof, check.SET, check.Parse), func(p *plan) {
				p.onEntry(func(e *bundle.Entry) {
					// The leaf's neighbour and the leaf are what the node above hashes.
					e.Body = append(slices.Clone(e.Proof.Hashes[0]), sigtest.LeafHash(e.Body)...)
					e.Proof.Hashes, e.Proof.LogIndex, e.Proof.TreeSize = e.Proof.Hashes[1:], e.Proof.LogIndex/2, e.Proof.TreeSize/2
				})
			}, wide)
		}},
		{"E21", func(l *lab) {
			for _, shape := range []string{"v1", "v2", "v1 proof", "v2 dsse"} {
				l.pass(shape, "tree of one", treeOfOne())
				l.bad(shape, "tree of one, a hash too many", bad, treeOfOne(make([]byte, 32)), treeOfOne())
			}
		}},
		{"E24", func(l *lab) {
			l.each([]string{"v1", "v1 proof", "v2", "v2 dsse"}, "proof of another entry", bad, entered2(func(p *plan, e *bundle.Entry) {
				log := p.log()
				other := log.Add("hashedrekord", "0.0.1", []byte(`{"entry":"other"}`), sigtest.LogEdits{})
				e.Proof = other.Proof
			}))
			l.each([]string{"v1", "v1 proof", "v2", "v2 dsse"}, "hashes of another entry", bad, entered2(func(p *plan, e *bundle.Entry) {
				e.Proof.Hashes = p.log().Add("hashedrekord", "0.0.1", []byte(`{"entry":"other"}`), sigtest.LogEdits{}).Proof.Hashes
			}))
		}},
	}
}

// wide has the log grow until a proof for the next entry has three hashes.
func wide(p *plan) {
	log := p.log()
	for {
		e := log.Add("hashedrekord", "0.0.1", []byte("{}"), sigtest.LogEdits{})
		if e.Proof.TreeSize%8 == 7 {
			return
		}
	}
}

// treeOfOne makes the entry the only one of its tree, with hashes that are too
// many.
func treeOfOne(hashes ...[]byte) fault {
	return func(p *plan) {
		var leaf []byte
		p.Log.Body = func(b []byte) []byte { leaf = sigtest.LeafHash(b); return b }
		p.Log.Proof = func(pr *bundle.InclusionProof) {
			pr.LogIndex, pr.TreeSize, pr.RootHash, pr.Hashes = 0, 1, leaf, hashes
		}
		if p.Logs == nil || p.Logs[0].Generation == 2 {
			p.onEntry(func(e *bundle.Entry) { e.LogIndex = 0 })
		}
	}
}
