package registry

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// A listener records all that it is sent, and would take a password.
type listener struct {
	*host
	mu   sync.Mutex
	sent bytes.Buffer
}

func (s *scene) listen(t testing.TB, next http.Handler) *listener {
	t.Helper()
	l := &listener{}
	l.host = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		r.Clone(r.Context()).Write(&b)
		l.mu.Lock()
		l.sent.Write(b.Bytes())
		l.mu.Unlock()
		next.ServeHTTP(w, r)
	}), s.ca.server(t))
	return l
}

// stranger fails the test if the listener was sent anything of a password.
func (l *listener) stranger(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.sent.String()
	secrets := []string{password, base64.StdEncoding.EncodeToString([]byte(userName + ":" + password)), "Authorization", "Cookie", "the-token"}
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("another host was sent %q:\n%s", secret, text)
		}
	}
}

func answer(location string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", location+r.URL.RequestURI())
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

func isBlob(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/")
}

// shown says whether a host was given the password.
func shown(h *host) bool {
	for _, r := range h.taken() {
		if strings.HasPrefix(r.header.Get("Authorization"), "Basic ") {
			return true
		}
	}
	return false
}

// A blob store on another host delivers blobs and gets no password.
func TestCredentials_Redirect(t *testing.T) {
	s := newScene(t)
	inner := inMemory(true)(t)
	k := withPassword
	k.open = func(testing.TB) http.Handler { return basic(inner) }
	h, store := s.open(t, k), s.listen(t, inner)
	s.push(t, h, "app:1", 1)
	s.sign(t, 0, sandbox.Alice, h.name+"/app:1")
	h.taken()
	h.first(1<<30, isBlob, answer(store.url()))
	s.verify(t, 0, sandbox.Alice, h.name+"/app:1")
	if len(store.taken()) == 0 {
		t.Error("the blob store was not asked")
	}
	if !shown(h) {
		t.Error("the registry was not given the password")
	}
	store.stranger(t)

	// Back from there, the registry is a stranger as well.
	back := s.listen(t, answer(h.url()))
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		if isBlob(r) && r.Header.Get("Authorization") != "" {
			answer(back.url())(w, r)
			return true
		}
		return false
	})
	s.verify(t, 3, sandbox.Alice, h.name+"/app:1")
	if len(back.taken()) == 0 {
		t.Error("the other host was not asked")
	}
	back.stranger(t)
}

// An upload goes to the registry or nowhere.
func TestCredentials_UploadLocation(t *testing.T) {
	s := newScene(t)
	h, evil := s.open(t, withPassword), s.listen(t, http.NotFoundHandler())
	s.push(t, h, "app:1", 1)
	h.first(1<<30, method(http.MethodPost), func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", evil.url()+r.URL.Path+"1")
		w.WriteHeader(http.StatusAccepted)
	})
	r := s.sign(t, 1, sandbox.Alice, h.name+"/app:1")
	if !strings.Contains(r.Stderr, "oci: ") || !strings.Contains(r.Stderr, evil.name) {
		t.Errorf("the reason is not the upload location:\n%s", r.Stderr)
	}
	if n := len(evil.taken()); n != 0 {
		t.Errorf("%d requests to another host", n)
	}
}

// A token server elsewhere is asked without a password, or not at all.
func TestCredentials_Realm(t *testing.T) {
	for _, tt := range []struct {
		name  string
		realm func(l *host) string
		asked bool
	}{
		{"https at a name", func(l *host) string { return strings.Replace(l.url(), "127.0.0.1", "localhost", 1) + "/token" }, true},
		{"https at an address", func(l *host) string { return l.url() + "/token" }, false},
		{"http", func(l *host) string { return "http://" + l.name + "/token" }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			evil := s.listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, `{"token":"the-token","access_token":"the-token"}`)
			}))
			h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer realm=%q,service=%q", tt.realm(evil.host), "x"))
				w.WriteHeader(http.StatusUnauthorized)
			}), s.ca.server(t))
			s.login(t, h.name)
			s.verify(t, 3, sandbox.Alice, h.name+"/app:1")
			if n := len(evil.taken()); (n > 0) != tt.asked {
				t.Errorf("%d requests to the token server", n)
			}
			if shown(h) {
				t.Error("a registry that wants a token was given the password")
			}
			evil.stranger(t)
		})
	}
}

// Addresses in layers are not followed, nor the next page on another host.
func TestCredentials_LayerAddressesAndPages(t *testing.T) {
	s := newScene(t)
	h, to, evil := s.open(t, withPassword), s.open(t, plain), s.listen(t, http.NotFoundHandler())
	s.push(t, h, "app:1", 1)
	s.sign(t, 0, sandbox.Alice, h.name+"/app:1")
	s.pushElsewhere(t, h, "far", evil.url())
	for _, command := range [][]string{
		{"copy", h.name + "/far:1", to.name + "/far:1"}, {"save", h.name + "/far:1", "--output", "far.tar"}, {"tree", h.name + "/far:1"},
	} {
		s.run(t, 0, append([]string{"image"}, command...)...)
	}
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/referrers/") {
			w.Header().Set("Link", "<"+evil.url()+r.URL.Path+`?n=1>; rel="next"`)
		}
		return false
	})
	if r := s.verify(t, 1, sandbox.Alice, h.name+"/app:1"); !strings.Contains(r.Stderr, evil.name) {
		t.Errorf("the reason is not the next page:\n%s", r.Stderr)
	}
	if n := len(evil.taken()); n != 0 {
		t.Errorf("%d requests to another host", n)
	}
}
