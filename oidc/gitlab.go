package oidc

import (
	"context"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// GitLab takes the token that the job asked GitLab for in its id_tokens. It
// applies where GITLAB_CI is "true".
type GitLab struct {
	Env func(string) string
	Now func() time.Time // time.Now if nil
}

// Name returns "GitLab CI".
func (GitLab) Name() string { return "GitLab CI" }

// Token returns the token in SIGSTORE_ID_TOKEN.
func (g GitLab) Token(_ context.Context, audience string) (Token, error) {
	if g.Env("GITLAB_CI") != "true" {
		return Token{}, unavailable("not in GitLab CI")
	}
	raw := g.Env("SIGSTORE_ID_TOKEN")
	if raw == "" {
		return Token{}, check.Refuse("OI-1", check.OIDCToken, "GitLab CI detected, but the job has no SIGSTORE_ID_TOKEN").
			WithNext("add \"id_tokens: SIGSTORE_ID_TOKEN: aud: " + audience + "\" to the job")
	}
	return Parse(raw, audience, clock(g.Now)())
}
