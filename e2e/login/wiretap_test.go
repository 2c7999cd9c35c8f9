package login

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// A wiretap keeps the secrets of a login that pass between hallmark and the
// provider, and what every server is sent.
type wiretap struct {
	mu      sync.Mutex
	secrets map[string]string // by name
	sent    map[sandbox.Service]*bytes.Buffer
}

// tap listens at every server of a sandbox.
func tap(s *sandbox.Sandbox) *wiretap {
	w := &wiretap{secrets: map[string]string{}, sent: map[sandbox.Service]*bytes.Buffer{}}
	for _, service := range []sandbox.Service{sandbox.Fulcio, sandbox.Rekor, sandbox.TSA, sandbox.TUF, sandbox.OIDC} {
		w.sent[service] = new(bytes.Buffer)
		s.Fault(service, func(server http.Handler) http.Handler {
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.pass(service, server, rw, r) })
		})
	}
	return w
}

// pass forwards one request and looks at it and, from the token endpoint, at the
// answer.
func (w *wiretap) pass(service sandbox.Service, server http.Handler, rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	r.Header.Write(w.sent[service])
	w.sent[service].WriteString(r.URL.String() + "\n" + string(body) + "\n")
	w.mu.Unlock()
	form, _ := url.ParseQuery(string(body))
	isToken := service == sandbox.OIDC && form.Get("code_verifier") != ""
	if isToken {
		w.keep("code", form.Get("code"))
		w.keep("code_verifier", form.Get("code_verifier"))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !isToken {
		server.ServeHTTP(rw, r)
		return
	}
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, r)
	var tokens struct {
		ID     string `json:"id_token"`
		Access string `json:"access_token"`
	}
	if json.Unmarshal(answer.Body.Bytes(), &tokens) == nil {
		w.keep("id_token", tokens.ID)
		w.keep("access_token", tokens.Access)
	}
	for name, values := range answer.Header() {
		rw.Header()[name] = values
	}
	rw.WriteHeader(answer.Code)
	rw.Write(answer.Body.Bytes())
}

func (w *wiretap) keep(name, secret string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if secret != "" {
		w.secrets[name] = secret
	}
}

// leaks names the secrets that a text holds, plain or encoded (M15).
func (w *wiretap) leaks(text string) (names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, secret := range w.secrets {
		for _, form := range forms(secret) {
			if strings.Contains(text, form) {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

// forms are the ways in which a secret may be written: as it is, escaped for an
// address, and in base64 at each of the three places it can begin.
func forms(secret string) []string {
	list := []string{secret, url.QueryEscape(secret)}
	for skip := range 3 {
		part := secret[skip:]
		part = part[:len(part)/3*3]
		list = append(list, base64.StdEncoding.EncodeToString([]byte(part)), base64.URLEncoding.EncodeToString([]byte(part)))
	}
	return list
}

// complete fails the test unless every kind of secret passed: a search for what
// was not seen finds nothing.
func (w *wiretap) complete(t *testing.T) {
	t.Helper()
	for _, name := range []string{"code", "code_verifier", "id_token", "access_token"} {
		if len(w.secrets[name]) < 6 {
			t.Errorf("no %s was seen", name)
		}
	}
}
