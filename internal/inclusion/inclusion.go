// Package inclusion verifies Merkle inclusion proofs (RFC 6962 section 2.1.1,
// rule R1-4). A proof says that an entry is in the tree with a root hash; who
// vouches for the root is another question, see package checkpoint.
package inclusion

import (
	"bytes"
	"crypto/sha256"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/hallmarksign/hallmark/internal/check"
)

// MaxHashes is the largest number of hashes of a proof (LM-4): a tree has fewer
// than 2^63 leaves.
const MaxHashes = 63 // hashes of an inclusion proof

// Verify checks that body is the leaf at index in the tree of the given size
// whose root hash is root. Its errors are *check.Error of check proof or limit.
func Verify(body []byte, index, size int64, hashes [][]byte, root []byte) error {
	if len(hashes) > MaxHashes {
		return check.Refuse("LM-4", check.Limit, "proof has %d hashes, at most %d are read", len(hashes), MaxHashes)
	}
	if index < 0 {
		return check.Refuse("LM-5", check.Proof, "index is %d, want 0 or more", index)
	}
	if index >= size { // so size is at least 1
		return check.Refuse("LM-5", check.Proof, "index %d is outside a tree of size %d", index, size)
	}
	if len(root) != sha256.Size {
		return check.Refuse("LM-4", check.Proof, "root hash has %d bytes, want %d", len(root), sha256.Size)
	}
	for i, h := range hashes {
		if len(h) != sha256.Size {
			return check.Refuse("LM-4", check.Proof, "hash %d has %d bytes, want %d", i, len(h), sha256.Size)
		}
	}
	got, err := proof.RootFromInclusionProof(rfc6962.DefaultHasher, uint64(index), uint64(size), Leaf(body), hashes)
	if err != nil { // the number of hashes is not what index and size require
		return check.Refuse("R1-4", check.Proof, "%v", err)
	}
	if !bytes.Equal(got, root) {
		return check.Refuse("R1-4", check.Proof, "proof leads to root %x, want %x", got, root)
	}
	return nil
}

// Leaf returns the leaf hash of an entry, SHA-256(0x00 ‖ body).
func Leaf(body []byte) []byte { return rfc6962.DefaultHasher.HashLeaf(body) }
