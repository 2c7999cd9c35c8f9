package trustroot

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Bounds of RSA keys (CC-8).
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// A keyKind is what a name of PublicKeyDetails promises about key bytes.
type keyKind struct {
	curve elliptic.Curve // ECDSA
	bits  int            // RSA of exactly that many bits; 0: any allowed size
	rsa   bool
	pkcs1 bool // the bytes are an RSAPublicKey (RFC 8017), not a SubjectPublicKeyInfo
}

// keyKinds are the kinds of log keys that can be verified with. Names are those
// of PublicKeyDetails in protobuf-specs.
func keyKinds() map[string]keyKind {
	return map[string]keyKind{
		"PKIX_ECDSA_P256_SHA_256":       {curve: elliptic.P256()},
		"PKIX_ECDSA_P384_SHA_384":       {curve: elliptic.P384()},
		"PKIX_ECDSA_P521_SHA_512":       {curve: elliptic.P521()},
		"PKIX_ED25519":                  {},
		"PKCS1_RSA_PKCS1V5":             {rsa: true, pkcs1: true},
		"PKCS1_RSA_PSS":                 {rsa: true, pkcs1: true},
		"PKIX_RSA_PKCS1V5":              {rsa: true},
		"PKIX_RSA_PSS":                  {rsa: true},
		"PKIX_RSA_PKCS1V15_2048_SHA256": {rsa: true, bits: 2048},
		"PKIX_RSA_PKCS1V15_3072_SHA256": {rsa: true, bits: 3072},
		"PKIX_RSA_PKCS1V15_4096_SHA256": {rsa: true, bits: 4096},
		"PKIX_RSA_PSS_2048_SHA256":      {rsa: true, bits: 2048},
		"PKIX_RSA_PSS_3072_SHA256":      {rsa: true, bits: 3072},
		"PKIX_RSA_PSS_4096_SHA256":      {rsa: true, bits: 4096},
	}
}

// KeyDetails lists the values of keyDetails that logs may have, sorted. A log
// with another value is skipped with a warning (TR-3).
func KeyDetails() []string { return slices.Sorted(maps.Keys(keyKinds())) }

// parseKey reads the key bytes of kind k. It returns the key and its
// SubjectPublicKeyInfo, encoded anew.
func parseKey(raw []byte, k keyKind) (crypto.PublicKey, []byte, error) {
	var key crypto.PublicKey
	var err error
	if k.pkcs1 {
		key, err = x509.ParsePKCS1PublicKey(raw)
	} else {
		key, err = x509.ParsePKIXPublicKey(raw)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("key bytes: %v", err)
	}
	if err := k.matches(key); err != nil {
		return nil, nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, spki, nil
}

// matches says why key is not of kind k.
func (k keyKind) matches(key crypto.PublicKey) error {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if k.curve == nil || key.Curve != k.curve {
			return fmt.Errorf("is an ECDSA key on %s", key.Params().Name)
		}
		return nil
	case ed25519.PublicKey:
		if k.curve != nil || k.rsa {
			return errors.New("is an Ed25519 key")
		}
		return nil
	case *rsa.PublicKey:
		n := key.N.BitLen()
		if !k.rsa || k.bits != 0 && n != k.bits || n < minRSABits || n > maxRSABits {
			return fmt.Errorf("is an RSA key of %d bits", n)
		}
		if key.E < 3 || key.E%2 == 0 {
			return fmt.Errorf("is an RSA key with exponent %d", key.E)
		}
		return nil
	}
	return fmt.Errorf("is a %T", key)
}
