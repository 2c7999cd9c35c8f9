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
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hallmarksign/hallmark/internal/strictjson"
)

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
