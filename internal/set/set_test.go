package set

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

var (
	body  = []byte(`{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}`)
	logID = make([]byte, 32)
)

func sign(t *testing.T, key crypto.Signer, message []byte) []byte {
	t.Helper()
	digest, hash := message, crypto.Hash(0)
	if _, ok := key.(ed25519.PrivateKey); !ok {
		sum := sha256.Sum256(message)
		digest, hash = sum[:], crypto.SHA256
	}
	sig, err := key.Sign(rand.Reader, digest, hash)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestR1_2_MessageIsCanonicalJSON(t *testing.T) {
	id, _ := hex.DecodeString("c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d")
	got := Message([]byte("ab?>~"), 1700000000, 53, id)
	want := `{"body":"YWI/Pn4=","integratedTime":1700000000,"logID":"c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d","logIndex":53}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	loose := fmt.Sprintf(`{"logIndex": %d, "logID": "%x", "integratedTime": 1.7e9, "body": %q}`, 53, id, base64.StdEncoding.EncodeToString([]byte("ab?>~")))
	canonical, err := strictjson.Canonical([]byte(loose))
	if err != nil || string(canonical) != string(got) {
		t.Errorf("got %s, canonical form is %s, %v", got, canonical, err)
	}
}

func TestR1_2_KeysOfLogs(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"ecdsa": newKey(t), "ed25519": ed, "rsa": rsaKey} {
		promise := sign(t, key, Message(body, 1700000000, 53, logID))
		if err := Verify(body, 1700000000, 53, logID, promise, key.Public()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := Verify(body, 1700000000, 54, logID, promise, key.Public()); check.Of(err) != check.SET {
			t.Errorf("%s: got %v, want check set", name, err)
		}
	}
}

func TestR1_2_Refusals(t *testing.T) {
	key := newKey(t)
	other := newKey(t)
	good := sign(t, key, Message(body, 1700000000, 53, logID))
	flipped := append([]byte{}, good...)
	flipped[len(flipped)-1] ^= 1
	reordered := sign(t, key, fmt.Appendf(nil, `{"logIndex":53,"logID":"%x","integratedTime":1700000000,"body":%q}`, logID, base64.StdEncoding.EncodeToString(body)))
	floats := sign(t, key, fmt.Appendf(nil, `{"body":%q,"integratedTime":1700000000.0,"logID":"%x","logIndex":53}`, base64.StdEncoding.EncodeToString(body), logID))
	big := sign(t, key, Message(body, 1700000000, math.MaxInt64, logID))
	late := sign(t, key, Message(body, 1<<62, 53, logID))
	changed := append([]byte(" "), body...)
	for _, tt := range []struct {
		row, name string
		body      []byte
		time      int64
		index     int64
		id        []byte
		promise   []byte
		key       crypto.PublicKey
		want      check.Check
		rule      string
	}{
		{"E1", "bit flips", body, 1700000000, 53, logID, flipped, key.Public(), check.SET, "R1-2"},
		{"E2", "time one more", body, 1700000001, 53, logID, good, key.Public(), check.SET, "R1-2"},
		{"E2", "time one less", body, 1699999999, 53, logID, good, key.Public(), check.SET, "R1-2"},
		{"E3", "index one more", body, 1700000000, 54, logID, good, key.Public(), check.SET, "R1-2"},
		{"E3", "index one less", body, 1700000000, 52, logID, good, key.Public(), check.SET, "R1-2"},
		{"E4", "key of another log", body, 1700000000, 53, logID, good, other.Public(), check.SET, "R1-2"},
		{"E4", "id of another log", body, 1700000000, 53, logID[:31], good, key.Public(), check.SET, "R1-2"},
		{"E7", "white space in the body", changed, 1700000000, 53, logID, good, key.Public(), check.SET, "R1-2"},
		{"E11", "time negative", body, -1, 53, logID, good, key.Public(), check.SET, "LM-5"},
		{"E11", "time 2^62", body, 1 << 62, 53, logID, late, key.Public(), check.SET, "LM-5"},
		{"LM-5", "index negative", body, 1700000000, -1, logID, good, key.Public(), check.SET, "LM-5"},
		{"LM-5", "index no double holds", body, 1700000000, math.MaxInt64, logID, big, key.Public(), check.SET, "LM-5"},
		{"E12", "promise empty", body, 1700000000, 53, logID, []byte{}, key.Public(), check.SET, "R1-2"},
		{"E23", "other key order", body, 1700000000, 53, logID, reordered, key.Public(), check.SET, "R1-2"},
		{"E23", "floats", body, 1700000000, 53, logID, floats, key.Public(), check.SET, "R1-2"},
		{"R1-2", "key of no kind", body, 1700000000, 53, logID, good, "key", check.Alg, "R1-2"},
		{"R1-2", "short ed25519 key", body, 1700000000, 53, logID, good, ed25519.PublicKey{1}, check.SET, "R1-2"},
	} {
		t.Run(tt.row+" "+tt.name, func(t *testing.T) {
			err := Verify(tt.body, tt.time, tt.index, tt.id, tt.promise, tt.key)
			e, ok := err.(*check.Error)
			if !ok || e.Check != tt.want || e.Rule != tt.rule {
				t.Errorf("got %#v, want check %q by %s", err, tt.want, tt.rule)
			}
		})
	}
}
