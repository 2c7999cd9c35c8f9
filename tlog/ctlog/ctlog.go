// Package ctlog reads certificate transparency logs (RFC 6962 section 4; not yet
// those that are made of tiles, C2SP static-ct-api) for certificates in certain
// names. Nothing that a log answers is believed before
// the hashes of all entries lead from where the last look ended to a root that
// the log signed, so that it can neither hide an entry nor change the past.
package ctlog

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/evidence"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/internal/service"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/trustroot"
)

const (
	maxAnswer = 32 << 20 // of some hundred entries with their chains
	maxHead   = 16 << 10 // of a tree head, which is kept
	maxBatch  = 256      // entries of one question; logs may answer with fewer
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

func (l *Log) ask(ctx context.Context, path string, limit int64, answer any) (body []byte, err error) {
	res, err := service.Ask(ctx, l.doer, fetch.Request{Path: "/ct/v1/" + path, Accept: "application/json", MaxBody: limit},
		http.StatusOK, http.StatusNotFound)
	if err != nil {
		return nil, err
	}
	if res.Status == http.StatusNotFound {
		return nil, check.Refuse("LG-4", check.Net, "log %q does not answer %q of RFC 6962; logs of tiles (static-ct-api) are not read", l.log.BaseURL, path)
	}
	if err := strictjson.UnmarshalOpen(res.Body, answer); err != nil {
		return nil, check.Refuse("LG-4", check.Server, "answer of the log: %w", err)
	}
	return res.Body, nil
}

// Head returns the newest tree head, verified (RFC 6962 section 3.5).
func (l *Log) Head(ctx context.Context) (*Head, error) {
	var a struct {
		Size      int64            `json:"tree_size"`
		Timestamp int64            `json:"timestamp"`
		Root      strictjson.Bytes `json:"sha256_root_hash"`
		Signature strictjson.Bytes `json:"tree_head_signature"`
	}
	body, err := l.ask(ctx, "get-sth", maxHead, &a)
	if err != nil {
		return nil, err
	}
	if a.Size < 0 || a.Timestamp < 0 || len(a.Root) != sha256.Size {
		return nil, check.Refuse("LM-5", check.Server, "tree head has size %d, time %d and a root of %d bytes", a.Size, a.Timestamp, len(a.Root))
	}
	signed := []byte{0, 1} // v1, tree_hash
	signed = binary.BigEndian.AppendUint64(signed, uint64(a.Timestamp))
	signed = binary.BigEndian.AppendUint64(signed, uint64(a.Size))
	signed = append(signed, a.Root...)
	if !l.verify(signed, a.Signature) {
		return nil, check.Refuse("LG-4", check.Checkpoint, "tree head of size %d is not signed by log %x", a.Size, l.log.ID)
	}
	return &Head{a.Size, a.Root, time.UnixMilli(a.Timestamp).UTC(), string(body)}, nil
}

// verify checks a DigitallySigned of SHA-256 (RFC 5246 section 4.7).
func (l *Log) verify(message, s []byte) bool {
	if len(s) < 4 || s[0] != 4 || int(binary.BigEndian.Uint16(s[2:])) != len(s)-4 {
		return false
	}
	sum := sha256.Sum256(message)
	switch k := l.log.Key.(type) {
	case *ecdsa.PublicKey:
		return s[1] == 3 && ecdsa.VerifyASN1(k, sum[:], s[4:])
	case *rsa.PublicKey:
		return s[1] == 1 && rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], s[4:]) == nil
	}
	return false
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
	var a struct {
		Leaf strictjson.Bytes   `json:"leaf_input"`
		Path []strictjson.Bytes `json:"audit_path"`
	}
	if _, err := l.ask(ctx, fmt.Sprintf("get-entry-and-proof?leaf_index=%d&tree_size=%d", index-1, index), maxAnswer, &a); err != nil {
		return Point{}, err
	}
	if len(a.Path) > inclusion.MaxHashes {
		return Point{}, check.Refuse("LM-4", check.Limit, "proof has %d hashes, at most %d are read", len(a.Path), inclusion.MaxHashes)
	}
	path := make([][]byte, len(a.Path))
	for i := range a.Path {
		path[i] = a.Path[i]
	}
	f, err := inclusion.FrontierOf(uint64(index), inclusion.Leaf(a.Leaf), path)
	if err != nil {
		return Point{}, err
	}
	return Point{Size: index, Hashes: f.Hashes()}, nil
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
		return nil, from, check.Refuse("LM-3", check.Limit, "log has %d entries to look at, want at most %d", h.Size-from.Size, most)
	}
	f, err := inclusion.NewFrontier(uint64(from.Size), from.Hashes)
	if err != nil {
		return nil, from, err
	}
	var found []*Certificate
	for int64(f.Size()) < h.Size {
		more, err := l.some(ctx, f, h.Size, match)
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
func (l *Log) some(ctx context.Context, f *inclusion.Frontier, size int64, match func(*Certificate) bool) (found []*Certificate, err error) {
	first := int64(f.Size())
	last := min(first+maxBatch, size) - 1
	var a struct {
		Entries []struct {
			Leaf strictjson.Bytes `json:"leaf_input"`
		} `json:"entries"`
	}
	if _, err := l.ask(ctx, fmt.Sprintf("get-entries?start=%d&end=%d", first, last), maxAnswer, &a); err != nil {
		return nil, err
	}
	if n := int64(len(a.Entries)); n < 1 || n > last-first+1 {
		return nil, check.Refuse("LG-4", check.Server, "log answered with %d entries, want 1 to %d", n, last-first+1)
	}
	for i, e := range a.Entries {
		if err := f.Append(inclusion.Leaf(e.Leaf)); err != nil {
			return nil, err
		}
		c, err := parse(e.Leaf)
		if err != nil {
			continue // logs hold what others can read
		}
		if c.Index = first + int64(i); match(c) {
			found = append(found, c)
		}
	}
	return found, nil
}
