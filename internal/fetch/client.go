package fetch

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A Client performs requests to one origin. It is safe for concurrent use.
type Client struct {
	base     string
	url      *url.URL
	agent    string
	timeout  time.Duration
	deadline time.Duration
	retries  int
	pause    time.Duration // before the first retry, about
	window   time.Duration // of the throughput rule
	blind    bool          // the transport is not of net/http, and need not say what it wrote
	http     *http.Client
}

var _ Doer = (*Client)(nil)

// New returns a client bound to the origin of base: an absolute https URL
// without user, query, fragment and dot segments (SC-9).
func New(base string, c Config) (*Client, error) {
	u, err := parseBase(base, c.AllowHTTP)
	if err != nil {
		return nil, err
	}
	if c.Retries < 0 || c.Timeout < 0 || c.Deadline < 0 {
		return nil, check.Refuse("", check.Internal, "want no negative retries, timeout or deadline, got %d, %v, %v",
			c.Retries, c.Timeout, c.Deadline)
	}
	cl := &Client{
		base:     base,
		url:      u,
		agent:    cmp.Or(c.UserAgent, "hallmark"),
		timeout:  cmp.Or(c.Timeout, defaultTimeout),
		deadline: cmp.Or(c.Deadline, 2*time.Minute),
		retries:  c.Retries,
		pause:    300 * time.Millisecond,
		window:   window,
	}
	next := c.Transport
	if next == nil {
		_, err := netip.ParseAddr(u.Hostname())
		next = newTransport(cl.timeout, err == nil)
	}
	_, plain := next.(*http.Transport)
	cl.blind = !plain
	cl.http = &http.Client{Transport: next, CheckRedirect: checkRedirect}
	return cl, nil
}

// Base returns the URL that the client was made with.
func (c *Client) Base() string { return c.base }

// CloseIdle closes connections that wait for a next request.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// Do performs r, several times if that may help. The error has the check net
// if there is no answer, or none with a status that r accepts; limit if the
// answer is too long; server if it is not of the form that was asked for. NotDone
// says whether the server can have done anything.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	t := trail{blind: c.blind}
	res, err := c.do(ctx, r, &t)
	return res, t.end(err)
}

func (c *Client) do(ctx context.Context, r Request, t *trail) (*Response, error) {
	if r.MaxBody <= 0 {
		return nil, check.Refuse("LM-1", check.Internal, "want a request with a bound on its answer, got %d", r.MaxBody)
	}
	u, err := c.resolve(r.Path)
	if err != nil {
		return nil, err
	}
	return c.retry(ctx, r, func(ctx context.Context) (*Response, error) {
		return t.follow(ctx, func(ctx context.Context) (*Response, error) { return c.attempt(ctx, r, u) })
	})
}

// resolve appends path to the base; the origin can't change.
func (c *Client) resolve(path string) (*url.URL, error) {
	raw := c.base
	if path != "" {
		raw = strings.TrimSuffix(raw, "/")
		if path[0] != '/' && path[0] != '?' {
			raw += "/"
		}
		raw += path
	}
	u, err := url.Parse(raw)
	if err != nil || !sameOrigin(u, c.url) || u.User != nil || strings.Contains(path, "#") || hasDotSegment(u.Path) {
		return nil, check.Refuse("SC-9", check.Internal, "want a path below %q, got %q", c.base, plainPath(path))
	}
	return u, nil
}

// attempt sends r once.
func (c *Client) attempt(parent context.Context, r Request, u *url.URL) (*Response, error) {
	timed, stop := context.WithTimeoutCause(parent, c.timeout,
		check.Refuse("TU-14", check.Net, "want an answer within %v, got none", c.timeout))
	defer stop()
	ctx, cancel := context.WithCancelCause(timed)
	defer cancel(nil)
	req, err := c.request(ctx, r, u)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, redirected(res, c.translate(ctx, r, u, err))
	}
	limit := r.MaxBody
	if !accepted(res.StatusCode, r) {
		limit = maxErrBody
	}
	res.Body = watch(ctx, cancel, res.Body, limit, c.window)
	defer res.Body.Close()
	packed, err := checkEncoding(res, r.Gzip)
	if err != nil {
		return nil, c.translate(ctx, r, u, err)
	}
	if !accepted(res.StatusCode, r) {
		return nil, c.statusError(r, u, res)
	}
	if res.ContentLength > r.MaxBody && req.Method != http.MethodHead {
		return nil, check.Refuse("LM-1", check.Limit, "want at most %d bytes from %q, got %d announced",
			r.MaxBody, place(u), res.ContentLength)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, c.translate(ctx, r, u, err)
	}
	if packed {
		if body, err = unpack(body, r.MaxBody); err != nil {
			return nil, c.translate(ctx, r, u, err)
		}
	}
	if err := checkPortal(r, u, res, body); err != nil {
		return nil, err
	}
	return &Response{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

func (c *Client) request(ctx context.Context, r Request, u *url.URL) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method(r), u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, check.Refuse("", check.Internal, "want a request for %q, got one that cannot be made", place(u))
	}
	if r.Header != nil {
		req.Header = r.Header.Clone()
	}
	for name, value := range map[string]string{
		"Content-Type":    r.ContentType,
		"Accept":          r.Accept,
		"User-Agent":      c.agent,
		"Accept-Encoding": encodings(r),
	} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if r.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+r.Bearer)
	}
	return req, nil
}

func encodings(r Request) string {
	if r.Gzip {
		return "gzip, identity"
	}
	return "identity"
}

func method(r Request) string { return cmp.Or(r.Method, http.MethodGet) }

func accepted(status int, r Request) bool {
	return status >= 200 && status < 300 || slices.Contains(r.AcceptStatus, status)
}

// plainPath is path without its query.
func plainPath(path string) string {
	p, _, _ := strings.Cut(path, "?")
	return p
}

// place names u without query.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }
