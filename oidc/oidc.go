// Package oidc obtains an OpenID Connect identity token: given, found in the
// environment, or by a login in the browser.
package oidc

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// An Error says why a login failed.
type Error = check.Error

// ErrUnavailable says that a provider does not apply here; the next may be asked.
var ErrUnavailable = errors.New("does not apply here")

// A Token is an identity token whose claims were checked (SG-1, SG-2, OI-4).
// It prints and logs as "subject (issuer)"; only Reveal gives the secret.
type Token struct {
	raw     string
	Subject string // e-mail when present and verified, else sub
	IsEmail bool   // Subject is an e-mail address
	Sub     string // the sub claim
	Issuer  string
	// FederatedIssuer is the issuer that Fulcio writes into the certificate when
	// it differs from Issuer (federated_claims.connector_id of Dex); else "".
	FederatedIssuer string
	Expiry          time.Time
}

// Reveal returns the serialised token. Its only legitimate use is the request
// to the certificate authority.
func (t Token) Reveal() string { return t.raw }

// String returns "subject (issuer)".
func (t Token) String() string { return t.Subject + " (" + t.Issuer + ")" }

// GoString keeps the secret out of %#v.
func (t Token) GoString() string { return t.String() }

// LogValue keeps the secret out of logs.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// A Provider obtains a token for an audience. It returns an error that wraps
// ErrUnavailable when it does not apply here.
type Provider interface {
	Name() string
	Token(ctx context.Context, audience string) (Token, error)
}
