package bundle_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
)

const (
	material = "verificationMaterial"
	entry0   = material + ".tlogEntries[0]"
	chain    = material + ".x509CertificateChain.certificates"
)

func TestBP1_GoodBundlesParse(t *testing.T) {
	versions := map[string]bundle.Version{
		good03: bundle.V03, good03b: bundle.V03, goodDSSE: bundle.V03, goodKey: bundle.V03, good02: bundle.V02, good01: bundle.V01,
	}
	for text, version := range versions {
		b, err := bundle.Parse([]byte(text))
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		if b.Version != version {
			t.Errorf("got version %d, want %d", b.Version, version)
		}
	}
}

// wantRefusal fails unless err is a refusal by check c at a field.
func wantRefusal(t *testing.T, err error, c check.Check, field string) {
	t.Helper()
	if got := check.Of(err); got != c {
		t.Fatalf("got check %q (%v), want %q", got, err, c)
	}
	e, ok := errors.AsType[*bundle.FormatError](err)
	if !ok {
		t.Fatalf("got %T, want *FormatError", err)
	}
	if field != "*" && e.Field != field {
		t.Errorf("got field %q (%v), want %q", e.Field, err, field)
	}
	if n := len(err.Error()); n > 1024 {
		t.Errorf("error has %d bytes, want at most 1024", n)
	}
	if e.Rule == "" && c != check.FS {
		t.Errorf("no rule in %v", err)
	}
}

