package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// machine returns a token of a pipeline.
func machine(aud string) string {
	return es256(with(func(m map[string]any) {
		delete(m, "email")
		delete(m, "email_verified")
		m["iss"], m["sub"], m["aud"] = "https://token.actions.githubusercontent.com", "repo:o/r:ref:refs/heads/main", aud
		m["job_workflow_ref"] = "o/r/.github/workflows/x.yml@refs/heads/main"
	}))
}

func server(t *testing.T, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestL38_GitHub(t *testing.T) {
	var answer func(w http.ResponseWriter, r *http.Request)
	requests := 0
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		if r.URL.Path != "/token/path" || r.URL.Query().Get("api-version") != "2.0" || r.Header.Get("Authorization") != "Bearer bearer-"+canary {
			t.Errorf("got %s %v", r.URL, r.Header)
		}
		answer(w, r)
	})
	elsewhere := server(t, func(w http.ResponseWriter, r *http.Request) { t.Error("L38: the bearer went elsewhere") })
	tokens := func(w http.ResponseWriter, r *http.Request) {
		reply(w, 200, map[string]any{"count": 1, "value": machine(r.URL.Query().Get("audience"))})
	}
	padded := func(n int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			text := fmt.Sprintf(`{"value":%q}`, machine(r.URL.Query().Get("audience")))
			io.WriteString(w, text+strings.Repeat(" ", n-len(text)))
		}
	}
	const ask, bearer = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
	full := func(address string) func(string) string {
		return env("GITHUB_ACTIONS", "true", "GITHUB_SERVER_URL", s.URL, ask, address, bearer, "bearer-"+canary)
	}
	here := full(s.URL + "/token/path?api-version=2.0")
	for _, tt := range []struct {
		name        string
		env         func(string) string
		answer      func(w http.ResponseWriter, r *http.Request)
		want        check.Check
		text        string
		unavailable bool
		requests    int
	}{
		{"good", here, tokens, "", "", false, 1},
		{"LM-1 answer at the bound", here, padded(maxAnswer), "", "", false, 1},
		{"LM-1 answer beyond it", here, padded(maxAnswer + 1), check.Limit, "131072", false, 1},
		{"not GitHub", env(ask, s.URL, bearer, "x"), nil, check.OIDCToken, "not in GitHub Actions", true, 0},
		{"GITHUB_ACTIONS false", env("GITHUB_ACTIONS", "false", ask, s.URL, bearer, "x"), nil, check.OIDCToken, "not in GitHub Actions", true, 0},
		{"no permission", env("GITHUB_ACTIONS", "true"), nil, check.OIDCToken, "lacks permission id-token: write", false, 0},
		{"no address", env("GITHUB_ACTIONS", "true", bearer, "bearer-"+canary), nil, check.OIDCToken, "id-token: write", false, 0},
		{"no bearer", env("GITHUB_ACTIONS", "true", ask, s.URL), nil, check.OIDCToken, "id-token: write", false, 0},
		{"L38 not https", full("http://pipelines.actions.githubusercontent.com/x"), nil, check.OIDCToken, `want scheme https, got "http"`, false, 0},
		{"L38 not the suffix", full("https://evil.example/x"), nil, check.OIDCToken, "host of GitHub", false, 0},
		{"L38 suffix without dot", full("https://evilactions.githubusercontent.com/x"), nil, check.OIDCToken, "host of GitHub", false, 0},
		{"L38 suffix in front", full("https://x.actions.githubusercontent.com.evil.example/x"), nil, check.OIDCToken, "host of GitHub", false, 0},
		{"L38 user", full("https://x.actions.githubusercontent.com@evil.example/x"), nil, check.OIDCToken, "want a URL", false, 0},
		{"L38 other loopback server", full(elsewhere.URL), nil, check.OIDCToken, "host of GitHub", false, 0},
		{"L38 fragment", full(s.URL + "/token/path?api-version=2.0#x"), nil, check.OIDCToken, "want a URL", false, 0},
		{"L38 server of another scheme", env("GITHUB_ACTIONS", "true", "GITHUB_SERVER_URL", strings.Replace(s.URL, "http:", "https:", 1), ask, s.URL+"/x", bearer, "bearer-"+canary),
			nil, check.OIDCToken, "host of GitHub", false, 0},
		{"L38 other scheme on this machine", full(strings.Replace(s.URL, "http:", "ftp:", 1)), nil, check.OIDCToken, `want scheme https, got "ftp"`, false, 0},
		{"L38 file", full("file:///etc/passwd"), nil, check.OIDCToken, "want a URL", false, 0},
		{"L38 answer without token", here, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]any{"count": 0}) }, check.OIDCToken, "value", false, 1},
		{"L38 answer not a token", here, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]any{"value": "x"}) }, check.OIDCToken, "3 parts", false, 1},
		{"L38 answer number", here, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]any{"value": 1}) }, check.OIDCToken, "value", false, 1},
		{"L38 answer list", here, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, []int{}) }, check.OIDCToken, "JSON object", false, 1},
		{"L38 redirect", here, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, check.Net, "redirect", false, 1},
		{"L39 other audience", here, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]any{"value": machine("vault")}) }, check.OIDCAud, "vault", false, 1},
		{"M3 error that repeats the bearer", here, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(403)
			io.WriteString(w, r.Header.Get("Authorization"))
		}, check.Net, "got 403", false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			requests = 0
			answer = tt.answer
			got, err := GitHub{Env: tt.env, Now: testNow}.Token(t.Context(), "sig store&x")
			if tt.want == "" {
				if san, _ := got.ExpectedSAN(); err != nil || san != "https://github.com/o/r/.github/workflows/x.yml@refs/heads/main" {
					t.Errorf("got %q, %v", san, err)
				}
			} else {
				wantCheck(t, err, tt.want, tt.text)
			}
			if errors.Is(err, ErrUnavailable) != tt.unavailable || requests != tt.requests {
				t.Errorf("got %v after %d requests, want %d", err, requests, tt.requests)
			}
		})
	}
}

