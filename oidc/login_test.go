package oidc

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
)

func TestOI2_OI3_BrowserSignsIn(t *testing.T) {
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256} {
		t.Run(string(alg), func(t *testing.T) {
			p := newOP(t)
			p.alg = alg
			sum := sha256.Sum256([]byte("access-" + canary))
			p.claims = func(m map[string]any) {
				m["at_hash"] = base64.RawURLEncoding.EncodeToString(sum[:16])
				m["azp"] = "sigstore"
				m["federated_claims"] = map[string]any{"connector_id": "https://github.com/login/oauth", "user_id": "1"}
			}
			p.callback = func(v url.Values) { v.Set("iss", p.URL) }
			p.answer = func(m map[string]any) { m["refresh_token"] = "refresh-" + canary } // L41: dropped
			pages := make(chan string, 1)
			b := p.browser(pages)
			b.Connector = "https://github.com/login/oauth"
			var out strings.Builder
			b.Out = &out
			got, err := b.Token(t.Context(), "sigstore")
			if err != nil {
				t.Fatal(err)
			}
			if got.Subject != "alice@example.com" || !got.IsEmail || got.Issuer != p.URL ||
				got.FederatedIssuer != "https://github.com/login/oauth" || got.CertificateIssuer() != got.FederatedIssuer ||
				!got.Expiry.Equal(testTime.Add(time.Minute)) || strings.Count(got.Reveal(), ".") != 2 {
				t.Errorf("got %+v", got)
			}
			page := <-pages
			if !strings.Contains(page, "<h1>Signed in as alice@example.com</h1>") || !strings.Contains(page, "You can close this window") {
				t.Errorf("page says %s", page)
			}
			// L11: what was sent, whatever the server makes of it.
			for name, want := range map[string]string{
				"response_type": "code", "client_id": "sigstore", "scope": "openid email", "code_challenge_method": "S256",
				"connector_id": "https://github.com/login/oauth",
			} {
				if p.auth.Get(name) != want {
					t.Errorf("OI-2 L11: %s is %q, want %q", name, p.auth.Get(name), want)
				}
			}
			for _, name := range []string{"state", "nonce", "code_challenge"} {
				if b, err := base64.RawURLEncoding.DecodeString(p.auth.Get(name)); err != nil || len(b) != 32 {
					t.Errorf("OI-3: %s is %q, want 256 bits", name, p.auth.Get(name))
				}
			}
			if n := len(p.form.Get("code_verifier")); n != 43 {
				t.Errorf("OI-2: verifier of %d characters, want 43", n)
			}
			want := url.Values{"grant_type": {"authorization_code"}, "client_id": {"sigstore"}, "code": {testCode},
				"redirect_uri": p.auth["redirect_uri"], "code_verifier": p.form["code_verifier"]}
			if d := cmp.Diff(want, p.form); d != "" {
				t.Errorf("token request (-want +got):\n%s", d)
			}
			if u, err := url.Parse(p.auth.Get("redirect_uri")); err != nil || u.Hostname() != "127.0.0.1" || u.Path != "/callback" {
				t.Errorf("OI-5: redirect to %v", u)
			}
			if strings.Contains(out.String(), canary) || !strings.Contains(out.String(), p.URL+"/auth?") {
				t.Errorf("printed %q", out.String())
			}
		})
	}
}

// TestOI3_EachLoginIsNew: state, nonce and verifier differ between logins.
func TestOI3_EachLoginIsNew(t *testing.T) {
	p := newOP(t)
	seen := map[string]bool{}
	for range 3 {
		if _, err := p.browser(nil).Token(t.Context(), "sigstore"); err != nil {
			t.Fatal(err)
		}
		for _, v := range []string{p.auth.Get("state"), p.auth.Get("nonce"), p.form.Get("code_verifier")} {
			if seen[v] {
				t.Errorf("%q was used before", v)
			}
			seen[v] = true
		}
	}
	b := p.browser(nil)
	b.Rand = strings.NewReader("too short")
	_, err := b.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.Internal, "random")
}

