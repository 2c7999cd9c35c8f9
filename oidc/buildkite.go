package oidc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
)

// Buildkite asks the API that the agent uses for a token. It applies where
// BUILDKITE is "true".
type Buildkite struct {
	Env       func(string) string
	UserAgent string            // "hallmark" if empty
	Transport http.RoundTripper // nil: one of this module's making
	Now       func() time.Time  // time.Now if nil
}

// Name returns "Buildkite".
func (Buildkite) Name() string { return "Buildkite" }

// Token asks for a token with the audience.
func (b Buildkite) Token(ctx context.Context, audience string) (Token, error) {
	if b.Env("BUILDKITE") != "true" {
		return Token{}, unavailable("not in Buildkite")
	}
	access, job := b.Env("BUILDKITE_AGENT_ACCESS_TOKEN"), b.Env("BUILDKITE_JOB_ID")
	if access == "" || job == "" {
		return Token{}, check.Refuse("OI-1", check.OIDCToken,
			"Buildkite detected, but BUILDKITE_AGENT_ACCESS_TOKEN or BUILDKITE_JOB_ID is missing").
			WithNext("let the step see the environment of the agent")
	}
	endpoint := b.Env("BUILDKITE_AGENT_ENDPOINT")
	if endpoint == "" {
		endpoint = "https://agent.buildkite.com/v3"
	}
	c, err := fetch.New(strings.TrimSuffix(endpoint, "/"), fetch.Config{UserAgent: b.UserAgent, Transport: b.Transport, Retries: 3})
	if err != nil {
		return Token{}, err
	}
	defer c.CloseIdle()
	body, _ := json.Marshal(map[string]string{"audience": audience}) // strings always encode
	res, err := c.Do(ctx, fetch.Request{
		Method: http.MethodPost, Path: "/jobs/" + url.PathEscape(job) + "/oidc/tokens",
		Body: body, ContentType: "application/json", Accept: "application/json", MaxBody: maxAnswer,
		Header:     http.Header{"Authorization": {"Token " + access}},
		Idempotent: true, // another token does no harm
		Secrets:    []string{access},
	})
	if err != nil {
		return Token{}, err
	}
	return answered(res.Body, "token", audience, clock(b.Now)())
}
