// Package ctlog reads certificate transparency logs for certificates in certain
// names: those that answer questions (RFC 6962 section 4) and those that are made
// of tiles (C2SP static-ct-api). Nothing that a log answers is believed before
// the hashes of all entries lead from where the last look ended to a root that
// the log signed, so that it can neither hide an entry nor change the past.
package ctlog

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/evidence"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/internal/tiles"
	"github.com/hallmarksign/hallmark/trustroot"
)

const (
	maxAnswer = 32 << 20 // bytes of an answer with some hundred entries and their chains
	maxHead   = 16 << 10 // bytes of a tree head, which is kept
	maxBatch  = 256      // entries of one question; logs may answer with fewer
	maxTile   = 32 << 20 // bytes of a tile of 256 entries, whose chains are not in it
)

// Config is optional.
type Config struct {
	Dir string           // where evidence of misdeeds is kept; "": nowhere
	Now func() time.Time // time.Now if nil
}

// A Log reads one log.
type Log struct {
	log  *trustroot.Log
	doer fetch.Doer
	c    Config
}

// New returns the reader of a log of certificates; doer is bound to its URL.
func New(log *trustroot.Log, doer fetch.Doer, c Config) *Log {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Log{log, doer, c}
}

// Log returns the log as the trusted root knows it.
func (l *Log) Log() *trustroot.Log { return l.log }

// A Head is a signed tree head.
type Head struct {
	Size   int64
	Root   []byte
	Signed time.Time
	Served string // the answer of the log

	tree *tiles.Tree // nil unless the log is made of tiles, and not empty
}

// A Certificate is an entry of the log.
type Certificate struct {
	Index    int64
	Logged   time.Time
	Pre      bool                // it is what was logged before the certificate was issued
	TBS      []byte              // to be signed, without timestamps if Pre
	Parsed   *x509.Certificate   // its signature is not there if Pre
	Identity *fulcioext.Identity // nil if it is not of Fulcio's profile
	Issuer   [sha256.Size]byte   // SHA-256 of the key of the issuer; zero if not Pre
}

