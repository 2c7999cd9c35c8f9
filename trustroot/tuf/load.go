package tuf

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// load returns a verified view: the one in memory, the cached one, or a new one.
// The network is asked only when nothing young is at hand.
func (c *Client) load(ctx context.Context) (*view, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.config.Now()
	if c.view != nil && (c.view.young(now, c.config.MaxAge) || c.config.Offline && c.lasts(now)) {
		return c.view, nil
	}
	v, err := c.find(ctx, now)
	if err != nil {
		return nil, c.explain(err)
	}
	c.use(v)
	return v, nil
}

// lasts reports whether the view in memory may still be used offline: it expires
// for a process that lives long, too (TU-11).
func (c *Client) lasts(now time.Time) bool {
	return c.view.meta == nil || c.config.AllowExpired || c.view.meta.stale(reference(now, c.view.memory)) == nil
}

func (c *Client) find(ctx context.Context, now time.Time) (*view, error) {
	if c.config.Offline {
		return c.offline(now)
	}
	cached, cerr := c.cached(now)
	if check.Of(cerr) == check.FS {
		return nil, cerr
	}
	if c.newer(cached) {
		cached, cerr = c.view, c.view.meta.stale(now)
	}
	if cerr == nil && cached != nil && cached.young(now, c.config.MaxAge) {
		return cached, nil
	}
	v, err := c.update(ctx, false)
	if err == nil || check.Of(err) != check.Net || ctx.Err() != nil {
		return v, err
	}
	if cerr != nil { // expired or damaged
		return nil, also(err, cerr)
	}
	if cached == nil {
		return c.builtIn(err)
	}
	out := *cached
	out.warnings = append(c.remarks(cached, now), fmt.Sprintf("%s does not answer, using what was fetched at %s: %v",
		c.host, cached.fetched.UTC().Format(time.RFC3339), err))
	return &out, nil
}

// newer reports whether what this process has verified is newer than cached,
// which may be nil: the cache cannot be written, or there is none.
func (c *Client) newer(cached *view) bool {
	return c.view != nil && c.view.meta != nil && (cached == nil || c.view.fetched.After(cached.fetched))
}

// also adds to err, which decides, why the cache could not stand in for it.
func also(err, cached error) error {
	var e *check.Error
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	out.Err = fmt.Errorf("%w; and the cache cannot stand in: %v", e.Err, cached)
	return &out
}

// cached returns the verified cache, nil if there is none.
func (c *Client) cached(now time.Time) (*view, error) {
	if c.cache == nil {
		return nil, nil
	}
	s, err := c.cache.read()
	if err != nil {
		return nil, err
	}
	v, err := c.restore(s, reference(now, s))
	if err != nil || v == nil {
		return nil, err
	}
	v.warnings = c.remarks(v, now)
	return v, nil
}

// offline returns the cache without asking anybody (TU-11).
func (c *Client) offline(now time.Time) (*view, error) {
	v, err := c.cached(now)
	if err != nil && check.Of(err) == check.TUFFreeze && c.config.AllowExpired {
		return c.expired(now, err)
	}
	if err != nil || v != nil {
		return v, err
	}
	return c.builtIn(check.Refuse("TU-11", check.TrustRoot, "nothing is cached, and the network is not to be used").
		WithNext("run hallmark trust update with network, or give a trusted root file"))
}

// expired returns the cache though freeze says that it expired. Signatures,
// versions and hashes are checked all the same.
func (c *Client) expired(now time.Time, freeze error) (*view, error) {
	s, err := c.cache.read()
	if err != nil {
		return nil, err
	}
	v, err := c.restore(s, time.Time{})
	if err != nil {
		return nil, err
	}
	v.warnings = append(c.remarks(v, now), fmt.Sprintf("expired metadata is used as asked: %v", freeze))
	return v, nil
}

// remarks returns what is worth a word about a verified view.
func (c *Client) remarks(v *view, now time.Time) []string {
	var out []string
	if v.meta == nil {
		return nil
	}
	if now.Add(clockSlack).Before(v.fetched) {
		out = append(out, fmt.Sprintf("the clock says %s, which is before the last update at %s",
			now.UTC().Format(time.RFC3339), v.fetched.UTC().Format(time.RFC3339)))
	}
	expires := v.meta.timestamp.Signed.Expires
	if left := expires.Sub(now); left > 0 && left < shortLife {
		out = append(out, fmt.Sprintf("the timestamp of %s expires at %s", c.host, expires.UTC().Format(time.RFC3339)))
	}
	return out
}

// explain names the mirror in err and a next step.
func (c *Client) explain(err error) error {
	var e *check.Error
	if !errors.As(err, &e) {
		return check.Refuse("TU-10", check.Internal, "%s: %v", c.host, err)
	}
	out := *e
	out.Err = fmt.Errorf("%s: %w", c.host, e.Err)
	if out.Next != "" {
		return &out
	}
	switch e.Check {
	case check.Net:
		out.Next = "check the network, then run hallmark trust update"
	case check.TUFFreeze:
		out.Next = "check the clock of this machine, then run hallmark trust update"
	case check.FS:
		out.Next = "check the cache directory"
	default:
		out.Next = "try again later; if it stays, tell whoever runs the repository"
	}
	return &out
}
