package bundle_test

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
)

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// legacyOf returns the older JSON with the given certificate field and entry.
func legacyOf(cert []byte, entry string) string {
	return `{"base64Signature":"` + b64([]byte("signature")) + `","cert":"` + b64(cert) + `"` + entry + `}`
}

var (
	rekordBody  = `{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha384","value":"00"}}}}`
	legacyEntry = `,"rekorBundle":{"SignedEntryTimestamp":"` + b64([]byte("set")) + `","Payload":{"body":"` + b64([]byte(rekordBody)) +
		`","integratedTime":1700000000,"logIndex":5,"logID":"` + hex.EncodeToString(bytes.Repeat([]byte{7}, 32)) + `"}}`
	dsseText = `{"payloadType":"application/vnd.in-toto+json","payload":"` + b64([]byte(`{}`)) + `","signatures":[{"keyid":"","sig":"` + b64([]byte("sig")) + `"}]}`
)

func TestParseLegacy(t *testing.T) {
	der := certificate(t, "ca", "leaf")
	good := legacyOf(pemOf("CERTIFICATE", der), legacyEntry)
	want := &bundle.Bundle{
		Version: bundle.V01, Certificate: der, Message: &bundle.Message{Signature: []byte("signature")},
		Entries: []bundle.Entry{{
			LogIndex: 5, LogID: bytes.Repeat([]byte{7}, 32), Kind: "hashedrekord", Version: "0.0.1",
			IntegratedTime: 1700000000, Promise: []byte("set"), Body: []byte(rekordBody),
		}},
	}
	got, err := bundle.ParseLegacy([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if h := got.Hashes(); !cmp.Equal(h, []crypto.Hash{crypto.SHA256, crypto.SHA384}) {
		t.Errorf("hashes: %v", h)
	}
	if _, err := got.Marshal(); check.Of(err) != check.Content {
		t.Errorf("a legacy entry has no proof, so Marshal must refuse: got %v", err)
	}
}

func TestParseLegacyForms(t *testing.T) {
	der := certificate(t, "ca", "leaf")
	b, err := bundle.ParseLegacy([]byte(`{"base64Signature":"AAAA"}`))
	if err != nil || b.PublicKey == nil || b.Certificate != nil || len(b.Entries) != 0 {
		t.Errorf("for a key of the verifier: got %+v, %v", b, err)
	}
	b, err = bundle.ParseLegacy([]byte(`{"base64Signature":"` + b64([]byte(dsseText)) + `","cert":"` + b64(pemOf("CERTIFICATE", der)) + `"}`))
	if err != nil || b.Message != nil || b.Envelope == nil || string(b.Envelope.Signature) != "sig" {
		t.Errorf("with an envelope: got %+v, %v", b, err)
	}
}

// wrongCertificates are what GHSA-fx35-mq7g-6g98 is about, and B8.
func wrongCertificates(t *testing.T) map[string][]byte {
	der := certificate(t, "ca", "leaf")
	spki, pkcs7 := []byte("\x30\x13\x30\x0c\x06\x03\x2a\x03\x04\x06\x05\x2b\x81\x04\x00\x22\x00\x03\x03\x00\x04\x01"), []byte("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")
	csr := []byte("\x30\x09\x30\x07\x02\x01\x00\x30\x00\x30\x00")
	good := pemOf("CERTIFICATE", der)
	return map[string][]byte{
		"public key":                     pemOf("PUBLIC KEY", spki),
		"public key called certificate":  pemOf("CERTIFICATE", spki),
		"public key in DER":              spki,
		"request":                        pemOf("CERTIFICATE REQUEST", csr),
		"request called certificate":     pemOf("CERTIFICATE", csr),
		"list":                           pemOf("X509 CRL", der),
		"PKCS #7":                        pemOf("PKCS7", pkcs7),
		"PKCS #7 called certificate":     pemOf("CERTIFICATE", pkcs7),
		"private key":                    pemOf("PRIVATE KEY", der),
		"trusted certificate":            pemOf("TRUSTED CERTIFICATE", der),
		"text before":                    append([]byte("x\n"), good...),
		"text after":                     append(bytes.Clone(good), "x\n"...),
		"two certificates":               append(bytes.Clone(good), good...),
		"broken block, then certificate": append([]byte("-----BEGIN CERTIFICATE-----\n!\n"), good...),
		"headers":                        pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Headers: map[string]string{"A": "b"}, Bytes: der}),
		"no end":                         good[:len(good)-30],
		"random":                         []byte("\x00\x01\x02\x03"),
	}
}

