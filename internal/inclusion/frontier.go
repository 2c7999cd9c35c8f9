package inclusion

import (
	"crypto/sha256"
	"math/bits"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A Frontier is what is needed of a tree to append to it and to know its root:
// the hashes of its largest full subtrees, from the left.
type Frontier struct{ r *compact.Range }

// NewFrontier returns the frontier of a tree of a size. Its error is of check
// proof if the number of hashes is another than the size requires.
func NewFrontier(size uint64, hashes [][]byte) (*Frontier, error) {
	for i, h := range hashes {
		if len(h) != sha256.Size {
			return nil, check.Refuse("LM-4", check.Proof, "hash %d has %d bytes, want %d", i, len(h), sha256.Size)
		}
	}
	f := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	r, err := f.NewRange(0, size, hashes)
	if err != nil {
		return nil, check.Refuse("LG-1", check.Proof, "%v", err)
	}
	return &Frontier{r}, nil
}

// FrontierOf returns the frontier of a tree whose last leaf is given with its
// inclusion proof in that tree. Nothing is proved by that: only a root that is
// reached from it and signed says that it was right.
func FrontierOf(size uint64, leaf []byte, proof [][]byte) (*Frontier, error) {
	if size == 0 {
		return nil, check.Refuse("LM-5", check.Proof, "tree of size 0 has no last leaf")
	}
	inner := bits.TrailingZeros64(size)
	if len(proof) < inner {
		return nil, check.Refuse("R1-4", check.Proof, "proof has %d hashes, want at least %d", len(proof), inner)
	}
	for _, h := range proof[:inner] {
		leaf = rfc6962.DefaultHasher.HashChildren(h, leaf)
	}
	hashes := [][]byte{leaf}
	for _, h := range proof[inner:] {
		hashes = append([][]byte{h}, hashes...)
	}
	return NewFrontier(size, hashes)
}

// Append appends a leaf hash.
func (f *Frontier) Append(leaf []byte) error {
	if err := f.r.Append(leaf, nil); err != nil {
		return check.Refuse("LG-1", check.Internal, "%v", err)
	}
	return nil
}

// Size returns the number of leaves.
func (f *Frontier) Size() uint64 { return f.r.End() }

// Hashes returns the hashes, which NewFrontier takes.
func (f *Frontier) Hashes() [][]byte { return f.r.Hashes() }

// Root returns the root hash; nil of an empty tree.
func (f *Frontier) Root() ([]byte, error) {
	root, err := f.r.GetRootHash(nil)
	if err != nil {
		return nil, check.Refuse("LG-1", check.Internal, "%v", err)
	}
	return root, nil
}
