package tsp

import (
	"bytes"
	"testing"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
)

// FuzzParse is target 18: what Parse accepts a second parser reads alike, and
// what Verify accepts is about the message.
func FuzzParse(f *testing.F) {
	a := newAuthority(f)
	der, err := a.Issue(message, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	other := issue(f, a.Root, tsptest.LeafTemplate("other"))
	for _, r := range tsptest.Rows(other) {
		if b, err := a.Issue(message, now, r.Fault); err == nil && len(b) < 8<<10 {
			f.Add(b)
		}
	}
	chain := a.Chain()
	f.Fuzz(func(t *testing.T, der []byte) {
		tok, err := Parse(der)
		if err != nil {
			if c := check.Of(err); c != check.TSA && c != check.Alg && c != check.Limit {
				t.Fatalf("refused by check %s: %v", c, err)
			}
			return
		}
		compare(t, tok, der)
		if _, err := tok.Verify(message, chain); err == nil && !bytes.Equal(tok.Hashed, tsptest.Sum(tok.Hash, message)) {
			t.Fatal("verified for another message")
		}
	})
}

// compare reads the content with the library. Its CMS reader wants
// certificates that parse, so only tokens with which it agrees to read at all
// are compared.
func compare(t *testing.T, tok *Token, der []byte) {
	start := bytes.Index(der[2:], []byte("\x06\x09"+oidSignedData))
	for back := 2; start >= 0 && back <= 4; back++ {
		p7, err := pkcs7.Parse(der[2+start-back:])
		if err != nil {
			continue
		}
		if !bytes.Equal(p7.Content, tok.content) {
			t.Fatalf("content differs:\n%x\n%x", p7.Content, tok.content)
		}
		break
	}
	ts, err := timestamp.ParseResponse(der)
	if err != nil {
		return
	}
	if !ts.Time.Equal(tok.Time) || ts.HashAlgorithm != tok.Hash || !bytes.Equal(ts.HashedMessage, tok.Hashed) || ts.Accuracy != tok.Accuracy {
		t.Fatalf("library reads %v %v %x %v, got %v %v %x %v", ts.Time, ts.HashAlgorithm, ts.HashedMessage, ts.Accuracy, tok.Time, tok.Hash, tok.Hashed, tok.Accuracy)
	}
	if (ts.Nonce == nil) != (tok.Nonce == nil) || ts.Nonce != nil && ts.Nonce.Cmp(tok.Nonce) != 0 {
		t.Fatalf("library reads nonce %v, got %v", ts.Nonce, tok.Nonce)
	}
}

// FuzzStrict compares the DER walk with its own re-encoding.
func FuzzStrict(f *testing.F) {
	a := newAuthority(f)
	der, err := a.Issue(message, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		if strict(der, maxDepth) && !bytes.Equal(reencode(der), der) {
			t.Fatalf("accepted %x, which is not DER", der)
		}
	})
}

// reencode writes elements anew with the shortest lengths. It knows the input
// was accepted.
func reencode(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		n, head := int(b[1]), 2
		if n >= 0x80 {
			head = 2 + n&0x7f
			n = 0
			for _, c := range b[2:head] {
				n = n<<8 | int(c)
			}
		}
		body := b[head : head+n]
		if b[0]&constructed != 0 {
			body = reencode(body)
		}
		out = append(out, tsptest.TLV(b[0], body)...)
		b = b[head+n:]
	}
	return out
}
