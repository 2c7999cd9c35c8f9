package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"github.com/hallmarksign/hallmark/internal/check"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTime is when all tests happen.
var testTime = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func testNow() time.Time { return testTime }

// canary is in every secret of the tests; no text may hold it.
const canary = "CanaryDoNotPrint"

var testRSA = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

var testEC = sync.OnceValue(func() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
})

// An op is an OpenID provider that can be made to misbehave.
type op struct {
	*httptest.Server
	t   *testing.T
	alg jose.SignatureAlgorithm

	discovery func(map[string]any)               // changes the document
	jwks      func() any                         // replaces the key set
	claims    func(map[string]any)               // changes the claims
	header    map[jose.HeaderKey]any             // further header fields
	sign      func(claims map[string]any) string // replaces the signature
	answer    func(map[string]any)               // changes the token answer
	callback  func(url.Values)                   // changes the redirect
	intercept func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	requests []string // "METHOD /path"
	auth     url.Values
	form     url.Values
}

const testCode = "code-" + canary

func newOP(t *testing.T) *op {
	p := &op{t: t, alg: jose.ES256}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *op) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, r.Method+" "+r.URL.Path)
	p.mu.Unlock()
	if p.intercept != nil && p.intercept(w, r) {
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		d := map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token",
			"jwks_uri": p.URL + "/keys", "device_authorization_endpoint": p.URL + "/device",
			"code_challenge_methods_supported": []string{"S256", "plain"},
			"scopes_supported":                 []string{"openid"},
		}
		if p.discovery != nil {
			p.discovery(d)
		}
		reply(w, 200, d)
	case "/keys":
		if p.jwks != nil {
			reply(w, 200, p.jwks())
			return
		}
		reply(w, 200, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: testRSA().Public(), KeyID: "rsa", Algorithm: "RS256", Use: "sig"},
			{Key: testEC().Public(), KeyID: "ec", Algorithm: "ES256", Use: "sig"},
		}})
	case "/auth":
		p.authorize(w, r)
	case "/token":
		p.token(w, r)
	default:
		w.WriteHeader(404)
	}
}

func (p *op) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.mu.Lock()
	p.auth = q
	p.mu.Unlock()
	back := url.Values{"code": {testCode}, "state": {q.Get("state")}}
	if p.callback != nil {
		p.callback(back)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *op) token(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	p.mu.Lock()
	p.form = r.PostForm
	auth := p.auth
	p.mu.Unlock()
	if auth != nil {
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		if base64.RawURLEncoding.EncodeToString(sum[:]) != auth.Get("code_challenge") || r.PostForm.Get("code") != testCode {
			reply(w, 400, map[string]any{"error": "invalid_grant"})
			return
		}
	}
	m := map[string]any{"access_token": "access-" + canary, "token_type": "Bearer", "id_token": p.idToken(auth.Get("nonce"))}
	if p.answer != nil {
		p.answer(m)
	}
	reply(w, 200, m)
}

func (p *op) idToken(nonce string) string {
	claims := goodClaims()
	claims["iss"] = p.URL
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if p.claims != nil {
		p.claims(claims)
	}
	if p.sign != nil {
		return p.sign(claims)
	}
	return signed(p.alg, p.header, claims)
}

func goodClaims() map[string]any {
	return map[string]any{
		"iss": "https://issuer.example", "sub": "Cg" + canary[:6], "aud": "sigstore", "email": "alice@example.com", "email_verified": true,
		"exp": testTime.Add(time.Minute).Unix(), "iat": testTime.Unix(),
	}
}

// with returns good claims with a change.
func with(change func(map[string]any)) map[string]any {
	c := goodClaims()
	change(c)
	return c
}

func signed(alg jose.SignatureAlgorithm, header map[jose.HeaderKey]any, claims map[string]any) string {
	key := jose.JSONWebKey{Key: testEC(), KeyID: "ec"}
	if alg == jose.RS256 {
		key = jose.JSONWebKey{Key: testRSA(), KeyID: "rsa"}
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		panic(err)
	}
	data, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	jws, err := s.Sign(data)
	if err != nil {
		panic(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return raw
}

// unsigned makes a token with any header and payload.
func unsigned(header, payload string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(header)) + "." + e([]byte(payload)) + "." + e([]byte("sig-"+canary))
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// browser returns a Browser whose person says yes to everything at once. The
// page that the person sees is sent to pages.
func (p *op) browser(pages chan<- string) Browser {
	return Browser{
		Issuer: p.URL, Now: testNow, Timeout: 10 * time.Second,
		Open: func(ctx context.Context, address string) error {
			body, err := visit(context.WithoutCancel(ctx), address)
			if pages != nil {
				pages <- body
			}
			return err
		},
	}
}

func visit(ctx context.Context, address string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		return "", err
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func (p *op) seen(request string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, r := range p.requests {
		if r == request {
			n++
		}
	}
	return n
}

func wantCheck(t *testing.T, err error, want check.Check, text string) {
	t.Helper()
	if got := check.Of(err); got != want || !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("got check %q (%v), want %q with %q", got, err, want, text)
	}
	noCanary(t, err)
}

// noCanary looks for secrets in all that can be printed of v (M2, M3, M15).
func noCanary(t *testing.T, v any) {
	t.Helper()
	encoded, _ := json.Marshal(v)
	text := fmt.Sprintf("%v %+v %#v %q %s", v, v, v, fmt.Sprint(v), encoded)
	for _, form := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary))[:16]} {
		if strings.Contains(text, form) {
			t.Errorf("secret %q in %s", form, text)
		}
	}
}

func payloadOf(raw string) string {
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err != nil {
		panic(err)
	}
	return string(data)
}

func unsignedParts(header, payload, signature string) string {
	return header + "." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + signature
}