func TestB8_LegacyCertificateIsACertificate(t *testing.T) {
	for name, cert := range wrongCertificates(t) {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.ParseLegacy([]byte(legacyOf(cert, legacyEntry)))
			wantRefusal(t, err, check.Parse, "cert")
			_, err = bundle.Detached([]byte("AAAA"), cert)
			wantRefusal(t, err, check.Parse, "certificate")
		})
	}
}

func TestParseLegacyRefuses(t *testing.T) {
	der := certificate(t, "ca", "leaf")
	good := legacyOf(pemOf("CERTIFICATE", der), legacyEntry)
	id := hex.EncodeToString(bytes.Repeat([]byte{7}, 32))
	attestation := func(n int) string {
		body := `{"kind":"intoto","apiVersion":"0.0.2","x":"` + strings.Repeat("x", n) + `"}`
		return strings.Replace(good, b64([]byte(rekordBody)), b64([]byte(body)), 1)
	}
	const overhead = len(`{"kind":"intoto","apiVersion":"0.0.2","x":""}`)
	if _, err := bundle.ParseLegacy([]byte(attestation(100<<10 - overhead))); err != nil {
		t.Errorf("LM-4 body at the limit: %v", err)
	}
	cases := []struct {
		name, in string
		check    check.Check
		field    string
	}{
		{"A1 empty", ``, check.Parse, ""},
		{"A5 null", `null`, check.Parse, ""},
		{"A5 array", `[]`, check.Parse, ""},
		{"A6 unknown", `{"x":1}`, check.Parse, "x"},
		{"A6 unknown in entry", strings.Replace(good, `"Payload"`, `"payload"`, 1), check.Parse, "rekorBundle.payload"},
		{"A6 unknown in payload", strings.Replace(good, `"logID"`, `"logId"`, 1), check.Parse, "rekorBundle.Payload.logId"},
		{"A7 duplicate", strings.Replace(good, `"cert"`, `"cert":null,"cert"`, 1), check.Parse, "cert"},
		{"A45 gzip", "\x1f\x8b", check.Parse, ""},
		{"BP-9 no signature", `{"cert":"AAAA"}`, check.Content, "base64Signature"},
		{"BP-9 empty signature", `{"base64Signature":""}`, check.Content, "base64Signature"},
		{"BP-5 no promise", strings.Replace(good, `"`+b64([]byte("set"))+`"`, `null`, 1), check.Content, "rekorBundle.SignedEntryTimestamp"},
		{"BP-5 empty entry", `{"base64Signature":"AAAA","rekorBundle":{}}`, check.Content, "rekorBundle.SignedEntryTimestamp"},
		{"BP-5 no payload", `{"base64Signature":"AAAA","rekorBundle":{"SignedEntryTimestamp":"AAAA"}}`, check.Content, "rekorBundle.Payload"},
		{"BP-5 no body", strings.Replace(good, b64([]byte(rekordBody)), ``, 1), check.Content, "rekorBundle.Payload"},
		{"BP-5 no index", strings.Replace(good, `"logIndex":5,`, ``, 1), check.Content, "rekorBundle.Payload"},
		{"BP-5 no log id", strings.Replace(good, `,"logID":"`+id+`"`, ``, 1), check.Content, "rekorBundle.Payload"},
		{"R1-1 upper case log id", strings.Replace(good, id, strings.Replace(id, "07", "0A", 1), 1), check.Parse, "rekorBundle.Payload.logID"},
		{"R1-1 short log id", strings.Replace(good, id, id[2:], 1), check.Parse, "rekorBundle.Payload.logID"},
		{"R1-1 log id not hex", strings.Replace(good, id, "zz"+id[2:], 1), check.Parse, "rekorBundle.Payload.logID"},
		{"LM-5 negative index", strings.Replace(good, `"logIndex":5`, `"logIndex":-5`, 1), check.Parse, "rekorBundle.Payload.logIndex"},
		{"LM-5 negative time", strings.Replace(good, `:1700000000`, `:-1`, 1), check.Time, "rekorBundle.Payload.integratedTime"},
		{"LM-5 fraction", strings.Replace(good, `:1700000000`, `:1.5`, 1), check.Parse, "rekorBundle.Payload.integratedTime"},
		{"LM-5 string", strings.Replace(good, `:1700000000`, `:"1"`, 1), check.Parse, "rekorBundle.Payload.integratedTime"},
		{"G23 body is not JSON", strings.Replace(good, b64([]byte(rekordBody)), `AAAA`, 1), check.Parse, ""},
		{"G21 body with duplicate", strings.Replace(good, b64([]byte(rekordBody)), b64([]byte(`{"kind":"a","kind":"b"}`)), 1), check.Parse, "kind"},
		{"LM-4 attestation body", attestation(100<<10 - overhead + 1), check.Limit, "rekorBundle.Payload.body"},
		{"LM-4 kind", strings.Replace(good, b64([]byte(rekordBody)), b64([]byte(`{"kind":"`+strings.Repeat("x", 5000)+`"}`)), 1), check.Limit, "rekorBundle.Payload.body"},
		{"LM-4 certificate", legacyOf(pemOf("CERTIFICATE", make([]byte, bundle.MaxCert+1)), ""), check.Limit, "cert"},
		{"LM-2 size", good + strings.Repeat(" ", bundle.MaxSize), check.Limit, ""},
		{"BP-8 envelope", `{"base64Signature":"` + b64([]byte(strings.Replace(dsseText, "in-toto", "x", 1))) + `"}`, check.DSSE, "base64Signature.payloadType"},
		{"J13 two signatures", `{"base64Signature":"` + b64([]byte(strings.Replace(dsseText, `[{`, `[{"sig":"AAAA"},{`, 1))) + `"}`, check.DSSE, "signatures"},
		{"J17 envelope is not strict", `{"base64Signature":"` + b64([]byte(dsseText+"x")) + `"}`, check.Parse, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := bundle.ParseLegacy([]byte(c.in))
			wantRefusal(t, err, c.check, c.field)
		})
	}
}

