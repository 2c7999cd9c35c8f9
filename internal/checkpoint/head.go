package checkpoint

import (
	"crypto/sha256"

	"github.com/hallmarksign/hallmark/internal/check"
)

// ParseHead is Parse for those who ask a log how large it is: the tree may be
// empty, and then its root must be that of no entries (RFC 6962 section 2.1).
func ParseHead(envelope string) (*Checkpoint, error) {
	c, err := parse(envelope)
	if err != nil {
		return nil, err
	}
	if c.Size == 0 && c.Root != sha256.Sum256(nil) {
		return nil, check.Refuse("LM-5", check.Checkpoint, "tree size is 0, and the root hash is %x, want that of no entries", c.Root)
	}
	return c, nil
}
