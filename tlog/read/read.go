// Package read reads transparency logs of both generations and believes none of
// their answers: an entry is handed out only after it was proved to be in the
// tree of a checkpoint that the log signed, with a key of the trusted root.
//
//	r, err := read.New(2, &root.Logs[0], read.Config{Doer: doer, Root: root, Memory: memory})
//	e, err := r.Entry(ctx, 1234)     // *read.Entry: proved, decoded
//	v, err := r.Verify(ctx, &claim)  // still there, and the log did not fork
//
// Checkpoints that were seen are remembered (Memory). A log that signs two
// histories, one that goes back, and one that stands still are three errors, of
// rules LG-1, LG-2 and LG-3, and what proves them is kept in a file.
//
// A Reader may be used by many goroutines at once.
package read

import (
	"context"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/trustroot"
)

// Config is what a reader needs besides its log.
type Config struct {
	Doer   fetch.Doer       // bound to the URL of the log
	Root   *trustroot.Root  // authorities that entries are compared with; nil: none
	Memory *Memory          // checkpoints that were seen; nil: nothing is remembered
	Now    func() time.Time // time.Now if nil
	MaxAge time.Duration    // of the newest checkpoint of a log in use; 0: any
}

// A Reader reads one log. It is a *V1 or a *V2.
type Reader interface {
	// Log returns the log as the trusted root knows it.
	Log() *trustroot.Log
	// Version returns the major version of its API.
	Version() int
	// Entry returns the entry at an index: global (1) or of the shard (2).
	Entry(ctx context.Context, index int64) (*Entry, error)
	// Verify checks that a claimed entry is in the log still, see Verified.
	Verify(ctx context.Context, claim *bundle.Entry) (*Verified, error)
	// Heads returns the newest checkpoint of every tree, the active one first,
	// verified and compared with what was remembered.
	Heads(ctx context.Context) ([]*Head, error)
}

// New returns the reader of a log that speaks the API of a major version: 1 or 2.
func New(version int, log *trustroot.Log, c Config) (Reader, error) {
	switch version {
	case 1:
		return NewV1(log, c)
	case 2:
		return NewV2(log, c)
	}
	return nil, check.Refuse("SC-2", check.SignCfg, "log %q speaks API version %d, want 1 or 2", log.BaseURL, version)
}

// base is what both generations share.
type base struct {
	log *trustroot.Log
	c   Config
}

func newBase(log *trustroot.Log, c Config) (base, error) {
	if c.Doer == nil {
		return base{}, check.Refuse("", check.Internal, "reader of log %q has no client", log.BaseURL)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	l := *log
	return base{&l, c}, nil
}

// Log implements Reader.
func (b *base) Log() *trustroot.Log { return b.log }

// inUse reports whether the log is expected to grow.
func (b *base) inUse() bool { return b.log.Valid.Contains(b.c.Now()) }

// An Entry is an entry that its log proved to hold.
type Entry struct {
	Raw       bundle.Entry // with its evidence, as a bundle holds it
	Content   *Content
	Log       *trustroot.Log
	ID        string // "tree id and leaf hash" of the first generation; "" of the second
	Authority string // URI of the authority of the trusted root that issued the certificate; "" if none did
}

// newEntry decodes what was proved.
func (b *base) newEntry(e bundle.Entry, id string) *Entry {
	out := &Entry{Raw: e, Content: Decode(e.Body), Log: b.log, ID: id}
	out.Raw.Kind, out.Raw.Version = out.Content.Kind, out.Content.Version
	if out.Content.Identity != nil {
		out.Authority = issuedBy(out.Content.Certificate, b.c.Root)
	}
	return out
}

// Decoded returns an entry that the caller has proved to be in a log of the root, as
// package tlog does, with its id.
func Decoded(e bundle.Entry, id string, log *trustroot.Log, root *trustroot.Root) *Entry {
	b := base{log, Config{Root: root}}
	return b.newEntry(e, id)
}

// LeafHash returns the hash of the entry in the tree.
func (e *Entry) LeafHash() []byte { return inclusion.Leaf(e.Raw.Body) }

// Time returns when the entry was made: as the log promised ("log"), or, where
// logs know no time, when its certificate began ("certificate"), if an authority
// of the trusted root issued that. Otherwise it returns the zero time and "".
func (e *Entry) Time() (time.Time, string) {
	if e.Raw.IntegratedTime != 0 {
		return time.Unix(e.Raw.IntegratedTime, 0).UTC(), "log"
	}
	if e.Authority != "" {
		return e.Content.Certificate.NotBefore.UTC(), "certificate"
	}
	return time.Time{}, ""
}