func TestDetached(t *testing.T) {
	der := certificate(t, "ca", "leaf")
	sig := []byte("0\x45\x02\x20signature")
	asPEM := pemOf("CERTIFICATE", der)
	for name, files := range map[string][2][]byte{
		"raw and DER":              {sig, der},
		"base64 and PEM":           {[]byte(b64(sig) + "\n"), asPEM},
		"base64 and base64 of PEM": {[]byte(b64(sig)), []byte(b64(asPEM) + "\n")},
		"base64 of DER":            {sig, []byte(b64(der))},
		"PEM with CRLF":            {sig, bytes.ReplaceAll(asPEM, []byte("\n"), []byte("\r\n"))},
	} {
		b, err := bundle.Detached(files[0], files[1])
		want := &bundle.Bundle{Version: bundle.V01, Certificate: der, Message: &bundle.Message{Signature: sig}}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(want, b); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", name, diff)
		}
	}
	begins := []byte("{\xb5 an RSA signature begins like this, now and then")
	if b, err := bundle.Detached(begins, der); err != nil || !bytes.Equal(b.Message.Signature, begins) {
		t.Errorf("raw that begins like JSON: got %v, want a signature", err)
	}
	b, err := bundle.Detached([]byte(dsseText+"\n"), nil)
	if err != nil || b.Envelope == nil || b.PublicKey == nil {
		t.Errorf("envelope and key: got %+v, %v", b, err)
	}
	_, err = bundle.Detached(nil, der)
	wantRefusal(t, err, check.Content, "signature")
	_, err = bundle.Detached([]byte("\n"), der)
	wantRefusal(t, err, check.Content, "signature")
	_, err = bundle.Detached(sig, []byte(" \n"))
	wantRefusal(t, err, check.Parse, "certificate")
	_, err = bundle.Detached(sig, make([]byte, 64<<10+1))
	wantRefusal(t, err, check.Limit, "")
	_, err = bundle.Detached(make([]byte, bundle.MaxSize+1), der)
	wantRefusal(t, err, check.Limit, "")
	_, err = bundle.Detached(sig, make([]byte, bundle.MaxCert+1))
	wantRefusal(t, err, check.Limit, "certificate")
}

