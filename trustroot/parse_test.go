package trustroot

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// vectors returns the folder of shared vectors, or skips.
func vectors(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../shared/vectors")
	if err == nil {
		_, err = os.Stat(dir)
	}
	if err != nil {
		t.Skipf("SKIPPED: no shared vectors: %v", err)
	}
	return dir
}

// refused fails unless err is a refusal of check c by rule at field.
func refused(t *testing.T, err error, c check.Check, rule, field string) {
	t.Helper()
	var e *check.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a refusal of %s", err, c)
	}
	if e.Check != c || e.Rule != rule || !strings.HasPrefix(e.Field, field) {
		t.Fatalf("got %s by %s at %q (%v), want %s by %s at %q", e.Check, e.Rule, e.Field, err, c, rule, field)
	}
}

// authority is a CA or TSA made for tests.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue makes a certificate; a nil parent makes it self-signed.
func issue(t *testing.T, name string, ca bool, parent *authority, eku ...x509.ExtKeyUsage) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(1.7e9, 0), NotAfter: time.Unix(1.9e9, 0),
		IsCA: ca, BasicConstraintsValid: true, ExtKeyUsage: eku, KeyUsage: x509.KeyUsageCertSign,
	}
	up, upKey := template, crypto.Signer(key)
	if parent != nil {
		up, upKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, up, key.Public(), upKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

type object = map[string]any

func chainJSON(certs ...*authority) object {
	list := []any{}
	for _, c := range certs {
		list = append(list, object{"rawBytes": c.cert.Raw})
	}
	return object{"uri": "https://ca.test", "certChain": object{"certificates": list}, "validFor": object{"start": "2024-01-01T00:00:00Z"}}
}

func keyJSONOf(t *testing.T, key crypto.PublicKey, details string) object {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return object{"rawBytes": spki, "keyDetails": details, "validFor": object{"start": "2024-01-01T00:00:00Z"}}
}

func logObject(url string, key object) object {
	return object{"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": key}
}

// good is a trusted root with one of each.
func good(t *testing.T) object {
	t.Helper()
	ed := ed25519.NewKeyFromSeed(make([]byte, 32)).Public()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, "root", true, nil)
	inter := issue(t, "inter", true, root, x509.ExtKeyUsageCodeSigning)
	tsaRoot := issue(t, "tsa root", true, nil)
	tsa := issue(t, "tsa", false, tsaRoot, x509.ExtKeyUsageTimeStamping)
	return object{
		"mediaType":              "application/vnd.dev.sigstore.trustedroot.v0.2+json",
		"tlogs":                  []any{logObject("https://log.test", keyJSONOf(t, ed, "PKIX_ED25519"))},
		"ctlogs":                 []any{logObject("https://ct.test/a", keyJSONOf(t, ec.Public(), "PKIX_ECDSA_P256_SHA_256"))},
		"certificateAuthorities": []any{chainJSON(inter, root)},
		"timestampAuthorities":   []any{chainJSON(tsa, tsaRoot)},
	}
}

