package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

func ecKey(t *testing.T, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaModulus(bits uint) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
}

func TestSG3_SG4_LoggedHash(t *testing.T) {
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		key  crypto.PublicKey
		want crypto.Hash
	}{
		"P-256":     {ecKey(t, elliptic.P256()).Public(), crypto.SHA256},
		"P-384":     {ecKey(t, elliptic.P384()).Public(), crypto.SHA384},
		"P-521":     {ecKey(t, elliptic.P521()).Public(), crypto.SHA512},
		"P-224":     {ecKey(t, elliptic.P224()).Public(), 0},
		"Ed25519":   {pub, crypto.SHA512},
		"small":     {ed25519.PublicKey(make([]byte, 32)), 0},
		"RSA 1024":  {rsaModulus(1024), 0},
		"RSA 2048":  {rsaModulus(2048), crypto.SHA256},
		"RSA 2304":  {rsaModulus(2304), 0},
		"RSA 3072":  {rsaModulus(3072), crypto.SHA256},
		"RSA 4096":  {rsaModulus(4096), crypto.SHA256},
		"RSA 8192":  {rsaModulus(8192), 0},
		"no key":    {nil, 0},
		"something": {"key", 0},
	} {
		got, err := LoggedHash(tt.key)
		if got != tt.want || tt.want == 0 && check.Of(err) != check.Alg || tt.want != 0 && err != nil {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, tt.want)
		}
	}
}

func TestSG3_SG4_CheckLoggable(t *testing.T) {
	p256, p384, other := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P256())
	pub, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("an application")
	digest := func(h crypto.Hash) []byte {
		state := h.New()
		state.Write(message)
		return state.Sum(nil)
	}
	sign := func(k crypto.Signer, data []byte, h crypto.Hash) []byte {
		sig, err := k.Sign(rand.Reader, data, h)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	known := func(h crypto.Hash) Artifact {
		a, err := FromDigest(h, digest(h))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for name, tt := range map[string]struct {
		key  crypto.PublicKey
		hash crypto.Hash // of the artifact
		sig  []byte
		want check.Check
	}{
		"P-256":               {p256.Public(), crypto.SHA256, sign(p256, digest(crypto.SHA256), crypto.SHA256), ""},
		"P-384":               {p384.Public(), crypto.SHA384, sign(p384, digest(crypto.SHA384), crypto.SHA384), ""},
		"Ed25519ph":           {pub, crypto.SHA512, sign(ed, digest(crypto.SHA512), crypto.SHA512), ""},
		"SG-4 pure Ed25519":   {pub, crypto.SHA512, sign(ed, message, 0), check.Signature},
		"SG-4 of the digest":  {pub, crypto.SHA512, sign(ed, digest(crypto.SHA512), 0), check.Signature},
		"SG-3 P-384, SHA-256": {p384.Public(), crypto.SHA384, sign(p384, digest(crypto.SHA256), crypto.SHA256), check.Signature},
		"another key":         {other.Public(), crypto.SHA256, sign(p256, digest(crypto.SHA256), crypto.SHA256), check.Signature},
		"no signature":        {p256.Public(), crypto.SHA256, nil, check.Signature},
		"another digest":      {p256.Public(), crypto.SHA512, sign(p256, digest(crypto.SHA256), crypto.SHA256), check.Digest},
		"CC-8 weak key":       {rsaModulus(1024), crypto.SHA256, []byte("signature"), check.Alg},
	} {
		if err := CheckLoggable(tt.key, known(tt.hash), tt.sig); check.Of(err) != tt.want {
			t.Errorf("%s: got %v, want check %q", name, err, tt.want)
		}
	}
}
