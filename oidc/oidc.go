// Package oidc obtains an OpenID Connect identity token: given, found in the
// environment, or by a login in the browser.
//
// A token that was given or found is believed to be what its claims say; its
// signature is checked by the certificate authority, which is the only place it
// is sent to. Its shape, audience, times and identity are checked here before
// that (SG-1, SG-2). A token that comes out of a login is also checked against
// the provider's keys, the nonce and the client (OI-3, OI-4).
//
// Providers are values and safe for concurrent use if their fields are.
//
//	p := oidc.FirstOf(oidc.GitHub{Env: os.Getenv}, oidc.Browser{Issuer: issuer, Out: os.Stderr})
//	token, err := p.Token(ctx, "sigstore")
package oidc

import (
	"cmp"
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
	raw     secret
	Subject string // e-mail when present and verified, else sub
	IsEmail bool   // Subject is an e-mail address
	Sub     string // the sub claim
	Issuer  string
	// FederatedIssuer is the issuer that Fulcio writes into the certificate when
	// it differs from Issuer (federated_claims.connector_id of Dex); else "".
	FederatedIssuer string
	Expiry          time.Time

	san      string // what the certificate will name, if sanKnown
	sanKnown bool
	likely   string // what it may name instead of Subject, if not sanKnown
}

// Reveal returns the serialised token. Its only legitimate use is the request
// to the certificate authority.
func (t Token) Reveal() string { return t.raw.reveal() }

// String returns "subject (issuer)".
func (t Token) String() string { return t.Subject + " (" + t.Issuer + ")" }

// GoString keeps the secret out of %#v.
func (t Token) GoString() string { return t.String() }

// LogValue keeps the secret out of logs.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// CertificateIssuer returns the issuer that a certificate for t names.
func (t Token) CertificateIssuer() string { return cmp.Or(t.FederatedIssuer, t.Issuer) }

// ExpectedSAN returns the subject alternative name that a certificate for t
// has: the address for e-mail, the URI of the workflow for issuers of pipelines
// that the public Fulcio knows. For other issuers known is false: what the
// certificate names is then up to the configuration of the authority.
func (t Token) ExpectedSAN() (san string, known bool) { return t.san, t.sanKnown }

// Names returns every subject alternative name that a certificate for t may
// have, the likeliest first: the one of ExpectedSAN if it is known, else what the
// claims of a pipeline of a private issuer suggest, and Subject.
func (t Token) Names() []string {
	if t.sanKnown {
		return []string{t.san}
	}
	if t.likely != "" {
		return []string{t.likely, t.Subject}
	}
	return []string{t.Subject}
}

// A Provider obtains a token for an audience. It returns an error that wraps
// ErrUnavailable when it does not apply here.
type Provider interface {
	Name() string
	Token(ctx context.Context, audience string) (Token, error)
}