// TestCatalogueA has the rows of group A with one fault in one place.
func TestCatalogueA(t *testing.T) {
	root, intermediate := rawCertificate(certificate(t, "root", "root")), rawCertificate(certificate(t, "root", "middle"))
	cases := []struct {
		row, in string
		check   check.Check // "" if it must parse
		field   string
	}{
		{"A1 empty", "", check.Parse, ""},
		{"A1 white space", " \r\n\t", check.Parse, ""},
		{"A3 second value", good03 + `{}`, check.Parse, ""},
		{"A3 garbage", good03 + `x`, check.Parse, ""},
		{"A3 NUL", good03 + "\x00", check.Parse, ""},
		{"A3 white space after", " \n" + good03 + " \n", "", ""},
		{"A4 byte order mark", "\xef\xbb\xbf" + good03, check.Parse, ""},
		{"A4 UTF-16", "\xff\xfe{\x00}\x00", check.Parse, ""},
		{"A4 invalid UTF-8", swap(t, goodKey, `"hint":"k"`, "\"hint\":\"\xff\""), check.Parse, material + ".publicKey.hint"},
		{"A4 lone surrogate", swap(t, goodKey, `"hint":"k"`, `"hint":"\ud800"`), check.Parse, material + ".publicKey.hint"},
		{"A5 array", `[` + good03 + `]`, check.Parse, ""},
		{"A5 string", `"x"`, check.Parse, ""},
		{"A5 number", `1`, check.Parse, ""},
		{"A5 null", `null`, check.Parse, ""},
		{"A8 case differs too", swap(t, good03, `{"mediaType"`, `{"MediaType":"x","mediaType"`), check.Parse, "MediaType"},
		{"A8 case differs only", swap(t, good03, `"mediaType"`, `"mediatype"`), check.Parse, "mediatype"},
		{"A9 snake case", swap(t, good03, `"verificationMaterial"`, `"verification_material"`), check.Parse, "verification_material"},
		{"A10 version 99.9", swap(t, good03b, `=0.3`, `=99.9`), check.Version, "mediaType"},
		{"A11 missing", edit(t, good03, "mediaType", ""), check.Version, "mediaType"},
		{"A11 empty", edit(t, good03, "mediaType", `""`), check.Version, "mediaType"},
		{"A11 trailing blank", swap(t, good03, `v0.3+json`, `v0.3+json `), check.Version, "mediaType"},
		{"A11 upper case", swap(t, good03, `v0.3+json`, `v0.3+JSON`), check.Version, "mediaType"},
		{"A11 quotes", swap(t, good03b, `=0.3`, `=\"0.3\"`), check.Version, "mediaType"},
		{"A11 blank before parameter", swap(t, good03b, `;version`, `; version`), check.Version, "mediaType"},
		{"A11 suffix", swap(t, good03, `v0.3+json`, `v0.3+json;x=1`), check.Version, "mediaType"},
		{"A11 array", edit(t, good03, "mediaType", `["`+bundle.MediaType+`"]`), check.Version, "mediaType"},
		{"A11 number", edit(t, good03, "mediaType", `3`), check.Parse, "mediaType"},
		{"A12 certificate in 0.2", edit(t, good03, "mediaType", `"`+media+`+json;version=0.2"`), check.Content, material + ".certificate"},
		{"A12 certificate in 0.1", edit(t, good03, "mediaType", `"`+media+`+json;version=0.1"`), check.Content, material + ".certificate"},
		{"A13 chain in 0.3", edit(t, good02, "mediaType", `"`+bundle.MediaType+`"`), check.Content, material + ".x509CertificateChain"},
		{"A14 no promise in 0.1", edit(t, good01, entry0+".inclusionPromise", ""), check.Content, entry0 + ".inclusionPromise"},
		{"A15 no proof in 0.2", edit(t, good02, entry0+".inclusionProof", ""), check.Content, entry0 + ".inclusionProof"},
		{"A15 no proof in 0.3", edit(t, good03, entry0+".inclusionProof", ""), check.Content, entry0 + ".inclusionProof"},
		{"A16 no checkpoint in 0.2", edit(t, good02, entry0+".inclusionProof.checkpoint", ""), check.Content, entry0 + ".inclusionProof.checkpoint"},
		{"A16 empty checkpoint in 0.3", edit(t, good03, entry0+".inclusionProof.checkpoint", "{}"), check.Content, entry0 + ".inclusionProof.checkpoint"},
		{"A16 no proof in 0.1", edit(t, good01, entry0+".inclusionProof", ""), "", ""},
		{"A17 both", swap(t, good03, message, message+","+envelope), check.Content, ""},
		{"A18 neither", edit(t, good03, "messageSignature", ""), check.Content, ""},
		{"A19 certificate and key", edit(t, good03, material+".publicKey", `{"hint":"x"}`), check.Content, material},
		{"A19 certificate and chain", edit(t, good03, material+".x509CertificateChain", `{"certificates":[`+leaf+`]}`), check.Content, material},
		{"A19 chain and key", edit(t, good02, material+".publicKey", `{}`), check.Content, material},
		{"A20 no material", edit(t, good03, material, ""), check.Content, material},
		{"A20 null material", edit(t, good03, material, "null"), check.Content, material},
		{"A20 empty material", edit(t, good03, material, "{}"), check.Content, material},
		{"A21 no certificates", edit(t, good02, chain, "[]"), check.Content, chain},
		{"A21 empty chain", edit(t, good02, material+".x509CertificateChain", "{}"), check.Content, chain},
		{"A22 empty object", edit(t, good01, chain, `[`+leaf+`,{}]`), check.Parse, chain + "[1].rawBytes"},
		{"A22 empty bytes", edit(t, good01, chain, `[{"rawBytes":""}]`), check.Parse, chain + "[0].rawBytes"},
		{"A22 null element", edit(t, good01, chain, `[`+leaf+`,null]`), check.Parse, chain + "[1]"},
		{"A22 single certificate", edit(t, good03, material+".certificate", `{}`), check.Parse, material + ".certificate.rawBytes"},
		{"A23 root in 0.2", edit(t, good02, chain, `[`+leaf+`,`+intermediate+`,`+root+`]`), check.Content, chain + "[2]"},
		{"A23 root not last in 0.1", edit(t, good01, chain, `[`+leaf+`,`+root+`,`+intermediate+`]`), check.Content, chain + "[1]"},
		{"A23 root last in 0.1", edit(t, good01, chain, `[`+leaf+`,`+intermediate+`,`+root+`]`), "", ""},
		{"A23 no root in 0.2", edit(t, good02, chain, `[`+leaf+`,`+intermediate+`]`), "", ""},
		{"A24 40 intermediates", edit(t, good02, chain, `[`+leaf+strings.Repeat(","+intermediate, 40)+`]`), check.Limit, chain},
		{"A24 11 certificates", edit(t, good02, chain, `[`+leaf+strings.Repeat(","+intermediate, 10)+`]`), check.Limit, chain},
		{"A24 10 certificates", edit(t, good02, chain, `[`+leaf+strings.Repeat(","+intermediate, 9)+`]`), "", ""},
		{"A27 no signature", edit(t, good03, "messageSignature.signature", ""), check.Content, "messageSignature.signature"},
		{"A27 empty signature", edit(t, good03, "messageSignature.signature", `""`), check.Content, "messageSignature.signature"},
		{"A27 not base64", edit(t, good03, "messageSignature.signature", `"!"`), check.Parse, "messageSignature.signature"},
		{"A31 logIndex -1", edit(t, good03, entry0+".logIndex", `"-1"`), check.Parse, entry0 + ".logIndex"},
		{"A31 treeSize -1", edit(t, good03, entry0+".inclusionProof.treeSize", `"-1"`), check.Parse, entry0 + ".inclusionProof.treeSize"},
		{"A32 enum by number", edit(t, good03, "messageSignature.messageDigest.algorithm", `1`), check.Parse, "messageSignature.messageDigest.algorithm"},
		{"A32 unknown enum", edit(t, good03, "messageSignature.messageDigest.algorithm", `"MD5"`), check.Alg, "messageSignature.messageDigest.algorithm"},
		{"A32 unspecified", edit(t, good03, "messageSignature.messageDigest.algorithm", `"HASH_ALGORITHM_UNSPECIFIED"`), check.Alg, "messageSignature.messageDigest.algorithm"},
		{"A34 digest of other length", edit(t, good03, "messageSignature.messageDigest.algorithm", `"SHA2_384"`), check.Digest, "messageSignature.messageDigest.digest"},
		{"A39 empty timestamp", edit(t, good03, material+".timestampVerificationData.rfc3161Timestamps[0]", "{}"), check.Parse, material + ".timestampVerificationData.rfc3161Timestamps[0].signedTimestamp"},
		{"A40 no entries", edit(t, good03, material+".tlogEntries", "[]"), "", ""},
		{"A40 null entry", edit(t, good03, entry0, "null"), check.Parse, entry0},
		{"A44 artifact", "\x7fELF\x02\x01", check.Parse, ""},
		{"A44 JSON artifact", `{"name":"x"}`, check.Parse, "name"},
		{"A45 gzip", "\x1f\x8b\x08\x00", check.Parse, ""},
		{"A45 zstd", "\x28\xb5\x2f\xfd\x00", check.Parse, ""},
		{"A46 HTML", "\n<!DOCTYPE html><html>", check.Parse, ""},
		{"BP-8 J13 no signature", edit(t, goodDSSE, "dsseEnvelope.signatures", "[]"), check.DSSE, "dsseEnvelope.signatures"},
		{"BP-8 J13 two signatures", edit(t, goodDSSE, "dsseEnvelope.signatures", `[{"sig":"AAAA"},{"sig":"AAAA"}]`), check.DSSE, "dsseEnvelope.signatures"},
		{"BP-8 empty signature", edit(t, goodDSSE, "dsseEnvelope.signatures[0].sig", `""`), check.DSSE, "dsseEnvelope.signatures"},
		{"BP-8 J14 payload type", edit(t, goodDSSE, "dsseEnvelope.payloadType", `"text/plain"`), check.DSSE, "dsseEnvelope.payloadType"},
		{"BP-8 J14 no payload type", edit(t, goodDSSE, "dsseEnvelope.payloadType", ``), check.DSSE, "dsseEnvelope.payloadType"},
		{"BP-8 empty payload", edit(t, goodDSSE, "dsseEnvelope.payload", `""`), check.DSSE, "dsseEnvelope.payload"},
		{"BP-9 digest without algorithm", edit(t, good03, "messageSignature.messageDigest.algorithm", ``), check.Content, "messageSignature.messageDigest.algorithm"},
		{"BP-9 no digest", edit(t, good03, "messageSignature.messageDigest", ``), "", ""},
		{"BP-10 key id is not the hint", edit(t, goodKey, "dsseEnvelope.signatures[0].keyid", `"other"`), check.Content, "dsseEnvelope.signatures[0].keyid"},
		{"BP-10 no key id", edit(t, goodKey, "dsseEnvelope.signatures[0].keyid", ``), "", ""},
		{"E5 log id of 31 bytes", edit(t, good03, entry0+".logId.keyId", `"`+b64(make([]byte, 31))+`"`), check.Parse, entry0 + ".logId.keyId"},
		{"E5 log id of 33 bytes", edit(t, good03, entry0+".logId.keyId", `"`+b64(make([]byte, 33))+`"`), check.Parse, entry0 + ".logId.keyId"},
		{"E5 no log id", edit(t, good03, entry0+".logId", ""), check.Parse, entry0 + ".logId.keyId"},
		{"E11 negative time", edit(t, good03, entry0+".integratedTime", `"-1"`), check.Time, entry0 + ".integratedTime"},
		{"E12 empty promise", edit(t, good03, entry0+".inclusionPromise.signedEntryTimestamp", `""`), check.SET, entry0 + ".inclusionPromise.signedEntryTimestamp"},
		{"E16 hash of 31 bytes", edit(t, good03, entry0+".inclusionProof.hashes[0]", `"`+b64(make([]byte, 31))+`"`), check.Parse, entry0 + ".inclusionProof.hashes[0]"},
		{"E16 hash of 33 bytes", edit(t, good03, entry0+".inclusionProof.hashes[0]", `"`+b64(make([]byte, 33))+`"`), check.Parse, entry0 + ".inclusionProof.hashes[0]"},
		{"E16 hash of 0 bytes", edit(t, good03, entry0+".inclusionProof.hashes[0]", `""`), check.Parse, entry0 + ".inclusionProof.hashes[0]"},
		{"LM-4 root of 31 bytes", edit(t, good03, entry0+".inclusionProof.rootHash", `"`+b64(make([]byte, 31))+`"`), check.Parse, entry0 + ".inclusionProof.rootHash"},
		{"E17 index is tree size", edit(t, good03, entry0+".inclusionProof.logIndex", `"9"`), check.Proof, entry0 + ".inclusionProof.logIndex"},
		{"E17 index below tree size", edit(t, good03, entry0+".inclusionProof.logIndex", `"8"`), "", ""},
	}
	for _, c := range cases {
		t.Run(c.row, func(t *testing.T) {
			_, err := bundle.Parse([]byte(c.in))
			if c.check == "" {
				if err != nil {
					t.Errorf("got %v, want a bundle", err)
				}
				return
			}
			wantRefusal(t, err, c.check, c.field)
		})
	}
}