func encode(t *testing.T, o object) []byte {
	t.Helper()
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func at(o object, list string) object { return o[list].([]any)[0].(object) }

func TestTR1_MediaTypes(t *testing.T) {
	for _, m := range mediaTypes() {
		o := good(t)
		o["mediaType"] = m
		if r, err := Parse(encode(t, o)); err != nil || r.MediaType != m {
			t.Errorf("%s: got %v", m, err)
		}
	}
	for _, m := range []any{"", nil, "application/vnd.dev.sigstore.trustedroot+json;version=0.9",
		"application/vnd.dev.sigstore.trustedroot.v0.2+json ", "application/vnd.dev.sigstore.bundle.v0.3+json"} {
		o := good(t)
		o["mediaType"] = m
		_, err := Parse(encode(t, o))
		refused(t, err, check.TrustRoot, "TR-1", "mediaType")
	}
}

func TestTR_EveryFaultHasItsRule(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	other := issue(t, "other", true, nil)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, rule, field string
		change            func(o object)
	}{
		{"TR-4 log without start", "TR-4", "tlogs[0].publicKey.validFor.start", func(o object) { at(o, "tlogs")["publicKey"].(object)["validFor"] = object{} }},
		{"TR-4 ct log with null window", "TR-4", "ctlogs[0].publicKey.validFor.start", func(o object) { at(o, "ctlogs")["publicKey"].(object)["validFor"] = nil }},
		{"decision 16: ca without start", "TR-4", "certificateAuthorities[0].validFor.start", func(o object) { delete(at(o, "certificateAuthorities"), "validFor") }},
		{"decision 16: tsa without start", "TR-4", "timestampAuthorities[0].validFor.start", func(o object) { delete(at(o, "timestampAuthorities"), "validFor") }},
		{"TM-5 start is no time", "TM-5", "tlogs[0].publicKey.validFor.start", func(o object) {
			at(o, "tlogs")["publicKey"].(object)["validFor"] = object{"start": "2024-01-01 00:00:00Z"}
		}},
		{"I24 leap second", "TM-5", "tlogs[0].publicKey.validFor.end", func(o object) {
			at(o, "tlogs")["publicKey"].(object)["validFor"] = object{"start": "2024-01-01T00:00:00Z", "end": "2025-12-31T23:59:60Z"}
		}},
		{"TM-5 zero end is not open", "TM-5", "tlogs[0].publicKey.validFor.end", func(o object) {
			at(o, "tlogs")["publicKey"].(object)["validFor"] = object{"start": "2024-01-01T00:00:00Z", "end": "0001-01-01T00:00:00Z"}
		}},
		{"I15 log id", "TR-4", "tlogs[0]", func(o object) { at(o, "tlogs")["logId"] = object{"keyId": make([]byte, 32)} }},
		{"I15 ct log id", "TR-4", "ctlogs[0]", func(o object) { at(o, "ctlogs")["logId"] = object{"keyId": make([]byte, 32)} }},
		{"I15 checkpoint key id", "TR-4", "tlogs[0]", func(o object) { at(o, "tlogs")["checkpointKeyId"] = object{"keyId": make([]byte, 4)} }},
		{"I16 one id for two keys", "TR-4", "tlogs[1]", func(o object) {
			sum := sha256.Sum256(at(o, "tlogs")["publicKey"].(object)["rawBytes"].([]byte))
			at(o, "tlogs")["logId"] = object{"keyId": sum[:]}
			second := logObject("https://log.test", keyJSONOf(t, p384.Public(), "PKIX_ECDSA_P384_SHA_384"))
			second["logId"] = object{"keyId": sum[:]}
			o["tlogs"] = append(o["tlogs"].([]any), second)
		}},
		{"I18 hash algorithm", "TR-4", "tlogs[0].hashAlgorithm", func(o object) { at(o, "tlogs")["hashAlgorithm"] = "SHA2_512" }},
		{"I18 hash algorithm absent", "TR-4", "ctlogs[0].hashAlgorithm", func(o object) { delete(at(o, "ctlogs"), "hashAlgorithm") }},
		{"TR-4 key bytes", "TR-4", "tlogs[0].publicKey.rawBytes", func(o object) { at(o, "tlogs")["publicKey"].(object)["rawBytes"] = []byte("x") }},
		{"TR-4 key of other kind", "TR-4", "tlogs[0].publicKey.rawBytes", func(o object) { at(o, "tlogs")["publicKey"].(object)["keyDetails"] = "PKIX_ECDSA_P256_SHA_256" }},
		{"TR-4 ECDSA for Ed25519", "TR-4", "ctlogs[0].publicKey.rawBytes", func(o object) { at(o, "ctlogs")["publicKey"].(object)["keyDetails"] = "PKIX_ED25519" }},
		{"TR-4 other curve", "TR-4", "ctlogs[0].publicKey.rawBytes", func(o object) {
			at(o, "ctlogs")["publicKey"] = keyJSONOf(t, p384.Public(), "PKIX_ECDSA_P256_SHA_256")
		}},
		{"TR-4 small RSA", "TR-4", "ctlogs[0].publicKey.rawBytes", func(o object) { at(o, "ctlogs")["publicKey"] = keyJSONOf(t, weak.Public(), "PKIX_RSA_PKCS1V5") }},
		{"LM-4 long key", "LM-4", "tlogs[0].publicKey.rawBytes", func(o object) { at(o, "tlogs")["publicKey"].(object)["rawBytes"] = make([]byte, MaxKey+1) }},
		{"I19 empty chain", "TR-4", "certificateAuthorities[0].certChain.certificates", func(o object) { o["certificateAuthorities"] = []any{chainJSON()} }},
		{"LM-4 long chain", "LM-4", "certificateAuthorities[0].certChain.certificates", func(o object) {
			o["certificateAuthorities"] = []any{chainJSON(slices.Repeat([]*authority{other}, MaxChain+1)...)}
		}},
		{"LM-4 long certificate", "LM-4", "certificateAuthorities[0].certChain.certificates[0]", func(o object) {
			o["certificateAuthorities"] = []any{chainJSON(&authority{cert: &x509.Certificate{Raw: make([]byte, MaxCert+1)}})}
		}},
		{"TR-4 certificate bytes", "TR-4", "certificateAuthorities[0].certChain.certificates[0]", func(o object) {
			o["certificateAuthorities"] = []any{chainJSON(&authority{cert: &x509.Certificate{Raw: []byte("x")}})}
		}},
		{"I19 leaf as anchor", "TR-4", "certificateAuthorities[0].certChain.certificates[0]", func(o object) {
			o["certificateAuthorities"] = []any{chainJSON(issue(t, "leaf", false, other, x509.ExtKeyUsageCodeSigning))}
		}},
		{"I19 tsa leaf as anchor", "TR-4", "timestampAuthorities[0].certChain.certificates[0]", func(o object) {
			o["timestampAuthorities"] = []any{chainJSON(issue(t, "leaf", false, other, x509.ExtKeyUsageTimeStamping))}
		}},
		{"I19 leaf in a CA chain", "TR-4", "certificateAuthorities[0].certChain.certificates[0]", func(o object) {
			o["certificateAuthorities"] = []any{chainJSON(issue(t, "leaf", false, other, x509.ExtKeyUsageCodeSigning), other)}
		}},
		{"I19 unordered", "TR-4", "certificateAuthorities[0].certChain.certificates[0]", func(o object) {
			list := at(o, "certificateAuthorities")["certChain"].(object)["certificates"].([]any)
			slices.Reverse(list)
		}},
		{"I19 two roots", "TR-4", "certificateAuthorities[0].certChain.certificates[0]", func(o object) {
			o["certificateAuthorities"] = []any{chainJSON(other, issue(t, "second", true, nil))}
		}},
		{"I19 issuer of the same key has another name", "TR-4", "certificateAuthorities[0].certChain.certificates[0]", func(o object) {
			renamed, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "renamed"},
				NotAfter: time.Unix(1.9e9, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, other.cert, other.key.Public(), other.key)
			if err != nil {
				t.Fatal(err)
			}
			o["certificateAuthorities"] = []any{chainJSON(issue(t, "inter", true, other), &authority{cert: &x509.Certificate{Raw: renamed}})}
		}},
		{"I19 one root twice", "TR-4", "certificateAuthorities[0].certChain.certificates[0]", func(o object) {
			o["certificateAuthorities"] = []any{chainJSON(other, other)}
		}},
		{"I19 intermediate of another root of the same name", "TR-4", "certificateAuthorities[0].certChain.certificates[0]", func(o object) {
			o["certificateAuthorities"] = []any{chainJSON(issue(t, "inter", true, other), issue(t, "other", true, nil))}
		}},
		{"I19 intermediate of another root", "TR-4", "certificateAuthorities[0].certChain.certificates[0]", func(o object) {
			o["certificateAuthorities"] = []any{chainJSON(issue(t, "inter", true, issue(t, "x", true, nil)), other)}
		}},
		{"TR-5 TSA as CA", "TR-5", "certificateAuthorities[0].certChain.certificates[0]", func(o object) {
			o["certificateAuthorities"] = []any{chainJSON(issue(t, "tsa ca", true, other, x509.ExtKeyUsageTimeStamping), other)}
		}},
		{"TR-5 CA as TSA", "TR-5", "timestampAuthorities[0].certChain.certificates[0]", func(o object) {
			o["timestampAuthorities"] = []any{chainJSON(issue(t, "code", true, other, x509.ExtKeyUsageCodeSigning), other)}
		}},
		{"LM-1 many logs", "LM-1", "tlogs", func(o object) { o["tlogs"] = slices.Repeat(o["tlogs"].([]any), MaxInstances+1) }},
		{"LM-1 many authorities", "LM-1", "certificateAuthorities", func(o object) {
			o["certificateAuthorities"] = slices.Repeat(o["certificateAuthorities"].([]any), MaxInstances+1)
		}},
		{"numeric enum", "BP-2", "tlogs[0].hashAlgorithm", func(o object) { at(o, "tlogs")["hashAlgorithm"] = 1 }},
		{"base64 without padding", "BP-2", "tlogs[0].logId.keyId", func(o object) { at(o, "tlogs")["logId"] = object{"keyId": "AAA"} }},
		{"snake case is unknown", "TR-4", "tlogs[0].hashAlgorithm", func(o object) {
			delete(at(o, "tlogs"), "hashAlgorithm")
			at(o, "tlogs")["hash_algorithm"] = "SHA2_256"
		}},
	}
	if _, err := Parse(encode(t, good(t))); err != nil {
		t.Fatalf("the repaired twin: %v", err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := good(t)
			c.change(o)
			_, err := Parse(encode(t, o))
			refused(t, err, check.TrustRoot, c.rule, c.field)
		})
	}
}

