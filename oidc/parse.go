package oidc

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// skew is how far the issuer's clock and ours may be apart (OI-4).
const skew = 60 * time.Second

// Parse checks a token that was given: its shape, its audience, its times and
// that it names somebody (SG-1, SG-2, OI-4). It does not check the signature;
// that needs the network, and the certificate authority does it. Errors have
// check oidc_aud or oidc_token and repeat nothing of the signature.
func Parse(raw, audience string, now time.Time) (Token, error) {
	if audience == "" {
		return Token{}, check.Refuse("SG-1", check.Internal, "want an audience, got none")
	}
	c, err := decode(raw)
	if err != nil {
		return Token{}, err
	}
	t := Token{raw: newSecret(raw)}
	if t.Issuer, err = required(c, "iss"); err != nil {
		return Token{}, err
	}
	if t.Sub, err = required(c, "sub"); err != nil {
		return Token{}, err
	}
	auds, err := c.audiences()
	if err != nil {
		return Token{}, err
	}
	if !slices.Contains(auds, audience) {
		return Token{}, check.Refuse("SG-1", check.OIDCAud, "want a token for audience %q, got one for %q from %q",
			audience, clipAll(auds), t.Issuer).At("aud")
	}
	if t.Expiry, err = checkTimes(c, now); err != nil {
		return Token{}, err
	}
	if err := t.identify(c); err != nil {
		return Token{}, err
	}
	return t, nil
}

func required(c claims, name string) (string, error) {
	s, err := c.text(name)
	if err != nil {
		return "", err
	}
	if s == "" {
		return "", check.Refuse("SG-2", check.OIDCToken, "want a claim that is not empty, got none").At(name)
	}
	return s, nil
}

// checkTimes returns the expiry.
func checkTimes(c claims, now time.Time) (time.Time, error) {
	exp, ok, err := c.seconds("exp")
	if err != nil {
		return time.Time{}, err
	}
	if !ok {
		return time.Time{}, check.Refuse("OI-4", check.OIDCToken, "want an expiry, got none").At("exp")
	}
	if now.After(exp.Add(skew)) {
		return time.Time{}, check.Refuse("OI-4", check.OIDCToken, "token expired at %s, the clock here says %s", stamp(exp), stamp(now)).
			At("exp").WithNext("get a new token")
	}
	for _, name := range []string{"iat", "nbf"} {
		t, ok, err := c.seconds(name)
		if err != nil {
			return time.Time{}, err
		}
		if ok && t.After(now.Add(skew)) {
			return time.Time{}, check.Refuse("OI-4", check.OIDCToken, "token begins at %s, the clock here says %s", stamp(t), stamp(now)).
				At(name).WithNext("compare the clock of this machine with the time of day")
		}
	}
	return exp, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// identify finds the name that will be certified: the workflow for issuers of
// pipelines, else a verified e-mail address, else the subject (SG-2).
func (t *Token) identify(c claims) error {
	t.Subject = t.Sub
	if template := pipeline(t.Issuer); template != nil {
		t.san, t.sanKnown = template(c)
		return nil
	}
	email, err := c.text("email")
	if err != nil {
		return err
	}
	if email == "" {
		t.likely = pipelineLike(c)
		return nil
	}
	if v := string(c.members["email_verified"]); v != "true" {
		return check.Refuse("SG-2", check.OIDCToken, "want true, got %q for address %q", strictjson.Clip(v), strictjson.Clip(email)).
			At("email_verified").WithNext("verify the address with the provider and sign in again")
	}
	if local, domain, _ := strings.Cut(email, "@"); local == "" || domain == "" || strings.ContainsAny(email, " <>\"") {
		return check.Refuse("SG-2", check.OIDCToken, "want an e-mail address, got %q", strictjson.Clip(email)).At("email")
	}
	t.Subject, t.IsEmail = email, true
	t.san, t.sanKnown = email, true
	t.FederatedIssuer = federated(c)
	return nil
}

// federated returns the issuer behind a Dex. The public Dex uses the URLs of
// issuers as names of its connectors, for Fulcio to copy; a name such as
// "local" is nothing that is copied.
func federated(c claims) string {
	var f struct {
		Connector string `json:"connector_id"`
	}
	if !c.into("federated_claims", &f) {
		return ""
	}
	u, err := url.Parse(f.Connector)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || !printable(f.Connector) {
		return ""
	}
	return f.Connector
}

func clipAll(list []string) []string {
	var out []string
	for _, s := range list {
		if len(out) == 4 {
			return append(out, "...")
		}
		out = append(out, strictjson.Clip(s))
	}
	return out
}