func TestA2_CutFilesAreRefused(t *testing.T) {
	for _, good := range []string{good03, goodDSSE, good01} {
		for n := range len(good) {
			_, err := bundle.Parse([]byte(good[:n]))
			if check.Of(err) != check.Parse {
				t.Fatalf("cut after %d bytes: got %v, want a refusal by parse", n, err)
			}
		}
	}
}

// objects returns the offsets just behind every opening brace outside strings.
func objects(s string) (at []int) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"' && s[i-1] != '\\':
			quoted = !quoted
		case s[i] == '{' && !quoted:
			at = append(at, i+1)
		}
	}
	return at
}

func TestBP3_A6_UnknownFieldsAreRefusedAtEveryLevel(t *testing.T) {
	for _, good := range []string{good03, goodDSSE, goodKey, good01} {
		for _, i := range objects(good) {
			_, err := bundle.Parse([]byte(good[:i] + `"unknown":null,` + good[i:]))
			if check.Of(err) != check.Parse || !strings.Contains(err.Error(), "unknown: is not a known field") {
				t.Errorf("at %d of %s: got %v", i, good, err)
			}
		}
	}
}

func TestLM2_A7_DuplicatesAreRefusedAtEveryLevel(t *testing.T) {
	for _, good := range []string{good03, goodDSSE, goodKey, good01} {
		for _, i := range objects(good) {
			name, _, _ := strings.Cut(good[i+1:], `"`)
			rest := json.NewDecoder(strings.NewReader(good[i+len(name)+3:]))
			var value json.RawMessage
			if err := rest.Decode(&value); err != nil {
				t.Fatal(err)
			}
			for _, first := range []string{string(value), "null"} {
				_, err := bundle.Parse([]byte(good[:i] + `"` + name + `":` + first + `,` + good[i:]))
				if check.Of(err) != check.Parse || !strings.Contains(err.Error(), "is given twice") {
					t.Errorf("second %q with %.20s: got %v", name, first, err)
				}
			}
		}
	}
}