func TestGitHub_KnownHosts(t *testing.T) {
	for _, address := range []string{
		"https://pipelines.actions.githubusercontent.com/abc/_apis/x?api-version=2.0",
		"https://run-actions-1-azure-eastus.actions.githubusercontent.com/1//idtoken/x/y?api-version=2.0",
		"https://actions.acme.ghe.com/x", "https://git.acme.example/_services/token/x",
	} {
		if _, err := (GitHub{Env: env("GITHUB_SERVER_URL", "https://git.acme.example")}).endpoint(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestGitLab(t *testing.T) {
	_, err := GitLab{Env: env("SIGSTORE_ID_TOKEN", machine("sigstore"))}.Token(t.Context(), "sigstore")
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("outside: got %v", err)
	}
	_, err = GitLab{Env: env("GITLAB_CI", "true")}.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCToken, "no SIGSTORE_ID_TOKEN")
	_, err = GitLab{Env: env("GITLAB_CI", "true", "SIGSTORE_ID_TOKEN", machine("vault")), Now: testNow}.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCAud, "vault")
	got, err := GitLab{Env: env("GITLAB_CI", "true", "SIGSTORE_ID_TOKEN", machine("sigstore")), Now: testNow}.Token(t.Context(), "sigstore")
	if err != nil || got.Sub != "repo:o/r:ref:refs/heads/main" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCircleCI(t *testing.T) {
	_, err := CircleCI{Env: env("CIRCLE_OIDC_TOKEN_V2", machine("sigstore"))}.Token(t.Context(), "sigstore")
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("outside: got %v", err)
	}
	_, err = CircleCI{Env: env("CIRCLECI", "true")}.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCToken, "no CIRCLE_OIDC_TOKEN_V2")
	_, err = CircleCI{Env: env("CIRCLECI", "true", "CIRCLE_OIDC_TOKEN_V2", machine("org-id")), Now: testNow}.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCAud, "org-id")
	if e, ok := errors.AsType[*check.Error](err); !ok || !strings.Contains(e.Next, "circleci run oidc get") {
		t.Errorf("got next step %v", err)
	}
	_, err = CircleCI{Env: env("CIRCLECI", "true", "CIRCLE_OIDC_TOKEN_V2", "x.y"), Now: testNow}.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCToken, "3 parts")
	if e, ok := errors.AsType[*check.Error](err); !ok || e.Next != "" {
		t.Errorf("got next step %v for a broken token", err)
	}
	got, err := CircleCI{Env: env("CIRCLECI", "true", "CIRCLE_OIDC_TOKEN_V2", machine("sigstore")), Now: testNow}.Token(t.Context(), "sigstore")
	if err != nil || got.Sub == "" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestBuildkite(t *testing.T) {
	status := 200
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Audience string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		if r.Method != "POST" || r.URL.EscapedPath() != "/v3/jobs/job%2F1/oidc/tokens" || r.Header.Get("Authorization") != "Token access-"+canary {
			t.Errorf("got %s %s %v", r.Method, r.URL, r.Header)
		}
		if status != 200 {
			w.WriteHeader(status)
			io.WriteString(w, r.Header.Get("Authorization"))
			return
		}
		reply(w, 200, map[string]any{"token": machine(body.Audience)})
	})
	e := env("BUILDKITE", "true", "BUILDKITE_AGENT_ENDPOINT", s.URL+"/v3/", "BUILDKITE_AGENT_ACCESS_TOKEN", "access-"+canary, "BUILDKITE_JOB_ID", "job/1")
	got, err := Buildkite{Env: e, Now: testNow}.Token(t.Context(), "sigstore")
	if err != nil || got.Sub == "" {
		t.Errorf("got %v, %v", got, err)
	}
	status = 401
	_, err = Buildkite{Env: e, Now: testNow}.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.Net, "got 401")
	for _, only := range []string{"BUILDKITE_AGENT_ACCESS_TOKEN", "BUILDKITE_JOB_ID", "other"} {
		_, err = Buildkite{Env: env("BUILDKITE", "true", "BUILDKITE_AGENT_ENDPOINT", s.URL, only, "access-"+canary)}.Token(t.Context(), "sigstore")
		wantCheck(t, err, check.OIDCToken, "BUILDKITE_AGENT_ACCESS_TOKEN or BUILDKITE_JOB_ID is missing")
	}
	_, err = Buildkite{Env: env()}.Token(t.Context(), "sigstore")
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("outside: got %v", err)
	}
	_, err = Buildkite{Env: env("BUILDKITE", "true", "BUILDKITE_AGENT_ENDPOINT", "http://evil.example", "BUILDKITE_AGENT_ACCESS_TOKEN", "x", "BUILDKITE_JOB_ID", "y")}.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.Usage, "https")
}