func TestTR_I8_NotATrustedRoot(t *testing.T) {
	_, err := Parse([]byte(`{}`))
	refused(t, err, check.TrustRoot, "TR-1", "mediaType")
	for s, rule := range map[string]string{"": "LM-2", " \n": "LM-2", "{}x": "LM-2", "\xef\xbb\xbf{}": "LM-2",
		`{"mediaType":"a","mediaType":"a"}`: "LM-2", "[]": "BP-2", `{"tlogs":{}}`: "BP-2"} {
		_, err := Parse([]byte(s))
		refused(t, err, check.TrustRoot, rule, "")
	}
	_, err = Parse(append(encode(t, good(t)), bytes.Repeat([]byte(" "), MaxSize)...))
	refused(t, err, check.TrustRoot, "LM-1", "")
	// The repaired twin has exactly the allowed size.
	data := encode(t, good(t))
	if _, err := Parse(append(data, bytes.Repeat([]byte(" "), MaxSize-len(data))...)); err != nil {
		t.Fatal(err)
	}
}

func TestTR_I21_UnknownFieldsPassDuplicatesDoNot(t *testing.T) {
	o := good(t)
	o["added"], at(o, "tlogs")["added"] = 1, object{}
	if _, err := Parse(encode(t, o)); err != nil {
		t.Fatal(err)
	}
	twice := bytes.Replace(encode(t, good(t)), []byte(`"baseUrl":`), []byte(`"baseUrl":"x","baseUrl":`), 1)
	_, err := Parse(twice)
	refused(t, err, check.TrustRoot, "LM-2", "")
}

