package fetch

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
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

// Any header of a JWT begins with `{"`, in base64url "eyJ". The key of a PEM file that
// was cut has no end.
var (
	tokenForm = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*)*`)
	userForm  = regexp.MustCompile(`//[^/\s"]*@`)
	keyForm   = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^"…]*?-----END [A-Z0-9 ]*PRIVATE KEY-----|-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^"…]*`)

	passwordForm = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^/\s"@:?#]*:[^/\s"?#]+@`)
)

// Redact removes from text whatever looks like a JSON web token, like the user and
// password of a URL or like a private key in PEM, and every part of secrets, also
// when it is cut, percent encoded or in base64.
func Redact(text string, secrets ...string) string {
	text = keyForm.ReplaceAllString(text, redacted)
	text = tokenForm.ReplaceAllStringFunc(text, func(s string) string {
		if !beginsToken(s) {
			return s
		}
		return redacted
	})
	text = redactUserinfo(text)
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

// SecretIn says what kind of secret text holds, "" if it holds none: an identity
// token of three parts, the password of a URL, or a private key in PEM. Unlike Redact,
// which also hides what was cut, it takes nothing else for one.
func SecretIn(text string) string {
	for _, s := range tokenForm.FindAllString(text, -1) {
		header, _, _ := strings.Cut(s, ".")
		plain, err := base64.RawURLEncoding.DecodeString(header)
		if err == nil && json.Valid(plain) && strings.Count(s, ".") == 2 {
			return "an identity token"
		}
	}
	for _, at := range passwordForm.FindAllStringIndex(text, -1) {
		if !isDigest(text[at[1]:]) {
			return "a password"
		}
	}
	if keyForm.MatchString(text) {
		return "a private key"
	}
	return ""
}

// beginsToken reports whether base64 begins with a member of a JSON object, as a name
// that happens to begin with "eyJ" does not.
func beginsToken(s string) bool {
	head, _, _ := strings.Cut(s, ".")
	plain, err := base64.RawURLEncoding.DecodeString(head[:min(len(head), 16)/4*4])
	return err == nil && !slices.ContainsFunc(plain, func(b byte) bool {
		return b > '~' || b < ' ' && b != '\t' && b != '\n' && b != '\r'
	})
}

func redactUserinfo(text string) string {
	var b strings.Builder
	end := 0
	for _, at := range userForm.FindAllStringIndex(text, -1) {
		from, to := at[0], at[1]
		if isDigest(text[to:]) { // of an image; what is before may have a user as well
			to = from + strings.LastIndexByte(text[from:to-1], '@') + 1
		}
		if to > from {
			b.WriteString(text[end:from] + "//" + redacted + "@")
			end = to
		}
	}
	return b.String() + text[end:]
}

// isDigest reports whether text begins with a digest, as it follows the name of an image.
func isDigest(text string) bool {
	return strings.HasPrefix(text, "sha256:") || strings.HasPrefix(text, "sha512:")
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