func TestGoogle(t *testing.T) {
	flavor := "Google"
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/computeMetadata/v1/instance/service-accounts/default/identity" || r.URL.Query().Get("format") != "full" || r.Header.Get("Metadata-Flavor") != "Google" {
			t.Errorf("got %s %v", r.URL, r.Header)
		}
		w.Header().Set("Metadata-Flavor", flavor)
		io.WriteString(w, es256(with(func(m map[string]any) {
			m["aud"] = r.URL.Query().Get("audience")
			m["email"] = "robot@p.iam.gserviceaccount.com"
		})))
	})
	e := env("GCE_METADATA_HOST", strings.TrimPrefix(s.URL, "http://"))
	got, err := Google{Env: e, Now: testNow}.Token(t.Context(), "sigstore")
	if err != nil || got.Subject != "robot@p.iam.gserviceaccount.com" {
		t.Errorf("got %v, %v", got, err)
	}
	flavor = "Bitter"
	_, err = Google{Env: e, Now: testNow}.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCToken, `"Bitter"`)
	file := filepath.Join(t.TempDir(), "product")
	for content, want := range map[string]bool{"Google Compute Engine\n": true, "Google\n": true, "Googleplex": false, "": false, "KVM": false} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := (Google{Product: file}).isMachine(); got != want {
			t.Errorf("%q: got %v", content, got)
		}
	}
	_, err = Google{Env: env(), Product: file + "-absent"}.Token(t.Context(), "sigstore")
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("elsewhere: got %v", err)
	}
}