func TestBP2_A28_Base64IsStrict(t *testing.T) {
	fields := map[string]string{
		"messageSignature.signature":                                                 good03,
		"messageSignature.messageDigest.digest":                                      good03,
		material + ".certificate.rawBytes":                                           good03,
		chain + "[0].rawBytes":                                                       good02,
		entry0 + ".logId.keyId":                                                      good03,
		entry0 + ".inclusionPromise.signedEntryTimestamp":                            good03,
		entry0 + ".inclusionProof.rootHash":                                          good03,
		entry0 + ".inclusionProof.hashes[0]":                                         good03,
		entry0 + ".canonicalizedBody":                                                good03,
		material + ".timestampVerificationData.rfc3161Timestamps[0].signedTimestamp": good03,
		"dsseEnvelope.payload":                                                       goodDSSE,
		"dsseEnvelope.signatures[0].sig":                                             goodDSSE,
	}
	for field, good := range fields {
		for _, bad := range []string{`-_-_`, `QQ`, `QQ=`, `QQ===`, `QQ==\n`, `QQ\n==`, `QQ\r\n==`, `\nQUJD`, `QR==`, `QUJ=`, `QUJE=`, `QQ==QQ==`, ` QUJD`, `QUJD `, `=`, `====`, `QQ\u0000=`} {
			_, err := bundle.Parse([]byte(edit(t, good, field, `"`+bad+`"`)))
			t.Run(field+" "+bad, func(t *testing.T) { wantRefusal(t, err, check.Parse, field) })
		}
		// An escape is another spelling of the same JSON string.
		plain := edit(t, good, field, `"`+hash32+`"`)
		if _, err := bundle.Parse([]byte(swapLast(plain, hash32, strings.ReplaceAll(hash32, "=", `\u003d`)))); err != nil {
			t.Errorf("%s with escapes: %v", field, err)
		}
	}
}

