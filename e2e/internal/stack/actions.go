package stack

import (
	"crypto"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// actionsPath is where workflows ask for tokens; like GitHub's it already has
// a query, so clients append "&audience=".
const actionsPath = "/token?api-version=2.0"

// actions is an OpenID provider whose tokens look like those of GitHub
// Actions, with GitHub's way to ask for one: GET with a bearer token.
// Claims can be changed by query, as in &ref=refs/tags/v1.
func actions(issuer string, key crypto.Signer, bearer string) http.Handler {
	signing := signingKey{key: key, id: "sandbox-actions-1"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{
			"issuer": issuer, "jwks_uri": issuer + "/.well-known/jwks",
			"subject_types_supported": []string{"public", "pairwise"}, "response_types_supported": []string{"id_token"},
			"id_token_signing_alg_values_supported": []string{"ES256"}, "scopes_supported": []string{"openid"},
		})
	})
	mux.HandleFunc("GET /.well-known/jwks", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: signing.id, Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			got, ok = strings.CutPrefix(r.Header.Get("Authorization"), "bearer ")
		}
		if !ok || subtle.ConstantTimeCompare([]byte(got), []byte(bearer)) != 1 {
			answer(w, http.StatusUnauthorized, map[string]any{"message": "bearer token is missing or wrong"})
			return
		}
		claims := workflowClaims()
		for name := range claims {
			if v := r.FormValue(name); v != "" {
				claims[name] = v
			}
		}
		token, err := mint(signing, issuer, claims, r.FormValue("audience"))
		if err != nil {
			answer(w, http.StatusInternalServerError, map[string]any{"message": err.Error()})
			return
		}
		answer(w, http.StatusOK, map[string]any{"count": len(token), "value": token})
	})
	return mux
}

// workflowClaims are those of a push to the main branch of octo/hello.
func workflowClaims() map[string]any {
	const workflow = "octo/hello/.github/workflows/release.yml@refs/heads/main"
	const commit = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"
	return map[string]any{
		"sub": "repo:octo/hello:ref:refs/heads/main", "actor": "octo", "actor_id": "1",
		"repository": "octo/hello", "repository_id": "1296269", "repository_visibility": "public",
		"repository_owner": "octo", "repository_owner_id": "583231",
		"ref": "refs/heads/main", "ref_type": "branch", "ref_protected": "true", "base_ref": "", "head_ref": "",
		"sha": commit, "event_name": "push", "workflow": "release", "workflow_ref": workflow, "workflow_sha": commit,
		"job_workflow_ref": workflow, "job_workflow_sha": commit, "runner_environment": "github-hosted",
		"run_id": "1", "run_number": "1", "run_attempt": "1",
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
