package checkpoint

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Types of signed-note key ids (C2SP signed-note, "Signature types").
const (
	typeEd25519     = 0x01
	typeCosignature = 0x04
	typeOther       = 0xff
)

// A Key is a log's key under the name that its signature lines carry.
type Key struct {
	Name string
	// ID is the key id, of which the first 4 bytes count. Rekor v1 takes it
	// from the log id whatever the type of the key. Nil: computed by KeyID.
	ID     []byte
	Public crypto.PublicKey
}

// KeyID computes the 4-byte key id of a log key (R2-7).
func KeyID(name string, key crypto.PublicKey) ([]byte, error) {
	if k, ok := key.(ed25519.PublicKey); ok {
		if len(k) != ed25519.PublicKeySize {
			return nil, check.Refuse("R2-7", check.Alg, "ed25519 key has %d bytes, want %d", len(k), ed25519.PublicKeySize)
		}
		return hashID(name, typeEd25519, k), nil
	}
	_, isECDSA := key.(*ecdsa.PublicKey)
	_, isRSA := key.(*rsa.PublicKey)
	if !isECDSA && !isRSA {
		return nil, check.Refuse("R2-7", check.Alg, "key of log %q is a %T, want ed25519, ecdsa or rsa", clip(name), key)
	}
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, check.Refuse("R2-7", check.Alg, "key of log %q: %v", clip(name), err)
	}
	if isRSA {
		return hashID(name, typeOther, append([]byte("PKIX-RSA-PKCS#1v1.5"), spki...)), nil
	}
	sum := sha256.Sum256(spki)
	return sum[:4], nil
}

// hashID computes SHA-256(name ‖ newline ‖ type ‖ key)[:4].
func hashID(name string, typ byte, key []byte) []byte {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte{'\n', typ})
	h.Write(key)
	return h.Sum(nil)[:4]
}

// id returns the key id in force.
func (k Key) id() (id [4]byte, err error) {
	raw := k.ID
	if raw == nil {
		if raw, err = KeyID(k.Name, k.Public); err != nil {
			return id, err
		}
	}
	if len(raw) < len(id) {
		return id, check.Refuse("R2-7", check.Checkpoint, "key id of log %q has %d bytes, want 4", clip(k.Name), len(raw))
	}
	copy(id[:], raw)
	return id, nil
}

// verify reports whether sig is this key's signature over a note's text. Logs
// with ECDSA and RSA keys sign the SHA-256 hash of it on every curve.
func (k Key) verify(text, sig []byte) bool {
	sum := sha256.Sum256(text)
	switch pub := k.Public.(type) {
	case ed25519.PublicKey:
		return len(pub) == ed25519.PublicKeySize && ed25519.Verify(pub, text, sig)
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(pub, sum[:], sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], sig) == nil
	}
	return false
}
