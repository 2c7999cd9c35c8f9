package read

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
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

// Heads implements Reader: the active tree first, then the others in the order
// in which the log names them.
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
		if _, err := ofOrigin(heads, h.Origin); err == nil {
			return nil, check.Refuse("LG-1", check.Server, "log names the tree %q twice", h.Origin)
		}
		if err := l.judge(ctx, 1, h, l.prove); err != nil {
			return nil, err
		}
		heads = append(heads, h)
	}
	return heads, nil
}

// head verifies the checkpoint of a shard, and that the rest of the answer says
// the same.
func (l *V1) head(s shard1) (*Head, error) {
	h, err := openNote(1, s.SignedTreeHead, l.log)
	if err != nil {
		return nil, lied(err)
	}
	if _, tree, _ := strings.Cut(h.Origin, " - "); tree != s.TreeID {
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
	_, tree, _ := strings.Cut(to.Origin, " - ")
	path := fmt.Sprintf("log/proof?firstSize=%d&lastSize=%d&treeID=%s", from.Size, to.Size, tree)
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