// TestOI4_OI7_Login changes one thing of a login that succeeds.
func TestOI4_OI7_Login(t *testing.T) {
	claim := func(name string, value any) func(*op) {
		return func(p *op) { p.claims = func(m map[string]any) { m[name] = value } }
	}
	without := func(name string) func(*op) {
		return func(p *op) { p.claims = func(m map[string]any) { delete(m, name) } }
	}
	doc := func(name string, value any) func(*op) {
		return func(p *op) { p.discovery = func(m map[string]any) { m[name] = value } }
	}
	head := func(name string, value any) func(*op) {
		return func(p *op) { p.header = map[jose.HeaderKey]any{jose.HeaderKey(name): value} }
	}
	raw := func(token string) func(*op) {
		return func(p *op) { p.answer = func(m map[string]any) { m["id_token"] = token } }
	}
	keySet := func(keys ...any) func(*op) {
		return func(p *op) { p.jwks = func() any { return map[string]any{"keys": keys} } }
	}
	good := jose.JSONWebKey{Key: testEC().Public(), KeyID: "ec", Algorithm: "ES256"}
	for _, tt := range []struct {
		name  string
		spoil func(*op)
		want  check.Check
		text  string
	}{
		{"nothing wrong", func(*op) {}, "", ""},
		{"L6 nonce other", claim("nonce", "other"), check.OIDCNonce, "nonce"},
		{"L6 nonce missing", without("nonce"), check.OIDCNonce, "nonce"},
		{"L6 nonce empty", claim("nonce", ""), check.OIDCNonce, "nonce"},
		{"L5 code injected: nonce of the attacker", claim("nonce", strings.Repeat("A", 43)), check.OIDCNonce, "nonce"},
		{"L7 aud other", claim("aud", "other"), check.OIDCAud, `"other"`},
		{"L7 aud as list", claim("aud", []string{"sigstore"}), "", ""},
		{"L7 aud list with extra", claim("aud", []string{"sigstore", "other"}), check.OIDCAud, "alone"},
		{"L7 aud missing", without("aud"), check.OIDCAud, ""},
		{"L7 azp other", claim("azp", "other"), check.OIDCAud, "asked for by"},
		{"L7 azp own", claim("azp", "sigstore"), "", ""},
		{"L7 azp number", claim("azp", 1), check.OIDCToken, "azp"},
		{"L8 iss other", claim("iss", "https://other.example"), check.OIDCIss, "want a token of"},
		{"L8 iss with trailing slash", func(p *op) { p.claims = func(m map[string]any) { m["iss"] = p.URL + "/" } }, check.OIDCIss, "want a token of"},
		{"L8 RFC 9207 iss other", func(p *op) { p.callback = func(v url.Values) { v.Set("iss", "https://other.example") } }, check.OIDCIss, "9207"},
		{"L8 RFC 9207 iss missing though announced", doc("authorization_response_iss_parameter_supported", true), check.OIDCIss, "9207"},
		{"L8 RFC 9207 iss right", func(p *op) {
			doc("authorization_response_iss_parameter_supported", true)(p)
			p.callback = func(v url.Values) { v.Set("iss", p.URL) }
		}, "", ""},
		{"L9 discovery issuer other", doc("issuer", "https://other.example"), check.OIDCIss, "discovery document of"},
		{"L9 discovery issuer with slash", func(p *op) { doc("issuer", p.URL+"/")(p) }, check.OIDCIss, "discovery document of"},
		{"L9 discovery issuer missing", func(p *op) { p.discovery = func(m map[string]any) { delete(m, "issuer") } }, check.OIDCIss, "discovery document of"},
		{"L10 methods without S256", doc("code_challenge_methods_supported", []string{"plain"}), check.OIDCPKCE, `"plain"`},
		{"L10 methods empty", doc("code_challenge_methods_supported", []string{}), check.OIDCPKCE, "S256"},
		{"L10 list missing", func(p *op) { p.discovery = func(m map[string]any) { delete(m, "code_challenge_methods_supported") } }, check.OIDCPKCE, "S256"},
		{"L12 alg none", raw(unsigned(`{"alg":"none"}`, `{}`)), check.OIDCToken, `"none"`},
		{"L12 alg HS256 with the public key", func(p *op) { p.sign = hs256 }, check.OIDCToken, `"HS256"`},
		{"L12 alg unknown", raw(unsigned(`{"alg":"XX999"}`, `{}`)), check.OIDCToken, `"XX999"`},
		{"L12 crit", head("crit", []string{"exp"}), check.OIDCToken, `"crit"`},
		{"L12 jwk", head("jwk", map[string]any{"kty": "oct"}), check.OIDCToken, `"jwk"`},
		{"L12 jku", head("jku", "https://evil.example"), check.OIDCToken, `"jku"`},
		{"L12 x5u", head("x5u", "https://evil.example"), check.OIDCToken, `"x5u"`},
		{"L13 signature of another key", func(p *op) {
			p.jwks = func() any {
				k, _ := rsa.GenerateKey(rand.Reader, 2048)
				return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.Public(), KeyID: "rsa"}}}
			}
			p.alg = jose.RS256
		}, check.OIDCToken, "none of them made"},
		{"L13 kid unknown", keySet(jose.JSONWebKey{Key: testEC().Public(), KeyID: "x"}), check.OIDCToken, `want a key "ec" for ES256`},
		{"L13 key for another algorithm", keySet(jose.JSONWebKey{Key: testEC().Public(), KeyID: "ec", Algorithm: "ES384"}), check.OIDCToken, "want a key"},
		{"L13 key for encryption", keySet(jose.JSONWebKey{Key: testEC().Public(), KeyID: "ec", Use: "enc"}), check.OIDCToken, "want a key"},
		{"L13 too many keys", keySet(make([]any, 101)...), check.Limit, "101"},
		{"L13 private key", keySet(good, jose.JSONWebKey{Key: testEC(), KeyID: "ec2"}), check.OIDCToken, "public keys only"},
		{"L13 symmetric key", keySet(good, map[string]any{"kty": "oct", "k": "c2VjcmV0"}), check.OIDCToken, "public keys only"},
		{"L13 unknown kind beside a good key", keySet(map[string]any{"kty": "LMS"}, good), "", ""},
		{"L13 keys that are numbers", keySet(1, good), check.OIDCToken, "want JSON web keys"},
		{"L13 short RSA key", func(p *op) {
			p.alg = jose.RS256
			keySet(map[string]any{"kty": "RSA", "kid": "rsa", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(make1024())})(p)
		}, check.OIDCToken, "want a key"},
		{"L13 no keys", keySet(), check.OIDCToken, "want a key"},
		{"L13 not a key set", func(p *op) { p.jwks = func() any { return "x" } }, check.OIDCToken, "key set"},
		{"L14 exp past", claim("exp", testTime.Add(-time.Hour).Unix()), check.OIDCToken, "expired"},
		{"L15 email_verified false", claim("email_verified", false), check.OIDCToken, "email_verified"},
		{"L18 at_hash wrong", claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), check.OIDCToken, "at_hash"},
		{"L20 token endpoint http", doc("token_endpoint", "http://other.example/token"), check.OIDCIss, "token_endpoint"},
		{"L20 keys http", doc("jwks_uri", "http://other.example/keys"), check.OIDCIss, "jwks_uri"},
		{"L20 authorization endpoint http", doc("authorization_endpoint", "http://other.example/"), check.OIDCIss, "authorization_endpoint"},
		{"L33 authorization endpoint file", doc("authorization_endpoint", "file:///etc/passwd"), check.OIDCIss, "authorization_endpoint"},
		{"L20 token endpoint of another scheme on this machine", doc("token_endpoint", "ftp://127.0.0.1:1/token"), check.OIDCIss, "token_endpoint: want scheme https"},
		{"L33 authorization endpoint flag", doc("authorization_endpoint", "-flag"), check.OIDCIss, "authorization_endpoint"},
		{"L20 endpoint without host", doc("token_endpoint", "https:///token"), check.OIDCIss, "token_endpoint: want a URL with host"},
		{"L20 endpoint with fragment", doc("token_endpoint", "https://x.example/token#x"), check.OIDCIss, "token_endpoint: want a URL with host"},
		{"endpoint with user", doc("token_endpoint", "https://u:p@other.example/"), check.OIDCIss, "token_endpoint"},
		{"endpoint with control characters", doc("authorization_endpoint", "https://x/\u202e"), check.OIDCIss, "authorization_endpoint"},
		{"endpoint with dot segments", doc("token_endpoint", "https://x.example/a/../token"), check.OIDCIss, "dot segments"},
		{"endpoint too long", doc("jwks_uri", "https://x.example/"+strings.Repeat("x", 2048)), check.OIDCIss, "2048"},
		{"endpoint missing", func(p *op) { p.discovery = func(m map[string]any) { delete(m, "token_endpoint") } }, check.OIDCIss, "token_endpoint"},
		{"L26 access denied", func(p *op) {
			p.callback = func(v url.Values) {
				v.Del("code")
				v.Set("error", "access_denied")
				v.Set("error_description", "<script>alert(1)</script>\x1b[31m")
			}
		}, check.OIDCCallback, `"access_denied": "<script>alert(1)</script>\x1b[31m"`},
		{"code missing", func(p *op) { p.callback = func(v url.Values) { v.Del("code") } }, check.OIDCCallback, "code"},
		{"code too long", func(p *op) { p.callback = func(v url.Values) { v.Set("code", strings.Repeat("x", 9000)) } }, check.OIDCCallback, "9000"},
		{"no id token", func(p *op) { p.answer = func(m map[string]any) { delete(m, "id_token") } }, check.OIDCToken, "id_token"},
		{"L17 not a token", raw("x.y"), check.OIDCToken, "3 parts"},
		{"K19 error that repeats the request", func(p *op) {
			p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/token" {
					return false
				}
				r.ParseForm()
				reply(w, 400, map[string]any{"error": "invalid_grant", "error_description": r.PostForm.Encode()})
				return true
			}
		}, check.OIDCToken, `"invalid_grant"`},
		{"M3 other error that repeats the request", func(p *op) {
			p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/token" {
					return false
				}
				w.WriteHeader(500)
				io.Copy(w, r.Body)
				return true
			}
		}, check.Net, "got 500"},
		{"token error that is not JSON", func(p *op) {
			p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/token" {
					return false
				}
				r.ParseForm()
				w.WriteHeader(400)
				io.WriteString(w, "no: "+r.PostForm.Encode())
				return true
			}
		}, check.Net, "want status 200, got 400"},
		{"token error without a code", func(p *op) {
			p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/token" {
					reply(w, 400, map[string]any{"error_description": "x"})
				}
				return r.URL.Path == "/token"
			}
		}, check.Net, "want status 200, got 400"},
		{"token answer that is not JSON", func(p *op) {
			p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/token" {
					io.WriteString(w, "ok")
				}
				return r.URL.Path == "/token"
			}
		}, check.Server, "token answer in JSON"},
		{"claims that point nowhere", claim("_claim_names", map[string]any{"x": "y"}), check.OIDCToken, "identity token:"},
		{"Q27 captive portal", func(p *op) {
			p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Content-Type", "text/html")
				io.WriteString(w, "<html>")
				return true
			}
		}, check.Server, "captive portal"},
		{"OI-7 discovery over the bound", doc("x", strings.Repeat("x", maxDocument)), check.Limit, "1048576"},
		{"OI-7 doubled member", func(p *op) {
			p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				io.WriteString(w, `{"issuer":"a","issuer":"b"}`)
				return true
			}
		}, check.Server, "discovery document"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newOP(t)
			tt.spoil(p)
			pages := make(chan string, 1)
			got, err := p.browser(pages).Token(t.Context(), "sigstore")
			if n := p.seen("POST /token"); n > 1 { // a code is good for one exchange
				t.Errorf("asked for a token %d times", n)
			}
			if tt.want == "" {
				if err != nil || got.Subject != "alice@example.com" {
					t.Fatalf("got %v, %v", got, err)
				}
				return
			}
			wantCheck(t, err, tt.want, tt.text)
			if err == nil {
				return
			}
			for _, s := range []string{p.auth.Get("state"), p.auth.Get("nonce"), p.form.Get("code_verifier")} {
				if s != "" && strings.Contains(err.Error(), s[:12]) {
					t.Errorf("secret in %v", err)
				}
			}
			select {
			case page := <-pages:
				if page != failurePage().body {
					t.Errorf("L26: page says %q", page)
				}
			default: // it did not come to that
			}
		})
	}
}

