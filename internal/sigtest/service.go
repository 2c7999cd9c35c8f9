package sigtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// maxRequest bounds what a service reads.
const maxRequest = 16 << 20

// A Fault answers a request instead of a service, or changes its answer.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// A Request is what a service was asked.
type Request struct {
	Method, Path string
	Header       http.Header
	Body         []byte
}

// A Service is an HTTP server on a loopback address with a port of its own. It
// ends with the test.
type Service struct {
	URL string // base of all paths, without final slash

	mu    sync.Mutex
	fault Fault
	seen  []Request
}

// SetFault makes the service answer by f; nil: well again.
func (s *Service) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Requests returns what the service was asked so far, faults or not.
func (s *Service) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.seen...)
}

// start serves h under a path.
func (w *World) start(path string, h http.Handler) *Service {
	s := new(Service)
	h = http.StripPrefix(path, h)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxRequest))
		if err != nil {
			http.Error(rw, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.seen = append(s.seen, Request{r.Method, r.URL.Path, r.Header.Clone(), body})
		fault := s.fault
		s.mu.Unlock()
		if fault != nil {
			fault(rw, r, h)
			return
		}
		h.ServeHTTP(rw, r)
	}))
	w.TB.Cleanup(server.Close)
	s.URL = server.URL + path
	return s
}

// Answer is a Fault: always this status and body.
func Answer(status int, body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// Rewrite is a Fault that changes the body of good answers.
func Rewrite(change func([]byte) []byte) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		good := httptest.NewRecorder()
		next.ServeHTTP(good, r)
		for name, values := range good.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(good.Code)
		w.Write(change(good.Body.Bytes()))
	}
}

// Times is a Fault that is f for the first n requests, and none after that.
func Times(n int, f Fault) Fault {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		n--
		broken := n >= 0
		mu.Unlock()
		if broken {
			f(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// refuse answers as the gateways of Fulcio and Rekor v2 do.
func refuse(w http.ResponseWriter, status, code int, message string) {
	writeJSON(w, status, object("code", code, "message", message, "details", []any{}))
}

// servers are started when they are first asked for.
type servers struct {
	mu                              sync.Mutex
	fulcio, rekor1, rekor2, stamper *Service
	issuer                          *Issuer
	tuf                             *TUF
}

// once returns *s, started if need be.
func (v *servers) once(s **Service, start func() *Service) *Service {
	v.mu.Lock()
	defer v.mu.Unlock()
	if *s == nil {
		*s = start()
	}
	return *s
}
