package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// A person is asked each time, for a signature that was made elsewhere is no name.
func TestLogUpload_Asks(t *testing.T) {
	w := sigtest.New(t)
	w.Clock.Set(time.Now().Truncate(time.Second))
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("an application"))
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path("root.json"), w.TUF().Root())
	write(t, path("app"), []byte("an application"))
	write(t, path("sig"), signature)
	write(t, path("key"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
	if status, _, stderr := interactive(t, w, dir, "", "trust", "add", "test", "--mirror", w.TUF().URL, "--root", path("root.json")); status != 0 {
		t.Fatal(stderr)
	}
	for _, test := range []struct {
		answer      string
		want, posts int
	}{{"n\n", check.ExitUsage, 0}, {"", check.ExitUsage, 0}, {"y\n", check.ExitOK, 1}, {"no\n", check.ExitUsage, 1}} {
		status, _, stderr := interactive(t, w, dir, test.answer, "log", "upload", path("app"), "--signature", path("sig"), "--key", path("key"), "--log", "127.0.0.1/log2")
		if status != test.want || !strings.Contains(stderr, "Publish this? [y/N]") {
			t.Errorf("answer %q: exit status %d, want %d: %s", test.answer, status, test.want, stderr)
		}
		if got := len(w.Rekor(2).Requests()); got != test.posts {
			t.Errorf("answer %q: %d requests to the log, want %d", test.answer, got, test.posts)
		}
	}
}

// signedWith KIND FILE signs a file with a new key, as another tool would: FILE.sig,
// key.pem and cert.pem.
func signedWith(ts *testscript.TestScript, _ bool, args []string) {
	key, h := newKey(ts, args[0])
	message := []byte(ts.ReadFile(args[1]))
	if h != 0 {
		state := h.New()
		state.Write(message)
		message = state.Sum(nil)
	}
	signature, err := key.Sign(rand.Reader, message, h)
	ts.Check(err)
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	ts.Check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
		Subject: pkix.Name{CommonName: "Release Team"}, EmailAddresses: []string{"release@example.com"}}
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), ca)
	ts.Check(err)
	for name, data := range map[string][]byte{
		args[1] + ".sig": signature,
		"key.pem":        pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}),
		"cert.pem":       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name), data, 0o600))
	}
}

func newKey(ts *testscript.TestScript, kind string) (key crypto.Signer, h crypto.Hash) {
	var err error
	h = crypto.SHA256
	switch kind {
	case "p256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		h = crypto.SHA384
	case "p384sha256":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p224":
		key, err = ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	case "rsa2048":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "rsa1024":
		key, err = rsa.GenerateKey(rand.Reader, 1024)
	case "rsa2304":
		key, err = rsa.GenerateKey(rand.Reader, 2304)
	case "ed25519ph":
		_, key, err = ed25519.GenerateKey(rand.Reader)
		h = crypto.SHA512
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
		h = 0
	default:
		ts.Fatalf("unknown kind of key %q", kind)
	}
	ts.Check(err)
	return key, h
}

// program KIND FILE puts a hallmark-log-upload into bin that makes an entry of FILE:
// "good", or with a fault. It refuses to see a token in its environment.
func uploadProgramThat(ts *testscript.TestScript, _ bool, args []string) {
	sum := sha256.Sum256([]byte(ts.ReadFile(args[1])))
	digest := hex.EncodeToString(sum[:])
	m := madeEntry{Schema: 1, Kind: "rekord", Version: "0.0.1", File: "sha256:" + digest, Subjects: []string{"alice@example.com"},
		Proposed: fmt.Appendf(nil, `{"kind":"rekord","apiVersion":"0.0.1","spec":{"data":%q}}`, digest)}
	run := ""
	switch args[0] {
	case "otherfile":
		m.File = "sha256:" + strings.Repeat("0", 64)
	case "otherkind":
		m.Kind = "rpm"
	case "otherproposal":
		m.Proposed = []byte(`{"kind":"hashedrekord","apiVersion":"0.0.1","spec":{}}`)
	case "schema":
		m.Schema = 2
	case "fails":
		run = "echo 'the signature does not verify' >&2\nexit 1\n"
	case "silent":
		run = "exit 1\n"
	case "garbage":
		run = "echo hello\nexit 0\n"
	case "huge":
		run = "head -c 60000000 /dev/zero\nexit 0\n"
	}
	body, err := strictjson.Canonical(m.Proposed)
	ts.Check(err)
	if args[0] == "otherbody" {
		body = append(body, ' ')
	}
	sum = sha256.Sum256(body)
	if m.Bodies = []string{hex.EncodeToString(sum[:])}; args[0] == "nobody" {
		m.Bodies = nil
	}
	answer, err := json.Marshal(m)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("answer.json"), answer, 0o600))
	ts.Check(os.MkdirAll(ts.MkAbs("bin"), 0o700))
	script := fmt.Sprintf("#!/bin/sh\n[ -z \"$SIGSTORE_ID_TOKEN\" ] || { echo 'sees a token' >&2; exit 1; }\nPATH=/usr/bin:/bin\necho \"$@\" > %s\n%scat %s\n",
		ts.MkAbs("arguments"), run, ts.MkAbs("answer.json"))
	ts.Check(os.WriteFile(ts.MkAbs("bin/"+uploadProgram), []byte(script), 0o700))
	ts.Setenv("PATH", ts.MkAbs("bin")+string(os.PathListSeparator)+ts.Getenv("PATH"))
}

// What the program for other kinds answers is compared with what was asked for.
func TestSG16_AnswerOfTheProgram(t *testing.T) {
	const digest = "sha256:aa"
	sum := strings.Repeat("0", 64)
	good := `{"schema":1,"kind":"rpm","version":"0.0.1","file":"sha256:aa","bodies":["` + sum + `"],"proposed":{"kind":"rpm","apiVersion":"0.0.1"}}`
	for name, tt := range map[string]struct {
		old, with string
		want      check.Check
	}{
		"good":                        {"", "", ""},
		"two bodies":                  {`["`, `["` + sum + `","`, ""},
		"other schema":                {`"schema":1`, `"schema":2`, check.Version},
		"SG-16 another file":          {digest, "sha256:ab", check.Digest},
		"another kind":                {`"kind":"rpm","version"`, `"kind":"alpine","version"`, check.Entry},
		"proposal of another kind":    {`{"kind":"rpm"`, `{"kind":"alpine"`, check.Entry},
		"proposal of another version": {`"apiVersion":"0.0.1"`, `"apiVersion":"0.0.2"`, check.Entry},
		"body of 31 bytes":            {sum, sum[2:], check.Digest},
		"body of 33 bytes":            {sum, sum + "00", check.Digest},
		"body that is no hex":         {sum, "x" + sum[1:], check.Digest},
		"no body":                     {`["` + sum + `"]`, `[]`, check.Entry},
		"unknown member":              {`"schema"`, `"x":1,"schema"`, check.Parse},
	} {
		_, p, err := readMade([]byte(strings.Replace(good, tt.old, tt.with, 1)), "rpm", digest)
		if check.Of(err) != tt.want || (err == nil) != (p != nil) {
			t.Errorf("%s: got %+v, %v, want check %q", name, p, err, tt.want)
		}
	}
}
