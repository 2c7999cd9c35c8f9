package sigtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
)

// must is for what can't fail with the fixed input it is given.
func must[T any](v T, err error) T {
	if err != nil {
		panic("sigtest: " + err.Error())
	}
	return v
}

// seed derives secret bytes from a label.
func seed(label string) [sha512.Size]byte { return sha512.Sum512([]byte("sigtest key " + label)) }

// ECDSA returns the key of a label. It signs deterministically (RFC 6979), so
// that the same test makes the same bytes.
func ECDSA(curve elliptic.Curve, label string) crypto.Signer {
	raw := seed(label)
	size := (curve.Params().BitSize + 7) / 8
	if size > len(raw) { // P-521: the top bits stay 0
		padded := append(make([]byte, size-len(raw)), raw[:]...)
		return fixed{must(ecdsa.ParseRawPrivateKey(curve, padded))}
	}
	return fixed{must(ecdsa.ParseRawPrivateKey(curve, raw[:size]))}
}

// Ed25519 returns the key of a label.
func Ed25519(label string) ed25519.PrivateKey {
	raw := seed(label)
	return ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
}

// fixed is an ECDSA key that never uses randomness.
type fixed struct{ key *ecdsa.PrivateKey }

func (k fixed) Public() crypto.PublicKey { return k.key.Public() }

func (k fixed) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.key.Sign(nil, digest, opts)
}

// SPKI returns the SubjectPublicKeyInfo of a key.
func SPKI(key crypto.PublicKey) []byte { return must(x509.MarshalPKIXPublicKey(key)) }

// SignMessage signs message: Ed25519 without a hash when h is 0 and as
// Ed25519ph with SHA-512, everything else over the hash, RSA as PKCS #1 v1.5.
func SignMessage(key crypto.Signer, h crypto.Hash, message []byte) []byte {
	if h == 0 {
		return must(key.Sign(nil, message, crypto.Hash(0)))
	}
	opts := crypto.SignerOpts(h)
	if _, ok := key.(ed25519.PrivateKey); ok {
		opts = &ed25519.Options{Hash: h}
	}
	return must(key.Sign(nil, sum(h, message), opts))
}

// signAsLog signs as transparency logs do: SHA-256 on every curve.
func signAsLog(key crypto.Signer, message []byte) []byte {
	if _, ok := key.(ed25519.PrivateKey); ok {
		return SignMessage(key, 0, message)
	}
	return SignMessage(key, crypto.SHA256, message)
}

func sum(h crypto.Hash, data []byte) []byte {
	w := h.New()
	w.Write(data)
	return w.Sum(nil)
}

func sum256(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// logKeyDetails is the keyDetails of a log key in a trusted root.
func logKeyDetails(key crypto.PublicKey) string {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return "PKIX_ED25519"
	case *ecdsa.PublicKey:
		return map[int]string{256: "PKIX_ECDSA_P256_SHA_256", 384: "PKIX_ECDSA_P384_SHA_384", 521: "PKIX_ECDSA_P521_SHA_512"}[k.Params().BitSize]
	case *rsa.PublicKey:
		return fmt.Sprintf("PKIX_RSA_PKCS1V15_%d_SHA256", k.N.BitLen())
	}
	panic(fmt.Sprintf("sigtest: no key details of %T", key))
}

// RSA returns the one RSA key of this package, of 2048 bits. Tokens are signed
// with it.
func RSA() *rsa.PrivateKey {
	p, q := number(rsaP), number(rsaQ)
	k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, Primes: []*big.Int{p, q}}
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	k.D = new(big.Int).ModInverse(big.NewInt(65537), phi)
	k.Precompute()
	return k
}

func number(hex string) *big.Int {
	n, ok := new(big.Int).SetString(hex, 16)
	if !ok {
		panic("sigtest: bad number")
	}
	return n
}
