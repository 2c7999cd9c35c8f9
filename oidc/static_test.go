package oidc

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

func TestL40_FromReader(t *testing.T) {
	good := es256(goodClaims())
	for _, tt := range []struct {
		name, in string
		want     check.Check
		text     string
	}{
		{"plain", good, "", ""},
		{"line break", good + "\n", "", ""},
		{"Windows line break", good + "\r\n", "", ""},
		{"two line breaks", good + "\n\n", check.OIDCToken, "signature"},
		{"space", " " + good, check.OIDCToken, "header"},
		{"byte order mark", "\xef\xbb\xbf" + good, check.OIDCToken, "byte order mark"},
		{"nothing", "", check.OIDCToken, "got nothing"},
		{"only a line break", "\n", check.OIDCToken, "got nothing"},
		{"at the bound", strings.Repeat("x", maxToken) + "\r\n", check.OIDCToken, "3 parts"},
		{"too long", strings.Repeat("x", 65<<10), check.Limit, "65536"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := FromReader(strings.NewReader(tt.in), testNow)
			var token Token
			if err == nil {
				token, err = p.Token(t.Context(), "sigstore")
			}
			if tt.want != "" {
				wantCheck(t, err, tt.want, tt.text)
				return
			}
			if err != nil || token.Reveal() != good {
				t.Errorf("got another token or %v", err)
			}
		})
	}
	endless := io.MultiReader(strings.NewReader(good), zeros{})
	_, err := FromReader(endless, testNow)
	wantCheck(t, err, check.Limit, "65536")
	_, err = FromReader(broken{}, testNow)
	wantCheck(t, err, check.FS, "disk on fire")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestL39_StaticForAnotherAudience(t *testing.T) {
	p := Static(es256(goodClaims()), testNow)
	_, err := p.Token(t.Context(), "vault")
	wantCheck(t, err, check.OIDCAud, `"vault"`)
	if p.Name() != "given token" {
		t.Errorf("got name %q", p.Name())
	}
}

// env makes an environment of pairs.
func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

type fake struct {
	name string
	err  error
	n    *int
}

func (f fake) Name() string { return f.name }
func (f fake) Token(context.Context, string) (Token, error) {
	*f.n++
	return Token{Subject: f.name}, f.err
}

func TestOI1_FirstOf(t *testing.T) {
	var n int
	not := func(name string) Provider { return fake{name, unavailable("not in %s", name), &n} }
	yes := fake{"yes", nil, &n}
	no := fake{"no", check.Refuse("OI-1", check.OIDCAud, "wrong"), &n}
	for _, tt := range []struct {
		name      string
		providers []Provider
		asked     int
		subject   string
		want      check.Check
		text      string
	}{
		{"first", []Provider{yes, no}, 1, "yes", "", ""},
		{"second", []Provider{not("a"), yes, no}, 2, "yes", "", ""},
		{"an error stops", []Provider{not("a"), no, yes}, 2, "", check.OIDCAud, "wrong"},
		{"none applies", []Provider{not("a"), not("b")}, 2, "", check.OIDCToken, "not in a; not in b"},
		{"none given", nil, 0, "", check.OIDCToken, "no source"},
		{"nested", []Provider{FirstOf(not("a")), yes}, 2, "yes", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n = 0
			got, err := FirstOf(tt.providers...).Token(t.Context(), "x")
			if got.Subject != tt.subject || n != tt.asked {
				t.Errorf("got %q after %d providers, want %q after %d", got.Subject, n, tt.subject, tt.asked)
			}
			if tt.want != "" {
				wantCheck(t, err, tt.want, tt.text)
			}
			if errors.Is(err, ErrUnavailable) != (tt.want == check.OIDCToken) {
				t.Errorf("ErrUnavailable in %v", err)
			}
		})
	}
	if got := FirstOf(yes, no).Name(); got != "yes, no" {
		t.Errorf("got name %q", got)
	}
}
