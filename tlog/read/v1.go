package read

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/internal/logproof"
	"github.com/hallmarksign/hallmark/internal/service"
	"github.com/hallmarksign/hallmark/tlog"
	"github.com/hallmarksign/hallmark/trustroot"
)

const (
	path1    = "/api/v1/"
	maxBatch = 10 // entries of one question, by the definition of the API
)

// A V1 reads a log of the first generation (Rekor) by its API.
type V1 struct{ base }

// NewV1 returns the reader of a log of the first generation.
func NewV1(log *trustroot.Log, c Config) (*V1, error) {
	b, err := newBase(log, c)
	if err != nil {
		return nil, err
	}
	return &V1{b}, nil
}

// Version implements Reader.
func (l *V1) Version() int { return 1 }

// ask gets a path, or posts a question to it. notFound names what was asked for
// in the error of a 404.
func (l *V1) ask(ctx context.Context, path string, question any, notFound string) ([]byte, error) {
	return l.askFor(ctx, path, question, notFound, tlog.MaxAnswer)
}

// askFor is ask for an answer of at most some bytes.
func (l *V1) askFor(ctx context.Context, path string, question any, notFound string, most int64) ([]byte, error) {
	r := fetch.Request{Path: path1 + path, Accept: "application/json", MaxBody: most}
	if question != nil {
		body, err := json.Marshal(question)
		if err != nil {
			return nil, check.Refuse("", check.Internal, "%v", err)
		}
		r.Method, r.Body, r.ContentType = "POST", body, "application/json"
	}
	res, err := service.Ask(ctx, l.c.Doer, r, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return nil, err
	}
	if res.Status == http.StatusNotFound {
		return nil, check.Refuse("LG-4", check.NotFound, "log %q has no %s", logproof.Name(l.log), notFound)
	}
	return res.Body, nil
}

// Entry implements Reader; the index is the global one.
func (l *V1) Entry(ctx context.Context, index int64) (*Entry, error) {
	if index < 0 {
		return nil, check.Refuse("LM-5", check.Usage, "index is %d, want 0 or more", index)
	}
	data, err := l.ask(ctx, "log/entries?logIndex="+strconv.FormatInt(index, 10), nil, fmt.Sprintf("entry of index %d", index))
	if err != nil {
		return nil, err
	}
	a, err := tlog.ParseAnswer(data)
	if err != nil {
		return nil, err
	}
	if a.Entry.LogIndex != index {
		return nil, check.Refuse("LG-4", check.Server, "log answered with entry %d, want %d", a.Entry.LogIndex, index)
	}
	return l.proved(a)
}

// ByID returns the entry of an id: the leaf hash in 64 hexadecimal digits, or
// 80 with the tree id before it.
func (l *V1) ByID(ctx context.Context, id string) (*Entry, error) {
	id = strings.ToLower(id)
	if !tlog.IsID(id) {
		return nil, check.Refuse("LM-5", check.Usage, "entry id is %q, want 64 or 80 hexadecimal digits", id)
	}
	data, err := l.ask(ctx, "log/entries/"+id, nil, "entry "+id)
	if err != nil {
		return nil, err
	}
	a, err := tlog.ParseAnswer(data)
	if err != nil {
		return nil, err
	}
	if !sameID(a.ID, id) {
		return nil, check.Refuse("LG-4", check.Server, "log answered with entry %q, want %q", a.ID, id)
	}
	return l.proved(a)
}

// sameID compares ids, of which one may lack the tree id.
func sameID(a, b string) bool {
	n := min(len(a), len(b))
	return a[len(a)-n:] == b[len(b)-n:]
}

// proved verifies all the evidence of an answer: id, promise, proof, checkpoint.
func (l *V1) proved(a tlog.Answer) (*Entry, error) {
	e := a.Entry
	if !strings.HasSuffix(a.ID, hex.EncodeToString(inclusion.Leaf(e.Body))) {
		return nil, check.Refuse("SG-12", check.Server, "entry id %q is not the hash of the entry", a.ID)
	}
	if !bytes.Equal(e.LogID, l.log.ID) {
		return nil, check.Refuse("R1-1", check.Server, "entry is in log %x, want %x", e.LogID, l.log.ID)
	}
	content := Decode(e.Body)
	e.Kind, e.Version = content.Kind, content.Version
	if err := logproof.Promised(&e, l.log); err != nil {
		return nil, lied(err)
	}
	c, err := logproof.Included(&e, l.log)
	if err != nil {
		return nil, lied(err)
	}
	id, err := tlog.TreeID(c.Origin)
	if err != nil {
		return nil, err
	}
	if len(a.ID) == 80 && a.ID[:16] != id {
		return nil, check.Refuse("SG-12", check.Server, "entry id %q is not of the tree of checkpoint %q, which holds it", a.ID, c.Origin)
	}
	h, err := openNote(1, e.Proof.Checkpoint, l.log)
	if err != nil {
		return nil, lied(err)
	}
	if err := l.glance(1, h); err != nil {
		return nil, err
	}
	return l.newEntry(e, id+a.ID[len(a.ID)-64:]), nil
}

// lied says that a log answered with something that does not verify.
func lied(reason error) error {
	return check.Refuse("SG-11", check.Server, "answer of the log: %w", reason)
}

// Verify implements Reader.
func (l *V1) Verify(ctx context.Context, claim *bundle.Entry) (*Verified, error) {
	from, err := l.claimed(1, claim)
	if err != nil {
		return nil, err
	}
	if claim.Promise != nil {
		if err := logproof.Promised(claim, l.log); err != nil {
			return nil, err
		}
	}
	heads, err := l.Heads(ctx)
	if err != nil {
		return nil, err
	}
	head, err := ofTree(heads, from.Origin)
	if err != nil {
		return nil, err
	}
	if err := l.continues(ctx, from, head, l.prove); err != nil {
		return nil, err
	}
	id, err := tlog.TreeID(from.Origin)
	if err != nil {
		return nil, err
	}
	e, err := l.ByID(ctx, id+hex.EncodeToString(inclusion.Leaf(claim.Body)))
	if err != nil {
		return nil, err
	}
	if e.Raw.LogIndex != claim.LogIndex {
		return nil, check.Refuse("LG-4", check.Server, "the log has the entry at index %d, the bundle says %d", e.Raw.LogIndex, claim.LogIndex)
	}
	return &Verified{e, from, head}, nil
}

// ofTree returns the head of the tree of an origin.
func ofTree(heads []*Head, origin string) (*Head, error) {
	for _, h := range heads {
		if treeOf(h.Origin) == treeOf(origin) {
			return h, nil
		}
	}
	return nil, check.Refuse("LG-1", check.Checkpoint, "log no longer knows the tree %q", origin)
}
