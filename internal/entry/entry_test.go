package entry

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
)

func refused(t *testing.T, err error, want check.Check) {
	t.Helper()
	if got := check.Of(err); got != want {
		t.Errorf("check is %q (%v), want %q", got, err, want)
	}
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

var (
	der    = bytes.Repeat([]byte("certificate "), 9)
	digest = bytes.Repeat([]byte{0xab}, 32)
	sig    = []byte("signature")
)

func pemText(typ string) string {
	s := b64(der)
	return "-----BEGIN " + typ + "-----\n" + s[:64] + "\n" + s[64:128] + "\n" + s[128:] + "\n-----END " + typ + "-----\n"
}

func rekord1(algorithm, value, signature, pem string) string {
	return fmt.Sprintf(`{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":%q,"value":%q}},"signature":{"content":%q,"publicKey":{"content":%q}}}}`,
		algorithm, value, signature, b64([]byte(pem)))
}

func goodRekord1() string {
	return rekord1("sha256", hex.EncodeToString(digest), b64(sig), pemText("CERTIFICATE"))
}

// dsse1 makes a dsse body with signatures as JSON.
func dsse1(signatures string) string {
	h := hex.EncodeToString(digest)
	return `{"apiVersion":"0.0.1","kind":"dsse","spec":{"envelopeHash":{"algorithm":"sha256","value":"` + h +
		`"},"payloadHash":{"algorithm":"sha256","value":"` + h + `"},"signatures":[` + signatures + `]}}`
}

func dsseSig() string {
	return `{"signature":"` + b64(sig) + `","verifier":"` + b64([]byte(pemText("CERTIFICATE"))) + `"}`
}

func intoto2(signatures string) string {
	h := hex.EncodeToString(digest)
	return `{"apiVersion":"0.0.2","kind":"intoto","spec":{"content":{"envelope":{"payloadType":"application/vnd.in-toto+json","signatures":[` + signatures +
		`]},"hash":{"algorithm":"sha256","value":"` + h + `"},"payloadHash":{"algorithm":"sha256","value":"` + h + `"}}}}`
}

func intotoSig() string {
	return `{"publicKey":"` + b64([]byte(pemText("PUBLIC KEY"))) + `","sig":"` + b64([]byte(b64(sig))) + `"}`
}

func body2() *Body {
	return &Body{Kind: "hashedrekord", Version: "0.0.2", Hash: crypto.SHA256, Digest: digest,
		Signature: sig, Certificate: der, KeyDetails: "PKIX_ECDSA_P256_SHA_256"}
}

func goodRekord2() string {
	return `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"` + b64(digest) +
		`"},"signature":{"content":"` + b64(sig) + `","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","x509Certificate":{"rawBytes":"` + b64(der) + `"}}}}}}`
}

func TestParse_Good(t *testing.T) {
	tests := []struct {
		name, kind, version, body string
		want                      Body
	}{
		{"EB-2 certificate", "hashedrekord", "0.0.1", goodRekord1(), Body{Hash: crypto.SHA256, Digest: digest, Signature: sig, Certificate: der}},
		{"EB-2 public key", "hashedrekord", "0.0.1", strings.Replace(goodRekord1(), b64([]byte(pemText("CERTIFICATE"))), b64([]byte(pemText("PUBLIC KEY"))), 1),
			Body{Hash: crypto.SHA256, Digest: digest, Signature: sig, PublicKey: der}},
		{"EB-2 sha512", "hashedrekord", "0.0.1", rekord1("sha512", strings.Repeat("0f", 64), b64(sig), pemText("CERTIFICATE")),
			Body{Hash: crypto.SHA512, Digest: bytes.Repeat([]byte{0x0f}, 64), Signature: sig, Certificate: der}},
		{"EB-2 sha384", "hashedrekord", "0.0.1", rekord1("sha384", strings.Repeat("0f", 48), b64(sig), pemText("CERTIFICATE")),
			Body{Hash: crypto.SHA384, Digest: bytes.Repeat([]byte{0x0f}, 48), Signature: sig, Certificate: der}},
		{"EB-7 unknown fields in v1", "hashedrekord", "0.0.1", strings.Replace(goodRekord1(), `"spec":{`, `"more":1,"spec":{"more":{"a":[]},`, 1),
			Body{Hash: crypto.SHA256, Digest: digest, Signature: sig, Certificate: der}},
		{"EB-4 dsse", "dsse", "0.0.1", dsse1(dsseSig()), Body{Hash: crypto.SHA256, Digest: digest, Signature: sig, Certificate: der}},
		{"EB-5 intoto", "intoto", "0.0.2", intoto2(intotoSig()), Body{Hash: crypto.SHA256, Digest: digest, Signature: sig, PublicKey: der}},
		{"EB-3 hashedrekord 0.0.2", "hashedrekord", "0.0.2", goodRekord2(), *body2()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.kind, tt.version, []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Kind, tt.want.Version = tt.kind, tt.version
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParse_Refused(t *testing.T) {
	h := hex.EncodeToString(digest)
	replace := func(s, old, new string) string {
		if !strings.Contains(s, old) {
			panic("nothing to replace: " + old)
		}
		return strings.Replace(s, old, new, 1)
	}
	r1 := func(old, new string) string { return replace(goodRekord1(), old, new) }
	r2 := func(old, new string) string { return replace(goodRekord2(), old, new) }
	ds := func(old, new string) string { return replace(dsse1(dsseSig()), old, new) }
	in := func(old, new string) string { return replace(intoto2(intotoSig()), old, new) }
	pem := func(p string) string { return rekord1("sha256", h, b64(sig), p) }
	cert := pemText("CERTIFICATE")
	padding := strings.Repeat(" ", MaxAttestation)
	tests := []struct {
		name, kind, body string
		want             check.Check
	}{
		{"EB-1 F26 empty kind", " ", goodRekord2(), check.Entry},
		{"EB-1 F26 other kind", "dsse 0.0.1", goodRekord1(), check.Entry},
		{"R2-1 F27 dsse 0.0.2", "dsse 0.0.2", goodRekord2(), check.Entry},
		{"R2-1 F28 hashedrekord 0.0.3", "hashedrekord 0.0.3", r2("0.0.2", "0.0.3"), check.Entry},
		{"EB-1 E22 rpm", "rpm 0.0.1", r1("hashedrekord", "rpm"), check.Entry},
		{"EB-5 G16 intoto 0.0.1", "intoto 0.0.1", in("0.0.2", "0.0.1"), check.Entry},
		{"EB-1 G20 kind", "hashedrekord 0.0.1", r1("hashedrekord", "rekord"), check.Entry},
		{"EB-1 G20 apiVersion", "hashedrekord 0.0.1", r1("0.0.1", "0.0.2"), check.Entry},
		{"EB-1 G20 v2 apiVersion", "hashedrekord 0.0.2", r2("0.0.2", "0.0.1"), check.Entry},

		{"EB-2 G7 other algorithm, same length", "hashedrekord 0.0.1", r1("sha256", "sha3-256"), check.Entry},
		{"EB-2 G7 other algorithm, other length", "hashedrekord 0.0.1", r1("sha256", "sha512"), check.Entry},
		{"EB-2 G8 upper case", "hashedrekord 0.0.1", r1(h, strings.ToUpper(h)), check.Entry},
		{"EB-2 G8 prefix", "hashedrekord 0.0.1", r1(h, "sha256:"+h), check.Entry},
		{"EB-2 G8 odd length", "hashedrekord 0.0.1", r1(h, h[1:]), check.Entry},
		{"EB-2 G8 short", "hashedrekord 0.0.1", r1(h, h[2:]), check.Entry},

		{"EB-2 G9 text before", "hashedrekord 0.0.1", pem("text\n" + cert), check.Entry},
		{"EB-2 G9 text after", "hashedrekord 0.0.1", pem(cert + "text\n"), check.Entry},
		{"EB-2 G9 newline before", "hashedrekord 0.0.1", pem("\n" + cert), check.Entry},
		{"EB-2 G9 two blocks", "hashedrekord 0.0.1", pem(cert + cert), check.Entry},
		{"EB-2 G9 broken block before", "hashedrekord 0.0.1", pem("-----BEGIN CERTIFICATE-----\n!\n" + cert), check.Entry},
		{"EB-2 G9 other type", "hashedrekord 0.0.1", pem(pemText("PRIVATE KEY")), check.Entry},
		{"EB-2 G9 headers", "hashedrekord 0.0.1", pem(replace(cert, "-----\n", "-----\nA: b\n\n")), check.Entry},
		{"EB-2 G9 types differ", "hashedrekord 0.0.1", pem(replace(cert, "END CERTIFICATE", "END PUBLIC KEY")), check.Entry},
		{"EB-2 G9 no dashes", "hashedrekord 0.0.1", pem(replace(cert, "BEGIN CERTIFICATE-----", "BEGIN CERTIFICATE")), check.Entry},
		{"EB-2 G9 no content", "hashedrekord 0.0.1", pem("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), check.Entry},
		{"EB-2 G9 empty content", "hashedrekord 0.0.1", pem("-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n"), check.Entry},
		{"EB-2 G9 CRLF", "hashedrekord 0.0.1", pem(strings.ReplaceAll(cert, "\n", "\r\n")), check.Entry},
		{"EB-2 G9 CR in content", "hashedrekord 0.0.1", pem(replace(cert, b64(der)[:4], b64(der)[:4]+"\r")), check.Entry},
		{"EB-2 G9 DER instead of PEM", "hashedrekord 0.0.1", pem(string(der)), check.Entry},
		{"EB-2 G9 no final newline passes", "hashedrekord 0.0.1", pem(strings.TrimSuffix(cert, "\n")), ""},
		{"EB-2 no signature", "hashedrekord 0.0.1", rekord1("sha256", h, "", cert), check.Entry},
		{"EB-2 no PEM", "hashedrekord 0.0.1", pem(""), check.Entry},

		{"EB-4 G11 payloadHash missing", "dsse 0.0.1", ds("payloadHash", "hash"), check.Entry},
		{"EB-4 G11 payloadHash null", "dsse 0.0.1", ds(`"payloadHash":{"algorithm":"sha256","value":"`+h+`"}`, `"payloadHash":null`), check.Entry},
		{"EB-4 envelopeHash missing", "dsse 0.0.1", ds("envelopeHash", "hash"), check.Entry},
		{"EB-4 envelopeHash short", "dsse 0.0.1", ds(h, h[2:]), check.Entry},
		{"EB-4 G13 two signatures", "dsse 0.0.1", dsse1(dsseSig() + "," + dsseSig()), check.Entry},
		{"EB-4 G14 no signatures", "dsse 0.0.1", dsse1(""), check.Entry},
		{"EB-4 empty signature", "dsse 0.0.1", ds(b64(sig), ""), check.Entry},
		{"EB-4 no verifier", "dsse 0.0.1", ds("verifier", "key"), check.Entry},

		{"EB-5 G15 payloadHash missing", "intoto 0.0.2", in("payloadHash", "payload"), check.Entry},
		{"EB-5 two signatures", "intoto 0.0.2", intoto2(intotoSig() + "," + intotoSig()), check.Entry},
		{"EB-5 no signatures", "intoto 0.0.2", intoto2(""), check.Entry},
		{"EB-5 base64 once", "intoto 0.0.2", in(b64([]byte(b64(sig))), b64(sig)), check.Entry},
		{"EB-5 second base64 with newline", "intoto 0.0.2", in(b64([]byte(b64(sig))), b64([]byte(b64(sig)[:4]+"\n"+b64(sig)[4:]))), check.Entry},
		{"EB-5 empty signature", "intoto 0.0.2", in(b64([]byte(b64(sig))), ""), check.Entry},
		{"EB-5 no publicKey", "intoto 0.0.2", in("publicKey", "key"), check.Entry},

		{"EB-7 unknown field in v2", "hashedrekord 0.0.2", r2(`"spec":{`, `"more":1,"spec":{`), check.Entry},
		{"EB-7 unknown field in v2 verifier", "hashedrekord 0.0.2", r2(`"verifier":{`, `"verifier":{"a":1,`), check.Entry},
		{"R2-3 F25 white space", "hashedrekord 0.0.2", goodRekord2() + "\n", check.Entry},
		{"R2-3 F25 other order", "hashedrekord 0.0.2", `{"kind":"hashedrekord",` + strings.Replace(goodRekord2()[1:], `"kind":"hashedrekord",`, "", 1), check.Entry},
		{"R2-3 F25 escape", "hashedrekord 0.0.2", r2("PKIX", `\u0050KIX`), check.Entry},
		{"R2-3 F25 null beside", "hashedrekord 0.0.2", r2(`"x509Certificate"`, `"publicKey":null,"x509Certificate"`), check.Entry},
		{"EB-3 F33 keyDetails of another hash", "hashedrekord 0.0.2", r2("P256_SHA_256", "P384_SHA_384"), check.Entry},
		{"EB-3 F33 keyDetails unknown", "hashedrekord 0.0.2", r2("PKIX_ECDSA_P256_SHA_256", "LMS_SHA256"), check.Entry},
		{"EB-3 F33 keyDetails empty", "hashedrekord 0.0.2", r2("PKIX_ECDSA_P256_SHA_256", ""), check.Entry},
		{"SG-4 pure Ed25519", "hashedrekord 0.0.2", r2("PKIX_ECDSA_P256_SHA_256", "PKIX_ED25519"), check.Entry},
		{"EB-3 algorithm of v1", "hashedrekord 0.0.2", r2("SHA2_256", "sha256"), check.Entry},
		{"EB-3 algorithm of another length", "hashedrekord 0.0.2", r2("SHA2_256", "SHA2_512"), check.Entry},
		{"EB-3 digest short", "hashedrekord 0.0.2", r2(b64(digest), b64(digest[1:])), check.Entry},
		{"EB-3 no signature", "hashedrekord 0.0.2", r2(b64(sig), ""), check.Entry},
		{"EB-3 no certificate", "hashedrekord 0.0.2", r2(b64(der), ""), check.Entry},
		{"EB-3 no verifier", "hashedrekord 0.0.2", r2(`,"x509Certificate":{"rawBytes":"`+b64(der)+`"}`, ""), check.Entry},
		{"EB-3 certificate and key", "hashedrekord 0.0.2", r2(`"x509Certificate"`, `"publicKey":{"rawBytes":"AAAA"},"x509Certificate"`), check.Entry},
		{"EB-3 base64url", "hashedrekord 0.0.2", r2(b64(digest), strings.Repeat("_", 43)+"="), check.Entry},

		{"EB-7 G21 duplicate spec", "hashedrekord 0.0.1", r1(`"spec":{`, `"spec":{},"spec":{`), check.Parse},
		{"EB-7 G21 duplicate in unknown field", "hashedrekord 0.0.1", r1(`"spec":{`, `"more":{"a":1,"a":2},"spec":{`), check.Parse},
		{"EB-7 G21 duplicate in v2", "hashedrekord 0.0.2", r2(`"spec":{`, `"spec":{},"spec":{`), check.Parse},
		{"EB-7 names in other case", "hashedrekord 0.0.1", r1(`"spec"`, `"Spec"`), check.Entry},
		{"LM-2 G23 not JSON", "hashedrekord 0.0.1", "hello", check.Parse},
		{"LM-2 G23 empty", "hashedrekord 0.0.1", "", check.Parse},
		{"LM-2 G23 array", "hashedrekord 0.0.1", "[]", check.Parse},
		{"LM-2 G23 string", "hashedrekord 0.0.1", `"a"`, check.Parse},
		{"LM-2 two values", "hashedrekord 0.0.1", goodRekord1() + "{}", check.Parse},
		{"LM-2 byte order mark", "hashedrekord 0.0.1", "\xef\xbb\xbf" + goodRekord1(), check.Parse},
		{"LM-2 invalid UTF-8", "hashedrekord 0.0.1", r1(`"spec":{`, "\"a\":\"\xff\",\"spec\":{"), check.Parse},
		{"LM-4 dsse of 100 KiB", "dsse 0.0.1", dsse1(dsseSig()) + padding[:MaxAttestation-len(dsse1(dsseSig()))], ""},
		{"LM-4 dsse above", "dsse 0.0.1", dsse1(dsseSig()) + padding[:MaxAttestation-len(dsse1(dsseSig()))+1], check.Limit},
		{"LM-4 intoto above", "intoto 0.0.2", intoto2(intotoSig()) + padding, check.Limit},
		{"LM-4 hashedrekord of 1 MiB", "hashedrekord 0.0.1", goodRekord1() + strings.Repeat(" ", MaxHashedRekord-len(goodRekord1())), ""},
		{"LM-4 hashedrekord above", "hashedrekord 0.0.1", goodRekord1() + strings.Repeat(" ", MaxHashedRekord-len(goodRekord1())+1), check.Limit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kind, version, _ := strings.Cut(tt.kind, " ")
			b, err := Parse(kind, version, []byte(tt.body))
			refused(t, err, tt.want)
			if (b == nil) != (err != nil) {
				t.Errorf("body is %v with error %v", b, err)
			}
		})
	}
}

// Refusals that another check would also make are told apart by their words.
func TestParse_Words(t *testing.T) {
	for _, tt := range []struct{ kind, body, words string }{
		{"rpm 0.0.1", "{}", `"rpm" "0.0.1"`},                                                                          // EB-1
		{"dsse 0.0.2", "{}", "dsse 0.0.2, which left the Rekor v2 specification"},                                     // R2-1 F27
		{"intoto 0.0.1", "{}", "intoto 0.0.1, which does not hold the signature"},                                     // EB-5 G16
		{"hashedrekord 0.0.2", strings.Replace(goodRekord2(), "SHA2_256", "sha999", 1), `"sha999"`},                   // EB-3
		{"hashedrekord 0.0.2", strings.Replace(goodRekord2(), "ECDSA_P256_SHA_256", "ED25519", 1), "signs no digest"}, // SG-4
	} {
		k, v, _ := strings.Cut(tt.kind, " ")
		_, err := Parse(k, v, []byte(tt.body))
		if err == nil || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%s: %v, want %q in it", tt.kind, err, tt.words)
		}
	}
}

// TestG22_EveryMember deletes, nulls and retypes every member of every good body.
func TestG22_EveryMember(t *testing.T) {
	optional := map[string]bool{ // read by nobody
		"intoto .spec.content.hash":                 true,
		"intoto .spec.content.hash.algorithm":       true,
		"intoto .spec.content.hash.value":           true,
		"intoto .spec.content.envelope.payloadType": true,
	}
	for kind, body := range map[string]string{
		"hashedrekord 0.0.1": goodRekord1(), "hashedrekord 0.0.2": goodRekord2(),
		"dsse 0.0.1": dsse1(dsseSig()), "intoto 0.0.2": intoto2(intotoSig()),
	} {
		k, v, _ := strings.Cut(kind, " ")
		ran := 0
		each(body, func(path string, changed []byte) {
			if optional[k+" "+path] {
				return
			}
			ran++
			if _, err := Parse(k, v, changed); check.Of(err) != check.Entry {
				t.Errorf("%s: %s changed: %v in %s", kind, path, err, changed)
			}
		})
		if ran < 30 {
			t.Errorf("%s: only %d changes", kind, ran)
		}
	}
}

// each calls f with every body that has one member deleted, null or of another type.
func each(body string, f func(path string, changed []byte)) {
	var walk func(root, at any, path string)
	walk = func(root, at any, path string) {
		if list, ok := at.([]any); ok {
			for _, v := range list {
				walk(root, v, path+"[]")
			}
		}
		object, ok := at.(map[string]any)
		if !ok {
			return
		}
		for name, old := range object {
			emit := func() {
				out, err := json.Marshal(root)
				if err != nil {
					panic(err)
				}
				f(path+"."+name, out)
			}
			delete(object, name)
			emit()
			for _, v := range []any{nil, 1, true, []any{}, map[string]any{}, "", []any{map[string]any{}}, []any{nil}} {
				if fmt.Sprint(v) != fmt.Sprint(old) {
					object[name] = v
					emit()
				}
			}
			object[name] = old
			walk(root, old, path+"."+name)
		}
	}
	var root any
	if err := json.Unmarshal([]byte(body), &root); err != nil {
		panic(err)
	}
	walk(root, root, "")
}

func TestR22_HashedRekord2(t *testing.T) {
	out, err := HashedRekord2(body2())
	if err != nil || string(out) != goodRekord2() {
		t.Errorf("got %s, %v", out, err)
	}
	b := body2()
	b.Certificate, b.PublicKey = nil, der
	out, err = HashedRekord2(b)
	if want := strings.Replace(goodRekord2(), "x509Certificate", "publicKey", 1); err != nil || string(out) != want {
		t.Errorf("got %s, %v", out, err)
	}
	for name, change := range map[string]func(*Body){
		"EB-3 hash":                func(b *Body) { b.Hash = crypto.SHA1 },
		"EB-3 no hash":             func(b *Body) { b.Hash = 0 },
		"EB-3 digest":              func(b *Body) { b.Digest = b.Digest[1:] },
		"EB-3 signature":           func(b *Body) { b.Signature = nil },
		"EB-3 no verifier":         func(b *Body) { b.Certificate = nil },
		"EB-3 certificate and key": func(b *Body) { b.PublicKey = der },
		"EB-3 key details":         func(b *Body) { b.KeyDetails = "PKIX_ED25519_PH" },
		"SG-4 pure Ed25519":        func(b *Body) { b.KeyDetails = "PKIX_ED25519" },
	} {
		b := body2()
		change(b)
		_, err := HashedRekord2(b)
		t.Run(name, func(t *testing.T) { refused(t, err, check.Entry) })
	}
}

func TestSG3_KeyDetailsOf(t *testing.T) {
	ec := func(c elliptic.Curve) crypto.PublicKey {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k.Public()
	}
	rsaKey := func(bits uint) crypto.PublicKey {
		return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537}
	}
	ed := ed25519.PublicKey(make([]byte, 32))
	tests := []struct {
		pub  crypto.PublicKey
		hash crypto.Hash
		want string
	}{
		{ec(elliptic.P256()), crypto.SHA256, "PKIX_ECDSA_P256_SHA_256"},
		{ec(elliptic.P384()), crypto.SHA384, "PKIX_ECDSA_P384_SHA_384"},
		{ec(elliptic.P384()), crypto.SHA256, "PKIX_ECDSA_P384_SHA_256"},
		{ec(elliptic.P521()), crypto.SHA512, "PKIX_ECDSA_P521_SHA_512"},
		{ec(elliptic.P521()), crypto.SHA256, "PKIX_ECDSA_P521_SHA_256"},
		{ec(elliptic.P256()), crypto.SHA512, ""},
		{ec(elliptic.P224()), crypto.SHA256, ""},
		{ed, 0, "PKIX_ED25519"},
		{ed, crypto.SHA512, "PKIX_ED25519_PH"},
		{ed, crypto.SHA256, ""},
		{rsaKey(2048), crypto.SHA256, "PKIX_RSA_PKCS1V15_2048_SHA256"},
		{rsaKey(3072), crypto.SHA256, "PKIX_RSA_PKCS1V15_3072_SHA256"},
		{rsaKey(4096), crypto.SHA256, "PKIX_RSA_PKCS1V15_4096_SHA256"},
		{rsaKey(4096), crypto.SHA512, ""},
		{rsaKey(1024), crypto.SHA256, ""},
		{"key", crypto.SHA256, ""},
		{nil, crypto.SHA256, ""},
	}
	for _, tt := range tests {
		got, err := KeyDetailsOf(tt.pub, tt.hash)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%T with %d is %q, %v; want %q", tt.pub, tt.hash, got, err, tt.want)
		}
		if tt.want == "" {
			refused(t, err, check.Alg)
		} else if h := detailsHash(got); h != tt.hash {
			t.Errorf("hash of %q is %d, want %d", got, h, tt.hash)
		}
	}
}
