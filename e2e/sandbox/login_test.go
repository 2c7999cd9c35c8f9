package sandbox_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// A discovery document, as far as the tests go.
type discovery struct {
	Issuer  string   `json:"issuer"`
	Auth    string   `json:"authorization_endpoint"`
	Token   string   `json:"token_endpoint"`
	Device  string   `json:"device_authorization_endpoint"`
	Methods []string `json:"code_challenge_methods_supported"`
}

type claims struct {
	Issuer        string  `json:"iss"`
	Audience      any     `json:"aud"`
	Nonce         string  `json:"nonce"`
	Email         string  `json:"email"`
	EmailVerified bool    `json:"email_verified"`
	Expires       float64 `json:"exp"`
	Issued        float64 `json:"iat"`
}

func discover(t *testing.T, s *sandbox.Sandbox) discovery {
	t.Helper()
	d := decode[discovery](t, body(t, s.Issuer()+"/.well-known/openid-configuration"))
	if d.Issuer != s.Issuer() {
		t.Errorf("issuer is %q, want %q", d.Issuer, s.Issuer())
	}
	if len(d.Methods) != 1 || d.Methods[0] != "S256" {
		t.Errorf("challenge methods are %q", d.Methods)
	}
	return d
}

func post(t *testing.T, url string, form url.Values) (int, string) {
	t.Helper()
	resp, err := http.PostForm(url, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	if _, err := copyAll(&b, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}

func payload(t *testing.T, token string) claims {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", token)
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return decode[claims](t, string(data))
}

// program is the waiting end of a login: a loopback listener at any port and
// path that keeps the query it is called with.
func program(t *testing.T) (redirect string, got func() url.Values) {
	t.Helper()
	calls := make(chan url.Values, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { calls <- r.URL.Query() }))
	t.Cleanup(srv.Close)
	return srv.URL + "/some/path", func() url.Values {
		select {
		case v := <-calls:
			return v
		default:
			t.Fatal("the program was not called")
			return nil
		}
	}
}

func TestLogin_CodeWithPKCE(t *testing.T) {
	t.Parallel()
	s := sandbox.Start(t, sandbox.Options{})
	d := discover(t, s)
	redirect, got := program(t)
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"client_id": {"sigstore"}, "response_type": {"code"}, "scope": {"openid email"}, "redirect_uri": {redirect},
		"state": {"the-state"}, "nonce": {"the-nonce"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if err := s.Login(t.Context(), d.Auth+"?"+q.Encode(), "carol@example.com"); err != nil {
		t.Fatal(err)
	}
	answer := got()
	if answer.Get("state") != "the-state" {
		t.Errorf("answer is %v", answer)
	}
	exchange := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"sigstore"}, "redirect_uri": {redirect}, "code": {answer.Get("code")},
	}
	exchange.Set("code_verifier", "a wrong verifier of sufficient length, forty-three")
	if code, text := post(t, d.Token, exchange); code == http.StatusOK {
		t.Errorf("a wrong verifier is accepted: %s", text)
	}
	exchange.Set("code_verifier", verifier)
	code, text := post(t, d.Token, exchange)
	if code != http.StatusOK {
		t.Fatalf("token endpoint: %d %s", code, text)
	}
	c := payload(t, decode[struct {
		IDToken string `json:"id_token"`
	}](t, text).IDToken)
	if c.Issuer != s.Issuer() || c.Nonce != "the-nonce" || c.Email != "carol@example.com" || !c.EmailVerified {
		t.Errorf("claims are %+v", c)
	}
	if life := c.Expires - c.Issued; life != 60 {
		t.Errorf("token lives %v s, want 60", life)
	}
	if code, _ := post(t, d.Token, exchange); code == http.StatusOK {
		t.Error("a code is good twice")
	}
}

func TestLogin_RefusesWithoutPKCE(t *testing.T) {
	t.Parallel()
	s := sandbox.Start(t, sandbox.Options{})
	d := discover(t, s)
	redirect, _ := program(t)
	for name, change := range map[string]url.Values{
		"no challenge":         {},
		"plain":                {"code_challenge": {"abc"}, "code_challenge_method": {"plain"}},
		"redirect not ours":    {"redirect_uri": {"http://192.0.2.1/"}, "code_challenge": {"abc"}, "code_challenge_method": {"S256"}},
		"client nobody knows":  {"client_id": {"stranger"}, "code_challenge": {"abc"}, "code_challenge_method": {"S256"}},
		"redirect by https":    {"redirect_uri": {"https://example.com/"}, "code_challenge": {"abc"}, "code_challenge_method": {"S256"}},
		"redirect named alike": {"redirect_uri": {"http://127.0.0.1.example.com:80/"}, "code_challenge": {"abc"}, "code_challenge_method": {"S256"}},
	} {
		q := url.Values{"client_id": {"sigstore"}, "response_type": {"code"}, "scope": {"openid email"}, "redirect_uri": {redirect}, "state": {"s"}}
		for k, v := range change {
			q[k] = v
		}
		noFollow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := noFollow.Get(d.Auth + "?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if to := resp.Header.Get("Location"); strings.HasPrefix(to, "/login") {
			t.Errorf("%s: goes on to %s", name, to)
		}
	}
}

func TestLogin_DeviceFlow(t *testing.T) {
	t.Parallel()
	s := sandbox.Start(t, sandbox.Options{})
	d := discover(t, s)
	code, text := post(t, d.Device, url.Values{"client_id": {"sigstore"}, "scope": {"openid email"}})
	if code != http.StatusOK {
		t.Fatalf("device endpoint: %d %s", code, text)
	}
	request := decode[struct {
		DeviceCode string `json:"device_code"`
		Complete   string `json:"verification_uri_complete"`
		Interval   int    `json:"interval"`
	}](t, text)
	poll := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {"sigstore"}, "device_code": {request.DeviceCode}}
	if code, text := post(t, d.Token, poll); code != http.StatusBadRequest || !strings.Contains(text, "authorization_pending") {
		t.Errorf("before the login: %d %s", code, text)
	}
	if err := s.Login(t.Context(), request.Complete, sandbox.Bob); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(request.Interval) * time.Second)
	code, text = post(t, d.Token, poll)
	if code != http.StatusOK {
		t.Fatalf("after the login: %d %s", code, text)
	}
	c := payload(t, decode[struct {
		IDToken string `json:"id_token"`
	}](t, text).IDToken)
	if c.Email != sandbox.Bob || !c.EmailVerified {
		t.Errorf("claims are %+v", c)
	}
}

func TestActions_SpeaksTheTokenProtocol(t *testing.T) {
	t.Parallel()
	s := sandbox.Start(t, sandbox.Options{})
	env := map[string]string{}
	for _, e := range s.ActionsEnv() {
		k, v, _ := strings.Cut(e, "=")
		env[k] = v
	}
	ask := func(bearer string) (int, string) {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, env["ACTIONS_ID_TOKEN_REQUEST_URL"]+"&audience=sigstore", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+bearer)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b strings.Builder
		copyAll(&b, resp.Body)
		return resp.StatusCode, b.String()
	}
	code, text := ask(env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	if c := payload(t, decode[struct{ Value string }](t, text).Value); c.Issuer != s.URL(sandbox.Actions) {
		t.Errorf("claims are %+v", c)
	}
	if code, text := ask("wrong"); code != http.StatusUnauthorized {
		t.Errorf("a wrong bearer token: %d %s", code, text)
	}
}
