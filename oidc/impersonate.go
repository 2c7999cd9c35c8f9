package oidc

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// cloudScope is what the access token of the machine must be good for.
const cloudScope = "https://www.googleapis.com/auth/cloud-platform"

// accountName is the address or the number of a service account: nothing that
// could lead to another resource of the API. Counted repetition would cost every
// start of the program a millisecond.
var accountName = regexp.MustCompile(`^([a-z0-9][a-z0-9.-]*@[a-z0-9][a-z0-9.-]*|[0-9]+)$`)

const maxAccountName = 256 // bytes of the name of a service account

// GoogleImpersonation asks Google for a token of another service account than
// that of the machine, which must be allowed to act as it. It applies on Google
// Cloud where GOOGLE_SERVICE_ACCOUNT_NAME says which, as in other clients of
// Sigstore.
type GoogleImpersonation struct {
	Machine Google // who asks
	API     string // "https://iamcredentials.googleapis.com" if empty
}

// Name returns "Google Cloud impersonation".
func (GoogleImpersonation) Name() string { return "Google Cloud impersonation" }

// Token asks the metadata server for an access token of the machine, and the IAM
// Credentials API with that for an identity token of the account.
func (g GoogleImpersonation) Token(ctx context.Context, audience string) (Token, error) {
	const variable = "GOOGLE_SERVICE_ACCOUNT_NAME"
	account := g.Machine.Env(variable)
	if account == "" {
		return Token{}, unavailable("no %s", variable)
	}
	if !g.Machine.applies() {
		return Token{}, unavailable("%s is set, but this is not Google Cloud", variable)
	}
	if len(account) > maxAccountName || !accountName.MatchString(account) {
		return Token{}, check.Refuse("OI-1", check.OIDCToken, "want the address of a service account, got %q", strictjson.Clip(account)).At(variable)
	}
	access, err := g.accessToken(ctx)
	if err != nil {
		return Token{}, err
	}
	t, err := g.generate(ctx, access, account, audience)
	if err != nil {
		return Token{}, err
	}
	if strings.Contains(account, "@") && t.Subject != account {
		return Token{}, check.Refuse("OI-1", check.OIDCToken, "want a token of %q, got one of %q", account, strictjson.Clip(t.Subject))
	}
	return t, nil
}

// accessToken is the machine's own, for the API alone.
func (g GoogleImpersonation) accessToken(ctx context.Context) (secret, error) {
	body, err := g.Machine.ask(ctx, "token", url.Values{"scopes": {cloudScope}})
	if err != nil {
		return secret{}, err
	}
	var answer struct {
		Access string `json:"access_token"`
		Type   string `json:"token_type"`
	}
	if err := strictjson.UnmarshalOpen(body, &answer); err != nil {
		return secret{}, check.Refuse("OI-1", check.OIDCToken, "want an access token in a JSON object, got something else")
	}
	if answer.Access == "" || !strings.EqualFold(answer.Type, "Bearer") || !ascii(answer.Access) {
		return secret{}, check.Refuse("OI-1", check.OIDCToken, "want a bearer token, got none").At("access_token")
	}
	return newSecret(answer.Access), nil
}

// generate is the method generateIdToken of the API. Only with includeEmail is
// the address in the token that will be in the certificate.
func (g GoogleImpersonation) generate(ctx context.Context, access secret, account, audience string) (Token, error) {
	c, err := fetch.New(cmp.Or(g.API, "https://iamcredentials.googleapis.com"), fetch.Config{
		UserAgent: g.Machine.UserAgent, Transport: g.Machine.Transport, Retries: 3, Timeout: 10 * time.Second,
	})
	if err != nil {
		return Token{}, err
	}
	defer c.CloseIdle()
	body, _ := json.Marshal(map[string]any{"audience": audience, "includeEmail": true}) // always encodes
	res, err := c.Do(ctx, fetch.Request{
		Method: http.MethodPost, Path: "/v1/projects/-/serviceAccounts/" + url.PathEscape(account) + ":generateIdToken",
		Body: body, ContentType: "application/json", Accept: "application/json", Bearer: access.reveal(), MaxBody: maxAnswer,
		AcceptStatus: []int{http.StatusForbidden, http.StatusNotFound},
		Idempotent:   true, // another token does no harm
	})
	if err != nil {
		return Token{}, err
	}
	if res.Status >= 300 {
		return Token{}, forbidden(res.Body, account, access)
	}
	return answered(res.Body, "token", audience, clock(g.Machine.Now)())
}

// forbidden says which permission is missing: that of the machine's account to act
// as the other one, or the scope of the machine itself.
func forbidden(body []byte, account string, access secret) error {
	var answer struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	said := "it does not say why"
	if strictjson.UnmarshalOpen(body, &answer) == nil && answer.Error.Message != "" {
		said = fetch.Excerpt([]byte(answer.Error.Message), access.reveal())
	}
	if strings.Contains(string(body), "ACCESS_TOKEN_SCOPE_INSUFFICIENT") {
		return check.Refuse("OI-1", check.OIDCToken, "Google Cloud detected, but the machine lacks the scope cloud-platform: %s", said).
			WithNext("give the machine the access scope " + cloudScope)
	}
	return check.Refuse("OI-1", check.OIDCToken,
		"the machine lacks permission iam.serviceAccounts.getOpenIdToken on %q, or there is no such account: %s", account, said).
		WithNext("grant roles/iam.serviceAccountOpenIdTokenCreator on that account to the service account of the machine")
}
