package read

import (
	"bytes"
	"context"
	"encoding/hex"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/logproof"
)

// Verified says that a claimed entry is in its log: proved by the checkpoint
// that came with the claim, which is the beginning of a checkpoint of now, which
// continues what was remembered.
type Verified struct {
	Entry *Entry // as the log serves it now
	From  *Head  // of the claim
	Head  *Head  // of now
}

// claimed verifies the evidence that came with an entry.
func (b *base) claimed(version int, e *bundle.Entry) (*Head, error) {
	if !bytes.Equal(e.LogID, b.log.ID) {
		return nil, check.Refuse("R1-1", check.TlogUnknown, "entry is in log %x, want %x", e.LogID, b.log.ID)
	}
	if logproof.Second(e) != (version == 2) {
		return nil, check.Refuse("R2-1", check.Entry, "entry is %q %q, which is not of the generation of the log", e.Kind, e.Version)
	}
	if e.Body == nil {
		return nil, check.Refuse("R1-5", check.Entry, "body is missing")
	}
	if _, err := logproof.Included(e, b.log); err != nil {
		return nil, err
	}
	h, err := openNote(version, e.Proof.Checkpoint, b.log)
	if err != nil {
		return nil, err
	}
	return h, b.glance(version, h)
}

// continues checks that the tree of a claim is the beginning of the tree of now.
// The claim is signed like everything that was remembered, so that a log which
// contradicts it is caught in the same way.
func (b *base) continues(ctx context.Context, from, now *Head, prove prover) error {
	seen := &Seen{Origin: from.Origin, LogID: hex.EncodeToString(b.log.ID), Note: from.Note, First: b.c.Now().UTC(), Last: b.c.Now().UTC()}
	return b.grew(ctx, seen, from, now, prove)
}

// Verify implements Reader. The index is that of the claim.
func (l *V2) Verify(ctx context.Context, claim *bundle.Entry) (*Verified, error) {
	from, err := l.claimed(2, claim)
	if err != nil {
		return nil, err
	}
	t, err := l.Tree(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.continues(ctx, from, t.Head, l.prove); err != nil {
		return nil, err
	}
	e, err := t.Entry(ctx, claim.LogIndex)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(e.Raw.Body, claim.Body) {
		return nil, check.Refuse("LG-4", check.Entry, "entry %d of the log is not the one of the bundle", claim.LogIndex)
	}
	return &Verified{e, from, t.Head}, nil
}