func swapLast(s, from, to string) string {
	i := strings.LastIndex(s, from)
	return s[:i] + to + s[i+len(from):]
}

func TestLM5_A29_A30_IntegersAreStrict(t *testing.T) {
	long := strings.Repeat("9", 400)
	bad := []string{`5`, `5.0`, `"5.0"`, `"5e0"`, `"+5"`, `"05"`, `" 5"`, `"5 "`, `"5\u0000"`, `"0x5"`, `""`, `"-"`, `"--5"`, `"5_0"`, `"٥"`,
		`"9223372036854775808"`, `"-9223372036854775809"`, `"18446744073709551616"`, `"` + long + `"`, long, `true`, `["5"]`, `{}`}
	for _, field := range []string{".logIndex", ".integratedTime", ".inclusionProof.logIndex", ".inclusionProof.treeSize"} {
		for _, v := range bad {
			_, err := bundle.Parse([]byte(edit(t, good03, entry0+field, v)))
			t.Run(field+" "+v[:min(len(v), 30)], func(t *testing.T) { wantRefusal(t, err, check.Parse, entry0+field) })
		}
	}
	in := edit(t, good03, entry0+".inclusionProof.treeSize", `"9223372036854775807"`)
	b, err := bundle.Parse([]byte(edit(t, in, entry0+".inclusionProof.logIndex", `"9223372036854775806"`)))
	if err != nil {
		t.Fatal(err)
	}
	if p := b.Entries[0].Proof; p.TreeSize != 1<<63-1 || p.LogIndex != 1<<63-2 {
		t.Errorf("E18: got index %d of %d", p.LogIndex, p.TreeSize)
	}
}

