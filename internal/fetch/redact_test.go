package fetch

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
)

func TestM3_Redact(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"nothing here":              "nothing here",
		"a pass b":                  "a [redacted] b",
		"passpass":                  "[redacted][redacted]",
		"short parts pas stay":      "short parts pas stay",
		"x eyJhbGciOiJub25lIn0.e.s": "x [redacted]",
		"https://u:p@h/x":           "https://[redacted]@h/x",
		"https://h/x@y":             "https://h/x@y",
	} {
		if got := Redact(in, "pass", ""); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// FuzzExcerpt: no part of a secret comes through, and the text is short,
// printable ASCII or escaped.
func FuzzExcerpt(f *testing.F) {
	const secret = "Zq7-Xw3_Lm9.Kp2~Rt5+Vb8/Nc4"
	f.Add("token " + secret)
	f.Add(secret[3:20] + secret + secret[:11] + secret[11:])
	f.Add(strings.Repeat(secret[:13], 2000))
	f.Add("\xff\x00\u202e")
	f.Fuzz(func(t *testing.T, text string) {
		clean, got := Redact(text, secret), Excerpt([]byte(text), secret)
		for i := 0; i+gram <= len(secret); i++ {
			if strings.Contains(clean, secret[i:i+gram]) {
				t.Fatalf("part %q in %q", secret[i:i+gram], clean)
			}
		}
		plain := strings.TrimSuffix(got, "...")
		if _, err := strconv.Unquote(plain); err != nil || len(plain) > maxExcerpt+2 {
			t.Fatalf("%q of %d bytes: %v", got, len(got), err)
		}
	})
}

const someKey = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIBlongbase64\n-----END EC PRIVATE KEY-----"

const token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"

// M1: what looks like a secret is hidden, also when it was cut, quoted or escaped.
func TestM1_FormsOfSecrets(t *testing.T) {
	for in, want := range map[string]string{
		"a " + token + " b":                  "a [redacted] b",
		"x=" + token:                         "x=[redacted]",
		token[:30]:                           "[redacted]",
		token[len("eyJhbGciOiJFUzI1NiJ9."):]: "[redacted]",
		"https://u:p@ss@h/x":                 "https://[redacted]@h/x",
		"docker://u:p@h/app@sha256:12":       "docker://[redacted]@h/app@sha256:12",
		"docker://u:p@app@sha256:12":         "docker://[redacted]@app@sha256:12",
		"x " + base64.RawURLEncoding.EncodeToString([]byte("{\"a\":\n\t1}")) + ".e30.c2ln": "x [redacted]",
		"https://token@h and https://u:p@h":                                                "https://[redacted]@h and https://[redacted]@h",
		`open "` + someKey + `": no`:                                                       `open "[redacted]": no`,
		"open " + someKey + ": no":                                                         "open [redacted]: no",
		strconv.Quote(someKey) + ": no":                                                    `"[redacted]": no`,
		strconv.Quote(someKey[:40]) + ": no":                                               `"[redacted]": no`,
		someKey[:40] + "… and more":                                                        "[redacted]… and more",
		"-----BEGIN PUBLIC KEY-----\nMFkw\n-----END":                                       "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		token: "an identity token", "x=" + token: "an identity token",
		"https://u:p@h/x": "a password", "docker://u:p@h/app@sha256:12": "a password",
		someKey: "a private key", someKey[:40]: "a private key",
	} {
		if got := SecretIn(in); got != want {
			t.Errorf("%q is taken for %q, want %q", in, got, want)
		}
	}
}

// Names of files, images and people are no secrets.
func TestM1_OrdinaryNamesAreNoSecrets(t *testing.T) {
	for _, name := range []string{
		"app.tar.gz", "dist/eyJustAFileName.tar.gz", "eyJ.eyJ.eyJ", "eyJoan-and-friends.2.0.tar", "a.b.c", "eyJhbGciOiJFUzI1NiJ9.json.sig"[3:],
		"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"alpine@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"docker://alpine@sha256:9f86d0", "docker://alpine:3.20@sha256:9f86d0", "docker://library/alpine:3.20@sha512:9f86d0",
		"docker://registry.example.com:5000/app:1.2@sha256:9f86d0", "registry.example.com:5000/app:1.2@sha256:9f86d0", "oci:app.tar:1@sha256:12",
		"https://github.com/o/r/.github/workflows/x.yml@refs/tags/v1", "https://h:8443/a:b@c", "https://[::1]:80/x@y",
		"git@github.com:owner/repo", "google:alice@example.com", "github:owner/repo@refs/heads/main", "alice@example.com", "pkg:npm/%40scope/x@1.0",
		"log:4@127.0.0.1/log2", "key:a@b.c/d.pem", "--certificate-identity-regexp=^https://github.com/(a|b)/.*@refs/heads/.*$",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----",
	} {
		if got := Redact(name); got != name {
			t.Errorf("%q is redacted to %q", name, got)
		}
		if got := SecretIn(name); got != "" {
			t.Errorf("%q is taken for %q", name, got)
		}
	}
	for _, part := range []string{token[:20], token[:30], token + ".b.c"} { // a token has three parts
		if got := SecretIn(part); got != "" {
			t.Errorf("%q is taken for %q", part, got)
		}
	}
	if got := SecretIn("https://h:8443?mail=a@b"); got != "" {
		t.Errorf("an address in a query is taken for %q", got)
	}
}
