package oci

import (
	"context"
	"net/http"
	"strings"
)

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
