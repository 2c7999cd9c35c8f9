package verify

import (
	"crypto"
	_ "crypto/sha256" // linked for crypto.Hash
	_ "crypto/sha512" // linked for crypto.Hash
	"encoding/hex"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// bufferSize is how much of an artifact is in memory at a time, in bytes.
const bufferSize = 512 << 10

// An Artifact is what somebody signed, known by one or more digests. The zero
// Artifact verifies nothing.
type Artifact struct{ digests []Digest }

// Hash reads r to its end and returns the artifact it holds, hashed with each of
// SHA-256, SHA-384, SHA-512 that is asked for, or with SHA-256. It keeps half a
// megabyte in memory whatever the length of r (LM-6). Errors of r are passed on;
// another hash is refused as check usage.
func Hash(r io.Reader, hashes ...crypto.Hash) (Artifact, error) {
	if len(hashes) == 0 {
		hashes = []crypto.Hash{crypto.SHA256}
	}
	var used []crypto.Hash
	var states []hash.Hash
	for _, h := range hashes {
		if hashName(h) == "" {
			return Artifact{}, check.Refuse("LM-6", check.Usage, "hash number %d is none of sha256, sha384, sha512", uint(h))
		}
		if !slices.Contains(used, h) {
			used, states = append(used, h), append(states, h.New())
		}
	}
	if err := stream(r, states); err != nil {
		return Artifact{}, err
	}
	var a Artifact
	for i, h := range used {
		a.digests = append(a.digests, Digest{Algorithm: h, Value: states[i].Sum(nil)})
	}
	return a, nil
}

// stream feeds r to every hash, a buffer at a time.
func stream(r io.Reader, states []hash.Hash) error {
	buffer := make([]byte, bufferSize)
	for empty := 0; empty < 100; {
		n, err := r.Read(buffer)
		for _, s := range states {
			s.Write(buffer[:n]) // a hash.Hash never returns an error
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if empty++; n > 0 {
			empty = 0
		}
	}
	return io.ErrNoProgress
}

// FromDigest returns the artifact with a digest that the caller vouches for.
// Digests of another algorithm or length are refused as check usage (J10).
func FromDigest(h crypto.Hash, sum []byte) (Artifact, error) {
	if hashName(h) == "" {
		return Artifact{}, check.Refuse("LM-6", check.Usage, "hash number %d is none of sha256, sha384, sha512", uint(h))
	}
	if len(sum) != h.Size() {
		return Artifact{}, check.Refuse("LM-6", check.Usage, "%s digest has %d bytes, want %d", hashName(h), len(sum), h.Size())
	}
	return Artifact{digests: []Digest{{Algorithm: h, Value: slices.Clone(sum)}}}, nil
}

// ParseDigest reads "sha256:" or "sha384:" or "sha512:" and lower-case hex of
// exactly that length. Anything else is refused as check usage (J10).
func ParseDigest(s string) (Artifact, error) {
	name, digits, ok := strings.Cut(s, ":")
	if !ok {
		return Artifact{}, check.Refuse("LM-6", check.Usage, "digest is %q, want sha256:hex", s)
	}
	h := hashOf(name)
	if h == 0 {
		return Artifact{}, check.Refuse("LM-6", check.Usage, "digest algorithm is %q, want sha256, sha384 or sha512", name)
	}
	sum, err := hex.DecodeString(digits)
	if err != nil || strings.ToLower(digits) != digits {
		return Artifact{}, check.Refuse("LM-6", check.Usage, "digest is %q, want lower-case hexadecimal digits", digits)
	}
	return FromDigest(h, sum)
}

// Sum returns the artifact's digest by one hash, nil if it is not known.
func (a Artifact) Sum(h crypto.Hash) []byte {
	for _, d := range a.digests {
		if d.Algorithm == h {
			return slices.Clone(d.Value)
		}
	}
	return nil
}

// hashName returns the name of a hash that an artifact can be known by, or "".
func hashName(h crypto.Hash) string {
	switch h {
	case crypto.SHA256:
		return "sha256"
	case crypto.SHA384:
		return "sha384"
	case crypto.SHA512:
		return "sha512"
	}
	return ""
}

// hashOf is the inverse of hashName; 0 for other names.
func hashOf(name string) crypto.Hash {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if hashName(h) == name {
			return h
		}
	}
	return 0
}
