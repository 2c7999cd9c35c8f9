package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A status is the error of an answer that was not accepted; it is found only
// inside this package, by the code that decides about retries.
type status struct {
	code  int
	after string // Retry-After
	text  string
}

func (s *status) Error() string { return s.text }

// A broken is the error of an attempt that had no answer, or not all of one. A
// further attempt may have.
type broken struct{ err error }

func (b *broken) Error() string { return b.err.Error() }
func (b *broken) Unwrap() error { return b.err }

func secrets(r Request) []string {
	if r.Bearer == "" {
		return r.Secrets
	}
	return append([]string{r.Bearer}, r.Secrets...)
}

// translate makes an error of a transport one of ours: without query strings
// (M5), without passwords (M6), without secrets that a peer gave back (M3).
func (c *Client) translate(ctx context.Context, r Request, u *url.URL, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if e, ok := errors.AsType[*check.Error](cause); ok {
			cause = e.Err
		}
		return lost(fmt.Errorf("%s %s: %w", method(r), place(u), cause))
	}
	if e, ok := errors.AsType[*check.Error](err); ok {
		return e.At(place(u))
	}
	text := fmt.Errorf("%s %s: %s", method(r), place(u), plain(err, secrets(r)))
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &check.Error{Check: check.Net, Rule: "TU-14", Err: text} // a further attempt would see the same certificate
	}
	return lost(text)
}

func lost(err error) *check.Error {
	return &check.Error{Check: check.Net, Rule: "TU-14", Err: &broken{err}}
}

// plain is the text of a foreign error.
func plain(err error, secrets []string) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "the connection ended inside the answer"
	}
	q := Excerpt([]byte(err.Error()), secrets...)
	if s, err := strconv.Unquote(q); err == nil && strconv.Quote(s) == `"`+s+`"` {
		return s // nothing in it had to be escaped
	}
	return q
}

// redirected is the error of a redirect that was not followed: there is an answer
// beside it then, and only then.
func redirected(res *http.Response, err error) error {
	e, ok := errors.AsType[*check.Error](err)
	if res == nil || !ok {
		return err
	}
	c := *e
	c.Err = &status{code: res.StatusCode, text: e.Err.Error()}
	return &c
}

// statusError reads a little of the body: services say there what they want.
func (c *Client) statusError(r Request, u *url.URL, res *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxErrBody)) // a cut text is good enough here
	s := &status{code: res.StatusCode, after: res.Header.Get("Retry-After")}
	s.text = fmt.Sprintf("%s %s: want status 2xx, got %d: %s", method(r), place(u), s.code, Excerpt(text, secrets(r)...))
	return &check.Error{Check: check.Net, Rule: "TU-14", Err: s}
}

// checkPortal recognises the page of a captive portal (Q27).
func checkPortal(r Request, u *url.URL, res *http.Response, body []byte) error {
	if !strings.Contains(r.Accept, "json") {
		return nil
	}
	html := strings.HasPrefix(strings.ToLower(res.Header.Get("Content-Type")), "text/html")
	if html || strings.HasPrefix(strings.TrimSpace(string(body[:min(len(body), 64)])), "<") {
		return check.Refuse("TU-14", check.Server, "want JSON from %q, got something that is not JSON: looks like a captive portal page",
			place(u)).WithNext("open the address in a browser to see what answers")
	}
	return nil
}
