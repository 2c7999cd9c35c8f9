package oci

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A session is all that is known about one registry: scheme, how it wants to be
// authenticated to, credentials and tokens. Nothing is asked twice.
type session struct {
	client  *Client
	host    string
	binding binding

	mu        sync.Mutex
	scheme    string // "" until an answer came
	pinged    bool
	challenge *challenge
	tokens    map[string]Secret // by scopes
	notes     []string
	used      *Use // what was shown last

	begun    atomic.Bool   // the first call
	answered chan struct{} // closed after it, see attempt

	pinging     sync.Mutex // one ping at a time
	asking      sync.Mutex
	credentials map[string]Credential // by repository; guarded by asking
	exchanging  sync.Mutex            // one token request at a time
}

func newSession(c *Client, host string) *session {
	s := &session{client: c, host: host, tokens: map[string]Secret{}, credentials: map[string]Credential{}, answered: make(chan struct{})}
	s.binding.registry = host
	return s
}

// A call is one request to a registry.
type call struct {
	method, path string
	repository   string // whose credentials to use
	query        url.Values
	location     *url.URL // instead of path and query; of an upload
	header       http.Header
	body         func() (io.ReadCloser, error) // nil: none; called for each attempt
	size         int64                         // of body
	scopes       []string
	answers      []int // statuses >= 300 that are an answer
	once         bool  // not sent again unless the registry said that it did nothing
	single       bool  // never sent again
}

// pull and push are the scopes of a repository.
func pull(repository string) []string { return []string{"repository:" + repository + ":pull"} }
func push(repository string) []string { return []string{"repository:" + repository + ":pull,push"} }
func remove(repository string) []string {
	return []string{"repository:" + repository + ":pull,push,delete"}
}

// credential asks the keychain once for each repository.
func (s *session) credential(ctx context.Context, repository string) (Credential, error) {
	if s.client.config.Credentials == nil {
		return Credential{}, nil
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	if cred, ok := s.credentials[repository]; ok {
		return cred, nil
	}
	cred, err := s.client.config.Credentials.Credential(ctx, s.host, repository)
	if err != nil {
		return Credential{}, err
	}
	s.credentials[repository] = cred
	return cred, nil
}

// do sends a call, with the credentials that the registry asks for, and again if
// that may help. The caller closes and bounds the body.
func (s *session) do(ctx context.Context, c call) (*http.Response, error) {
	return s.retry(ctx, c, func() (*http.Response, error) {
		res, err := s.authenticated(ctx, c)
		if err != nil {
			return nil, err
		}
		if res.StatusCode < 300 || slices.Contains(c.answers, res.StatusCode) {
			return res, nil
		}
		defer res.Body.Close()
		return nil, s.explain(ctx, c.repository, res)
	})
}

// origin is where the registry is, as far as is known; the caller holds mu.
func (s *session) origin() *url.URL {
	scheme := s.scheme
	if scheme == "" {
		scheme = "https"
	}
	return &url.URL{Scheme: scheme, Host: s.host}
}

// send sends a call once. Where plain http is allowed it is tried after https has
// been answered in http, which happens before anything of the call was sent.
func (s *session) send(ctx context.Context, c call, auth string) (*http.Response, error) {
	s.mu.Lock()
	origin, known := s.origin(), s.scheme != ""
	s.mu.Unlock()
	res, err := s.sendTo(ctx, origin, c, auth)
	if !known && errors.Is(err, http.ErrSchemeMismatch) {
		host := origin.Hostname()
		if !isLoopback(host) && !s.client.config.AllowHTTP {
			refused := check.Refuse("OC-7", check.Net,
				"want https at %q, got plain http, which is allowed at a literal loopback address alone", s.host)
			if host == "localhost" { // a name like any other, see isLoopback
				refused.Next = "write 127.0.0.1 instead of localhost"
			}
			return nil, refused
		}
		origin = &url.URL{Scheme: "http", Host: s.host}
		res, err = s.sendTo(ctx, origin, c, auth)
	}
	if err != nil {
		return nil, s.translate(err)
	}
	s.mu.Lock()
	s.scheme = origin.Scheme
	s.mu.Unlock()
	return res, nil
}

func (s *session) sendTo(ctx context.Context, origin *url.URL, c call, auth string) (*http.Response, error) {
	u := &url.URL{Scheme: origin.Scheme, Host: s.host, Path: c.path, RawQuery: c.query.Encode()}
	if c.location != nil {
		u = c.location
	}
	req, err := http.NewRequestWithContext(bind(ctx, &s.binding, origin), c.method, u.String(), nil)
	if err != nil {
		return nil, check.Refuse("", check.Internal, "want a request to %q, got one that cannot be made", s.host)
	}
	if c.body != nil {
		if req.Body, err = c.body(); err != nil {
			return nil, err
		}
		req.ContentLength = c.size
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", s.client.config.UserAgent)
	req.Header.Set("Accept-Encoding", "identity")
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	return s.client.http.Do(req)
}

// use remembers what was shown.
func (s *session) use(cred Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = &Use{Registry: s.host, Source: cred.Source, Note: cred.Note}
}

// note remembers what may explain a later refusal.
func (s *session) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.notes, text) {
		s.notes = append(s.notes, text)
	}
}
