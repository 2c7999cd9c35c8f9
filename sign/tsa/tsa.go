// Package tsa asks an RFC 3161 timestamp authority to timestamp a signature. A
// token is handed on only if a verifier would accept it: over this signature, by
// an authority of the trusted root, in answer to this very request (SG-8).
package tsa

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"mime"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/service"
	"github.com/hallmarksign/hallmark/internal/tsp"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/trustroot"
)

// skew is how far the authority's clock may be ahead of ours (TM-4).
const skew = 60 * time.Second

// Config is what a client needs. Doer and Authorities are needed.
type Config struct {
	Doer        fetch.Doer            // bound to the complete URL of the authority (SC-9)
	Authorities []trustroot.Authority // of the trusted root; the token is by one of them
	Rand        io.Reader             // of the nonce; crypto/rand if nil
	Now         func() time.Time      // time.Now if nil
}

// A Client asks one authority. It is safe for concurrent use if Rand is.
type Client struct{ config Config }

var _ sign.TimestampAuthority = (*Client)(nil)

// New returns a client. A config that could not check answers is an error.
func New(c Config) (*Client, error) {
	if c.Doer == nil {
		return nil, check.Refuse("SG-8", check.Internal, "want a connection")
	}
	if len(c.Authorities) == 0 {
		return nil, check.Refuse("SG-8", check.TrustRoot, "trusted root names no timestamp authority")
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{c}, nil
}

// Timestamp returns a TimeStampResp in DER over signature. What the authority
// answers wrongly is an error of check server; a time that the clock here has
// not reached yet is one of check time.
func (c *Client) Timestamp(ctx context.Context, signature []byte) ([]byte, error) {
	req, err := tsp.NewRequest(signature, c.config.Rand)
	if err != nil {
		return nil, check.Refuse("SG-8", check.Internal, "timestamp request: %w", err)
	}
	res, err := service.Ask(ctx, c.config.Doer, fetch.Request{
		Method:      "POST",
		Body:        req.DER,
		ContentType: "application/timestamp-query",
		Accept:      "application/timestamp-reply",
		MaxBody:     tsp.MaxSize,
	}, 200, 201)
	if err != nil {
		return nil, err
	}
	if kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || kind != "application/timestamp-reply" {
		return nil, check.Refuse("SG-8", check.Server, "answer is %q, want a timestamp", res.Header.Get("Content-Type"))
	}
	if err := c.check(res.Body, req, signature); err != nil {
		return nil, err
	}
	return res.Body, nil
}

// check refuses an answer that is not the timestamp that was asked for.
func (c *Client) check(der []byte, req *tsp.Request, signature []byte) error {
	token, err := tsp.Parse(der)
	if err != nil {
		return check.Refuse("SG-8", check.Server, "timestamp: %w", err)
	}
	if token.Nonce == nil || token.Nonce.Cmp(req.Nonce) != 0 {
		return check.Refuse("SG-8", check.Server, "timestamp is for another request: nonce is %v, want %v", token.Nonce, req.Nonce)
	}
	if err := c.known(token, signature); err != nil {
		return err
	}
	if now := c.config.Now(); token.Time.After(now.Add(skew)) {
		return check.Refuse("TM-4", check.Time, "timestamp says %s, the clock here says %s",
			token.Time.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)).
			WithNext("compare the clock of this machine with the time of day")
	}
	return nil
}

// known finds the authority of the trusted root that made the token, and in
// whose window it falls (TS-6). A refusal by one counts only when no other
// accepts: a trusted root may name two certificates of one authority.
func (c *Client) known(token *tsp.Token, signature []byte) error {
	refusal := check.Refuse("TS-8", check.Server, "timestamp is by an authority that the trusted root does not know")
	for _, a := range c.config.Authorities {
		_, err := token.Verify(signature, a.Chain)
		if errors.Is(err, tsp.ErrUnknown) {
			continue
		}
		if err != nil {
			refusal = check.Refuse("SG-8", check.Server, "timestamp: %w", err)
			continue
		}
		if a.Valid.Contains(token.Time) {
			return nil
		}
		refusal = check.Refuse("TS-6", check.Server, "timestamp says %s, when %q was not in use",
			token.Time.UTC().Format(time.RFC3339), a.URI)
	}
	return refusal
}
