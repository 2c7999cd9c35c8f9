package oidc

import (
	"context"
	"crypto/subtle"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

const (
	callbackPath = "/callback"
	maxQuery     = 16 << 10         // bytes of the query of a callback
	maxCode      = 8 << 10          // bytes of an authorization code
	headerTime   = 10 * time.Second // OI-5
)

// An arrival is the callback that had the right state. Its code, or its error,
// is what the provider sent.
type arrival struct {
	code   secret
	err    error
	answer func(page) // to the browser; returns when it is sent
}

// A listener is the loopback server of one login.
type listener struct {
	net      net.Listener
	host     string // what the Host field must be
	redirect string
	arrived  chan arrival

	server *http.Server
	cancel context.CancelFunc
	served chan struct{}
	conns  sync.WaitGroup
}

// listen takes a port on 127.0.0.1, never on an address that others reach
// (RFC 8252, section 8.3).
func listen(port int, host string) (*listener, error) {
	if host == "" {
		host = "127.0.0.1"
	}
	if host != "127.0.0.1" && host != "localhost" {
		return nil, check.Refuse("OI-5", check.Usage, "want redirect host 127.0.0.1 or localhost, got %q", strictjson.Clip(host))
	}
	n, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, check.Refuse("OI-5", check.OIDCCallback, "want to listen on port %d of 127.0.0.1, got %v", port, err).
			WithNext("choose another port, or none in particular")
	}
	_, taken, _ := net.SplitHostPort(n.Addr().String()) // the standard library wrote it
	own := net.JoinHostPort(host, taken)
	return &listener{net: &crowd{Listener: n}, host: own, redirect: "http://" + own + callbackPath, arrived: make(chan arrival, 1), served: make(chan struct{})}, nil
}

// serve answers callbacks until close is called. It returns the one that is
// waited for, complete.
func (l *listener) serve(ctx context.Context, c callback) callback {
	ctx, l.cancel = context.WithCancel(ctx)
	c.host, c.arrived, c.taken = l.host, l.arrived, new(atomic.Bool)
	l.server = &http.Server{
		Handler:                      c,
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            headerTime,
		ReadTimeout:                  headerTime,
		MaxHeaderBytes:               60 << 10, // net/http adds 4 KiB
		ErrorLog:                     log.New(io.Discard, "", 0),
		BaseContext:                  func(net.Listener) context.Context { return ctx },
		ConnContext:                  known,
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				l.conns.Add(1)
			case http.StateClosed:
				l.conns.Done()
			}
		},
	}
	// One connection, one answer: nothing is kept for ten thousand wrong ones.
	l.server.SetKeepAlivesEnabled(false)
	go func() {
		defer close(l.served)
		l.server.Serve(l.net) // always an error: of close
	}()
	return c
}

// close gives the last answer a moment to leave and ends everything, also
// connections that never sent a whole request.
func (l *listener) close() {
	l.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := l.server.Shutdown(ctx); err != nil {
		l.server.Close()
	}
	<-l.served
	l.conns.Wait()
}

// A callback is the handler of the redirect (OI-5, OI-6).
type callback struct {
	host       string
	state      secret
	issuer     string
	needIssuer bool
	arrived    chan<- arrival
	taken      *atomic.Bool // the right state came; it counts once (OI-3)
}

func (c callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A page of another site can make a browser send requests here under that
	// site's name (DNS rebinding), but not under this one.
	if r.Host != c.host || !r.ProtoAtLeast(1, 1) {
		send(w, wrongPage(http.StatusBadRequest))
		return
	}
	// The request target as it came, so that no other spelling is accepted.
	if path, _, _ := strings.Cut(r.RequestURI, "?"); path != callbackPath {
		send(w, wrongPage(http.StatusNotFound))
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		send(w, wrongPage(http.StatusMethodNotAllowed))
		return
	}
	if len(r.URL.RawQuery) > maxQuery {
		send(w, wrongPage(http.StatusRequestURITooLong))
		return
	}
	q, ok := c.take(r.URL.RawQuery)
	if !ok {
		send(w, wrongPage(http.StatusBadRequest))
		return
	}
	c.pass(w, r, q)
}

// take returns the parameters of the one callback of this login: with the right
// state, and the first with it (OI-3).
func (c callback) take(raw string) (q map[string]string, ok bool) {
	q, ok = c.parameters(raw)
	if !ok || subtle.ConstantTimeCompare([]byte(q["state"]), []byte(c.state.reveal())) != 1 || c.taken.Swap(true) {
		return nil, false
	}
	return q, true
}

// parameters returns those of the protocol; ok is false if one is doubled.
// Others are ignored, as RFC 6749, section 4.1.2, demands.
func (c callback) parameters(raw string) (q map[string]string, ok bool) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, false
	}
	q = make(map[string]string)
	for _, name := range []string{"state", "code", "iss", "error", "error_description"} {
		if len(values[name]) > 1 {
			return nil, false
		}
		q[name] = values.Get(name)
	}
	return q, true
}

// pass hands the callback to the flow and waits for the page to answer with.
func (c callback) pass(w http.ResponseWriter, r *http.Request, q map[string]string) {
	stays(r.Context())
	pages := make(chan page, 1)
	sent := make(chan struct{})
	a := arrival{answer: func(p page) {
		pages <- p
		<-sent
	}}
	a.code, a.err = c.read(q)
	defer close(sent)
	c.arrived <- a // holds one, and there is only one
	// The exchange may take longer than a header; a deadline in the past would
	// look like a browser that went away.
	http.NewResponseController(w).SetReadDeadline(time.Time{})
	select {
	case p := <-pages:
		send(w, p)
	case <-r.Context().Done():
	}
}

// read returns the code, or why there is none.
func (c callback) read(q map[string]string) (secret, error) {
	iss := q["iss"]
	if (iss != "" || c.needIssuer) && iss != c.issuer {
		return secret{}, check.Refuse("OI-3", check.OIDCIss, "want a callback of %q (RFC 9207), got one of %q", c.issuer, strictjson.Clip(iss)).At("iss")
	}
	if q["error"] != "" {
		return secret{}, refused(check.OIDCCallback, &oauthError{q["error"], q["error_description"]}, []string{c.state.reveal(), q["code"]})
	}
	if code := q["code"]; code != "" && len(code) <= maxCode && printable(code) {
		return newSecret(code), nil
	}
	return secret{}, check.Refuse("OI-5", check.OIDCCallback, "want a code of 1 to %d printable bytes, got %d", maxCode, len(q["code"])).At("code")
}

// send writes p and pushes it out.
func send(w http.ResponseWriter, p page) {
	control := http.NewResponseController(w)
	// Nobody reads slowly on the loopback interface without intent.
	control.SetWriteDeadline(time.Now().Add(headerTime))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(p.body)))
	h.Set("Content-Security-Policy", policy())
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	w.WriteHeader(p.status)
	io.WriteString(w, p.body)
	control.Flush()
}
