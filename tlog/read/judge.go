package read

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/evidence"
	"github.com/hallmarksign/hallmark/internal/inclusion"
)

// judge compares a head that the log serves as its newest with what was
// remembered, and remembers it (LG-1, LG-2, LG-3).
func (b *base) judge(ctx context.Context, version int, h *Head, prove prover) error {
	if b.c.Memory == nil {
		return b.fresh(h)
	}
	now := b.c.Now().UTC()
	seen, last, err := b.remembered(version, h.Origin)
	if err != nil {
		return err
	}
	h.Before = seen
	next := &Seen{Origin: h.Origin, LogID: hex.EncodeToString(b.log.ID), Note: h.Note, First: now, Last: now}
	if last == nil && h.Size == 0 {
		return nil // nothing begins with it, so there is nothing to remember
	}
	if last != nil {
		if err := b.grew(ctx, seen, last, h, prove); err != nil {
			return err
		}
		if h.Size == last.Size {
			next.Origin, next.First, next.Note = seen.Origin, seen.First, seen.Note
		}
	}
	h.Since = next.First
	if err := b.remember(version, next, h); err != nil {
		return err
	}
	return b.fresh(h)
}

// grew checks that the tree of h begins with the remembered one.
func (b *base) grew(ctx context.Context, seen *Seen, last, h *Head, prove prover) error {
	if h.Size < last.Size {
		return b.accuse("rollback", seen, h, nil,
			check.Refuse("LG-2", check.Checkpoint, "log %q went back: it had %d entries at %s, now it says %d",
				h.Origin, last.Size, seen.Last.Format(time.RFC3339), h.Size))
	}
	var proof [][]byte
	if h.Size > last.Size {
		var err error
		if proof, err = prove(ctx, last, h); err != nil {
			return err
		}
	}
	if err := inclusion.Consistent(last.Size, last.Root[:], h.Size, h.Root[:], proof); err != nil {
		return b.accuse("fork", seen, h, proof,
			check.Refuse("LG-1", check.Checkpoint, "log %q has two histories: of %d entries, seen at %s, and of %d entries now: %v",
				h.Origin, last.Size, seen.Last.Format(time.RFC3339), h.Size, err))
	}
	return nil
}

// accuse keeps the evidence. The memory stays as it was.
func (b *base) accuse(kind string, seen *Seen, h *Head, proof [][]byte, refusal *check.Error) error {
	e := b.evidence(kind, seen, h)
	for _, hash := range proof {
		e.Proof = append(e.Proof, hex.EncodeToString(hash))
	}
	return b.keep(e, refusal)
}

func (b *base) evidence(kind string, seen *Seen, h *Head) *Evidence {
	return &Evidence{
		Kind: kind, Origin: h.Origin, LogID: hex.EncodeToString(b.log.ID), PublicKey: b.log.SPKI,
		Found: b.c.Now().UTC().Format(time.RFC3339), Remembered: seen, Served: h.Note,
	}
}

func (b *base) keep(e *Evidence, refusal *check.Error) error {
	dir := ""
	if b.c.Memory != nil {
		dir = b.c.Memory.dir
	}
	return evidence.Accuse(dir, e, refusal)
}

// remembered returns what was seen, and its checkpoint, verified again.
func (b *base) remembered(version int, origin string) (*Seen, *Head, error) {
	seen, err := b.c.Memory.Last(b.log, origin)
	if err == nil && seen == nil && version == 1 {
		seen, err = b.sameTree(origin)
	}
	if err != nil || seen == nil {
		return nil, nil, err
	}
	last, err := b.reopen(version, seen)
	return seen, last, err
}

// sameTree returns what was seen of a tree under another host name, which a log
// of the first generation takes from its own configuration: it must not get rid
// of its past by another name.
func (b *base) sameTree(origin string) (*Seen, error) {
	all, err := b.c.Memory.All(b.log)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if treeOf(s.Origin) == treeOf(origin) {
			return s, nil
		}
	}
	return nil, nil
}

// reopen verifies a checkpoint that was remembered.
func (b *base) reopen(version int, seen *Seen) (*Head, error) {
	file := b.c.Memory.file(b.log, seen.Origin)
	last, err := openNote(version, seen.Note, b.log)
	if err != nil {
		return nil, b.c.Memory.damaged(file, err)
	}
	if last.Origin != seen.Origin {
		return nil, b.c.Memory.damaged(file, check.Refuse("LG-5", check.FS, "it is about %q", last.Origin))
	}
	return last, nil
}

// remember stores what was judged, unless another process stored a larger tree
// in between.
func (b *base) remember(version int, next *Seen, h *Head) error {
	seen, last, err := b.remembered(version, h.Origin)
	if err != nil {
		return err
	}
	if last != nil && last.Size > h.Size {
		return nil
	}
	if err := b.c.Memory.store(b.log, next); err != nil {
		return err
	}
	if seen != nil && seen.Origin != next.Origin {
		return b.c.Memory.forget(b.log, seen.Origin) // the tree has one file
	}
	return nil
}

// glance compares a checkpoint of any age with what was remembered, as far as
// that needs no question to the log: two roots for one size are a fork.
func (b *base) glance(version int, h *Head) error {
	if b.c.Memory == nil {
		return nil
	}
	seen, last, err := b.remembered(version, h.Origin)
	if err != nil || last == nil || last.Size != h.Size {
		return err
	}
	return b.grew(context.Background(), seen, last, h, nil)
}
