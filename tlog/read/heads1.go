package read

import (
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/evidence"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

const maxShards = 256 // trees that a log has had

// A shard1 is LogInfo of Rekor's API v1, or one of its inactive shards.
type shard1 struct {
	RootHash       string `json:"rootHash"`
	TreeSize       uint64 `json:"treeSize"`
	SignedTreeHead string `json:"signedTreeHead"`
	TreeID         string `json:"treeID"`
}

// treeOf returns the id of the tree of a checkpoint of the first generation. The
// host name before it is the log's own affair: servers of one log may differ in it.
func treeOf(origin string) string {
	_, tree, _ := strings.Cut(origin, " - ")
	return tree
}

// Heads implements Reader: the active tree first, then the others in the order
// in which the log names them. A tree that is remembered must be among them.
func (l *V1) Heads(ctx context.Context) ([]*Head, error) {
	data, err := l.ask(ctx, "log", nil, "information about itself")
	if err != nil {
		return nil, err
	}
	var info struct {
		shard1
		InactiveShards []shard1 `json:"inactiveShards"`
	}
	if err := strictjson.UnmarshalOpen(data, &info); err != nil {
		return nil, lied(err)
	}
	if len(info.InactiveShards) > maxShards {
		return nil, check.Refuse("LM-3", check.Limit, "log has %d trees, at most %d are read", len(info.InactiveShards), maxShards)
	}
	var heads []*Head
	for i, s := range append([]shard1{info.shard1}, info.InactiveShards...) {
		h, err := l.head(s)
		if err != nil {
			return nil, err
		}
		h.Active = i == 0
		if _, err := ofTree(heads, h.Origin); err == nil {
			return nil, check.Refuse("LG-1", check.Server, "log names the tree %q twice", h.Origin)
		}
		heads = append(heads, h)
	}
	if err := l.complete(ctx, heads); err != nil {
		return nil, err
	}
	for _, h := range heads {
		if err := l.judge(ctx, 1, h, l.prove); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// complete checks that every tree that is remembered, which is one with entries, is
// named, as the active one or as one of those before it: a log can't take entries back
// (LG-2).
func (l *V1) complete(ctx context.Context, heads []*Head) error {
	if l.c.Memory == nil {
		return nil
	}
	all, err := l.c.Memory.All(l.log)
	if err != nil {
		return err
	}
	for _, seen := range all {
		last, err := l.reopen(1, seen)
		if err != nil {
			return err
		}
		now, err := ofTree(heads, seen.Origin)
		switch {
		case err != nil:
			return l.dropped(seen, last, heads)
		case now.Origin != seen.Origin: // judge looks for the name of now
			if err := l.grew(ctx, seen, last, now, l.prove); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropped keeps the evidence that a tree is no longer named.
func (l *V1) dropped(seen *Seen, last *Head, heads []*Head) error {
	e := l.evidence(evidence.Dropped, seen, heads[0])
	for _, h := range heads[1:] {
		e.Named = append(e.Named, h.Note)
	}
	file := filepath.Join(l.c.Memory.dir, l.c.Memory.file(l.log, seen.Origin))
	return l.keep(e, check.Refuse("LG-2", check.Checkpoint, "log no longer names the tree %q, which had %d entries when it was seen on %s",
		seen.Origin, last.Size, seen.Last.UTC().Format(time.RFC3339)).
		WithNext(fmt.Sprintf("if the operator can explain it, move %q away, and the watch-*.json files beside it to look at every entry again", file)))
}

// head verifies the checkpoint of a shard, and that the rest of the answer says
// the same.
func (l *V1) head(s shard1) (*Head, error) {
	h, err := openNote(1, s.SignedTreeHead, l.log)
	if err != nil {
		return nil, lied(err)
	}
	if treeOf(h.Origin) != s.TreeID {
		return nil, check.Refuse("R1-5", check.Server, "tree %q has a checkpoint of %q", s.TreeID, h.Origin)
	}
	if h.Size != s.TreeSize || hex.EncodeToString(h.Root[:]) != strings.ToLower(s.RootHash) {
		return nil, check.Refuse("R1-5", check.Server, "tree %q is said to have %d entries and root %q, its checkpoint says %d and %x",
			s.TreeID, s.TreeSize, s.RootHash, h.Size, h.Root)
	}
	return h, nil
}

// prove asks for a consistency proof.
func (l *V1) prove(ctx context.Context, from, to *Head) ([][]byte, error) {
	path := fmt.Sprintf("log/proof?firstSize=%d&lastSize=%d&treeID=%s", from.Size, to.Size, treeOf(to.Origin))
	data, err := l.ask(ctx, path, nil, fmt.Sprintf("proof from size %d to %d", from.Size, to.Size))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Hashes   []hexHash `json:"hashes"`
		RootHash string    `json:"rootHash"`
	}
	if err := strictjson.UnmarshalOpen(data, &answer); err != nil {
		return nil, lied(err)
	}
	out := make([][]byte, len(answer.Hashes))
	for i, h := range answer.Hashes {
		out[i] = h
	}
	return out, nil
}

// A hexHash is a hash in hexadecimal.
type hexHash []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *hexHash) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}
