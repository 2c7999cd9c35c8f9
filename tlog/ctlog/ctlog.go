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
	"io/fs"
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
	maxAnswer = 32 << 20 // bytes of some hundred entries with their chains
	maxHead   = 16 << 10 // bytes of a tree head, which is kept
	maxBatch  = 256      // entries of one question; logs may answer with fewer
	maxTile   = 32 << 20 // bytes of 256 entries, whose chains are not in it
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

// A Point is where a look ended: a size and what is needed to go on from there.
// The zero Point is the beginning.
type Point struct {
	Size   int64    `json:"size"`
	Hashes [][]byte `json:"hashes"` // see inclusion.Frontier

	// Head is the tree head that the look ended at, as it was served, and Seen
	// when that was; they are evidence if the log contradicts it.
	Head string    `json:"head,omitempty"`
	Seen time.Time `json:"seen,omitzero"`
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

// Look reads all entries between a point and the newest tree head and returns
// those that match, and the point to go on from. At most most entries are read.
// A log that went back or whose entries do not lead to its tree head is an error
// of rule LG-2 or LG-1, and nothing is returned.
func (l *Log) Look(ctx context.Context, from Point, most int64, match func(*Certificate) bool) ([]*Certificate, Point, error) {
	h, err := l.Head(ctx)
	if err != nil {
		return nil, from, err
	}
	if from.Size < 0 {
		return nil, from, check.Refuse("LM-5", check.Usage, "point is at %d, want 0 or more", from.Size)
	}
	if h.Size < from.Size {
		return nil, from, l.accuse("rollback", from, h,
			check.Refuse("LG-2", check.Checkpoint, "log %q went back: it had %d entries, now it says %d", l.log.BaseURL, from.Size, h.Size))
	}
	if h.Size-from.Size > most {
		return nil, from, check.Refuse("LM-3", check.Limit, "log has %d entries to look at, want at most %d", h.Size-from.Size, most).
			WithNext("begin a first look at a later date")
	}
	f, err := inclusion.NewFrontier(uint64(from.Size), from.Hashes)
	if err != nil {
		return nil, from, err
	}
	var found []*Certificate
	for int64(f.Size()) < h.Size {
		more, err := l.some(ctx, f, h, match)
		if err != nil {
			return nil, from, err
		}
		found = append(found, more...)
	}
	if err := l.reaches(from, f, h); err != nil {
		return nil, from, err
	}
	return found, Point{h.Size, f.Hashes(), h.Served, l.c.Now().UTC()}, nil
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
func (l *Log) reaches(from Point, f *inclusion.Frontier, h *Head) error {
	if h.Size == 0 {
		return nil
	}
	root, err := f.Root()
	if err != nil {
		return err
	}
	if string(root) != string(h.Root) {
		return l.accuse("fork", from, h,
			check.Refuse("LG-1", check.Checkpoint, "log %q has two histories: its entries lead to root %x, its tree head of size %d says %x: it hides or changed entries",
				l.log.BaseURL, root, h.Size, h.Root))
	}
	return nil
}

// some reads the next entries and appends their hashes.
func (l *Log) some(ctx context.Context, f *inclusion.Frontier, h *Head, match func(*Certificate) bool) (found []*Certificate, err error) {
	first := int64(f.Size())
	var leaves [][]byte
	if h.tree != nil {
		leaves, err = bundle(ctx, h.tree, first)
	} else {
		leaves, err = l.entries(ctx, first, min(first+maxBatch, h.Size)-1)
	}
	if err != nil {
		return nil, err
	}
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
