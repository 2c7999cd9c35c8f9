package fetch

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	redacted   = "[redacted]"
	maxExcerpt = 512      // escaped bytes of a foreign text in an error
	maxErrBody = 16 << 10 // bytes of an error body that are looked at
	gram       = 12       // this many bytes of a secret in a row are taken for the secret
)

// Any header of a JWT begins with `{"`, in base64url "eyJ".
const (
	jwtLike  = `eyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*)*`
	userinfo = `//[^/@\s"]*@`
)

func redactUserinfo(s string) string {
	return regexp.MustCompile(userinfo).ReplaceAllString(s, "//"+redacted+"@")
}

// Redact removes from text whatever looks like a JSON web token or like the
// password of a URL, and every part of secrets, also when it is cut, percent
// encoded or in base64. It is for text from outside that goes into an error.
func Redact(text string, secrets ...string) string {
	text = redactUserinfo(regexp.MustCompile(jwtLike).ReplaceAllString(text, redacted))
	for _, s := range secrets {
		if s == "" {
			continue
		}
		for _, form := range forms(s) {
			text = redactParts(text, form)
		}
	}
	return text
}

// forms lists the ways in which services give a secret back. Base64 of a text
// that holds s anywhere holds one of the encodings of s, s[1:], s[2:].
func forms(s string) []string {
	quoted := strconv.Quote(s)
	list := []string{s, url.QueryEscape(s), quoted[1 : len(quoted)-1]}
	for i := range 3 {
		if len(s)-i < gram {
			break
		}
		// The last group depends on what follows; leave it out.
		whole := s[i:][:(len(s)-i)/3*3]
		list = append(list, base64.StdEncoding.EncodeToString([]byte(whole)),
			base64.URLEncoding.EncodeToString([]byte(whole)))
	}
	return list
}

// redactParts replaces every run of text that is a run of secret of at least
// gram bytes; a shorter secret only as a whole. It is linear in both.
func redactParts(text, secret string) string {
	n := min(gram, len(secret))
	if len(text) < n {
		return text
	}
	found := make(map[string]bool, len(text))
	for i := 0; i+n <= len(text); i++ {
		found[text[i:i+n]] = false
	}
	hit := false
	for i := 0; i+n <= len(secret); i++ {
		if _, ok := found[secret[i:i+n]]; ok {
			found[secret[i:i+n]] = true
			hit = true
		}
	}
	if !hit {
		return text
	}
	var b strings.Builder
	end := 0 // text before end is written or hidden
	for i := 0; i < len(text); i++ {
		if i+n <= len(text) && found[text[i:i+n]] {
			if i >= end {
				b.WriteString(redacted)
			}
			end = i + n
		}
		if i >= end {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// Excerpt redacts text, escapes it, and cuts it at 512 bytes. The result is
// quoted.
func Excerpt(text []byte, secrets ...string) string {
	if len(text) > maxErrBody {
		text = text[:maxErrBody]
	}
	s := strings.TrimSpace(Redact(string(text), secrets...))
	var b strings.Builder
	for len(s) > 0 {
		_, n := utf8.DecodeRuneInString(s)
		q := strconv.Quote(s[:n])
		if b.Len()+len(q)-2 > maxExcerpt {
			return `"` + b.String() + `"...`
		}
		b.WriteString(q[1 : len(q)-1])
		s = s[n:]
	}
	return `"` + b.String() + `"`
}
