package sandbox

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// A front is what clients connect to: a proxy before one server, with room
// for a fault.
type front struct {
	url      string
	listener net.Listener
	server   *http.Server
	backend  http.Handler
	handler  atomic.Pointer[http.Handler]
	requests atomic.Int64
}

func newFront() (*front, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &front{url: "http://" + l.Addr().String(), listener: l}, nil
}

func (f *front) serve(address string) {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	proxy.FlushInterval = -1
	f.backend = proxy
	f.set(nil)
	f.listen()
}

// listen serves the front's listener.
func (f *front) listen() {
	f.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f.requests.Add(1)
			(*f.handler.Load()).ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go f.server.Serve(f.listener)
}

func (f *front) set(fault Fault) {
	h := f.backend
	if fault != nil {
		h = fault(h)
	}
	f.handler.Store(&h)
}

func (f *front) close() {
	if f.server != nil {
		f.server.Close()
	}
	f.listener.Close()
}

// Stop closes the port of a service and its connections: clients are refused.
func (s *Sandbox) Stop(service Service) { s.fronts[service].close() }

// Resume opens the port of a service again after Stop.
func (s *Sandbox) Resume(service Service) error {
	f := s.fronts[service]
	var err error
	for range 100 { // the port may be in use for a moment
		if f.listener, err = net.Listen("tcp", strings.TrimPrefix(f.url, "http://")); err == nil {
			f.listen()
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// Fault puts a fault before a service, in place of the one before; nil takes
// it away. The fault's handler may pass a request on to the server, or not.
func (s *Sandbox) Fault(service Service, fault Fault) { s.fronts[service].set(fault) }

// Requests is how many requests a service has got.
func (s *Sandbox) Requests(service Service) int { return int(s.fronts[service].requests.Load()) }
