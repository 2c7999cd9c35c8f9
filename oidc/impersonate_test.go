package oidc

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

const robot = "robot@p.iam.gserviceaccount.com"

// A cloud is a metadata server and the IAM Credentials API, as Google describes
// them. Its fields are what a test changes.
type cloud struct {
	access     any    // of the metadata server
	kind       string // of that token, if not "Bearer"
	noAccount  bool
	status     int
	body       string // of the API, if status is not 200
	email, aud string // in the token, if not what was asked for
	asked      []string
}

func (c *cloud) metadata(t *testing.T) string {
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		c.asked = append(c.asked, "metadata")
		if r.Method != "GET" || r.URL.Path != "/computeMetadata/v1/instance/service-accounts/default/token" ||
			r.URL.Query().Get("scopes") != cloudScope || r.Header.Get("Metadata-Flavor") != "Google" {
			t.Errorf("metadata server got %s %s %v", r.Method, r.URL, r.Header)
		}
		w.Header().Set("Metadata-Flavor", "Google")
		if c.noAccount {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		reply(w, 200, map[string]any{"access_token": c.access, "expires_in": 3599, "token_type": cmp.Or(c.kind, "Bearer")})
	})
	return strings.TrimPrefix(s.URL, "http://")
}

func (c *cloud) credentials(t *testing.T) string {
	return server(t, func(w http.ResponseWriter, r *http.Request) {
		c.asked = append(c.asked, "credentials")
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body) != 2 || body["includeEmail"] != true {
			t.Errorf("API got body %v, %v", body, err)
		}
		account, method, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/projects/-/serviceAccounts/"), ":")
		if r.Method != "POST" || method != "generateIdToken" || r.Header.Get("Authorization") != "Bearer access-"+canary || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("API got %s %s %v", r.Method, r.URL, r.Header)
		}
		if c.status != 0 {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			io.WriteString(w, cmp.Or(c.body, r.Header.Get("Authorization")))
			return
		}
		reply(w, 200, map[string]any{"token": es256(with(func(m map[string]any) {
			m["iss"], m["sub"], m["aud"], m["email"] = "https://accounts.google.com", "103", body["audience"], account
			if c.aud != "" {
				m["aud"] = c.aud
			}
			if c.email != "" {
				m["email"] = c.email
			}
		}))})
	}).URL
}

const denied = `{"error": {"code": 403, "message": "Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist).", "status": "PERMISSION_DENIED"}}`

// TestGoogleImpersonation is OI-1 for a service account that the machine acts as.
func TestGoogleImpersonation(t *testing.T) {
	access := "access-" + canary
	for _, tt := range []struct {
		name    string
		account string
		cloud   cloud
		want    check.Check
		text    string
		asked   string
	}{
		{"good", robot, cloud{access: access}, "", "", "metadata credentials"},
		{"by number", "103", cloud{access: access, email: robot}, "", "", "metadata credentials"},
		{"no service account", robot, cloud{noAccount: true}, check.OIDCToken, "the machine has no service account", "metadata"},
		{"no access token", robot, cloud{}, check.OIDCToken, "access_token", "metadata"},
		{"access token of two lines", robot, cloud{access: "a\r\nb"}, check.OIDCToken, "access_token", "metadata"},
		{"access token of another kind", robot, cloud{access: access, kind: "DPoP"}, check.OIDCToken, "access_token: want a bearer token", "metadata"},
		{"not allowed", robot, cloud{access: access, status: 403, body: denied}, check.OIDCToken, "lacks permission iam.serviceAccounts.getOpenIdToken on \"" + robot + "\", or there is no such account: \"Permission 'iam", "metadata credentials"},
		{"no such account", robot, cloud{access: access, status: 404, body: "{}"}, check.OIDCToken, "or there is no such account", "metadata credentials"},
		{"scope too small", robot, cloud{access: access, status: 403, body: `{"error":{"details":[{"reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}`},
			check.OIDCToken, "lacks the scope cloud-platform", "metadata credentials"},
		{"M3 error that repeats the bearer", robot, cloud{access: access, status: 400}, check.Net, "got 400", "metadata credentials"},
		{"token of another account", robot, cloud{access: access, email: "other@p.iam.gserviceaccount.com"}, check.OIDCToken, `got one of "other@`, "metadata credentials"},
		{"L39 other audience", robot, cloud{access: access, aud: "vault"}, check.OIDCAud, "vault", "metadata credentials"},
		{"account with a path", "../" + robot, cloud{}, check.OIDCToken, "GOOGLE_SERVICE_ACCOUNT_NAME", ""},
		{"account with a method", robot + ":signJwt", cloud{}, check.OIDCToken, "GOOGLE_SERVICE_ACCOUNT_NAME", ""},
		{"account of 257 bytes", strings.Repeat("1", 257), cloud{}, check.OIDCToken, "GOOGLE_SERVICE_ACCOUNT_NAME", ""},
		{"account in full", "projects/-/serviceAccounts/" + robot, cloud{}, check.OIDCToken, "GOOGLE_SERVICE_ACCOUNT_NAME", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.cloud
			g := GoogleImpersonation{
				Machine: Google{Env: env("GCE_METADATA_HOST", c.metadata(t), "GOOGLE_SERVICE_ACCOUNT_NAME", tt.account), Now: testNow},
				API:     c.credentials(t),
			}
			got, err := g.Token(t.Context(), "sigstore")
			if tt.want != "" {
				wantCheck(t, err, tt.want, tt.text)
			} else if err != nil || got.Subject != robot || !got.IsEmail {
				t.Errorf("got %v, %v", got, err)
			}
			if errors.Is(err, ErrUnavailable) || strings.Join(c.asked, " ") != tt.asked {
				t.Errorf("got %v after asking %q, want %q", err, c.asked, tt.asked)
			}
		})
	}
}

// TestGoogleImpersonation_AppliesExactly: nothing is asked where it does not apply.
func TestGoogleImpersonation_AppliesExactly(t *testing.T) {
	for name, e := range map[string]func(string) string{
		"no GOOGLE_SERVICE_ACCOUNT_NAME": env("GCE_METADATA_HOST", "127.0.0.1:1"),
		"this is not Google Cloud":       env("GOOGLE_SERVICE_ACCOUNT_NAME", robot),
	} {
		_, err := GoogleImpersonation{Machine: Google{Env: e, Product: filepath.Join(t.TempDir(), "absent")}}.Token(t.Context(), "sigstore")
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}
