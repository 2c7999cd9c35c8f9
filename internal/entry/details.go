package entry

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"

	"github.com/hallmarksign/hallmark/internal/check"
)

// KeyDetailsOf returns the name that protobuf-specs has for signatures by a key
// over a hash: "PKIX_ECDSA_P256_SHA_256" and the like. Ed25519 without a hash is
// pure, with SHA-512 it is Ed25519ph. RSA is PKCS #1 v1.5. The names of P-384
// and P-521 with SHA-256 are given because old entries need them (SG-3).
func KeyDetailsOf(pub crypto.PublicKey, h crypto.Hash) (string, error) {
	name := ""
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		name = ecdsaDetails(k.Curve, h)
	case ed25519.PublicKey:
		switch h {
		case 0:
			name = "PKIX_ED25519"
		case crypto.SHA512:
			name = "PKIX_ED25519_PH"
		}
	case *rsa.PublicKey:
		name = rsaDetails(k.N.BitLen(), h)
	}
	if name == "" {
		return "", check.Refuse("SG-3", check.Alg, "%T with hash number %d is no algorithm of the registry", pub, uint(h))
	}
	return name, nil
}

func ecdsaDetails(c elliptic.Curve, h crypto.Hash) string {
	switch {
	case c == elliptic.P256() && h == crypto.SHA256:
		return "PKIX_ECDSA_P256_SHA_256"
	case c == elliptic.P384() && h == crypto.SHA384:
		return "PKIX_ECDSA_P384_SHA_384"
	case c == elliptic.P384() && h == crypto.SHA256:
		return "PKIX_ECDSA_P384_SHA_256"
	case c == elliptic.P521() && h == crypto.SHA512:
		return "PKIX_ECDSA_P521_SHA_512"
	case c == elliptic.P521() && h == crypto.SHA256:
		return "PKIX_ECDSA_P521_SHA_256"
	}
	return ""
}

func rsaDetails(bits int, h crypto.Hash) string {
	if h != crypto.SHA256 {
		return ""
	}
	switch bits {
	case 2048:
		return "PKIX_RSA_PKCS1V15_2048_SHA256"
	case 3072:
		return "PKIX_RSA_PKCS1V15_3072_SHA256"
	case 4096:
		return "PKIX_RSA_PKCS1V15_4096_SHA256"
	}
	return ""
}

// detailsHash returns the hash that belongs to a name of protobuf-specs, or 0
// when it is not known or signs no digest.
func detailsHash(name string) crypto.Hash {
	switch name {
	case "PKIX_ECDSA_P256_SHA_256", "PKIX_ECDSA_P384_SHA_256", "PKIX_ECDSA_P521_SHA_256",
		"PKIX_RSA_PKCS1V15_2048_SHA256", "PKIX_RSA_PKCS1V15_3072_SHA256", "PKIX_RSA_PKCS1V15_4096_SHA256",
		"PKIX_RSA_PSS_2048_SHA256", "PKIX_RSA_PSS_3072_SHA256", "PKIX_RSA_PSS_4096_SHA256":
		return crypto.SHA256
	case "PKIX_ECDSA_P384_SHA_384":
		return crypto.SHA384
	case "PKIX_ECDSA_P521_SHA_512", "PKIX_ED25519_PH":
		return crypto.SHA512
	}
	return 0
}
