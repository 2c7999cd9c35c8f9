package oidc

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// A grant is the answer of a token endpoint. A refresh token in it is not even
// read (L41).
type grant struct {
	id     secret
	access secret
}

// An oauthError is an answer by RFC 6749, section 5.2.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// request sends form to the token endpoint as a public client. oauth is set if
// the provider answered with an error of the protocol, which the caller reads.
func (p party) request(ctx context.Context, e endpoints, form url.Values, secrets []string) (g grant, oauth *oauthError, err error) {
	form.Set("client_id", p.clientID)
	res, err := p.ask(ctx, e.Token, fetch.Request{
		Method:       http.MethodPost,
		Body:         []byte(form.Encode()),
		ContentType:  "application/x-www-form-urlencoded",
		AcceptStatus: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden},
		Secrets:      secrets,
	})
	if err != nil {
		return grant{}, nil, err
	}
	if res.Status >= 300 {
		oauth = new(oauthError)
		if err := strictjson.UnmarshalOpen(res.Body, oauth); err != nil || oauth.Code == "" {
			return grant{}, nil, check.Refuse("OI-4", check.Net, "token endpoint: want status 200, got %d: %s",
				res.Status, fetch.Excerpt(res.Body, secrets...))
		}
		return grant{}, oauth, nil
	}
	var body struct {
		ID     string `json:"id_token"`
		Access string `json:"access_token"`
	}
	if err := strictjson.UnmarshalOpen(res.Body, &body); err != nil {
		return grant{}, nil, check.Refuse("OI-4", check.Server, "want a token answer in JSON, got something else")
	}
	if body.ID == "" {
		return grant{}, nil, check.Refuse("OI-4", check.OIDCToken, "want an identity token in the answer of the provider, got none").At("id_token")
	}
	return grant{newSecret(body.ID), newSecret(body.Access)}, nil, nil
}

// refused turns an error of the protocol into one of ours.
func refused(c check.Check, o *oauthError, secrets []string) *check.Error {
	text := fetch.Excerpt([]byte(o.Code), secrets...)
	if o.Description != "" {
		text += ": " + fetch.Excerpt([]byte(o.Description), secrets...)
	}
	return check.Refuse("OI-4", c, "the provider refused: %s", text)
}

// verify checks a token that came out of a login: everything that Parse checks,
// and signature, issuer, client and, if want is not "", nonce (OI-3, OI-4).
func (p party) verify(ctx context.Context, e endpoints, g grant, nonce, audience string, now time.Time) (Token, error) {
	raw := g.id.reveal()
	c, err := decode(raw) // before anything is fetched for it
	if err != nil {
		return Token{}, err
	}
	ks, err := p.keys(ctx, e)
	if err != nil {
		return Token{}, err
	}
	// The library asks the keys again, but drops what kind of error they gave.
	if _, err := ks.VerifySignature(ctx, raw); err != nil {
		return Token{}, err
	}
	// Issuer, client and times are checked below: exactly, and with our skew.
	id, err := gooidc.NewVerifier(p.issuer, ks, &gooidc.Config{
		SupportedSigningAlgs: algorithms, SkipIssuerCheck: true, SkipClientIDCheck: true, SkipExpiryCheck: true,
	}).Verify(ctx, raw)
	if err != nil {
		return Token{}, check.Refuse("OI-4", check.OIDCToken, "identity token: %s", fetch.Excerpt([]byte(err.Error()), raw))
	}
	if id.Issuer != p.issuer {
		return Token{}, check.Refuse("OI-4", check.OIDCIss, "want a token of %q, got one of %q", p.issuer, strictjson.Clip(id.Issuer)).At("iss")
	}
	if !slices.Equal(id.Audience, []string{p.clientID}) {
		return Token{}, check.Refuse("OI-4", check.OIDCAud, "want a token for %q alone, got one for %q", p.clientID, clipAll(id.Audience)).At("aud")
	}
	azp, err := c.text("azp")
	if err != nil {
		return Token{}, err
	}
	if azp != "" && azp != p.clientID {
		return Token{}, check.Refuse("OI-4", check.OIDCAud, "want a token asked for by %q, got one by %q", p.clientID, strictjson.Clip(azp)).At("azp")
	}
	if nonce != "" && subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return Token{}, check.Refuse("OI-3", check.OIDCNonce, "want the nonce of this login, got another one or none").At("nonce")
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(g.access.reveal()); err != nil {
			return Token{}, check.Refuse("OI-3", check.OIDCToken, "want the hash of the access token, got another one").At("at_hash")
		}
	}
	return Parse(raw, audience, now)
}
