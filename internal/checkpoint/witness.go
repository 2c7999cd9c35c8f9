package checkpoint

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// maxSkew is how far a witness's clock may be ahead of ours (WN-7).
const maxSkew = 5 * time.Minute

// VerifyWitness checks that a witness cosigned the note with an Ed25519 key, and
// returns when (C2SP tlog-cosignature, cosignature/v1; WN-7). Its key id is of
// another type than a log's, and so is what it signs, so that a witness never
// passes for a log (WN-8).
func (c *Checkpoint) VerifyWitness(name string, key ed25519.PublicKey, now time.Time) (time.Time, error) {
	if len(key) != ed25519.PublicKeySize {
		return time.Time{}, check.Refuse("WN-7", check.Alg, "key of witness %q has %d bytes, want %d", clip(name), len(key), ed25519.PublicKeySize)
	}
	v := verifier{name: name, id: [4]byte(hashID(name, typeCosignature, key))}
	var seconds uint64
	v.verify = func(text, blob []byte) bool {
		if len(blob) != 8+ed25519.SignatureSize {
			return false
		}
		seconds = binary.BigEndian.Uint64(blob)
		message := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", seconds, text)
		return ed25519.Verify(key, message, blob[8:])
	}
	if err := c.open(v); err != nil {
		return time.Time{}, err
	}
	if seconds == 0 || seconds > math.MaxInt64 {
		return time.Time{}, check.Refuse("WN-7", check.Checkpoint, "witness %q says second %d, want 1 to %d", clip(name), seconds, int64(math.MaxInt64))
	}
	// Compared in seconds: time.Unix wraps around far below MaxInt64.
	if limit := now.Add(maxSkew).Unix(); int64(seconds) > limit {
		return time.Time{}, check.Refuse("WN-7", check.Checkpoint, "witness %q says second %d, which is after %d, 5 minutes from now", clip(name), seconds, limit)
	}
	return time.Unix(int64(seconds), 0).UTC(), nil
}
