package bundle_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Fragments of bundles. They are well formed and say nothing true.
var (
	b64      = base64.StdEncoding.EncodeToString
	hash32   = b64(bytes.Repeat([]byte{7}, 32))
	leaf     = `{"rawBytes":"` + b64([]byte("leaf")) + `"}`
	promise  = `"inclusionPromise":{"signedEntryTimestamp":"` + b64([]byte("set")) + `"}`
	proof    = `"inclusionProof":{"logIndex":"4","rootHash":"` + hash32 + `","treeSize":"9","hashes":["` + hash32 + `"],"checkpoint":{"envelope":"log\n9\n` + hash32 + `\n\n— log AAAAAA==\n"}}`
	noPoint  = `"inclusionProof":{"logIndex":"4","rootHash":"` + hash32 + `","treeSize":"9","hashes":["` + hash32 + `"]}`
	message  = `"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"` + hash32 + `"},"signature":"` + b64([]byte("signature")) + `"}`
	envelope = `"dsseEnvelope":{"payload":"` + b64([]byte(`{"subject":[{"digest":{"sha512":"00"}}]}`)) + `","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"` + b64([]byte("sig")) + `","keyid":"k"}]}`
	stamps   = `"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"` + b64([]byte("token")) + `"}]}`
)

const media = "application/vnd.dev.sigstore.bundle"

func entryOf(evidence ...string) string {
	return `{"logIndex":"5","logId":{"keyId":"` + hash32 + `"},"kindVersion":{"kind":"hashedrekord","version":"0.0.1"},"integratedTime":"1700000000",` +
		strings.Join(evidence, ",") + `,"canonicalizedBody":"` + b64([]byte(`{}`)) + `"}`
}

func bundleOf(mediaType, signer, entry, content string) string {
	return `{"mediaType":"` + mediaType + `","verificationMaterial":{` + signer + `,"tlogEntries":[` + entry + `],` + stamps + `},` + content + `}`
}

func chainOf(certificates ...string) string {
	return `"x509CertificateChain":{"certificates":[` + strings.Join(certificates, ",") + `]}`
}

// The good bundles that single faults are put into.
var (
	good03   = bundleOf(media+".v0.3+json", `"certificate":`+leaf, entryOf(promise, proof), message)
	good03b  = bundleOf(media+"+json;version=0.3", `"certificate":`+leaf, entryOf(promise, proof), message)
	goodDSSE = bundleOf(media+".v0.3+json", `"certificate":`+leaf, entryOf(promise, proof), envelope)
	goodKey  = bundleOf(media+".v0.3+json", `"publicKey":{"hint":"k"}`, entryOf(promise, proof), envelope)
	good02   = bundleOf(media+"+json;version=0.2", chainOf(leaf), entryOf(promise, proof), message)
	good01   = bundleOf(media+"+json;version=0.1", chainOf(leaf), entryOf(promise, noPoint), message)
)

// swap replaces the only occurrence of from in s.
func swap(t testing.TB, s, from, to string) string {
	t.Helper()
	if n := strings.Count(s, from); n != 1 {
		t.Fatalf("%q occurs %d times in the good bundle, want once", from, n)
	}
	return strings.Replace(s, from, to, 1)
}

// edit sets the value at a path such as "a.b[0].c" to raw JSON, or deletes it if
// raw is "".
func edit(t testing.TB, s, path, raw string) string {
	t.Helper()
	var root any
	if err := json.Unmarshal([]byte(s), &root); err != nil {
		t.Fatal(err)
	}
	keys := strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(path), ".")
	root = editAt(t, root, keys, raw)
	out, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func editAt(t testing.TB, v any, keys []string, raw string) any {
	if len(keys) == 0 {
		return json.RawMessage(raw)
	}
	switch v := v.(type) {
	case map[string]any:
		if len(keys) == 1 && raw == "" {
			delete(v, keys[0])
			return v
		}
		v[keys[0]] = editAt(t, v[keys[0]], keys[1:], raw)
		return v
	case []any:
		i, err := strconv.Atoi(keys[0])
		if err != nil || i >= len(v) {
			t.Fatalf("no element %q", keys[0])
		}
		if len(keys) == 1 && raw == "" {
			return append(v[:i:i], v[i+1:]...)
		}
		v[i] = editAt(t, v[i], keys[1:], raw)
		return v
	}
	t.Fatalf("no %q in %T", keys, v)
	return nil
}

// paths lists every field and element of a JSON value, containers included.
func paths(v any, at string) (all []string) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			p := strings.TrimPrefix(at+"."+k, ".")
			all = append(append(all, p), paths(x, p)...)
		}
	case []any:
		for i, x := range v {
			p := at + "[" + strconv.Itoa(i) + "]"
			all = append(append(all, p), paths(x, p)...)
		}
	}
	return all
}

// certificate makes a certificate with the given common names.
func certificate(t testing.TB, issuer, subject string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	name := func(cn string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn},
			NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1e9, 0),
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, name(subject), name(issuer), &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func rawCertificate(der []byte) string { return `{"rawBytes":"` + b64(der) + `"}` }
