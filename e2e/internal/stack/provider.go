package stack

import (
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

// tokenLife is as short as on the public instance.
const tokenLife = time.Minute

// provider is an OpenID provider for people: anyone who opens its login page
// is whoever they say. Protocol by zitadel/oidc; the page is in login.go.
//
// GET /mint?email=ADDRESS answers with an ID token at once, for tests.
func provider(issuer string, key crypto.Signer) (http.Handler, error) {
	store := newLoginStore(signingKey{key: key, id: "sandbox-1"})
	config := &op.Config{
		CodeMethodS256:     true,
		SupportedUILocales: []language.Tag{language.English},
		SupportedScopes:    []string{oidc.ScopeOpenID, oidc.ScopeEmail, oidc.ScopeProfile},
		DeviceAuthorization: op.DeviceAuthorizationConfig{
			Lifetime: 5 * time.Minute, PollInterval: time.Second, UserFormPath: "/device", UserCode: op.UserCodeBase20,
		},
	}
	if _, err := rand.Read(config.CryptoKey[:]); err != nil {
		return nil, err
	}
	protocol, err := op.NewProvider(config, store, op.StaticIssuer(issuer), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	pages := &pages{store: store, done: op.AuthCallbackURL(protocol)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", pages.home)
	mux.HandleFunc("GET /login", pages.askLogin)
	mux.Handle("POST /login", op.NewIssuerInterceptor(protocol.IssuerFromRequest).HandlerFunc(pages.login))
	mux.HandleFunc("GET /device", pages.askDevice)
	mux.HandleFunc("POST /device", pages.device)
	mux.HandleFunc("GET /mint", func(w http.ResponseWriter, r *http.Request) {
		token, err := mint(store.key, issuer, personClaims(r.FormValue("email")), r.FormValue("audience"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/jwt")
		w.Write([]byte(token))
	})
	mux.Handle("/", protocol)
	return mux, nil
}

func personClaims(email string) map[string]any {
	return map[string]any{"sub": subject(email), "email": email, "email_verified": verified(email)}
}

// mint signs an ID token.
func mint(key signingKey, issuer string, claims map[string]any, aud string) (string, error) {
	if aud == "" {
		aud = audience
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key.key, KeyID: key.id}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	now := time.Now()
	return jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: issuer, Audience: jwt.Audience{aud}, ID: randomID(),
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(tokenLife)),
	}).Claims(claims).Serialize()
}

// A signingKey is both halves of the provider's key, in the shapes op asks for.
type signingKey struct {
	key crypto.Signer
	id  string
}

func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k signingKey) Key() any                                    { return k.key }
func (k signingKey) ID() string                                  { return k.id }

type publicKey struct{ signingKey }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return k.key.Public() }

func randomID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// A publicClient is a program on somebody's machine: no secret, PKCE, and a
// redirect to any port and path of the loopback interface (RFC 8252 section 7.3).
type publicClient struct{ id string }

func (c publicClient) GetID() string                        { return c.id }
func (c publicClient) RedirectURIs() []string               { return nil }
func (c publicClient) PostLogoutRedirectURIs() []string     { return nil }
func (c publicClient) PostLogoutRedirectURIGlobs() []string { return nil }
func (c publicClient) RedirectURIGlobs() []string {
	return []string{
		"http://127.0.0.1:*", "http://127.0.0.1:*/**", `http://\[::1\]:*`, `http://\[::1\]:*/**`,
		"http://localhost:*", "http://localhost:*/**",
	}
}
func (c publicClient) ApplicationType() op.ApplicationType { return op.ApplicationTypeNative }
func (c publicClient) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodNone }
func (c publicClient) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c publicClient) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeDeviceCode}
}
func (c publicClient) LoginURL(id string) string           { return "/login?id=" + id }
func (c publicClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeBearer }
func (c publicClient) IDTokenLifetime() time.Duration      { return tokenLife }
func (c publicClient) DevMode() bool                       { return false }
func (c publicClient) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(s []string) []string { return s }
}
func (c publicClient) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(s []string) []string { return s }
}
func (c publicClient) IsScopeAllowed(string) bool           { return true }
func (c publicClient) IDTokenUserinfoClaimsAssertion() bool { return true }
func (c publicClient) ClockSkew() time.Duration             { return 0 }