// deleted says which check a bundle without that field must fail, by the end of
// its path; fields that are not here may be absent.
var deleted = map[string]check.Check{
	"mediaType": check.Version, "verificationMaterial": check.Content, "certificate": check.Content, "rawBytes": check.Parse,
	"publicKey": check.Content, "x509CertificateChain": check.Content, "certificates": check.Content, "certificates[0]": check.Content,
	"logId": check.Parse, "keyId": check.Parse, "signedEntryTimestamp": check.SET, "signedTimestamp": check.Parse,
	"inclusionProof": check.Content, "checkpoint": check.Content, "envelope": check.Content,
	"messageSignature": check.Content, "signature": check.Content, "algorithm": check.Content, "digest": check.Digest,
	"dsseEnvelope": check.Content, "payload": check.DSSE, "payloadType": check.DSSE,
	"signatures": check.DSSE, "signatures[0]": check.DSSE, "sig": check.DSSE,
}

func last(path string) string { return path[strings.LastIndex(path, ".")+1:] }

func TestA35_A36_EveryFieldDeletedOrNull(t *testing.T) {
	ran := 0
	for name, good := range map[string]string{"0.3": good03, "dsse": goodDSSE, "key": goodKey, "0.2": good02, "0.1": good01} {
		for _, path := range fieldsOf(t, good) {
			want := deleted[last(path)]
			if name == "0.1" && last(path) == "inclusionPromise" {
				want = check.Content
			}
			if name == "key" && last(path) == "hint" {
				want = check.Content // BP-10: the key id remains
			}
			if name == "0.1" && last(path) == "inclusionProof" {
				want = ""
			}
			ran++
			if _, err := bundle.Parse([]byte(edit(t, good, path, ""))); check.Of(err) != want {
				t.Errorf("%s without %s: got %v, want check %q", name, path, err, want)
			}
			if strings.HasSuffix(path, "]") && last(path) != "signatures[0]" {
				want = check.Parse // null is no element
			}
			if _, err := bundle.Parse([]byte(edit(t, good, path, "null"))); check.Of(err) != want {
				t.Errorf("%s with null %s: got %v, want check %q", name, path, err, want)
			}
		}
	}
	if ran < 130 {
		t.Errorf("ran %d fields, want at least 130", ran)
	}
}

func fieldsOf(t *testing.T, s string) []string {
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return paths(v, "")
}