func TestHashes(t *testing.T) {
	v2 := `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_512","digest":"AA=="}}}}`
	noDigest := edit(t, good03, "messageSignature.messageDigest", "")
	withBody := func(body string) string {
		return edit(t, noDigest, entry0+".canonicalizedBody", `"`+b64([]byte(body))+`"`)
	}
	digest := func(algorithm string, size int) string {
		return edit(t, good03, "messageSignature.messageDigest", `{"algorithm":"`+algorithm+`","digest":`+text(size)+`}`)
	}
	statement := func(s string) string { return edit(t, goodDSSE, "dsseEnvelope.payload", `"`+b64([]byte(s))+`"`) }
	// The subject at which the walk stops (LM-3) and the last before it.
	subjects := func(n int) string {
		return `{"subject":[` + repeat(`{"digest":{"sha256":"x"}}`, n) + `,{"digest":{"sha512":"x"}}]}`
	}
	all := []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}
	for in, want := range map[string][]crypto.Hash{
		good03:                 all[:1],
		digest("SHA2_384", 48): {crypto.SHA256, crypto.SHA384},
		digest("SHA2_512", 64): {crypto.SHA256, crypto.SHA512},
		noDigest:               all[:1],
		withBody(rekordBody):   {crypto.SHA256, crypto.SHA384},
		withBody(v2):           {crypto.SHA256, crypto.SHA512},
		withBody(`not JSON`):   all[:1],
		withBody(`{"spec":{"data":{"hash":{"algorithm":"md5"}}}}`): all[:1],
		goodDSSE: {crypto.SHA256, crypto.SHA512},
		statement(`{"predicate":{"subject":[{"digest":{"sha384":"x"}}]},"subject":[{"name":"a","digest":{"sha1":"x","sha512":"x"}},{"digest":{"sha256":"x"}}]}`): {crypto.SHA256, crypto.SHA512},
		statement(`{"subject":[{"digest":{"sha384":"x"}},{"digest":{"sha512":`):                                                                                  all,
		statement(`{"subject":[{"digest":{"sha512":"x"}},7]}`):                                                                                                   {crypto.SHA256, crypto.SHA512},
		statement(`[]`):           all[:1],
		statement(subjects(1023)): {crypto.SHA256, crypto.SHA512},
		statement(subjects(1024)): all[:1],
	} {
		b, err := bundle.Parse([]byte(in))
		if err != nil {
			t.Errorf("%v: %.300s", err, in)
			continue
		}
		if got := b.Hashes(); !cmp.Equal(got, want) {
			t.Errorf("got %v, want %v: %.300s", got, want, in)
		}
	}
	if got := new(bundle.Bundle).Hashes(); !cmp.Equal(got, all[:1]) {
		t.Errorf("zero bundle: got %v", got)
	}
}
