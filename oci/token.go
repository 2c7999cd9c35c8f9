package oci

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

const maxToken = 32 << 10 // bytes of a token of a registry

// exchange gets a bearer token from the token server that the registry named
// (distribution, token authentication). What it answers is never repeated.
func (s *session) exchange(ctx context.Context, origin *url.URL, c *challenge, repository string, scopes []string) (Secret, error) {
	r, err := allowRealm(c.realm, origin, s.client.config.TokenHosts[s.host])
	if err != nil {
		return "", err
	}
	cred, err := s.credential(ctx, repository)
	if err != nil {
		return "", err
	}
	if !r.trusted && !cred.empty() {
		s.note("credentials were not sent to the token server " + r.url.Host + ", which is not listed for this registry")
		cred = Credential{}
	}
	if !cred.empty() {
		s.use(cred)
	}
	if cred.Token != "" {
		return cred.Token, nil
	}
	req, err := tokenRequest(ctx, r.url, c.service, scopes, cred)
	if err != nil {
		return "", err
	}
	req = req.WithContext(bind(ctx, &s.binding, r.url))
	req.Header.Set("User-Agent", s.client.config.UserAgent)
	req.Header.Set("Accept", "application/json")
	// A token server has no reason to send its clients elsewhere (O25).
	direct := http.Client{
		Transport:     s.client.http.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := direct.Do(req)
	if err != nil {
		return "", s.translate(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", statusOf(res, "token server "+r.url.Host, cred)
	}
	return readToken(res.Body, r.url.Host)
}

// tokenRequest asks with GET and a password, or with POST and a refresh token
// (distribution, OAuth2 token authentication).
func tokenRequest(ctx context.Context, realm *url.URL, service string, scopes []string, cred Credential) (*http.Request, error) {
	u := *realm
	v := url.Values{}
	if service != "" {
		v.Set("service", service)
	}
	if cred.Identity != "" {
		v.Set("grant_type", "refresh_token")
		v.Set("refresh_token", string(cred.Identity))
		v.Set("client_id", "hallmark")
		v.Set("scope", strings.Join(scopes, " "))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(v.Encode()))
		if err != nil {
			return nil, check.Refuse("OC-6", check.Net, "want a token server, got %q", u.Host)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return req, nil
	}
	query := u.Query()
	for key := range query {
		if slices.Contains([]string{"scope", "service", "account"}, key) {
			return nil, check.Refuse("OC-6", check.Net, "want a token server without %q in its URL, got host %q", key, u.Host)
		}
	}
	v["scope"] = scopes
	for key, values := range v {
		query[key] = values
	}
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, check.Refuse("OC-6", check.Net, "want a token server, got %q", u.Host)
	}
	if cred.Password != "" {
		req.SetBasicAuth(cred.Username, string(cred.Password))
	}
	return req, nil
}

// readToken reads the answer of a token server.
func readToken(r io.Reader, host string) (Secret, error) {
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(r, maxSmallBody+1)); err != nil {
		return "", check.Refuse("OC-8", check.Net, "want an answer of token server %q, got part of one", host)
	}
	if b.Len() > maxSmallBody {
		return "", check.Refuse("OC-8", check.Limit, "answer of token server %q is more than %d bytes", host, maxSmallBody)
	}
	var answer struct {
		Token  string `json:"token"`
		Access string `json:"access_token"`
	}
	// The error would repeat part of the answer.
	if strictjson.UnmarshalOpen(b.Bytes(), &answer) != nil {
		return "", check.Refuse("OC-8", check.Net, "answer of token server %q is not a JSON object with a token", host)
	}
	token := answer.Token
	if token == "" {
		token = answer.Access
	}
	if token == "" || len(token) > maxToken || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", check.Refuse("OC-8", check.Net, "answer of token server %q has no usable token", host)
	}
	return Secret(token), nil
}
