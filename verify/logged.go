package verify

import (
	"crypto"
	"crypto/ed25519"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
)

// LoggedHash returns the hash that a signature by a key must be over so that a log
// can take it as hashedrekord: the one that is usual for the key, and SHA-512 of
// Ed25519ph, because a log never sees what pure Ed25519 signs (SG-3, SG-4). Its
// errors are *Error of check alg.
func LoggedHash(key crypto.PublicKey) (crypto.Hash, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	a, err := usual(key)
	if err != nil {
		return 0, err
	}
	if a.scheme == ed25519Pure {
		a.hash = crypto.SHA512
	}
	if _, err := entry.KeyDetailsOf(key, a.hash); err != nil {
		return 0, check.Refuse("SG-3", check.Alg, "%s is no algorithm that logs take", a.name)
	}
	return a.hash, nil
}

// CheckLoggable checks that sig is a signature by a key over the artifact, by the
// hash that LoggedHash returns, as a log demands. It proves nothing about who has
// the key. Its errors are *Error of check alg, digest or signature.
func CheckLoggable(key crypto.PublicKey, a Artifact, sig []byte) error {
	h, err := LoggedHash(key)
	if err != nil {
		return err
	}
	digest := a.Sum(h)
	if digest == nil {
		return check.Refuse("SG-3", check.Digest, "a signature by this key is over %s of the artifact, which is not known", hashName(h))
	}
	how, err := signedWith(key, h)
	if err != nil {
		return err
	}
	if !how.verify(key, nil, digest, sig) {
		refused := check.Refuse("SG-3", check.Signature, "is no %s signature by this key over the artifact", how.name)
		if _, pure := key.(ed25519.PublicKey); pure {
			return refused.WithNext("sign with Ed25519ph: a log holds the digest only, which pure Ed25519 does not sign")
		}
		return refused
	}
	return nil
}
