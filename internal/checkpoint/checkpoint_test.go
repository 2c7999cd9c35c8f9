package checkpoint

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/hallmarksign/hallmark/internal/check"
)

const testName = "log.example/one"

// key makes the Ed25519 key of a seed.
func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func line(name string, id, sig []byte) string {
	return "\u2014 " + name + " " + base64.StdEncoding.EncodeToString(append(bytes.Clone(id), sig...)) + "\n"
}

// signed is the line of an Ed25519 log key over text.
func signed(text, name string, k ed25519.PrivateKey) string {
	return line(name, hashID(name, typeEd25519, public(k)), ed25519.Sign(k, []byte(text)))
}

func cosigned(text, name string, k ed25519.PrivateKey, seconds uint64) string {
	blob := binary.BigEndian.AppendUint64(nil, seconds)
	sig := ed25519.Sign(k, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", seconds, text))
	return line(name, hashID(name, typeCosignature, public(k)), append(blob, sig...))
}

var (
	rootHash = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	goodText = testName + "\n5\n" + rootHash + "\n"
)

func good(text string) string { return text + "\n" + signed(text, testName, key(1)) }

func refused(t *testing.T, err error, want check.Check) {
	t.Helper()
	if got := check.Of(err); got != want {
		t.Errorf("check is %q (%v), want %q", got, err, want)
	}
}

func TestParse(t *testing.T) {
	text := func(lines ...string) string { return strings.Join(lines, "\n") + "\n" }
	swap := func(old, new string) string { return strings.Replace(good(goodText), old, new, 1) }
	many := func(n int) string {
		return good(goodText) + strings.Repeat(line("other.example", make([]byte, 4), []byte("s")), n-1)
	}
	tests := []struct {
		name string
		in   string
		want check.Check
	}{
		{"WN-2 good", good(goodText), ""},
		{"WN-2 F21 extension lines", good(goodText + "more\nand more\n"), ""},
		{"WN-2 F21 extension line empty", good(goodText + "\nmore\n"), check.Checkpoint},
		{"WN-2 F5 origin missing", good(text("5", rootHash)), check.Checkpoint},
		{"WN-2 F5 origin empty", good("\n5\n" + rootHash + "\n"), check.Checkpoint},
		{"WN-2 F6 size missing", good(text(testName, rootHash)), check.Checkpoint},
		{"WN-2 F6 size missing but extension", good(text(testName, rootHash, "more")), check.Checkpoint},
		{"WN-2 F7 root hash missing", good(text(testName, "5")), check.Checkpoint},
		{"WN-2 F11 plus", good(text(testName, "+5", rootHash)), check.Checkpoint},
		{"WN-2 F11 leading zero", good(text(testName, "05", rootHash)), check.Checkpoint},
		{"WN-2 F11 space", good(text(testName, "5 ", rootHash)), check.Checkpoint},
		{"WN-2 F11 minus zero", good(text(testName, "-0", rootHash)), check.Checkpoint},
		{"LM-5 F11 zero", good(text(testName, "0", rootHash)), check.Checkpoint},
		{"LM-5 size 1", good(text(testName, "1", rootHash)), ""},
		{"WN-2 F11 2^64", good(text(testName, "18446744073709551616", rootHash)), check.Checkpoint},
		{"WN-2 F11 2^64-1", good(text(testName, "18446744073709551615", rootHash)), ""},
		{"WN-2 F11 fraction", good(text(testName, "5.0", rootHash)), check.Checkpoint},
		{"WN-2 F11 empty", good(text(testName, "", rootHash)), check.Checkpoint},
		{"WN-2 F12 base64url", good(text(testName, "5", strings.Repeat("_", 43)+"=")), check.Checkpoint},
		{"WN-2 F12 unpadded", good(text(testName, "5", strings.TrimSuffix(rootHash, "="))), check.Checkpoint},
		{"WN-2 F12 31 bytes", good(text(testName, "5", base64.StdEncoding.EncodeToString(make([]byte, 31)))), check.Checkpoint},
		{"WN-2 F12 33 bytes", good(text(testName, "5", base64.StdEncoding.EncodeToString(make([]byte, 33)))), check.Checkpoint},
		{"WN-2 F12 trailing text", good(text(testName, "5", rootHash+" x")), check.Checkpoint},
		{"WN-2 F12 trailing bits", good(text(testName, "5", strings.Repeat("A", 42)+"B=")), check.Checkpoint},
		{"WN-1 F13 CRLF", strings.ReplaceAll(good(goodText), "\n", "\r\n"), check.Checkpoint},
		{"WN-1 F13 no final newline", strings.TrimSuffix(good(goodText), "\n"), check.Checkpoint},
		{"WN-2 F13 empty line inside text", good(text(testName, "5", "", rootHash)), check.Checkpoint},
		{"WN-1 F13 no empty line", swap("\n\n", "\n"), check.Checkpoint},
		{"WN-3 no signature line", goodText + "\n", check.Checkpoint},
		{"WN-1 empty", "", check.Checkpoint},
		{"WN-1 two newlines", "\n\n", check.Checkpoint},
		{"WN-3 F14 hyphen", swap("\u2014", "-"), check.Checkpoint},
		{"WN-3 F14 two spaces after dash", swap("\u2014 ", "\u2014  "), check.Checkpoint},
		{"WN-3 F14 two spaces after name", swap("\u2014 "+testName, "\u2014 "+testName+" "), check.Checkpoint},
		{"WN-3 F14 plus in name", swap("\u2014 "+testName, "\u2014 a+b"), check.Checkpoint},
		{"WN-3 F14 no-break space in name", swap("\u2014 "+testName, "\u2014 a\u00a0b"), check.Checkpoint},
		{"WN-3 F14 empty name", swap("\u2014 "+testName, "\u2014 "), check.Checkpoint},
		{"WN-3 no signature in line", goodText + "\n\u2014 " + testName + "\n", check.Checkpoint},
		{"WN-3 only a key id", goodText + "\n" + line(testName, []byte{1, 2, 3, 4}, nil), check.Checkpoint},
		{"WN-3 key id and a byte", goodText + "\n" + line(testName, []byte{1, 2, 3, 4}, []byte{5}), ""},
		{"WN-3 base64 trailing bits", goodText + "\n\u2014 a AAAAAAB=\n", check.Checkpoint},
		{"WN-3 base64 unpadded", goodText + "\n\u2014 a AAAAAAA\n", check.Checkpoint},
		{"WN-1 F15 control character in text", good(text(testName, "5", rootHash, "a\tb")), check.Checkpoint},
		{"WN-1 F15 invalid UTF-8 in text", good(text(testName, "5", rootHash, "a\xff")), check.Checkpoint},
		{"WN-1 F15 NUL in line", swap("\u2014 "+testName, "\u2014 a\x00b"), check.Checkpoint},
		{"WN-1 F15 invalid UTF-8 in line", swap("\u2014 "+testName, "\u2014 a\xc3b"), check.Checkpoint},
		{"WN-3 F16 garbage after the last signature", good(goodText) + "garbage\n", check.Checkpoint},
		{"WN-1 F16 garbage without newline", good(goodText) + "garbage", check.Checkpoint},
		{"WN-3 F16 empty line at the end", good(goodText) + "\n", check.Checkpoint},
		{"WN-5 F20 17 lines", many(17), ""},
		{"WN-5 F20 64 lines", many(64), ""},
		{"WN-5 F20 65 lines", many(65), check.Limit},
		{"LM-4 F20 10^5 lines", many(100_000), check.Limit},
		{"LM-4 64 KiB", good(goodText + strings.Repeat("x", MaxSize-len(good(goodText))-1) + "\n"), ""},
		{"LM-4 64 KiB and a byte", good(goodText + strings.Repeat("x", MaxSize-len(good(goodText))) + "\n"), check.Limit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse(tt.in)
			refused(t, err, tt.want)
			if (c == nil) != (err != nil) {
				t.Errorf("checkpoint is %v with error %v", c, err)
			}
		})
	}
}

