// Package logproof verifies what a transparency log says of one of its entries:
// the promise, and the inclusion proof with its checkpoint. Who asks for an entry
// at signing and who verifies a bundle both come through here.
package logproof

import (
	"bytes"
	"crypto/sha256"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/checkpoint"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/internal/set"
	"github.com/hallmarksign/hallmark/trustroot"
)

// Second reports whether an entry is of the second generation of logs, which
// makes no promise and knows no time (R2-5). The version of the entry decides,
// because trusted roots do not say.
func Second(e *bundle.Entry) bool { return e.Kind == "hashedrekord" && e.Version == "0.0.2" }

// Name returns the name of a log (R2-7).
func Name(log *trustroot.Log) string {
	return log.Name()
}

// Promised checks the signed entry timestamp of an entry (R1-2). Its errors are
// *check.Error of check set or alg.
func Promised(e *bundle.Entry, log *trustroot.Log) error {
	return set.Verify(e.Body, e.IntegratedTime, e.LogIndex, e.LogID, e.Promise, log.Key)
}

// Included checks the inclusion proof of an entry and that the log signed the
// checkpoint it leads to, which is returned (R1-4, R1-5, R1-7, R2-6, R2-7). Its
// errors are *check.Error of check proof, checkpoint, content or limit.
func Included(e *bundle.Entry, log *trustroot.Log) (*checkpoint.Checkpoint, error) {
	p := e.Proof
	if p == nil {
		return nil, check.Refuse("R1-5", check.Proof, "inclusion proof is missing")
	}
	if Second(e) && p.LogIndex != e.LogIndex {
		return nil, check.Refuse("R2-6", check.Proof, "proof is for index %d, want %d", p.LogIndex, e.LogIndex)
	}
	if p.LogIndex > e.LogIndex { // shards only add an offset
		return nil, check.Refuse("R1-7", check.Proof, "index %d in the shard is larger than the global index %d", p.LogIndex, e.LogIndex)
	}
	if err := inclusion.Verify(e.Body, p.LogIndex, p.TreeSize, p.Hashes, p.RootHash); err != nil {
		return nil, err
	}
	c, err := checkpoint.Parse(p.Checkpoint)
	if err != nil {
		return nil, err
	}
	if c.Size != uint64(p.TreeSize) { // inclusion.Verify saw that it is not negative
		return nil, check.Refuse("R1-5", check.Proof, "proof is for tree size %d, checkpoint has %d", p.TreeSize, c.Size)
	}
	if !bytes.Equal(c.Root[:], p.RootHash) {
		return nil, check.Refuse("R1-5", check.Proof, "proof leads to root %x, checkpoint has %x", p.RootHash, c.Root)
	}
	k, err := key(c, e, log)
	if err != nil {
		return nil, err
	}
	if err := c.Verify(k); err != nil {
		return nil, err
	}
	return c, nil
}

// key returns the key of a log under the name it must have signed with.
func key(c *checkpoint.Checkpoint, e *bundle.Entry, log *trustroot.Log) (checkpoint.Key, error) {
	if !Second(e) {
		// Rekor v1 signs under the name in its origin, with the first bytes of the
		// log id as key id whatever the kind of key.
		name, _, err := checkpoint.SplitV1(c.Origin)
		if err != nil {
			return checkpoint.Key{}, err
		}
		id := sha256.Sum256(log.SPKI)
		return checkpoint.Key{Name: name, ID: id[:4], Public: log.Key}, nil
	}
	k := checkpoint.Key{Name: Name(log), Public: log.Key}
	if err := c.CheckOrigin(k.Name); err != nil {
		return k, err
	}
	if len(log.CheckpointID) >= 4 {
		k.ID = log.CheckpointID[:4]
	}
	return k, nil
}
