package fetch

import (
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
