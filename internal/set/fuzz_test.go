package set

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// FuzzMessage is target 17: what is written by hand is what a JSON encoder and a
// canonicaliser of RFC 8785 make of the same values, and its digest is the one
// that is computed piece by piece.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"kind":"hashedrekord"}`), int64(1700000000), int64(53), []byte{0xc0, 0xd2})
	f.Add(bytes.Repeat([]byte("body"), 97), int64(0), int64(maxExact), make([]byte, 32))
	f.Add(make([]byte, 384), int64(maxExact), int64(0), []byte(nil))
	f.Fuzz(func(t *testing.T, body []byte, integratedTime, logIndex int64, logID []byte) {
		got := Message(body, integratedTime, logIndex, logID)
		if want := sha256.Sum256(got); !bytes.Equal(digest(body, integratedTime, logIndex, logID), want[:]) {
			t.Errorf("digest differs from that of %s", got)
		}
		if min(integratedTime, logIndex) < 0 || max(integratedTime, logIndex) > maxExact {
			return // such entries are refused
		}
		if body == nil {
			body = []byte{} // JSON would say null
		}
		text, err := json.Marshal(map[string]any{
			"logIndex": logIndex, "logID": hex.EncodeToString(logID), "integratedTime": integratedTime, "body": body,
		})
		if err != nil {
			t.Fatal(err)
		}
		want, err := strictjson.Canonical(text)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}