func TestParse_Fields(t *testing.T) {
	c, err := Parse(good(goodText))
	if err != nil {
		t.Fatal(err)
	}
	if c.Origin != testName || c.Size != 5 || !bytes.Equal(c.Root[:], bytes.Repeat([]byte{7}, 32)) {
		t.Errorf("got %q %d %x", c.Origin, c.Size, c.Root)
	}
	want := []string{fmt.Sprintf("%s+%x", testName, hashID(testName, typeEd25519, public(key(1))))}
	if diff := cmp.Diff(want, c.Signers()); diff != "" {
		t.Error(diff)
	}
}

func TestVerify(t *testing.T) {
	k := Key{Name: testName, Public: public(key(1))}
	own := signed(goodText, testName, key(1))
	flip := func(s string) string { // changes the first byte after the key id
		i := strings.LastIndex(s, " ") + 7
		c := byte('A')
		if s[i] == c {
			c = 'B'
		}
		return s[:i] + string(c) + s[i+1:]
	}
	bad := flip(own)
	other := signed(goodText, "other.example", key(2))
	witness := cosigned(goodText, testName, key(1), 1000)
	tests := []struct {
		name  string
		lines string
		key   Key
		want  check.Check
	}{
		{"WN-4 good", own, k, ""},
		{"WN-4 F1 signature bit flips", bad, k, check.Checkpoint},
		{"WN-4 F1 signature over other text", signed(goodText+"x\n", testName, key(1)), k, check.Checkpoint},
		{"R2-7 F2 key hint changed", line(testName, []byte{1, 2, 3, 4}, ed25519.Sign(key(1), []byte(goodText))), k, check.Checkpoint},
		{"R2-7 F2 key hint given", line(testName, []byte{1, 2, 3, 4}, ed25519.Sign(key(1), []byte(goodText))),
			Key{Name: testName, ID: []byte{1, 2, 3, 4, 5}, Public: k.Public}, ""},
		{"R2-7 key id too short", own, Key{Name: testName, ID: []byte{1, 2, 3}, Public: k.Public}, check.Checkpoint},
		{"WN-8 F3 witness only, of the same key", witness, k, check.Checkpoint},
		{"WN-4 F4 no known signature", other, k, check.Checkpoint},
		{"R2-7 F10 right key under another name", signed(goodText, "other.example", key(1)), k, check.Checkpoint},
		{"WN-6 F17 identical lines", own + own, k, ""},
		{"WN-6 F18 bad line before the good one", bad + own, k, check.Checkpoint},
		{"WN-6 F18 bad line after the good one", own + bad, k, check.Checkpoint},
		{"WN-4 F19 unknown extra lines", other + own + witness, k, ""},
		{"WN-4 differing lines of an unknown key", own + other + flip(other), k, ""},
		{"R2-7 F22 name is a pattern", own, Key{Name: ".*", Public: k.Public}, check.Checkpoint},
		{"R2-7 F22 line is a pattern", signed(goodText, ".*", key(1)), k, check.Checkpoint},
		{"R2-7 no key", own, Key{Name: testName}, check.Alg},
		{"R2-7 short key", own, Key{Name: testName, Public: public(key(1))[:31]}, check.Alg},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse(goodText + "\n" + tt.lines)
			if err != nil {
				t.Fatal(err)
			}
			refused(t, c.Verify(tt.key), tt.want)
		})
	}
}

