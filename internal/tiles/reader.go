package tiles

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hallmarksign/hallmark/internal/check"
)

// maxKnown bounds how many tiles are kept, of 8 KiB each: those of the levels
// above the leaves for a thousand million entries need 60 thousand, but only a
// few of them at a time.
const maxKnown = 4096 // tiles in memory, of 8 KiB each

// prove lets f compute something of the hashes of the tree, all of which are
// proved against its root.
func (t *Tree) prove(ctx context.Context, f func(tlog.HashReader) ([]tlog.Hash, error)) ([]tlog.Hash, error) {
	r := &fetcher{ctx: ctx, tree: t}
	out, err := f(tlog.TileHashReader(tlog.Tree{N: t.size, Hash: t.root}, r))
	if r.err != nil {
		return nil, r.err
	}
	if err != nil {
		return nil, check.Refuse("LG-4", check.Proof, "tiles do not lead to the root hash of the checkpoint: %v", err)
	}
	return out, nil
}

// A fetcher is one reading of tiles, for as long as its context lives.
type fetcher struct {
	ctx  context.Context
	tree *Tree
	err  error // why a tile could not be read, which is another thing than not fitting
}

func (f *fetcher) Height() int { return height }

func (f *fetcher) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		f.tree.mu.Lock()
		data, ok := f.tree.known[t]
		f.tree.mu.Unlock()
		if !ok {
			var err error
			if data, err = f.tree.source.hashes(f.ctx, t); err != nil {
				f.err = err
				return nil, err
			}
		}
		out[i] = data
	}
	return out, nil
}

// SaveTiles keeps tiles that were verified. Full tiles of leaves are read once
// by whoever reads a log from its beginning, so they are not kept.
func (f *fetcher) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	for i, t := range tiles {
		if t.L == 0 && t.W == Width {
			continue
		}
		if len(f.tree.known) >= maxKnown {
			clear(f.tree.known)
		}
		f.tree.known[t] = data[i]
	}
}
