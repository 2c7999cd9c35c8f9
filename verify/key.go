package verify

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/trustroot"
)

// A Key is a public key of the caller. Nothing in a bundle ever brings a key of
// its own into play (BP-10).
type Key struct {
	Public crypto.PublicKey // *ecdsa.PublicKey, ed25519.PublicKey or *rsa.PublicKey
	Hint   string           // the hint of bundles signed with this key; "" for any that is not of another key
	Valid  trustroot.Window // when signatures of this key count; the zero Window for always

	// AssumeNow lets the moment of verification stand for the time of signing
	// when the bundle proves no time and Evidence demands none (TM-2).
	AssumeNow bool
}

const maxPEM = 64 << 10 // bytes of a public key in PEM

// ParsePublicKey reads a public key from exactly one PEM block PUBLIC KEY. Its
// errors are of check usage or alg.
func ParsePublicKey(text []byte) (crypto.PublicKey, error) {
	if len(text) > maxPEM {
		return nil, check.Refuse("LM-1", check.Usage, "key file has %d bytes, want at most %d", len(text), maxPEM)
	}
	text = bytes.TrimSpace(text)
	block, rest := pem.Decode(text)
	if block == nil || !bytes.HasPrefix(text, []byte("-----BEGIN ")) {
		return nil, check.Refuse("I26", check.Usage, "key file is not a PEM block")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, check.Refuse("I26", check.Usage, "key file has more than one PEM block")
	}
	if block.Type != "PUBLIC KEY" || len(block.Headers) > 0 {
		return nil, check.Refuse("I26", check.Usage, "PEM block is a %q, want a plain PUBLIC KEY", block.Type)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, check.Refuse("I26", check.Usage, "key file: %v", err)
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	return key, nil
}

// A callerKey is a Key that can be used.
type callerKey struct {
	Key
	spki []byte
	id   [32]byte // SHA-256 of spki
}

func (k Key) join(p *Policy) {
	if err := checkKey(k.Public); err != nil {
		p.refuse(err)
		return
	}
	spki, err := x509.MarshalPKIXPublicKey(k.Public)
	if err != nil {
		p.refuse(check.Refuse("I26", check.Usage, "public key: %v", err))
		return
	}
	p.keys = append(p.keys, callerKey{Key: k, spki: spki, id: sha256.Sum256(spki)})
}

// fits reports whether a bundle with this hint can be signed with the key. Many
// signers give the hash of the key as hint; then it must be this key's.
func (k *callerKey) fits(hint string) bool {
	if k.Hint != "" || hint == "" {
		return k.Hint == hint || k.Hint == ""
	}
	if id, err := base64.StdEncoding.DecodeString(hint); err == nil && len(id) == sha256.Size {
		return bytes.Equal(id, k.id[:])
	}
	if id, err := hex.DecodeString(hint); err == nil && len(id) == sha256.Size {
		return bytes.Equal(id, k.id[:])
	}
	return true
}

// checkCallerKey chooses the caller's key that a bundle means (BP-6, BP-10).
func checkCallerKey(q *question) (checkedSigner, error) {
	var none checkedSigner
	b := q.bundle
	if len(q.policy.keys) == 0 {
		return none, check.Refuse("BP-6", check.Content, "is signed with a public key, want a certificate").
			At("verificationMaterial.publicKey").WithNext("give the public key of the signer if you have it")
	}
	var chosen *callerKey
	for i := range q.policy.keys {
		k := &q.policy.keys[i]
		if !k.fits(b.PublicKey.Hint) {
			continue
		}
		if chosen != nil {
			return none, check.Refuse("BP-10", check.Usage, "hint %q fits more than one of the keys", b.PublicKey.Hint)
		}
		chosen = k
	}
	if chosen == nil {
		return none, check.Refuse("BP-10", check.Identity, "is signed with key %q, which is none of the %d keys given",
			b.PublicKey.Hint, len(q.policy.keys))
	}
	if b.Envelope != nil && b.Envelope.KeyID != "" && b.Envelope.KeyID != b.PublicKey.Hint {
		return none, check.Refuse("BP-10", check.DSSE, "keyid is %q, want the hint %q", b.Envelope.KeyID, b.PublicKey.Hint).
			At("dsseEnvelope.signatures[0].keyid")
	}
	return checkedSigner{key: chosen.Public, keyID: hex.EncodeToString(chosen.id[:]), caller: chosen}, nil
}

// checkKeyWindow checks that a key of the caller counts at every verified time
// (I25). Without a verified time it may be told to count now (TM-2).
func checkKeyWindow(q *question, s checkedSigner, t checkedTimes) (checkedValidity, error) {
	k := s.caller
	valid := checkedValidity{q: q, signer: s}
	always := k.Valid == trustroot.Window{}
	moments := t.times
	if len(moments) == 0 && !always {
		if !k.AssumeNow {
			return valid, check.Refuse("TM-2", check.Time, "no verified time of signing, and the key is valid %s only",
				describe([]trustroot.Window{k.Valid}))
		}
		moments, valid.assumed = []Time{{Time: q.now}}, true
	}
	for _, m := range moments {
		if !always && !k.Valid.Contains(m.Time) {
			return valid, check.Refuse("I25", check.Time, "signed at %s, the key is valid %s",
				moment(m.Time), describe([]trustroot.Window{k.Valid}))
		}
	}
	return valid, nil
}
