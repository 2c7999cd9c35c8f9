package verify_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/verify"
)

func TestLM6_Hash(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 100_000) // more than one buffer
	for _, r := range []io.Reader{bytes.NewReader(data), iotest.HalfReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data))} {
		a, err := verify.Hash(r, crypto.SHA512, crypto.SHA256, crypto.SHA512)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA512} {
			if got, want := a.Sum(h), hashed(h, data); !bytes.Equal(got, want) {
				t.Errorf("%v: got %x, want %x", h, got, want)
			}
		}
		if a.Sum(crypto.SHA384) != nil {
			t.Error("there is a digest nobody asked for")
		}
	}
	empty, err := verify.Hash(strings.NewReader("")) // J29
	if want := sha256.Sum256(nil); err != nil || !bytes.Equal(empty.Sum(crypto.SHA256), want[:]) {
		t.Errorf("empty artifact: %x, %v", empty.Sum(crypto.SHA256), err)
	}
}

func TestLM6_HashRefuses(t *testing.T) {
	if _, err := verify.Hash(strings.NewReader("x"), crypto.SHA1); check.Of(err) != check.Usage {
		t.Errorf("SHA-1: %v, want a refusal by usage", err)
	}
	broken := errors.New("broken")
	if _, err := verify.Hash(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v, want the reader's error", err)
	}
	if _, err := verify.Hash(stuck{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v, want io.ErrNoProgress", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestJ10_ParseDigest(t *testing.T) {
	good := "sha256:" + strings.Repeat("ab", 32)
	a, err := verify.ParseDigest(good)
	if err != nil || !bytes.Equal(a.Sum(crypto.SHA256), bytes.Repeat([]byte{0xab}, 32)) {
		t.Fatalf("%v, %v", a, err)
	}
	a.Sum(crypto.SHA256)[0] = 0 // a copy
	if a.Sum(crypto.SHA256)[0] != 0xab {
		t.Error("Sum gives the artifact away")
	}
	for _, s := range []string{
		"", "sha256", "sha256:", good[:len(good)-1], good[:len(good)-2], good + "ab", strings.ToUpper(good), "sha256:" + strings.Repeat("AB", 32),
		"sha1:" + strings.Repeat("ab", 20), "md5:" + strings.Repeat("ab", 16), "sha512:" + strings.Repeat("ab", 32), strings.Repeat("ab", 32), "sha256:" + strings.Repeat("xy", 32),
	} {
		if _, err := verify.ParseDigest(s); check.Of(err) != check.Usage {
			t.Errorf("ParseDigest(%q): %v, want a refusal by usage", s, err)
		}
	}
	if _, err := verify.FromDigest(crypto.MD5, make([]byte, 16)); check.Of(err) != check.Usage {
		t.Errorf("MD5: %v, want a refusal by usage", err)
	}
	for name, h := range map[string]crypto.Hash{"sha384": crypto.SHA384, "sha512": crypto.SHA512} {
		if a, err := verify.ParseDigest(name + ":" + strings.Repeat("ab", h.Size())); err != nil || a.Sum(h) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	data := make([]byte, 64<<20)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verify.Hash(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSHA256(b *testing.B) {
	data := make([]byte, 64<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		sha256.Sum256(data)
	}
}