func TestVerify_OtherKeys(t *testing.T) {
	sum := sha256.Sum256([]byte(goodText))
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.Signer{"RSA": rsaKey}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[curve.Params().Name] = k
	}
	for name, k := range keys {
		t.Run("R2-7 "+name, func(t *testing.T) {
			id, err := KeyID(testName, k.Public())
			if err != nil {
				t.Fatal(err)
			}
			sig, err := k.Sign(rand.Reader, sum[:], crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			verify := func(id, sig []byte) error {
				c, err := Parse(goodText + "\n" + line(testName, id, sig))
				if err != nil {
					t.Fatal(err)
				}
				return c.Verify(Key{Name: testName, Public: k.Public()})
			}
			refused(t, verify(id, sig), "")
			refused(t, verify(hashID(testName, typeEd25519, []byte("key")), sig), check.Checkpoint) // F43
			sig[len(sig)-1] ^= 1
			refused(t, verify(id, sig), check.Checkpoint)
		})
	}
}

func TestR27_KeyID(t *testing.T) {
	// Ed25519 ids agree with golang.org/x/mod/sumdb/note.
	vkey, err := note.NewEd25519VerifierKey(testName, public(key(1)))
	if err != nil {
		t.Fatal(err)
	}
	id, err := KeyID(testName, public(key(1)))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%s+%x+", testName, id); !strings.HasPrefix(vkey, want) {
		t.Errorf("key is %q, want prefix %q", vkey, want)
	}
	if _, err := KeyID(testName, "key"); check.Of(err) != check.Alg {
		t.Errorf("string as key: %v", err)
	}
}

