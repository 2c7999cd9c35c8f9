package oidc

import (
	"context"
	"errors"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// CircleCI takes the token that CircleCI gives to every job. It applies where
// CIRCLECI is "true".
type CircleCI struct {
	Env func(string) string
	Now func() time.Time // time.Now if nil
}

// Name returns "CircleCI".
func (CircleCI) Name() string { return "CircleCI" }

// Token returns the token in CIRCLE_OIDC_TOKEN_V2.
func (c CircleCI) Token(_ context.Context, audience string) (Token, error) {
	if c.Env("CIRCLECI") != "true" {
		return Token{}, unavailable("not in CircleCI")
	}
	raw := c.Env("CIRCLE_OIDC_TOKEN_V2")
	if raw == "" {
		return Token{}, check.Refuse("OI-1", check.OIDCToken, "CircleCI detected, but the job has no CIRCLE_OIDC_TOKEN_V2").
			WithNext("give the job a context; only such jobs get a token")
	}
	t, err := Parse(raw, audience, clock(c.Now)())
	if e, ok := errors.AsType[*check.Error](err); ok && e.Check == check.OIDCAud {
		// The audience of this token is the organisation unless asked otherwise.
		return Token{}, e.WithNext(`put the answer of "circleci run oidc get" with the claim "aud": "` + audience + `" in SIGSTORE_ID_TOKEN`)
	}
	return t, err
}