// hs256 signs with the public key as it is published, as if that was a secret.
func hs256(claims map[string]any) string {
	data, _ := json.Marshal(claims)
	key, _ := json.Marshal(jose.JSONWebKey{Key: testEC().Public()})
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key}, nil)
	if err != nil {
		panic(err)
	}
	jws, _ := s.Sign(data)
	raw, _ := jws.CompactSerialize()
	return raw
}

func make1024() []byte {
	b := make([]byte, 128)
	b[0], b[127] = 0xff, 1
	return b
}

func TestOI7_Issuer(t *testing.T) {
	for issuer, text := range map[string]string{
		"": "URL of an issuer", "not a url": "URL of an issuer", "https://": "URL of an issuer", "\x00": "URL of an issuer",
		"http://issuer.example": "https", "http://localhost:1": "https", "https://u:p@issuer.example": "without user", "https://issuer.example?x": "query",
	} {
		_, err := Browser{Issuer: issuer}.Token(t.Context(), "sigstore")
		wantCheck(t, err, check.Usage, text)
		_, err = Device{Issuer: issuer, Show: func(string, string, string) {}}.Token(t.Context(), "sigstore")
		wantCheck(t, err, check.Usage, text)
	}
	_, err := Device{Issuer: "https://issuer.example"}.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.Internal, "shows the code")
	_, err = party{}.ask(t.Context(), "\x00", fetch.Request{})
	wantCheck(t, err, check.Internal, "checked endpoint")
	_, err = keys{}.VerifySignature(t.Context(), "a.b.c")
	wantCheck(t, err, check.OIDCToken, "want a signed token")
}