func TestA37_A38_EveryFieldOfAnotherType(t *testing.T) {
	for name, good := range map[string]string{"0.3": good03, "dsse": goodDSSE, "key": goodKey, "0.1": good01} {
		for _, path := range fieldsOf(t, good) {
			for _, value := range []string{`true`, `1`, `["x"]`, `[["x"]]`, `[{}]`, `{"x":1}`, `"\u0000"`} {
				_, err := bundle.Parse([]byte(edit(t, good, path, value)))
				got := check.Of(err)
				allowed := got == check.Parse
				switch {
				case path == "mediaType" && value[0] != 't' && value[0] != '1' && value[0] != '{':
					allowed = got == check.Version // A11
				case value == `"\u0000"` && (last(path) == "hint" || last(path) == "keyid" || last(path) == "envelope" || last(path) == "kind" || last(path) == "version"):
					allowed = true // a string like any other; verify compares or parses it
				case value == `"\u0000"` && last(path) == "payloadType":
					allowed = got == check.DSSE
				case value == `"\u0000"` && last(path) == "algorithm":
					allowed = got == check.Alg
				case value == `[{}]` && last(path) == "signatures":
					allowed = got == check.DSSE
				}
				if !allowed {
					t.Errorf("%s: %s = %s: got %v", name, path, value, err)
				}
			}
		}
	}
}

func TestA10_R17_NewerVersionsGetAHint(t *testing.T) {
	for version, newer := range map[string]bool{
		"+json;version=99.9": true, ".v0.4+json": true, ".v1.0+json": true, "+json;version=0.4": true, ".v0.3.1+json": false,
		".v0.2+json": false, "+json;version=0.03": false, ".vx.y+json": false, "+json": false, "": false, ".v0.4+json;" + strings.Repeat("x", 500): false,
	} {
		_, err := bundle.Parse([]byte(swap(t, good03, media+".v0.3+json", media+version)))
		wantRefusal(t, err, check.Version, "mediaType")
		e, _ := errors.AsType[*bundle.FormatError](err)
		if got := strings.Contains(e.Next, "update hallmark"); got != newer {
			t.Errorf("%q: next step is %q, want an upgrade hint: %v", version, e.Next, newer)
		}
		if !strings.Contains(err.Error(), version[:min(len(version), 20)]) {
			t.Errorf("%q is not named in %v", version, err)
		}
	}
}

func TestA44_A45_A46_Hints(t *testing.T) {
	for in, want := range map[string]string{
		"hello":                                 "not the artifact",
		`{"name":"package","version":"1.0.0"}`:  "not the artifact",
		"PK\x03\x04":                            "not the artifact",
		"\x1f\x8b\x08":                          "decompress",
		"\x28\xb5\x2f\xfd":                      "decompress",
		"<html><body>Log in</body></html>":      "login or error page",
		"<!doctype html>\n<title>404</title>":   "login or error page",
		"":                                      "",
		good03[:200]:                            "",
		strings.Replace(good03, "tlog", "x", 1): "",
	} {
		_, err := bundle.Parse([]byte(in))
		e, ok := errors.AsType[*bundle.FormatError](err)
		if !ok || e.Check != check.Parse || !strings.Contains(e.Next, want) || want == "" && e.Next != "" {
			t.Errorf("%.30q: got %v with next step %q, want %q", in, err, e.Next, want)
		}
	}
}

func TestBP1_FieldsAreReadInAnyOrder(t *testing.T) {
	// encoding/json sorts names, so that mediaType comes after dsseEnvelope.
	want, err := bundle.Parse([]byte(goodDSSE))
	if err != nil {
		t.Fatal(err)
	}
	got, err := bundle.Parse([]byte(edit(t, goodDSSE, "mediaType", `"`+bundle.MediaType+`"`)))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := want.Marshal()
	b, _ := got.Marshal()
	if !bytes.Equal(a, b) {
		t.Errorf("got %s, want %s", b, a)
	}
}

func ExampleParse() {
	_, err := bundle.Parse([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.4+json"}`))
	refused, _ := errors.AsType[*bundle.FormatError](err)
	fmt.Println(refused.Check, refused.Rule, refused.Field)
	fmt.Println(refused.Next)
	// Output:
	// version BP-1 mediaType
	// this bundle is of a version newer than 0.3: update hallmark to read it
}
