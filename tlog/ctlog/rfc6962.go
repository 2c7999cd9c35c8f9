package ctlog

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/checkpoint"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/internal/service"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// ask asks a log that answers questions.
func (l *Log) ask(ctx context.Context, path string, limit int64, answer any) (body []byte, err error) {
	res, err := service.Ask(ctx, l.doer, fetch.Request{Path: "/ct/v1/" + path, Accept: "application/json", MaxBody: limit},
		http.StatusOK, http.StatusNotFound)
	if err != nil {
		return nil, err
	}
	if res.Status == http.StatusNotFound {
		return nil, check.Refuse("LG-4", check.Net, "log %q has neither a checkpoint of static-ct-api nor an answer to %q of RFC 6962", l.log.BaseURL, path)
	}
	return res.Body, open(res.Body, answer)
}

// open reads an answer.
func open(body []byte, answer any) error {
	if err := strictjson.UnmarshalOpen(body, answer); err != nil {
		return check.Refuse("LG-4", check.Server, "answer of the log: %w", err)
	}
	return nil
}

// sth returns the newest tree head, verified.
func (l *Log) sth(ctx context.Context) (*Head, error) {
	var a struct{}
	body, err := l.ask(ctx, "get-sth", maxHead, &a)
	if err != nil {
		return nil, err
	}
	return l.treeHead(body)
}

// treeHead verifies a tree head (RFC 6962 section 3.5).
func (l *Log) treeHead(body []byte) (*Head, error) {
	var a struct {
		Size      int64            `json:"tree_size"`
		Timestamp int64            `json:"timestamp"`
		Root      strictjson.Bytes `json:"sha256_root_hash"`
		Signature strictjson.Bytes `json:"tree_head_signature"`
	}
	if err := open(body, &a); err != nil {
		return nil, err
	}
	if a.Size < 0 || a.Timestamp < 0 || len(a.Root) != sha256.Size {
		return nil, check.Refuse("LM-5", check.Server, "tree head has size %d, time %d and a root of %d bytes", a.Size, a.Timestamp, len(a.Root))
	}
	if !checkpoint.VerifyTreeHead(l.log.Key, uint64(a.Timestamp), uint64(a.Size), [sha256.Size]byte(a.Root), a.Signature) {
		return nil, check.Refuse("LG-4", check.Checkpoint, "tree head of size %d is not signed by log %x", a.Size, l.log.ID)
	}
	return &Head{Size: a.Size, Root: a.Root, Signed: time.UnixMilli(a.Timestamp).UTC(), Served: string(body)}, nil
}

// frontier returns the frontier of the first size entries, not proved.
func (l *Log) frontier(ctx context.Context, size int64) ([][]byte, error) {
	leaf, path, err := l.withProof(ctx, size-1, size)
	if err != nil {
		return nil, err
	}
	f, err := inclusion.FrontierOf(uint64(size), inclusion.Leaf(leaf), path)
	if err != nil {
		return nil, err
	}
	return f.Hashes(), nil
}

// consistency returns the proof that the tree of one size is the beginning of that
// of another, not verified.
func (l *Log) consistency(ctx context.Context, first, second int64) (hashes [][]byte, err error) {
	var a struct {
		Consistency []strictjson.Bytes `json:"consistency"`
	}
	if _, err := l.ask(ctx, fmt.Sprintf("get-sth-consistency?first=%d&second=%d", first, second), maxHead, &a); err != nil {
		return nil, err
	}
	for _, hash := range a.Consistency {
		hashes = append(hashes, hash) // inclusion.Consistent counts them
	}
	return hashes, nil
}

// withProof returns a leaf and its audit path in the tree of a size, not verified.
func (l *Log) withProof(ctx context.Context, index, size int64) (leaf []byte, path [][]byte, err error) {
	var a struct {
		Leaf strictjson.Bytes   `json:"leaf_input"`
		Path []strictjson.Bytes `json:"audit_path"`
	}
	if _, err := l.ask(ctx, fmt.Sprintf("get-entry-and-proof?leaf_index=%d&tree_size=%d", index, size), maxAnswer, &a); err != nil {
		return nil, nil, err
	}
	if len(a.Path) > inclusion.MaxHashes {
		return nil, nil, check.Refuse("LM-4", check.Limit, "proof has %d hashes, at most %d are read", len(a.Path), inclusion.MaxHashes)
	}
	for _, hash := range a.Path {
		path = append(path, hash)
	}
	return a.Leaf, path, nil
}

// entries returns leaves from first on, not proved: at least one, at most to last.
func (l *Log) entries(ctx context.Context, first, last int64) ([][]byte, error) {
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
	leaves := make([][]byte, len(a.Entries))
	for i, e := range a.Entries {
		leaves[i] = e.Leaf
	}
	return leaves, nil
}
