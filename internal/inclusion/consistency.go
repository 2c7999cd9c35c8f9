package inclusion

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/hallmarksign/hallmark/internal/check"
)

// MaxConsistency is the largest number of hashes of a consistency proof: two
// for each level of a tree.
const MaxConsistency = 2 * MaxHashes // hashes of a consistency proof

// Consistent checks that the tree of size1 leaves with root hash root1 is the
// beginning of the tree of size2 with root2 (RFC 6962 section 2.1.2). Both are
// at least 1 and size1 is at most size2. Its errors are *check.Error of check
// proof or limit.
func Consistent(size1 uint64, root1 []byte, size2 uint64, root2 []byte, hashes [][]byte) error {
	if len(hashes) > MaxConsistency {
		return check.Refuse("LM-4", check.Limit, "consistency proof has %d hashes, at most %d are read", len(hashes), MaxConsistency)
	}
	if size1 == 0 || size1 > size2 {
		return check.Refuse("LG-1", check.Proof, "tree sizes are %d and %d, want at least 1 and not less", size1, size2)
	}
	if len(root1) != sha256.Size || len(root2) != sha256.Size {
		return check.Refuse("LM-4", check.Proof, "root hashes have %d and %d bytes, want %d", len(root1), len(root2), sha256.Size)
	}
	for i, h := range hashes {
		if len(h) != sha256.Size {
			return check.Refuse("LM-4", check.Proof, "hash %d has %d bytes, want %d", i, len(h), sha256.Size)
		}
	}
	if size1 == size2 && !bytes.Equal(root1, root2) {
		return check.Refuse("LG-1", check.Proof, "two trees of size %d have roots %x and %x", size1, root1, root2)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, size1, size2, hashes, root1, root2); err != nil {
		return check.Refuse("LG-1", check.Proof, "tree of size %d is not the beginning of the tree of size %d: %s", size1, size2, reason(err))
	}
	return nil
}

// reason is an error of the library on one line.
func reason(err error) string {
	if m, ok := errors.AsType[proof.RootMismatchError](err); ok {
		return fmt.Sprintf("proof leads to root %x, want %x", m.CalculatedRoot, m.ExpectedRoot)
	}
	return err.Error()
}
