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
			next.First, next.Note = seen.First, seen.Note
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
	e := &Evidence{
		Kind: kind, Origin: h.Origin, LogID: hex.EncodeToString(b.log.ID), PublicKey: b.log.SPKI,
		Found: b.c.Now().UTC().Format(time.RFC3339), Remembered: seen, Served: h.Note,
	}
	for _, hash := range proof {
		e.Proof = append(e.Proof, hex.EncodeToString(hash))
	}
	dir := ""
	if b.c.Memory != nil {
		dir = b.c.Memory.dir
	}
	return evidence.Accuse(dir, e, refusal)
}

// remembered returns what was seen, and its checkpoint, verified again.
func (b *base) remembered(version int, origin string) (*Seen, *Head, error) {
	seen, err := b.c.Memory.Last(b.log, origin)
	if err != nil || seen == nil {
		return nil, nil, err
	}
	last, err := openNote(version, seen.Note, b.log)
	if err != nil {
		return nil, nil, b.c.Memory.damaged(b.c.Memory.file(b.log, origin), err)
	}
	if last.Origin != origin {
		return nil, nil, b.c.Memory.damaged(b.c.Memory.file(b.log, origin), check.Refuse("LG-5", check.FS, "it is about %q", last.Origin))
	}
	return seen, last, nil
}

// remember stores what was judged, unless another process stored a larger tree
// in between.
func (b *base) remember(version int, next *Seen, h *Head) error {
	_, last, err := b.remembered(version, h.Origin)
	if err != nil {
		return err
	}
	if last != nil && last.Size > h.Size {
		return nil
	}
	return b.c.Memory.store(b.log, next)
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
