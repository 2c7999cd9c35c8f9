package checkpoint

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// digitallySigned is the TreeHeadSignature of a key.
func digitallySigned(t *testing.T, key crypto.Signer, alg byte, ms, size uint64, root [32]byte) []byte {
	t.Helper()
	message := binary.BigEndian.AppendUint64([]byte{0, 1}, ms)
	message = append(binary.BigEndian.AppendUint64(message, size), root[:]...)
	sum := sha256.Sum256(message)
	sig, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{4, alg, byte(len(sig) >> 8), byte(len(sig))}, sig...)
}

func TestWN4_TreeHead(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const origin, ms = "rome.ct.example.com/2024h1", uint64(1_700_000_000_123)
	root, logID := sha256.Sum256([]byte("root")), sha256.Sum256([]byte("log"))
	text := fmt.Sprintf("%s\n7\n%s\n", origin, base64.StdEncoding.EncodeToString(root[:]))
	id := hashID(origin, 5, logID[:])
	written := func(text, name string, id []byte, ms uint64, s []byte) string {
		return text + "\n" + line(name, id, append(binary.BigEndian.AppendUint64(nil, ms), s...))
	}
	for _, k := range []struct {
		key crypto.Signer
		alg byte
	}{{ec, 3}, {rs, 1}} {
		s := digitallySigned(t, k.key, k.alg, ms, 7, root)
		other := func(at int, b byte) []byte {
			out := append([]byte{}, s...)
			out[at] ^= b
			return out
		}
		good := written(text, origin, id, ms, s)
		witness := line("witness.example", []byte{1, 2, 3, 4}, make([]byte, 72))
		for _, tt := range []struct {
			name, note string
			want       check.Check
		}{
			{"good", good, ""},
			{"good, with a witness", good + witness, ""},
			{"only a witness", text + "\n" + witness, check.Checkpoint},
			{"other time", written(text, origin, id, ms+1, s), check.Checkpoint},
			{"time of 2^63", written(text, origin, id, 1<<63, digitallySigned(t, k.key, k.alg, 1<<63, 7, root)), check.Checkpoint},
			{"other size", written(strings.Replace(text, "7", "8", 1), origin, id, ms, s), check.Checkpoint},
			{"other name", written(text, "other", id, ms, s), check.Checkpoint},
			{"id of other name", written(text, origin, hashID("other", 5, logID[:]), ms, s), check.Checkpoint},
			{"id of other type", written(text, origin, hashID(origin, 1, logID[:]), ms, s), check.Checkpoint},
			{"WN-2 extension line", written(text+"more\n", origin, id, ms, s), check.Checkpoint},
			{"WN-6 two that differ", good + line(origin, id, append(make([]byte, 8), s...)), check.Checkpoint},
			{"hash algorithm", written(text, origin, id, ms, other(0, 1)), check.Checkpoint},
			{"signature algorithm", written(text, origin, id, ms, other(1, 2)), check.Checkpoint},
			{"length", written(text, origin, id, ms, other(3, 1)), check.Checkpoint},
			{"a byte more", written(text, origin, id, ms, append(s[:len(s):len(s)], 0)), check.Checkpoint},
			{"signature", written(text, origin, id, ms, other(len(s)-1, 1)), check.Checkpoint},
			{"time alone", written(text, origin, id, ms, nil), check.Checkpoint},
			{"half a time", text + "\n" + line(origin, id, make([]byte, 4)), check.Checkpoint},
		} {
			c, err := Parse(tt.note)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			when, err := c.VerifyTreeHead(logID[:], k.key.Public())
			if check.Of(err) != tt.want || (err == nil) != when.Equal(time.UnixMilli(int64(ms))) {
				t.Errorf("%T %s: got %v, %v, want check %q", k.key, tt.name, when, err, tt.want)
			}
			if _, err := c.VerifyTreeHead(logID[:], public(key(1))); err == nil {
				t.Errorf("%s: signed by a key of a type that no such log has", tt.name)
			}
		}
	}
}
