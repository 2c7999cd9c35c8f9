package read

import (
	"context"
	"crypto/sha256"
	"strconv"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/checkpoint"
	"github.com/hallmarksign/hallmark/internal/logproof"
	"github.com/hallmarksign/hallmark/trustroot"
)

// A Head is a checkpoint that the log signed.
type Head struct {
	Origin  string
	Size    uint64
	Root    [sha256.Size]byte
	Note    string    // as it was served
	Signers []string  // names and key ids of all signature lines; only the log's is verified
	Signed  time.Time // when, as the log says in the signed text; zero if it does not
	Active  bool      // the tree that new entries go to

	// Of the memory:
	Before *Seen     // what was remembered before; nil if nothing was
	Since  time.Time // when this very checkpoint was first seen; zero without memory
}

// Age returns how old the head is at a moment: since it was signed, or at least
// since it was first seen. ok is false if neither is known.
func (h *Head) Age(now time.Time) (age time.Duration, ok bool) {
	from := h.Signed
	if from.IsZero() {
		from = h.Since
	}
	return now.Sub(from), !from.IsZero()
}

// openNote reads a checkpoint and verifies that the log signed it: of the first
// generation with any tree id (R1-5), of the second with the name of the log as
// origin (R2-7). The tree may be empty.
func openNote(version int, note string, log *trustroot.Log) (*Head, error) {
	c, err := checkpoint.ParseHead(note)
	if err != nil {
		return nil, err
	}
	k := checkpoint.Key{Name: logproof.Name(log), Public: log.Key}
	if version == 1 {
		// Rekor v1 takes the key id from the log id whatever the kind of key, and
		// its host name from its own configuration.
		id := sha256.Sum256(log.SPKI)
		k.ID = id[:4]
		k.Name, _, err = checkpoint.SplitV1(c.Origin)
	} else {
		if len(log.CheckpointID) >= 4 {
			k.ID = log.CheckpointID[:4]
		}
		err = c.CheckOrigin(k.Name)
	}
	if err != nil {
		return nil, err
	}
	if err := c.Verify(k); err != nil {
		return nil, err
	}
	return &Head{
		Origin: c.Origin, Size: c.Size, Root: c.Root, Note: note, Signers: c.Signers(), Signed: signedTime(note),
	}, nil
}

// signedTime returns the moment in an extension line "Timestamp: nanoseconds" of
// a checkpoint, as older Rekors wrote it; zero if there is none.
func signedTime(note string) time.Time {
	text, _, _ := strings.Cut(note, "\n\n")
	for i, line := range strings.Split(text, "\n") {
		n, ok := strings.CutPrefix(line, "Timestamp: ")
		if i < 3 || !ok {
			continue
		}
		if ns, err := strconv.ParseInt(n, 10, 64); err == nil && ns > 0 {
			return time.Unix(0, ns).UTC()
		}
	}
	return time.Time{}
}

// A prover returns the proof that the tree of one head is the beginning of the
// tree of another.
type prover func(ctx context.Context, from, to *Head) ([][]byte, error)

// fresh refuses the head of a log in use that is older than it may be (LG-3). A
// checkpoint has no time of its own, so that one which is served again and again
// is as old as our first sight of it.
func (b *base) fresh(h *Head) error {
	if b.c.MaxAge <= 0 || !h.Active || !b.inUse() {
		return nil
	}
	now := b.c.Now()
	age, ok := h.Age(now)
	if !ok || age <= b.c.MaxAge {
		return nil
	}
	return b.accuse("stale", h.Before, h, nil, check.Refuse("LG-3", check.Checkpoint, "log %q stands still: its checkpoint of size %d is %v old, want at most %v",
		h.Origin, h.Size, age.Truncate(time.Second), b.c.MaxAge).
		WithNext("if it is only that nobody writes to this log, allow any age"))
}