func TestTR3_I14_UnknownIsSkippedWithAWarning(t *testing.T) {
	o := good(t)
	ml := logObject("https://ml.test", object{"rawBytes": []byte("ml"), "keyDetails": "ML_DSA_65", "validFor": object{"start": "2024-01-01T00:00:00Z"}})
	none := logObject("https://none.test", object{"rawBytes": []byte("ml")})
	o["tlogs"] = append([]any{ml, none}, o["tlogs"].([]any)...)
	r, err := Parse(encode(t, o))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Logs) != 1 || r.Logs[0].BaseURL != "https://log.test" || len(r.Warnings) != 2 || !strings.Contains(r.Warnings[0], `tlogs[0]: skipped: keyDetails is "ML_DSA_65"`) {
		t.Fatalf("got %d logs, warnings %q", len(r.Logs), r.Warnings)
	}

	t.Run("signature algorithm in a chain", func(t *testing.T) {
		o := good(t)
		root := issue(t, "root", true, nil)
		raw := bytes.Clone(issue(t, "inter", true, root).cert.Raw)
		// ecdsa-with-SHA256 becomes an algorithm that nobody knows, in both places.
		known, unknown := []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x7f}
		if bytes.Count(raw, known) != 2 {
			t.Fatal("want two algorithm identifiers")
		}
		raw = bytes.ReplaceAll(raw, known, unknown)
		o["certificateAuthorities"] = append(o["certificateAuthorities"].([]any),
			chainJSON(&authority{cert: &x509.Certificate{Raw: raw}}, root))
		r, err := Parse(encode(t, o))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Authorities) != 1 || len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], "certificateAuthorities[1]: skipped: certificate 0 is signed with") {
			t.Fatalf("got %d authorities, warnings %q", len(r.Authorities), r.Warnings)
		}
	})
}

