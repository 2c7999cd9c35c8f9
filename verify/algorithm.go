package verify

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
)

// An algorithm is one way to sign. The zero algorithm verifies nothing.
type algorithm struct {
	scheme     scheme
	hash       crypto.Hash // of what is signed; 0 when the scheme hashes by itself
	name       string
	deprecated bool // never for signing (SG-3)
}

type scheme int

const (
	ecdsaASN1 scheme = iota + 1
	pkcs1v15
	pss
	ed25519Pure
	ed25519ph
)

// verify reports whether sig is a signature by key. Message is needed by the
// scheme that hashes by itself, digest by the others.
func (a algorithm) verify(key crypto.PublicKey, message, digest, sig []byte) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return a.scheme == ecdsaASN1 && ecdsa.VerifyASN1(k, digest, sig)
	case ed25519.PublicKey:
		switch a.scheme {
		case ed25519Pure:
			return ed25519.Verify(k, message, sig)
		case ed25519ph:
			return ed25519.VerifyWithOptions(k, digest, sig, &ed25519.Options{Hash: crypto.SHA512}) == nil
		}
	case *rsa.PublicKey:
		switch a.scheme {
		case pkcs1v15:
			return rsa.VerifyPKCS1v15(k, a.hash, digest, sig) == nil
		case pss: // RFC 4055 section 3.1: the salt is as long as the hash
			return rsa.VerifyPSS(k, a.hash, digest, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
	}
	return false
}

// usual returns how a key signs when nothing logged says how (SG-3).
func usual(key crypto.PublicKey) (algorithm, error) {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P384():
			return signedWith(key, crypto.SHA384)
		case elliptic.P521():
			return signedWith(key, crypto.SHA512)
		}
	case ed25519.PublicKey:
		return algorithm{scheme: ed25519Pure, name: "Ed25519"}, nil
	}
	return signedWith(key, crypto.SHA256)
}

// signedWith returns how a key signs a digest by the hash (SG-3, decision 18).
func signedWith(key crypto.PublicKey, h crypto.Hash) (algorithm, error) {
	a := algorithm{hash: h}
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		a.scheme, a.name = ecdsaASN1, fmt.Sprintf("ECDSA %s %s", k.Params().Name, h)
		bits := k.Params().BitSize
		a.deprecated = bits > 256 && h == crypto.SHA256
		if h == crypto.SHA256 || bits == 384 && h == crypto.SHA384 || bits == 521 && h == crypto.SHA512 {
			return a, nil
		}
	case ed25519.PublicKey:
		a.scheme, a.name = ed25519ph, "Ed25519ph"
		if h == crypto.SHA512 {
			return a, nil
		}
	case *rsa.PublicKey:
		a.scheme, a.name = pkcs1v15, fmt.Sprintf("RSA %d PKCS#1 v1.5 %s", k.N.BitLen(), h)
		if h == crypto.SHA256 {
			return a, nil
		}
	}
	return algorithm{}, check.Refuse("SG-3", check.Alg, "key %T with %s is no algorithm of the registry", key, h)
}

// loggedWith returns how a key signed by what the entry says.
func loggedWith(key crypto.PublicKey, b *entry.Body) (algorithm, error) {
	if b.Kind != "hashedrekord" {
		return usual(key) // dsse and intoto log the hash of the payload, not of what is signed
	}
	a, err := signedWith(key, b.Hash)
	if err != nil || b.Version == "0.0.1" {
		return a, err
	}
	details, err := entry.KeyDetailsOf(key, b.Hash)
	if err != nil {
		return algorithm{}, err
	}
	if _, isRSA := key.(*rsa.PublicKey); isRSA && b.KeyDetails == strings.Replace(details, "PKCS1V15", "PSS", 1) {
		a.scheme, a.name = pss, strings.Replace(a.name, "PKCS#1 v1.5", "PSS", 1)
		return a, nil
	}
	if b.KeyDetails != details {
		return algorithm{}, check.Refuse("EB-3", check.Entry, "keyDetails is %q, want %q as the key is", b.KeyDetails, details)
	}
	return a, nil
}

// checkKey checks that a key is of a kind and size that is allowed (CC-8). It
// comes before anything is verified with the key.
func checkKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k == nil || k.Curve != elliptic.P256() && k.Curve != elliptic.P384() && k.Curve != elliptic.P521() {
			return check.Refuse("CC-8", check.Alg, "ECDSA key is on another curve than P-256, P-384 and P-521")
		}
		if _, err := k.ECDH(); err != nil { // the point is on the curve and not at infinity
			return check.Refuse("CC-8", check.Alg, "ECDSA key: %v", err)
		}
		return nil
	case *rsa.PublicKey:
		return checkRSA(k)
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return check.Refuse("CC-8", check.Alg, "Ed25519 key has %d bytes, want %d", len(k), ed25519.PublicKeySize)
		}
		if smallOrder(k) {
			return check.Refuse("CC-8", check.Alg, "Ed25519 key is a point of small order")
		}
		return nil
	}
	return check.Refuse("CC-8", check.Alg, "key is a %T, want ECDSA, Ed25519 or RSA", key)
}

func checkRSA(k *rsa.PublicKey) error {
	if k == nil || k.N == nil {
		return check.Refuse("CC-8", check.Alg, "RSA key has no modulus")
	}
	if n := k.N.BitLen(); n < 2048 || n > 8192 {
		return check.Refuse("CC-8", check.Alg, "RSA key has %d bits, want 2048 to 8192", n)
	}
	if k.N.Bit(0) == 0 {
		return check.Refuse("CC-8", check.Alg, "RSA modulus is even")
	}
	if k.E < 3 || k.E%2 == 0 || int64(k.E) > 1<<32 {
		return check.Refuse("CC-8", check.Alg, "RSA exponent is %d, want an odd number from 3 to 2^32", k.E)
	}
	return nil
}

// smallOrder reports whether an Ed25519 point vanishes when multiplied by eight;
// such a key has signatures that verify for many messages. The point is mapped
// to Curve25519 (RFC 7748 section 4.1), whose key agreement refuses such points.
func smallOrder(key ed25519.PublicKey) bool {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	raw := slices.Clone(key)
	raw[31] &= 0x7f // the sign of x
	slices.Reverse(raw)
	y := new(big.Int).Mod(new(big.Int).SetBytes(raw), p)
	one := big.NewInt(1)
	below := new(big.Int).Mod(new(big.Int).Sub(one, y), p)
	if below.Sign() == 0 {
		return true // the neutral point
	}
	u := new(big.Int).Mul(new(big.Int).Add(one, y), new(big.Int).ModInverse(below, p))
	montgomery := u.Mod(u, p).FillBytes(make([]byte, 32))
	slices.Reverse(montgomery)
	public, err := ecdh.X25519().NewPublicKey(montgomery)
	if err != nil {
		return true
	}
	scalar, err := ecdh.X25519().NewPrivateKey(append([]byte{8}, make([]byte, 31)...))
	if err != nil {
		return true
	}
	_, err = scalar.ECDH(public)
	return err != nil
}
