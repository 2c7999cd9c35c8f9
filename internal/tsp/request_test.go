package tsp

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"
	"testing/iotest"

	"github.com/digitorus/timestamp"
)

func TestSG8_RequestIsReadByAnotherParser(t *testing.T) {
	r, err := NewRequest([]byte("signature"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	got, err := timestamp.ParseRequest(r.DER)
	if err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256([]byte("signature"))
	if got.HashAlgorithm != crypto.SHA256 || !bytes.Equal(got.HashedMessage, want[:]) {
		t.Errorf("got imprint %v %x, want SHA-256 %x", got.HashAlgorithm, got.HashedMessage, want)
	}
	if !got.Certificates {
		t.Error("certificate not asked for")
	}
	if got.Nonce == nil || got.Nonce.Cmp(r.Nonce) != 0 {
		t.Errorf("got nonce %v, want %v", got.Nonce, r.Nonce)
	}
	if !strict(r.DER, maxDepth) {
		t.Error("request is not DER")
	}
}

func TestSG8_NonceIsFresh(t *testing.T) {
	seen := make(map[string]bool)
	for range 100 {
		r, err := NewRequest(nil, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if n := r.Nonce.BitLen(); n < 64 || n > 128 {
			t.Errorf("nonce has %d bits, want 64 to 128", n)
		}
		seen[r.Nonce.String()] = true
	}
	if len(seen) != 100 {
		t.Errorf("got %d different nonces of 100", len(seen))
	}
	if _, err := NewRequest(nil, iotest.ErrReader(errors.New("no randomness"))); err == nil {
		t.Error("request made without randomness")
	}
}
