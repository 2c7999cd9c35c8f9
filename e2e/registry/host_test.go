package registry

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Who may use the registries that want a password.
const (
	userName = "alice"
	password = "s3cret-of-alice"
)

// A request is one that a host got.
type request struct {
	method, path, query, host string
	header                    http.Header
}

// A host is a server on the loopback interface that remembers what it was
// asked. It can be stopped and started again at the same address.
type host struct {
	name string // host:port
	tls  *tls.Config

	mu      sync.Mutex
	asked   []request
	handler http.Handler
	// before may answer instead of the handler; false passes on.
	before func(w http.ResponseWriter, r *http.Request) bool
	server *http.Server

	connections atomic.Int64
}

// serve runs a host until the test ends; plain http if config is nil.
func serve(t testing.TB, handler http.Handler, config *tls.Config) *host {
	t.Helper()
	h := &host{handler: handler, tls: config}
	h.start(t, "127.0.0.1:0")
	t.Cleanup(h.stop)
	return h
}

func (h *host) start(t testing.TB, address string) {
	t.Helper()
	var l net.Listener
	var err error
	for range 50 { // the port may be in use for a moment after a stop
		if l, err = net.Listen("tcp", address); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.name = l.Addr().String()
	if h.tls != nil {
		l = tls.NewListener(l, h.tls)
	}
	h.server = &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: 10 * time.Second,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				h.connections.Add(1)
			}
		}}
	go h.server.Serve(l)
}

// stop closes the listener and all connections at once.
func (h *host) stop() {
	h.mu.Lock()
	s := h.server
	h.mu.Unlock()
	s.Close()
}

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.asked = append(h.asked, request{r.Method, r.URL.Path, r.URL.RawQuery, r.Host, r.Header.Clone()})
	before, handler := h.before, h.handler
	h.mu.Unlock()
	if before == nil || !before(w, r) {
		handler.ServeHTTP(w, r)
	}
}

// first answers the first n requests that match itself.
func (h *host) first(n int, match func(*http.Request) bool, answer http.HandlerFunc) {
	var mu sync.Mutex
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		if !match(r) {
			return false
		}
		mu.Lock()
		n--
		mine := n >= 0
		mu.Unlock()
		if mine {
			answer(w, r)
		}
		return mine
	})
}

func (h *host) set(before func(w http.ResponseWriter, r *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = before
}

func (h *host) replace(handler http.Handler) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handler = handler
}

// taken returns what was asked since the last call.
func (h *host) taken() []request {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.asked
	h.asked = nil
	return all
}

func (h *host) scheme() string {
	if h.tls != nil {
		return "https"
	}
	return "http"
}

func (h *host) url() string { return h.scheme() + "://" + h.name }

// lines shows requests.
func lines(all []request) (out []string) {
	for _, r := range all {
		out = append(out, r.method+" "+r.path)
	}
	return out
}

// drop reads half of a body and closes the connection.
func drop(_ http.ResponseWriter, r *http.Request) {
	io.CopyN(io.Discard, r.Body, max(r.ContentLength/2, 0))
	panic(http.ErrAbortHandler)
}

// basic wants the password for everything.
func basic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != userName || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// client speaks to all hosts of a test.
func (s *scene) client() *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: s.transport()}
}

func (s *scene) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.ca.pool}, DisableKeepAlives: true}
}

// get asks a host with the password.
func (s *scene) get(t testing.TB, h *host, path string, accept string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, h.url()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(userName, password)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	res, err := s.client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}