// Head returns the newest tree head, verified. Who answers for a log is known by
// what it serves: a checkpoint, or else tree heads of RFC 6962.
func (l *Log) Head(ctx context.Context) (*Head, error) {
	note, err := l.file(ctx, "checkpoint", maxHead)
	if err == nil {
		return l.checkpoint(string(note))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return l.sth(ctx)
}

// reopen verifies a tree head that was served before.
func (l *Log) reopen(served string) (*Head, error) {
	if strings.HasPrefix(served, "{") {
		return l.treeHead([]byte(served))
	}
	return l.checkpoint(served)
}

// A Point is where a look ended: a size and what is needed to go on from there.
// The zero Point is the beginning.
type Point struct {
	Size   int64    `json:"size"`
	Hashes [][]byte `json:"hashes"` // see inclusion.Frontier

	// Head is the tree head that was looked at, as it was served, and Seen when that
	// was; the log must not contradict it. Left is how many of its entries are behind
	// the point, since one look reads only so many.
	Head string    `json:"head,omitempty"`
	Seen time.Time `json:"seen,omitzero"`
	Left int64     `json:"left,omitempty"`
}

// At returns the point before an index, to begin a first look at. What the log
// says there is proved by the look that begins there.
func (l *Log) At(ctx context.Context, index int64) (Point, error) {
	if index <= 0 {
		return Point{}, nil
	}
	h, err := l.Head(ctx)
	if err != nil {
		return Point{}, err
	}
	return l.at(ctx, h, index)
}

// at is At for a head that was just read; index is not negative.
func (l *Log) at(ctx context.Context, h *Head, index int64) (Point, error) {
	if index == 0 {
		return Point{}, nil
	}
	if index > h.Size {
		return Point{}, check.Refuse("LM-5", check.NotFound, "log %q has %d entries, none before index %d to begin at", l.log.BaseURL, h.Size, index)
	}
	var hashes [][]byte
	var err error
	if h.tree != nil {
		hashes, err = h.tree.Frontier(ctx, index)
	} else {
		hashes, err = l.frontier(ctx, index)
	}
	if err != nil {
		return Point{}, err
	}
	return Point{Size: index, Hashes: hashes}, nil
}

// Look reads the entries between a point and the newest tree head, at most most of
// them, and returns those that match, and the point to go on from. A log that went
// back or whose entries do not lead to its tree head is an error of rule LG-2 or
// LG-1, and nothing is returned.
func (l *Log) Look(ctx context.Context, from Point, most int64, match func(*Certificate) bool) ([]*Certificate, Point, error) {
	h, err := l.Head(ctx)
	if err != nil {
		return nil, from, err
	}
	if err := l.continues(ctx, from, h); err != nil {
		return nil, from, err
	}
	f, err := inclusion.NewFrontier(uint64(from.Size), from.Hashes)
	if err != nil {
		return nil, from, err
	}
	var found []*Certificate
	end := from.Size + min(h.Size-from.Size, most)
	for int64(f.Size()) < end {
		more, err := l.some(ctx, f, h, end, match)
		if err != nil {
			return nil, from, err
		}
		found = append(found, more...)
	}
	if err := l.reaches(ctx, from, f, h); err != nil {
		return nil, from, err
	}
	return found, Point{end, f.Hashes(), h.Served, l.c.Now().UTC(), h.Size - end}, nil
}

// continues checks that the log has not gone back since a point. Where the point is
// before the tree head that was seen then, the entries that follow don't tell
// whether that is the beginning of the new one, so that it is proved.
func (l *Log) continues(ctx context.Context, from Point, h *Head) error {
	if from.Size < 0 || from.Left < 0 {
		return check.Refuse("LM-5", check.Usage, "point is at %d with %d entries behind it, want 0 or more", from.Size, from.Left)
	}
	if h.Size-from.Left < from.Size {
		return l.accuse("rollback", from, h, check.Refuse("LG-2", check.Checkpoint, "log %q went back: it had %d entries, now it says %d",
			l.log.BaseURL, from.Size+from.Left, h.Size))
	}
	if from.Left == 0 {
		return nil
	}
	seen, err := l.reopen(from.Head)
	if err == nil && seen.Size != from.Size+from.Left {
		err = fmt.Errorf("it has %d entries, want %d", seen.Size, from.Size+from.Left)
	}
	if err != nil {
		return check.Refuse("LG-5", check.FS, "remembered tree head of log %q: %v", l.log.BaseURL, err)
	}
	return l.begins(ctx, from, h, seen.Size, seen.Root)
}

// begins checks that the tree of h begins with one of a size and a root.
func (l *Log) begins(ctx context.Context, from Point, h *Head, size int64, root []byte) error {
	var proof [][]byte
	var err error
	if size < h.Size && h.tree != nil {
		proof, err = h.tree.Consistency(ctx, size)
	} else if size < h.Size {
		proof, err = l.consistency(ctx, size, h.Size)
	}
	if err != nil {
		return err
	}
	if err := inclusion.Consistent(uint64(size), root, uint64(h.Size), h.Root, proof); err != nil {
		return l.accuse("fork", from, h, check.Refuse("LG-1", check.Checkpoint, "log %q has two histories: %v: it hides or changed entries", l.log.BaseURL, err))
	}
	return nil
}

// accuse keeps the evidence that a tree head contradicts the one of a point.
func (l *Log) accuse(kind string, from Point, h *Head, refusal *check.Error) error {
	id := hex.EncodeToString(l.log.ID)
	e := &evidence.Evidence{
		Kind: kind, Origin: l.log.BaseURL, LogID: id, PublicKey: l.log.SPKI,
		Found: l.c.Now().UTC().Format(time.RFC3339), Served: h.Served,
	}
	if from.Head != "" {
		e.Remembered = &evidence.Seen{Origin: l.log.BaseURL, LogID: id, Note: from.Head, First: from.Seen, Last: from.Seen}
	}
	return evidence.Accuse(l.c.Dir, e, refusal)
}

// reaches checks that what was read, from a point on, is what the log signed.
func (l *Log) reaches(ctx context.Context, from Point, f *inclusion.Frontier, h *Head) error {
	if f.Size() == 0 {
		return nil
	}
	root, err := f.Root()
	if err != nil {
		return err
	}
	if size := int64(f.Size()); size < h.Size {
		return l.begins(ctx, from, h, size, root)
	}
	if string(root) != string(h.Root) {
		return l.accuse("fork", from, h,
			check.Refuse("LG-1", check.Checkpoint, "log %q has two histories: its entries lead to root %x, its tree head of size %d says %x: it hides or changed entries",
				l.log.BaseURL, root, h.Size, h.Root))
	}
	return nil
}

// some reads the next entries before end and appends their hashes.
func (l *Log) some(ctx context.Context, f *inclusion.Frontier, h *Head, end int64, match func(*Certificate) bool) (found []*Certificate, err error) {
	first := int64(f.Size())
	var leaves [][]byte
	if h.tree != nil {
		leaves, err = bundle(ctx, h.tree, first)
	} else {
		leaves, err = l.entries(ctx, first, min(first+maxBatch, end)-1)
	}
	if err != nil {
		return nil, err
	}
	leaves = leaves[:min(int64(len(leaves)), end-first)]
	for i, leaf := range leaves {
		if err := f.Append(inclusion.Leaf(leaf)); err != nil {
			return nil, err
		}
		c, err := parse(leaf)
		if err != nil {
			continue // logs hold what others can read
		}
		if c.Index = first + int64(i); match(c) {
			found = append(found, c)
		}
	}
	return found, nil
}
