package oidc

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

const maxAnswer = 2 * maxToken // bytes of an answer with one token

// GitHub asks the runner of GitHub Actions for a token. It applies where
// GITHUB_ACTIONS is "true".
type GitHub struct {
	Env       func(string) string
	UserAgent string            // "hallmark" if empty
	Transport http.RoundTripper // nil: one of this module's making
	Now       func() time.Time  // time.Now if nil
}

// Name returns "GitHub Actions".
func (GitHub) Name() string { return "GitHub Actions" }

// Token asks for a token with the audience.
func (g GitHub) Token(ctx context.Context, audience string) (Token, error) {
	if g.Env("GITHUB_ACTIONS") != "true" {
		return Token{}, unavailable("not in GitHub Actions")
	}
	address, bearer := g.Env("ACTIONS_ID_TOKEN_REQUEST_URL"), g.Env("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if address == "" || bearer == "" {
		return Token{}, check.Refuse("OI-1", check.OIDCToken,
			"GitHub Actions detected, but the job lacks permission id-token: write").
			WithNext("add \"permissions: id-token: write\" to the job; jobs of pull requests from forks can't have it")
	}
	u, err := g.endpoint(address)
	if err != nil {
		return Token{}, err
	}
	c, err := fetch.New(u.Scheme+"://"+u.Host, fetch.Config{UserAgent: g.UserAgent, Transport: g.Transport, Retries: 3})
	if err != nil {
		return Token{}, err
	}
	defer c.CloseIdle()
	q := u.Query()
	q.Set("audience", audience)
	res, err := c.Do(ctx, fetch.Request{
		Path: u.EscapedPath() + "?" + q.Encode(), Accept: "application/json", Bearer: bearer, MaxBody: maxAnswer,
	})
	if err != nil {
		return Token{}, err
	}
	return answered(res.Body, "value", audience, clock(g.Now)())
}

// endpoint accepts the address of the token service of github.com, of an
// enterprise on ghe.com, or of the server that the job runs for (L38). Another
// one would be given the bearer token.
func (g GitHub) endpoint(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, check.Refuse("OI-1", check.OIDCToken, "want a URL, got something else").At("ACTIONS_ID_TOKEN_REQUEST_URL")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u)) {
		return nil, check.Refuse("OI-1", check.OIDCToken, "want scheme https, got %q", u.Scheme).At("ACTIONS_ID_TOKEN_REQUEST_URL")
	}
	server, err := url.Parse(g.Env("GITHUB_SERVER_URL"))
	own := err == nil && server.Host != "" && server.Scheme == u.Scheme && server.Host == u.Host
	host := strings.ToLower(u.Hostname())
	known := u.Scheme == "https" && (strings.HasSuffix(host, ".actions.githubusercontent.com") || strings.HasSuffix(host, ".ghe.com"))
	if !known && !own {
		return nil, check.Refuse("OI-1", check.OIDCToken, "want a host of GitHub, got %q", strictjson.Clip(u.Host)).At("ACTIONS_ID_TOKEN_REQUEST_URL")
	}
	return u, nil
}

// answered reads the token out of a JSON object and checks it.
func answered(body []byte, member, audience string, now time.Time) (Token, error) {
	var m map[string]any
	if err := strictjson.UnmarshalOpen(body, &m); err != nil {
		return Token{}, check.Refuse("OI-1", check.OIDCToken, "want a token in a JSON object, got something else")
	}
	raw, ok := m[member].(string)
	if !ok {
		return Token{}, check.Refuse("OI-1", check.OIDCToken, "want a token, got none").At(member)
	}
	return Parse(raw, audience, now)
}
