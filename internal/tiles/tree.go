package tiles

import (
	"context"
	"crypto/sha256"
	"math/bits"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A Tree is the tree that a checkpoint is about.
type Tree struct {
	source Source
	layout Layout
	size   int64
	root   [sha256.Size]byte

	mu    sync.Mutex
	known map[tlog.Tile][]byte // verified tiles that are asked for again and again
}

// New returns the tree of a checkpoint, of entries as C2SP tlog-tiles has them.
func New(source Source, size uint64, root [sha256.Size]byte) (*Tree, error) {
	return NewOf(source, size, root, Entries())
}

// NewOf is New for entries of another layout.
func NewOf(source Source, size uint64, root [sha256.Size]byte, layout Layout) (*Tree, error) {
	if size == 0 || size > MaxSize {
		return nil, check.Refuse("LM-5", check.Checkpoint, "tree has %d entries, want 1 to %d", size, int64(MaxSize))
	}
	return &Tree{source: source, layout: layout, size: int64(size), root: root, known: map[tlog.Tile][]byte{}}, nil
}

// Size returns the number of entries.
func (t *Tree) Size() int64 { return t.size }

// Root returns the root hash.
func (t *Tree) Root() [sha256.Size]byte { return t.root }

// Bundles returns the number of entry bundles, the last of which may be partial.
func (t *Tree) Bundles() int64 { return (t.size + Width - 1) / Width }

// Bundle returns the entries from index n*Width on: each is a leaf of the tree
// (LG-4). The entries share memory.
func (t *Tree) Bundle(ctx context.Context, n int64) ([][]byte, error) {
	if n < 0 || n >= t.Bundles() {
		return nil, check.Refuse("LM-5", check.Proof, "bundle %d is outside a tree of size %d", n, t.size)
	}
	width := int(min(Width, t.size-n*Width))
	name := path(t.layout.Folder, n, width)
	data, err := t.source.file(ctx, t.layout.Folder, n, width, t.layout.Max)
	if err != nil {
		return nil, missing(err, name)
	}
	entries, err := t.layout.split(data, width)
	if err != nil {
		return nil, check.Refuse("LG-4", check.Proof, "%s: %v", name, err)
	}
	indexes := make([]int64, width)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, n*Width+int64(i))
	}
	leaves, err := t.prove(ctx, func(r tlog.HashReader) ([]tlog.Hash, error) { return r.ReadHashes(indexes) })
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		if got := tlog.RecordHash(e); got != leaves[i] {
			return nil, check.Refuse("LG-4", check.Proof, "entry %d in %s has leaf hash %x, the tree has %x",
				n*Width+int64(i), name, got[:], leaves[i][:])
		}
	}
	return entries, nil
}

// Inclusion returns the inclusion proof of a leaf.
func (t *Tree) Inclusion(ctx context.Context, index int64) ([][]byte, error) {
	if index < 0 || index >= t.size {
		return nil, check.Refuse("LM-5", check.Proof, "index %d is outside a tree of size %d", index, t.size)
	}
	p, err := t.prove(ctx, func(r tlog.HashReader) ([]tlog.Hash, error) { return tlog.ProveRecord(t.size, index, r) })
	if err != nil {
		return nil, err
	}
	return bytesOf(p), nil
}

// Consistency returns the proof that a tree of an earlier size is the beginning
// of this one.
func (t *Tree) Consistency(ctx context.Context, size int64) ([][]byte, error) {
	if size < 1 || size > t.size {
		return nil, check.Refuse("LM-5", check.Proof, "size %d is outside a tree of size %d", size, t.size)
	}
	p, err := t.prove(ctx, func(r tlog.HashReader) ([]tlog.Hash, error) { return tlog.ProveTree(t.size, size, r) })
	if err != nil {
		return nil, err
	}
	return bytesOf(p), nil
}

// Frontier returns the hashes of the largest full subtrees of the first size
// leaves, from the left, which is what package inclusion appends to.
func (t *Tree) Frontier(ctx context.Context, size int64) ([][]byte, error) {
	if size < 1 || size > t.size {
		return nil, check.Refuse("LM-5", check.Proof, "size %d is outside a tree of size %d", size, t.size)
	}
	var indexes []int64
	for level := bits.Len64(uint64(size)) - 1; level >= 0; level-- {
		if n := size >> level; n&1 == 1 {
			indexes = append(indexes, tlog.StoredHashIndex(level, n-1))
		}
	}
	p, err := t.prove(ctx, func(r tlog.HashReader) ([]tlog.Hash, error) { return r.ReadHashes(indexes) })
	if err != nil {
		return nil, err
	}
	return bytesOf(p), nil
}

func bytesOf(p []tlog.Hash) [][]byte {
	out := make([][]byte, len(p))
	for i := range p {
		out[i] = p[i][:]
	}
	return out
}