func TestCheckOrigin(t *testing.T) {
	tests := []struct {
		name, origin, log string
		v1, v2            check.Check
	}{
		{"R2-7 v2", "log.example", "log.example", check.Checkpoint, ""},
		{"R1-5 v1", "log.example - 123", "log.example", "", check.Checkpoint},
		{"R2-7 F9 other name", "log.example", "other.example", check.Checkpoint, check.Checkpoint},
		{"R1-5 F9 other host", "log.example - 123", "other.example", "", check.Checkpoint},
		{"R1-5 two tree ids", "log.example - 1 - 2", "log.example", check.Checkpoint, check.Checkpoint},
		{"R1-5 signed tree id", "log.example - +1", "log.example", check.Checkpoint, check.Checkpoint},
		{"R1-5 tree id is text", "log.example - x", "log.example", check.Checkpoint, check.Checkpoint},
		{"R1-5 no tree id", "log.example - ", "log.example", check.Checkpoint, check.Checkpoint},
		{"R2-7 F22 pattern", "log.example", ".*", check.Checkpoint, check.Checkpoint},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &Checkpoint{Origin: tt.origin}
			name, tree, err := SplitV1(tt.origin)
			refused(t, err, tt.v1)
			if err == nil && (name != "log.example" || tree != 123) {
				t.Errorf("got %q and %d", name, tree)
			}
			refused(t, c.CheckOrigin(tt.log), tt.v2)
		})
	}
}

func TestVerifyWitness(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	at := uint64(now.Unix())
	const name = "witness.example/w1"
	own := cosigned(goodText, name, key(3), at)
	tamper := func(i int) string { // changes byte i of the blob
		raw, _ := base64.StdEncoding.DecodeString(strings.TrimSuffix(strings.Split(own, " ")[2], "\n"))
		raw[i] ^= 1
		return line(name, raw[:4], raw[4:])
	}
	tests := []struct {
		name  string
		lines string
		want  check.Check
	}{
		{"WN-7 good", own, ""},
		{"WN-7 with the log's line", signed(goodText, testName, key(1)) + own, ""},
		{"WN-7 F37 timestamp byte flips", tamper(11), check.Checkpoint},
		{"WN-7 F37 signature byte flips", tamper(12), check.Checkpoint},
		{"WN-7 F37 type byte 0x01", line(name, hashID(name, typeEd25519, public(key(3))), ed25519.Sign(key(3), []byte(goodText))), check.Checkpoint},
		{"WN-7 F37 plain signature under the cosignature id", line(name, hashID(name, typeCosignature, public(key(3))), ed25519.Sign(key(3), []byte(goodText))), check.Checkpoint},
		{"WN-7 F37 wrong key", cosigned(goodText, name, key(4), at), check.Checkpoint},
		{"WN-7 F37 other name", cosigned(goodText, name+"x", key(3), at), check.Checkpoint},
		{"WN-7 F37 over other body", cosigned(goodText+"x\n", name, key(3), at), check.Checkpoint},
		{"WN-7 F38 time 0", cosigned(goodText, name, key(3), 0), check.Checkpoint},
		{"WN-7 F38 time 1", cosigned(goodText, name, key(3), 1), ""},
		{"WN-7 F38 time 2^63", cosigned(goodText, name, key(3), 1<<63), check.Checkpoint},
		{"WN-7 F38 time 2^63-1", cosigned(goodText, name, key(3), math.MaxInt64), check.Checkpoint},
		{"WN-7 F38 now+1 h", cosigned(goodText, name, key(3), at+3600), check.Checkpoint},
		{"WN-7 now+5 min", cosigned(goodText, name, key(3), at+300), ""},
		{"WN-7 now+5 min and 1 s", cosigned(goodText, name, key(3), at+301), check.Checkpoint},
		{"WN-6 twice at different times", own + cosigned(goodText, name, key(3), at-1), check.Checkpoint},
		{"WN-6 twice the same", own + own, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse(goodText + "\n" + tt.lines)
			if err != nil {
				t.Fatal(err)
			}
			when, err := c.VerifyWitness(name, public(key(3)), now)
			refused(t, err, tt.want)
			if (err == nil) == when.IsZero() {
				t.Errorf("time is %v with error %v", when, err)
			}
		})
	}
	t.Run("WN-7 the second is returned", func(t *testing.T) {
		c, err := Parse(goodText + "\n" + own)
		if err != nil {
			t.Fatal(err)
		}
		if when, err := c.VerifyWitness(name, public(key(3)), now); err != nil || !when.Equal(now) {
			t.Errorf("got %v, %v", when, err)
		}
		if _, err := c.VerifyWitness(name, public(key(3))[:31], now); check.Of(err) != check.Alg {
			t.Errorf("short key: %v", err)
		}
	})
}
