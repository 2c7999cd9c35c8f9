package oci

import (
	"net/http"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A challenge says how a registry wants to be authenticated to (RFC 9110,
// section 11.6.1).
type challenge struct {
	bearer                bool // else basic
	realm, service, scope string
}

// Bounds of a WWW-Authenticate field (O24).
const (
	maxChallenge  = 8 << 10 // bytes of a challenge of a registry
	maxChallenges = 16      // challenges of one answer
)

// readChallenge takes the first challenge that is understood, bearer before
// basic. It is nil if there is none.
func readChallenge(h http.Header) (*challenge, error) {
	fields := h.Values("WWW-Authenticate")
	if len(fields) > maxChallenges {
		return nil, check.Refuse("OC-6", check.Net, "registry sent %d challenges, want at most %d", len(fields), maxChallenges)
	}
	var basic *challenge
	for _, field := range fields {
		if len(field) > maxChallenge {
			return nil, check.Refuse("OC-6", check.Net, "registry sent a challenge of %d bytes, want at most %d", len(field), maxChallenge)
		}
		scheme, rest, _ := strings.Cut(strings.TrimSpace(field), " ")
		switch strings.ToLower(scheme) {
		case "basic":
			basic = &challenge{}
		case "bearer":
			return readBearer(rest)
		}
	}
	return basic, nil
}

// readBearer reads the parameters of one bearer challenge. Others behind it in
// the same field are refused, as is a parameter that is there twice.
func readBearer(text string) (*challenge, error) {
	c := &challenge{bearer: true}
	known := map[string]*string{"realm": &c.realm, "service": &c.service, "scope": &c.scope}
	seen := map[string]bool{}
	for rest := strings.TrimSpace(text); rest != ""; {
		key, value, after, ok := readParameter(rest)
		if !ok {
			return nil, check.Refuse("OC-6", check.Net, "registry sent a challenge that is not key=value, comma separated")
		}
		if seen[key] {
			return nil, check.Refuse("OC-6", check.Net, "registry sent a challenge with %q twice", key)
		}
		seen[key] = true
		if to := known[key]; to != nil {
			*to = value
		}
		rest = after
	}
	if c.realm == "" {
		return nil, check.Refuse("OC-6", check.Net, "registry sent a challenge without realm")
	}
	return c, nil
}

// readParameter reads token "=" ( token / quoted-string ) and the comma after it.
func readParameter(s string) (key, value, rest string, ok bool) {
	key, s, ok = strings.Cut(s, "=")
	key = strings.ToLower(strings.TrimSpace(key))
	if !ok || !isToken(key) {
		return "", "", "", false
	}
	s = strings.TrimLeft(s, " \t")
	if strings.HasPrefix(s, `"`) {
		value, s, ok = readQuoted(s[1:])
		if !ok {
			return "", "", "", false
		}
	} else {
		end := strings.IndexAny(s, ", \t")
		if end < 0 {
			end = len(s)
		}
		value, s = s[:end], s[end:]
		if strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
			return "", "", "", false
		}
	}
	s = strings.TrimLeft(s, " \t")
	if s == "" {
		return key, value, "", true
	}
	if s[0] != ',' {
		return "", "", "", false
	}
	return key, value, strings.TrimLeft(s[1:], " \t,"), true
}

// readQuoted reads up to the closing quote.
func readQuoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		if s[i] < ' ' || s[i] == 0x7f {
			return "", "", false
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

func isToken(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}
