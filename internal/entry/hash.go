package entry

import (
	"crypto"
	"encoding/hex"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A hash is a digest as Rekor v1 writes it.
type hash struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"value"`
}

// parse reads a digest in lower-case hex of the algorithm's length (EB-2). The
// field is its path in the body.
func (h *hash) parse(field string) (crypto.Hash, []byte, error) {
	if h == nil {
		return 0, nil, check.Refuse("EB-2", check.Entry, "is missing").At(field)
	}
	alg := hashV1(h.Algorithm)
	if alg == 0 {
		return 0, nil, check.Refuse("EB-2", check.Entry, "algorithm is %q, want sha256, sha384 or sha512", h.Algorithm).At(field)
	}
	digest, err := hex.DecodeString(h.Value)
	if err != nil || len(digest) != alg.Size() || strings.ToLower(h.Value) != h.Value {
		return 0, nil, check.Refuse("EB-2", check.Entry, "value is %q, want %d lower-case hexadecimal digits", h.Value, 2*alg.Size()).At(field)
	}
	return alg, digest, nil
}

// hashV1 returns the hash that Rekor v1 calls name, or 0.
func hashV1(name string) crypto.Hash {
	switch name {
	case "sha256":
		return crypto.SHA256
	case "sha384":
		return crypto.SHA384
	case "sha512":
		return crypto.SHA512
	}
	return 0
}
