package sigtest

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TokenLife is how long tokens live.
const TokenLife = time.Minute

// keyID names the issuer's key.
const keyID = "sigtest"

// An Issuer is an OpenID Connect issuer: discovery, keys, and tokens that a test
// mints. Nobody can log in to it.
type Issuer struct{ *Service }

// Issuer returns the issuer, started.
func (w *World) Issuer() *Issuer {
	v := &w.servers
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.issuer == nil {
		i := new(Issuer)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
		mux.HandleFunc("GET /keys", i.keys)
		i.Service = w.start("", mux)
		v.issuer = i
	}
	return v.issuer
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, object(
		"issuer", i.URL, "jwks_uri", i.URL+"/keys",
		"authorization_endpoint", i.URL+"/auth", "token_endpoint", i.URL+"/token",
		"response_types_supported", []any{"code"}, "subject_types_supported", []any{"public"},
		"code_challenge_methods_supported", []any{"S256"},
		"id_token_signing_alg_values_supported", []any{"RS256"}))
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &RSA().PublicKey, KeyID: keyID, Algorithm: string(jose.RS256), Use: "sig"},
	}})
}

// Token returns a token of the issuer for Alice, valid from now on. The claims
// replace those of the same name; nil takes one away.
func (w *World) Token(claims map[string]any) string {
	now := w.Clock.Now()
	all := object(
		"iss", w.Issuer().URL, "aud", w.Audience, "sub", "alice", "email", Alice().Subject, "email_verified", true,
		"iat", now.Unix(), "nbf", now.Unix(), "exp", now.Add(TokenLife).Unix())
	for name, v := range claims {
		all[name] = v
		if v == nil {
			delete(all, name)
		}
	}
	return SignToken(all)
}

// SignToken signs claims as they are with the issuer's key, RS256.
func SignToken(claims map[string]any) string {
	key := jose.JSONWebKey{Key: RSA(), KeyID: keyID}
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT")))
	return must(must(signer.Sign(must(json.Marshal(claims)))).CompactSerialize())
}