func TestL12_NothingIsFetchedForABadHeader(t *testing.T) {
	p := newOP(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("fetched") }))
	defer elsewhere.Close()
	p.header = map[jose.HeaderKey]any{"jku": elsewhere.URL}
	_, err := p.browser(nil).Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCToken, "jku")
	if n := p.seen("GET /keys"); n != 0 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

func TestL13_KeysAreFetchedOnce(t *testing.T) {
	p := newOP(t)
	p.jwks = func() any { return jose.JSONWebKeySet{} }
	_, err := p.browser(nil).Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCToken, "want a key")
	if n := p.seen("GET /keys"); n != 1 {
		t.Errorf("the keys were fetched %d times, want 1", n)
	}
}

func TestL19_NoRedirectToAnotherHost(t *testing.T) {
	for _, path := range []string{"/.well-known/openid-configuration", "/keys", "/token"} {
		for _, status := range []int{302, 307} {
			t.Run(path, func(t *testing.T) {
				elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request arrived elsewhere") }))
				defer elsewhere.Close()
				p := newOP(t)
				p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path != path {
						return false
					}
					http.Redirect(w, r, elsewhere.URL, status)
					return true
				}
				_, err := p.browser(nil).Token(t.Context(), "sigstore")
				wantCheck(t, err, check.Net, "redirect")
			})
		}
	}
}

