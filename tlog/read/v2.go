package read

import (
	"context"
	"io/fs"
	"net/http"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/checkpoint"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/internal/service"
	"github.com/hallmarksign/hallmark/internal/tiles"
	"github.com/hallmarksign/hallmark/trustroot"
)

const path2 = "/api/v2/"

// A V2 reads a log of the second generation (rekor-tiles): a checkpoint and
// tiles (C2SP tlog-tiles). There is nothing to ask for but files.
type V2 struct{ base }

// NewV2 returns the reader of a log of the second generation.
func NewV2(log *trustroot.Log, c Config) (*V2, error) {
	b, err := newBase(log, c)
	if err != nil {
		return nil, err
	}
	return &V2{b}, nil
}

// Version implements Reader.
func (l *V2) Version() int { return 2 }

// source reads a tile.
func (l *V2) source(ctx context.Context, path string, limit int64) ([]byte, error) {
	res, err := service.Ask(ctx, l.c.Doer, fetch.Request{Path: path2 + path, MaxBody: limit},
		http.StatusOK, http.StatusNotFound, http.StatusGone, http.StatusForbidden)
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusOK { // object stores forbid what does not exist
		return nil, fs.ErrNotExist
	}
	return res.Body, nil
}

// Head returns the newest checkpoint, verified, compared with the last one that
// was remembered, and remembered.
func (l *V2) Head(ctx context.Context) (*Head, error) {
	res, err := service.Ask(ctx, l.c.Doer, fetch.Request{Path: path2 + "checkpoint", MaxBody: checkpoint.MaxSize}, http.StatusOK)
	if err != nil {
		return nil, err
	}
	h, err := openNote(2, string(res.Body), l.log)
	if err != nil {
		return nil, err
	}
	h.Active = true
	return h, l.judge(ctx, 2, h, l.prove)
}

// Heads implements Reader.
func (l *V2) Heads(ctx context.Context) ([]*Head, error) {
	h, err := l.Head(ctx)
	if err != nil {
		return nil, err
	}
	return []*Head{h}, nil
}

// prove computes a consistency proof from tiles of the later tree.
func (l *V2) prove(ctx context.Context, from, to *Head) ([][]byte, error) {
	t, err := l.tree(to)
	if err != nil {
		return nil, err
	}
	return t.Consistency(ctx, int64(from.Size))
}

func (l *V2) tree(h *Head) (*tiles.Tree, error) { return tiles.New(l.source, h.Size, h.Root) }

// Tree returns the tree of the newest checkpoint, of which every entry can be
// read and proved.
func (l *V2) Tree(ctx context.Context) (*Tree, error) {
	h, err := l.Head(ctx)
	if err != nil {
		return nil, err
	}
	return l.At(h)
}

// At returns the tree of a head of this log.
func (l *V2) At(h *Head) (*Tree, error) {
	if h.Size == 0 {
		return &Tree{log: l, Head: h}, nil
	}
	t, err := l.tree(h)
	if err != nil {
		return nil, err
	}
	return &Tree{l, h, t}, nil
}

// Reopen verifies a checkpoint of this log that was stored, and returns it.
func (l *V2) Reopen(note string) (*Head, error) { return openNote(2, note, l.log) }

// Consistent checks that the tree of a head of this log began as that of an
// earlier one. Evidence that it did not is kept.
func (t *Tree) Consistent(ctx context.Context, earlier *Head) error {
	return t.log.continues(ctx, earlier, t.Head, func(ctx context.Context, from, _ *Head) ([][]byte, error) {
		return t.tiles.Consistency(ctx, int64(from.Size))
	})
}

// Entry implements Reader: the entry proved by the newest checkpoint.
func (l *V2) Entry(ctx context.Context, index int64) (*Entry, error) {
	t, err := l.Tree(ctx)
	if err != nil {
		return nil, err
	}
	return t.Entry(ctx, index)
}

// A Tree is the tree of one head of a log of the second generation.
type Tree struct {
	log   *V2
	Head  *Head
	tiles *tiles.Tree // nil if there are no entries
}

// Bundles returns the number of bundles of tiles.Width entries, the last of
// which may be shorter.
func (t *Tree) Bundles() int64 { return (t.Size() + tiles.Width - 1) / tiles.Width }

// Size returns the number of entries.
func (t *Tree) Size() int64 { return int64(t.Head.Size) } // tiles.New saw that it fits

// Bundle returns the bodies of a bundle; each was found to be a leaf of the tree.
func (t *Tree) Bundle(ctx context.Context, n int64) ([][]byte, error) { return t.tiles.Bundle(ctx, n) }

// Entry returns an entry with its inclusion proof.
func (t *Tree) Entry(ctx context.Context, index int64) (*Entry, error) {
	if index < 0 || index >= t.Size() {
		return nil, check.Refuse("LM-5", check.NotFound, "log %q has %d entries, none of index %d", t.Head.Origin, t.Size(), index)
	}
	bodies, err := t.Bundle(ctx, index/tiles.Width)
	if err != nil {
		return nil, err
	}
	return t.Proved(ctx, index, bodies[index%tiles.Width])
}

// Proved returns the entry at an index as an Entry, with its inclusion proof.
// That body is the leaf at this index is verified again.
func (t *Tree) Proved(ctx context.Context, index int64, body []byte) (*Entry, error) {
	hashes, err := t.tiles.Inclusion(ctx, index)
	if err != nil {
		return nil, err
	}
	if err := inclusion.Verify(body, index, t.Size(), hashes, t.Head.Root[:]); err != nil {
		return nil, err
	}
	e := t.log.newEntry(bundle.Entry{
		LogIndex: index, LogID: t.log.log.ID, Body: body,
		Proof: &bundle.InclusionProof{
			LogIndex: index, TreeSize: t.Size(), RootHash: t.Head.Root[:], Hashes: hashes, Checkpoint: t.Head.Note,
		},
	}, "")
	return e, nil
}
