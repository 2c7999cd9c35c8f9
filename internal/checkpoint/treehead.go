package checkpoint

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// typeTreeHead is the type of signatures by logs of certificates (C2SP
// static-ct-api, "Checkpoints").
const typeTreeHead = 0x05

// VerifyTreeHead reports whether s is the TreeHeadSignature of a log of
// certificates (RFC 6962 section 3.5), a DigitallySigned with SHA-256 (RFC 5246
// section 4.7). Times are in milliseconds.
func VerifyTreeHead(key crypto.PublicKey, ms, size uint64, root [sha256.Size]byte, s []byte) bool {
	signed := []byte{0, 1} // v1, tree_hash
	signed = binary.BigEndian.AppendUint64(signed, ms)
	signed = binary.BigEndian.AppendUint64(signed, size)
	sum := sha256.Sum256(append(signed, root[:]...))
	if len(s) < 4 || s[0] != 4 || int(binary.BigEndian.Uint16(s[2:])) != len(s)-4 {
		return false
	}
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return s[1] == 3 && ecdsa.VerifyASN1(k, sum[:], s[4:])
	case *rsa.PublicKey:
		return s[1] == 1 && rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], s[4:]) == nil
	}
	return false
}

// VerifyTreeHead checks that a log of certificates signed size and root, and
// returns when. The signature does not cover the origin, so that is only the
// name of the signature line: the log is known by its id and key alone.
func (c *Checkpoint) VerifyTreeHead(logID []byte, key crypto.PublicKey) (signed time.Time, err error) {
	text, _, _ := strings.Cut(c.raw, "\n\n")
	if strings.Count(text, "\n") != 2 { // nothing covers further lines
		return signed, check.Refuse("WN-2", check.Checkpoint, "tree head has extension lines, want none")
	}
	v := verifier{name: c.Origin, id: [4]byte(hashID(c.Origin, typeTreeHead, logID))}
	v.verify = func(_, sig []byte) bool {
		if len(sig) < 8 {
			return false
		}
		ms := binary.BigEndian.Uint64(sig)
		signed = time.UnixMilli(int64(ms)).UTC()
		return ms <= math.MaxInt64 && VerifyTreeHead(key, ms, c.Size, c.Root, sig[8:])
	}
	if err := c.open(v); err != nil {
		return time.Time{}, err
	}
	return signed, nil
}