func TestTR2_WindowsOverlapAndLieAhead(t *testing.T) {
	o := good(t)
	first := at(o, "tlogs")
	raw := first["publicKey"].(object)["rawBytes"]
	later := logObject("https://log.test", object{"rawBytes": raw, "keyDetails": "PKIX_ED25519",
		"validFor": object{"start": "2999-01-01T00:00:00Z", "end": "2999-06-01T00:00:00.999Z"}})
	o["tlogs"] = append(o["tlogs"].([]any), later) // I13, I17
	r, err := Parse(encode(t, o))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Logs) != 2 || !bytes.Equal(r.Logs[0].ID, r.Logs[1].ID) {
		t.Fatalf("got %d logs, want both of one id", len(r.Logs))
	}
	end := time.Date(2999, 6, 1, 0, 0, 0, 999e6, time.UTC)
	for at, want := range map[time.Time]bool{ // TM-5, I11, I12
		r.Logs[1].Valid.Start: true, r.Logs[1].Valid.Start.Add(-1): false, end: true, end.Add(1): false,
	} {
		if got := r.Logs[1].Valid.Contains(at); got != want {
			t.Errorf("at %v: got %v, want %v", at, got, want)
		}
	}
	if (Window{}).Contains(time.Now()) || (Window{End: end}).Contains(time.Now()) {
		t.Error("a window without start contains something")
	}
	if (Window{Start: end, End: end.Add(-1)}).Contains(end) { // I10
		t.Error("a window that ends before it starts contains something")
	}
}

func TestTR4_LogIDs(t *testing.T) {
	ed := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	spki, err := x509.MarshalPKIXPublicKey(ed)
	if err != nil {
		t.Fatal(err)
	}
	note := func(name string) []byte {
		sum := sha256.Sum256(append([]byte(name+"\n\x01"), ed...))
		return sum[:]
	}
	plain := sha256.Sum256(spki)
	for _, c := range []struct {
		name, url      string
		id, checkpoint []byte
		ok             bool
		want           []byte
		origin         string
	}{
		{"none given", "https://log.test/", nil, nil, true, note("log.test"), "log.test"},
		{"note id", "https://log.test", note("log.test"), nil, true, note("log.test"), "log.test"},
		{"note id with path", "https://log.test/a/", note("log.test/a"), nil, true, note("log.test/a"), "log.test/a"},
		{"note id, server told without port", "http://127.0.0.1:80", note("127.0.0.1"), nil, true, note("127.0.0.1"), "127.0.0.1"},
		{"note id with port", "http://127.0.0.1:80", note("127.0.0.1:80"), nil, true, note("127.0.0.1:80"), "127.0.0.1:80"},
		{"short note id", "https://log.test", note("log.test")[:4], note("log.test")[:4], true, note("log.test"), "log.test"},
		{"only checkpoint id", "http://h:1", nil, note("h")[:4], true, note("h"), "h"},
		{"hash of SPKI", "https://log.test", plain[:], nil, true, plain[:], "log.test"},
		{"three bytes", "https://log.test", note("log.test")[:3], nil, false, nil, ""},
		{"other origin", "https://log.test", note("log.example"), nil, false, nil, ""},
		{"with scheme", "https://log.test", note("https://log.test"), nil, false, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &Log{BaseURL: c.url, Key: ed, SPKI: spki}
			if got := l.identify(c.id, c.checkpoint, true); got != c.ok || !bytes.Equal(l.ID, c.want) || l.Origin != c.origin {
				t.Fatalf("got %v, id %x, origin %q; want %v, %x, %q", got, l.ID, l.Origin, c.ok, c.want, c.origin)
			}
		})
	}
	ct := &Log{BaseURL: "https://log.test", Key: ed, SPKI: spki}
	if ct.identify(note("log.test"), nil, false) || ct.identify(plain[:4], nil, false) || !ct.identify(plain[:], nil, false) {
		t.Fatal("a CT log has an id other than the hash of its key")
	}
	rk, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rspki, err := x509.MarshalPKIXPublicKey(rk.Public())
	if err != nil {
		t.Fatal(err)
	}
	rsum := sha256.Sum256(append([]byte("log.test\n\xffPKIX-RSA-PKCS#1v1.5"), rspki...))
	if l := (&Log{BaseURL: "https://log.test", Key: rk.Public(), SPKI: rspki}); !l.identify(rsum[:], nil, true) {
		t.Fatal("the note id of an RSA key is refused")
	}
}

