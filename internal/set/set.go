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
	m = append(m, start...)
	m = base64.StdEncoding.AppendEncode(m, body)
	return appendRest(m, integratedTime, logIndex, logID)
}

const start = `{"body":"`

// appendRest appends what comes after the body.
func appendRest(m []byte, integratedTime, logIndex int64, logID []byte) []byte {
	m = append(m, `","integratedTime":`...)
	m = strconv.AppendInt(m, integratedTime, 10)
	m = append(m, `,"logID":"`...)
	m = hex.AppendEncode(m, logID)
	m = append(m, `","logIndex":`...)
	m = strconv.AppendInt(m, logIndex, 10)
	return append(m, '}')
}

// digest is the SHA-256 of Message, which it never holds as a whole.
func digest(body []byte, integratedTime, logIndex int64, logID []byte) []byte {
	const piece = 144 // bytes, a multiple of 3
	h := sha256.New()
	text := make([]byte, 0, 192)
	h.Write([]byte(start))
	for len(body) > 0 {
		n := min(len(body), piece)
		h.Write(base64.StdEncoding.AppendEncode(text, body[:n]))
		body = body[n:]
	}
	h.Write(appendRest(text, integratedTime, logIndex, logID))
	return h.Sum(text)
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
	var ok bool
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(k, digest(body, integratedTime, logIndex, logID), promise)
	case ed25519.PublicKey:
		ok = len(k) == ed25519.PublicKeySize && ed25519.Verify(k, Message(body, integratedTime, logIndex, logID), promise)
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(k, crypto.SHA256, digest(body, integratedTime, logIndex, logID), promise) == nil
	default:
		return check.Refuse("R1-2", check.Alg, "log key is a %T, want ECDSA, Ed25519 or RSA", key)
	}
	if !ok {
		return check.Refuse("R1-2", check.SET, "signed entry timestamp is not by log %x over this entry", logID)
	}
	return nil
}
