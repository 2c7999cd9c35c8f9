package oci

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
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

// authenticated sends a call, and once more after the registry has said how it
// wants to be authenticated to. A registry that hides what it has from strangers
// may say 403 or 404 instead; it is then asked how by a ping.
func (s *session) authenticated(ctx context.Context, c call) (*http.Response, error) {
	res, used, again, err := s.attempt(ctx, c)
	if err != nil || !again {
		return res, err
	}
	auth, err := s.authorization(ctx, c, used)
	if err != nil {
		res.Body.Close()
		return nil, err
	}
	if auth == "" {
		return res, nil
	}
	res.Body.Close()
	return s.send(ctx, c, auth)
}

// attempt sends a call as the registry is known; again says that the answer told
// how to be authenticated to. The first call of a session goes alone, so that the
// others know already and are not turned away one by one.
func (s *session) attempt(ctx context.Context, c call) (res *http.Response, used string, again bool, err error) {
	if s.begun.CompareAndSwap(false, true) {
		defer close(s.answered)
	} else {
		select {
		case <-s.answered:
		case <-ctx.Done():
			return nil, "", false, s.translate(ctx.Err())
		}
	}
	if used, err = s.authorization(ctx, c, ""); err != nil {
		return nil, "", false, err
	}
	if res, err = s.send(ctx, c, used); err != nil {
		return nil, "", false, err
	}
	if res.StatusCode == http.StatusUnauthorized {
		again, err = true, s.learn(res.Header)
	} else if used == "" && (res.StatusCode == http.StatusForbidden || res.StatusCode == http.StatusNotFound) {
		again, err = s.ping(ctx)
	}
	if err != nil {
		res.Body.Close()
		return nil, "", false, err
	}
	return res, used, again, nil
}

// learn keeps the challenge of an answer.
func (s *session) learn(h http.Header) error {
	c, err := readChallenge(h)
	if err != nil || c == nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.challenge = c
	return nil
}

// ping asks once for the challenge of the registry; true if there is one, which
// another call may have brought in the meantime.
func (s *session) ping(ctx context.Context) (bool, error) {
	s.pinging.Lock()
	defer s.pinging.Unlock()
	s.mu.Lock()
	done, known := s.pinged || s.challenge != nil, s.challenge != nil
	s.pinged = true
	s.mu.Unlock()
	if done {
		return known, nil
	}
	res, err := s.send(ctx, call{method: http.MethodGet, path: "/v2/"}, "")
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		return false, nil
	}
	return true, s.learn(res.Header)
}

// authorization returns the field to show for a call; "" if the registry asked
// for none or there is nothing to show. stale is a field that was refused.
func (s *session) authorization(ctx context.Context, c call, stale string) (string, error) {
	s.mu.Lock()
	ch, origin := s.challenge, s.origin()
	s.mu.Unlock()
	if ch == nil {
		return "", nil
	}
	if !ch.bearer {
		cred, err := s.credential(ctx, c.repository)
		if err != nil || cred.Password == "" {
			return "", err
		}
		req := http.Request{Header: http.Header{}}
		req.SetBasicAuth(cred.Username, string(cred.Password))
		if field := req.Header.Get("Authorization"); field != stale {
			s.use(cred)
			return field, nil
		}
		return "", nil
	}
	scopes := wanted(ch, c.scopes)
	key := strings.Join(scopes, " ")
	s.exchanging.Lock()
	defer s.exchanging.Unlock()
	s.mu.Lock()
	token, have := s.tokens[key]
	s.mu.Unlock()
	if have && "Bearer "+string(token) != stale {
		return "Bearer " + string(token), nil
	}
	token, err := s.exchange(ctx, origin, ch, c.repository, scopes)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.tokens[key] = token
	s.mu.Unlock()
	return "Bearer " + string(token), nil
}

// wanted are the scopes to ask a token for: those of the call. A scope that the
// registry names is used only where the call has none, so that it can't ask for
// more than is needed (O24).
func wanted(c *challenge, scopes []string) []string {
	if len(scopes) == 0 && c.scope != "" {
		return []string{c.scope}
	}
	return scopes
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