func TestTR4_KeyKinds(t *testing.T) {
	rk, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PublicKey(&rk.PublicKey)
	spki, err := x509.MarshalPKIXPublicKey(&rk.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for details, ok := range map[string][2]bool{ // PKCS1 bytes, SPKI bytes
		"PKCS1_RSA_PKCS1V5": {true, false}, "PKCS1_RSA_PSS": {true, false},
		"PKIX_RSA_PKCS1V5": {false, true}, "PKIX_RSA_PSS_2048_SHA256": {false, true},
		"PKIX_RSA_PKCS1V15_3072_SHA256": {false, false}, "PKIX_ED25519": {false, false},
	} {
		for i, raw := range [][]byte{pkcs1, spki} {
			_, got, err := parseKey(raw, keyKinds()[details])
			if (err == nil) != ok[i] || err == nil && !bytes.Equal(got, spki) {
				t.Errorf("%s with form %d: got %v, want ok %v", details, i, err, ok[i])
			}
		}
	}
	for _, e := range []int{1, 4} {
		raw, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: rk.N, E: e})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := parseKey(raw, keyKinds()["PKIX_RSA_PKCS1V5"]); err == nil {
			t.Errorf("the exponent %d is taken", e)
		}
	}
	large := new(big.Int).SetBit(big.NewInt(1), maxRSABits, 1)
	ed := ed25519.NewKeyFromSeed(make([]byte, 32)).Public()
	for name, key := range map[string]any{"RSA key of 8193 bits": &rsa.PublicKey{N: large, E: 65537}, "Ed25519 key": ed} {
		raw, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := parseKey(raw, keyKinds()["PKIX_RSA_PKCS1V5"]); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if list := KeyDetails(); len(list) != len(keyKinds()) || !slices.IsSorted(list) {
		t.Errorf("got %q", list)
	}
}

func TestTR_RealRootsParse(t *testing.T) {
	dir := vectors(t)
	list, err := filepath.Glob(filepath.Join(dir, "*", "*", "trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	list = append(list, filepath.Join(dir, "public-good", "trusted_root.json"))
	if len(list) != 39 {
		t.Fatalf("found %d trusted roots, want 39", len(list))
	}
	for _, f := range list {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Parse(data)
		if name := filepath.Base(filepath.Dir(f)); name == "trust-root-tlog-missing-validity-start_fail" {
			refused(t, err, check.TrustRoot, "TR-4", "tlogs[1].publicKey.validFor.start")
			continue
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(r.Warnings) != 0 || len(r.Authorities) == 0 || len(r.Logs) == 0 || len(r.CTLogs) == 0 || len(r.TSAs) == 0 {
			t.Errorf("%s: got %d %d %d %d, warnings %q", f, len(r.Authorities), len(r.Logs), len(r.CTLogs), len(r.TSAs), r.Warnings)
		}
		for _, l := range slices.Concat(r.Logs, r.CTLogs) {
			if len(l.ID) != 32 || l.Origin == "" || strings.Contains(l.Origin, "://") {
				t.Errorf("%s: log %q has id %x and origin %q", f, l.BaseURL, l.ID, l.Origin)
			}
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "public-good", "trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ctfe.sigstore.dev", "fulcio.sigstore.dev", "log2025-1.rekor.sigstore.dev", "rekor.sigstore.dev", "timestamp.sigstore.dev"}
	if got := r.Hosts(); !slices.Equal(got, want) {
		t.Errorf("got hosts %q, want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot.v0.1+json"}`))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot.v0.1+json","certificAteAuthorities":[{}]}`))
	if list, _ := filepath.Glob("../../shared/vectors/*/*/trusted_root.json"); len(list) > 0 {
		for _, p := range list[:5] {
			data, _ := os.ReadFile(p)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if err != nil {
			if check.Of(err) != check.TrustRoot {
				t.Fatalf("refused by %s: %v", check.Of(err), err)
			}
			return
		}
		var second map[string]any // a struct would take names in any case
		if err := json.Unmarshal(data, &second); err != nil || second["mediaType"] != r.MediaType {
			t.Fatalf("a second parser reads %q, %v", second["mediaType"], err)
		}
		named := 0
		for _, name := range []string{"tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"} {
			list, _ := second[name].([]any)
			named += len(list)
		}
		if n := len(r.Logs) + len(r.CTLogs) + len(r.Authorities) + len(r.TSAs) + len(r.Warnings); n != named {
			t.Fatalf("%d instances and warnings, want %d", n, named)
		}
		for _, l := range slices.Concat(r.Logs, r.CTLogs) {
			spki, err := x509.MarshalPKIXPublicKey(l.Key)
			if err != nil || !bytes.Equal(spki, l.SPKI) || len(l.ID) != 32 || l.Valid.Start.IsZero() || !slices.Contains(KeyDetails(), l.KeyDetails) {
				t.Fatalf("log %+v", l)
			}
		}
		for _, a := range slices.Concat(r.Authorities, r.TSAs) {
			if len(a.Chain) == 0 || !a.Chain[len(a.Chain)-1].IsCA || a.Valid.Start.IsZero() {
				t.Fatalf("authority %+v", a)
			}
		}
	})
}
