// Package set verifies signed entry timestamps: the promise of a Rekor v1 log
// that it took an entry at a moment (rule R1-2).
package set

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"

	"github.com/hallmarksign/hallmark/internal/check"
)

// maxExact is the largest integer that the number format of RFC 8785 (a double)
// holds exactly; above it the canonical form of a number is not its digits.
const maxExact = 1 << 53

// Message returns what the log signs: the entry in canonical JSON (RFC 8785).
// Of its four values none needs escaping and the names are already sorted.
// logIndex is the global index, never the one in a shard.
func Message(body []byte, integratedTime, logIndex int64, logID []byte) []byte {
	m := make([]byte, 0, 224+base64.StdEncoding.EncodedLen(len(body)))
	m = append(m, `{"body":"`...)
	m = base64.StdEncoding.AppendEncode(m, body)
	m = append(m, `","integratedTime":`...)
	m = strconv.AppendInt(m, integratedTime, 10)
	m = append(m, `,"logID":"`...)
	m = hex.AppendEncode(m, logID)
	m = append(m, `","logIndex":`...)
	m = strconv.AppendInt(m, logIndex, 10)
	return append(m, '}')
}

// Verify checks that the log with this key promised the entry: body, global
// logIndex and integratedTime (seconds since 1970) under its logID. Its errors
// are *check.Error of check set or alg.
func Verify(body []byte, integratedTime, logIndex int64, logID []byte, promise []byte, key crypto.PublicKey) error {
	if integratedTime < 0 || integratedTime > maxExact {
		return check.Refuse("LM-5", check.SET, "integrated time is %d, want 0 to 2^53", integratedTime)
	}
	if logIndex < 0 || logIndex > maxExact {
		return check.Refuse("LM-5", check.SET, "log index is %d, want 0 to 2^53", logIndex)
	}
	ok, known := verify(key, Message(body, integratedTime, logIndex, logID), promise)
	if !known {
		return check.Refuse("R1-2", check.Alg, "log key is a %T, want ECDSA, Ed25519 or RSA", key)
	}
	if !ok {
		return check.Refuse("R1-2", check.SET, "signed entry timestamp is not by log %x over this entry", logID)
	}
	return nil
}

// verify reports whether sig is a signature by key over message, and whether
// the kind of key is known at all.
func verify(key crypto.PublicKey, message, sig []byte) (ok, known bool) {
	digest := sha256.Sum256(message)
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, digest[:], sig), true
	case ed25519.PublicKey:
		return len(k) == ed25519.PublicKeySize && ed25519.Verify(k, message, sig), true
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, digest[:], sig) == nil, true
	}
	return false, false
}
