package oci

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// maxPause bounds one wait that a registry did not ask for.
const maxPause = 10 * time.Second

// A status is an answer that is none, as the cause of an error.
type status struct {
	code    int
	limited bool // the registry is asked too often
	after   time.Duration
	text    string
}

func (s *status) Error() string { return s.text }

// broken marks a connection that failed, which may be better next time.
type broken struct{ err error }

func (b *broken) Error() string { return b.err.Error() }
func (b *broken) Unwrap() error { return b.err }

// retry performs attempt until it gives an answer, an error that a further
// attempt can't change, or no time is left for one.
func (s *session) retry(ctx context.Context, c call, attempt func() (*http.Response, error)) (*http.Response, error) {
	end := time.Now().Add(s.client.config.Deadline)
	wait := s.client.pause
	for tries := 0; ; tries++ {
		res, err := attempt()
		if err == nil {
			return res, nil
		}
		pause, ok := again(err, c)
		if !ok || c.single || tries >= s.client.config.Retries || ctx.Err() != nil {
			return nil, err
		}
		if pause == 0 {
			pause = s.client.jitter(wait)
			wait = min(2*wait, maxPause)
		}
		if time.Now().Add(pause).After(end) {
			return nil, err
		}
		if s.client.sleep(ctx, pause) != nil {
			return nil, err
		}
	}
}

// again says whether a further attempt may help, and what wait the registry asks
// for; 0 if none.
func again(err error, c call) (time.Duration, bool) {
	if s, ok := errors.AsType[*status](err); ok {
		transient := s.code >= 500 && s.code != http.StatusNotImplemented && s.code != http.StatusHTTPVersionNotSupported
		return s.after, s.limited || transient && !c.once
	}
	_, ok := errors.AsType[*broken](err)
	return 0, ok && !c.once
}

// explain makes the error of an answer with a status that is none, and adds what
// is known about credentials.
func (s *session) explain(ctx context.Context, repository string, res *http.Response) error {
	cred, err := s.credential(ctx, repository)
	if err != nil {
		return err
	}
	refused := statusOf(res, "registry "+s.host, cred)
	if res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusForbidden {
		return refused
	}
	s.mu.Lock()
	notes := append([]string(nil), s.notes...)
	s.mu.Unlock()
	if cred.Source != "" {
		notes = append(notes, "credentials are from "+cred.Source)
	} else if cred.empty() {
		notes = append(notes, "no credentials are stored for "+s.host)
	}
	return refused.WithNext(strings.Join(notes, "; "))
}

// statusOf describes an answer: its status and the first error in its body, in
// which nothing of cred is repeated.
func statusOf(res *http.Response, who string, cred Credential) *check.Error {
	st := &status{code: res.StatusCode, after: retryAfter(res.Header.Get("Retry-After"), time.Now())}
	code, message := firstError(res.Body)
	st.limited = st.code == http.StatusTooManyRequests ||
		st.code == http.StatusForbidden && (res.Header.Get("Retry-After") != "" || code == "TOOMANYREQUESTS" ||
			res.Header.Get("X-RateLimit-Remaining") == "0" || strings.Contains(strings.ToLower(message), "rate limit"))
	e := check.Refuse("OC-8", check.Net, "%s answers %d", who, st.code)
	if code != "" || message != "" {
		e = check.Refuse("OC-8", check.Net, "%s answers %d, %q %q", who, st.code,
			strictjson.Clip(redacted(code, cred, res)), strictjson.Clip(redacted(message, cred, res)))
	}
	st.text = e.Err.Error()
	e.Err = st
	return e
}

// firstError reads the body of an error (distribution-spec, error codes).
func firstError(body io.Reader) (code, message string) {
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(body, maxSmallBody)); err != nil {
		return "", ""
	}
	var answer struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if strictjson.UnmarshalOpen(b.Bytes(), &answer) != nil || len(answer.Errors) == 0 {
		return "", ""
	}
	return answer.Errors[0].Code, answer.Errors[0].Message
}

// redacted takes out what the registry may have repeated of a request (M3).
func redacted(text string, cred Credential, res *http.Response) string {
	secrets := []string{string(cred.Password), string(cred.Identity), string(cred.Token)}
	if cred.Password != "" {
		secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(cred.Username+":"+string(cred.Password))))
	}
	if res.Request != nil {
		_, shown, _ := strings.Cut(res.Request.Header.Get("Authorization"), " ")
		secrets = append(secrets, shown)
	}
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return text
}

// translate makes one of our errors of what the HTTP client says, without the
// query of the URL, which may hold a signature of a blob store.
func (s *session) translate(err error) error {
	if refused, ok := errors.AsType[*check.Error](err); ok {
		return refused
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &check.Error{Check: check.Net, Rule: "OC-8", Field: s.host, Err: err}
	}
	s.mu.Lock()
	met := s.scheme != ""
	s.mu.Unlock()
	if !met && errors.Is(err, syscall.ECONNREFUSED) {
		// One that answered before may be restarting; this one is not there.
		return &check.Error{Check: check.Net, Rule: "OC-8", Field: s.host, Err: err, Next: "see whether a registry runs at this address"}
	}
	if next, ok := lasting(err); ok {
		return &check.Error{Check: check.Net, Rule: "OC-8", Field: s.host, Err: err, Next: next}
	}
	return &check.Error{Check: check.Net, Rule: "OC-8", Field: s.host, Err: &broken{err}}
}

// lasting says of an error without answer that it will be the same next time, and
// what the user can do.
func lasting(err error) (next string, ok bool) {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "if this registry has a certificate authority of its own, name its file with --registry-ca", true
	}
	// What a server says of a handshake has no type of its own (crypto/tls).
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return "if this registry asks for a certificate, name it with --registry-cert and --registry-key", true
	}
	name, ok := errors.AsType[*net.DNSError](err)
	return "", ok && name.IsNotFound
}

// retryAfter reads a Retry-After field (RFC 9110, section 10.2.3): seconds or a
// date. What is malformed, negative or past is 0; the deadline is its bound.
func retryAfter(value string, now time.Time) time.Duration {
	const most = 24 * time.Hour // far over any deadline, far under overflow
	if n, err := strconv.ParseUint(value, 10, 64); err == nil {
		return time.Duration(min(n, uint64(most/time.Second))) * time.Second
	}
	if t, err := http.ParseTime(value); err == nil {
		return min(max(t.Sub(now), 0), most)
	}
	return 0
}