func TestL10_ExceptionsAreListed(t *testing.T) {
	for issuer, want := range map[string]check.Check{
		"https://login.microsoftonline.com/common/v2.0":      "",
		"https://login.microsoftonline.com.evil.example/":    check.OIDCPKCE,
		"https://evil.example/https://login.microsoftonline": check.OIDCPKCE,
	} {
		err := party{issuer: issuer}.checkPKCE(endpoints{})
		if got := check.Of(err); got != want {
			t.Errorf("%s: got %v, want %q", issuer, err, want)
		}
		err = party{issuer: issuer}.checkPKCE(endpoints{Challenges: []string{"plain"}})
		wantCheck(t, err, check.OIDCPKCE, "plain")
	}
}

func TestSG1_AudienceOfTheAuthority(t *testing.T) {
	p := newOP(t)
	_, err := p.browser(nil).Token(t.Context(), "other-instance")
	wantCheck(t, err, check.OIDCAud, `"other-instance"`)
}

func TestBrowser_Cancelled(t *testing.T) {
	p := newOP(t)
	b := p.browser(nil)
	ctx, cancel := context.WithCancel(t.Context())
	b.Open = func(context.Context, string) error { cancel(); return nil }
	_, err := b.Token(ctx, "sigstore")
	if !errors.Is(err, context.Canceled) || check.Of(err) != check.OIDCCallback {
		t.Errorf("got %v", err)
	}
}

func TestOI5_Timeout(t *testing.T) {
	p := newOP(t)
	b := p.browser(nil)
	b.Timeout, b.Otherwise = 100*time.Millisecond, "Go elsewhere."
	b.Open = func(context.Context, string) error { return errors.New("no screen") }
	var out strings.Builder
	b.Out = &out
	_, err := b.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCCallback, "want a login within 100ms")
	if !strings.Contains(out.String(), "No browser could be opened from here: no screen.\nGo elsewhere.\n") {
		t.Errorf("printed %q", out.String())
	}
}

// A browser that is closed before it has its answer does not end the login.
func TestBrowser_GoesAway(t *testing.T) {
	p := newOP(t)
	left := make(chan struct{})
	p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			<-left
		}
		return false
	}
	b := p.browser(nil)
	b.Open = func(ctx context.Context, address string) error {
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		visit(ctx, address)
		close(left)
		return nil
	}
	if got, err := b.Token(t.Context(), "sigstore"); err != nil || got.Subject != "alice@example.com" {
		t.Errorf("got %v, %v", got, err)
	}
}
