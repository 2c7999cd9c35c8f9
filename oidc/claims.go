package oidc

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

const (
	maxToken    = 64 << 10 // bytes of a token (SG-2)
	maxClaim    = 1024     // bytes of a claim that is a name
	maxAudience = 32       // audiences of a token
)

// algorithms are the signatures that a token may have (OI-4): never none, never
// a symmetric one, whose key could be a public key that is taken for a secret.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// foreignKeys are header fields by which a token would bring its own key, or
// point at it, or demand extensions that are not known here (RFC 7515, section
// 4.1).
var foreignKeys = []string{"jwk", "jku", "x5u", "x5c", "crit"}

// claims are the members of a token that has the right shape. Nothing about
// their values was checked.
type claims struct {
	alg     string
	members map[string]jsontext.Value
}

// decode reads the shape of a serialised token: three parts of base64url, the
// first two of them JSON objects (SG-2, RFC 7515 section 3.1).
func decode(raw string) (claims, error) {
	if len(raw) > maxToken {
		return claims{}, check.Refuse("SG-2", check.OIDCToken, "want a token of at most %d bytes, got %d", maxToken, len(raw))
	}
	if n := strings.Count(raw, ".") + 1; n != 3 {
		return claims{}, check.Refuse("SG-2", check.OIDCToken, "want a token of 3 parts separated by dots, got %d", n)
	}
	parts := strings.Split(raw, ".")
	header, err := object(parts[0], "header")
	if err != nil {
		return claims{}, err
	}
	members, err := object(parts[1], "payload")
	if err != nil {
		return claims{}, err
	}
	sig, err := segment(parts[2])
	if err != nil || len(sig) == 0 {
		return claims{}, check.Refuse("SG-2", check.OIDCToken, "want a signature in base64url, got %d characters that are not", len(parts[2]))
	}
	c := claims{members: members}
	c.alg, err = claims{members: header}.text("alg")
	if err != nil {
		return claims{}, err
	}
	if !slices.Contains(algorithms, c.alg) {
		return claims{}, check.Refuse("OI-4", check.OIDCToken, "want a signature algorithm of %v, got %q", algorithms, strictjson.Clip(c.alg))
	}
	for _, name := range foreignKeys {
		if _, ok := header[name]; ok {
			return claims{}, check.Refuse("OI-4", check.OIDCToken, "want a token header without %q, got one with it", name)
		}
	}
	return c, nil
}

// segment decodes one part of a token, in its one spelling: the library skips
// line breaks even when it is strict.
func segment(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, base64.CorruptInputError(0)
	}
	return base64.RawURLEncoding.Strict().DecodeString(part)
}

// object reads one part of a token. The error does not repeat the part.
func object(part, name string) (map[string]jsontext.Value, error) {
	data, err := segment(part)
	if err != nil {
		return nil, check.Refuse("SG-2", check.OIDCToken, "want a token %s in base64url, got %d characters that are not", name, len(part))
	}
	var m map[string]jsontext.Value
	if err := strictjson.UnmarshalOpen(data, &m); err != nil || m == nil {
		return nil, check.Refuse("SG-2", check.OIDCToken, "want a token %s that is a JSON object without double names, got something else", name)
	}
	return m, nil
}

// text returns a claim that is a string of at most maxClaim printable
// characters, "" if the claim is absent.
func (c claims) text(name string) (string, error) {
	v, ok := c.members[name]
	if !ok {
		return "", nil
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil || v.Kind() != '"' {
		return "", check.Refuse("OI-4", check.OIDCToken, "want a string, got a JSON value of kind %q", v.Kind().String()).At(name)
	}
	if len(s) > maxClaim {
		return "", check.Refuse("OI-4", check.OIDCToken, "want at most %d bytes, got %d", maxClaim, len(s)).At(name)
	}
	if !printable(s) {
		return "", check.Refuse("OI-4", check.OIDCToken, "want printable characters, got %q", strictjson.Clip(s)).At(name)
	}
	return s, nil
}

// plain returns a claim as the templates of Fulcio's configuration see it: a
// string or an integer, "" if it is neither.
func (c claims) plain(name string) string {
	v := c.members[name]
	if v.Kind() == '0' {
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return strconv.FormatInt(n, 10)
		}
		return ""
	}
	s, err := c.text(name)
	if err != nil {
		return ""
	}
	return s
}

// into decodes a claim that is an object and says whether that was possible.
func (c claims) into(name string, v any) bool {
	raw, ok := c.members[name]
	return ok && json.Unmarshal(raw, v) == nil
}

// seconds returns a claim that is a NumericDate of whole seconds; ok is false
// if it is absent. RFC 7519 allows fractions, but no issuer has any, and they
// would be read differently in different places.
func (c claims) seconds(name string) (t time.Time, ok bool, err error) {
	v, found := c.members[name]
	if !found {
		return time.Time{}, false, nil
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n < 0 || n > maxSeconds {
		return time.Time{}, false, check.Refuse("OI-4", check.OIDCToken,
			"want whole seconds between 0 and %d, got %q", int64(maxSeconds), strictjson.Clip(string(v))).At(name)
	}
	return time.Unix(n, 0).UTC(), true, nil
}

const maxSeconds = 1 << 38 // the year 10680; far from any overflow

// audiences returns the aud claim: one string or a list of them (RFC 7519,
// section 4.1.3).
func (c claims) audiences() ([]string, error) {
	v := c.members["aud"]
	var list []string
	var err error
	if v.Kind() == '"' {
		list = make([]string, 1)
		err = json.Unmarshal(v, &list[0])
	} else if v.Kind() == '[' {
		err = json.Unmarshal(v, &list)
	}
	if err != nil || len(list) == 0 || len(list) > maxAudience {
		return nil, check.Refuse("OI-4", check.OIDCAud, "want a string or a list of 1 to %d strings, got something else", maxAudience).At("aud")
	}
	return list, nil
}

func printable(s string) bool {
	for _, r := range s {
		if r == '\uFFFD' || !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}
