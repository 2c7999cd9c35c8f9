package oci

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A binding says on whose behalf requests are made. Every request has one.
type binding struct {
	registry string      // host and port that the user named
	home     atomic.Bool // the registry turned out to have an address inside
}

type bindingKey struct{}

// owner returns the origin that a request may show credentials to.
type owner struct {
	*binding
	origin *url.URL
	direct bool // through no proxy
}

func bind(ctx context.Context, b *binding, origin *url.URL) context.Context {
	return context.WithValue(ctx, bindingKey{}, owner{binding: b, origin: origin})
}

// A guard is the last thing that sees a request, and the first that sees an
// answer (OC-6, OC-8).
type guard struct {
	next http.RoundTripper
}

// RoundTrip takes credentials out of every request that is not to the origin
// they are for, whichever way it came about (O26, M7), and refuses answers in an
// encoding (O12).
func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	o, bound := req.Context().Value(bindingKey{}).(owner)
	if !bound {
		return nil, check.Refuse("OC-6", check.Internal, "request to %q is on nobody's behalf", req.URL.Host)
	}
	if !stayed(req, o.origin) {
		req = req.Clone(req.Context())
		for _, name := range []string{"Authorization", "Cookie", "Referer", "Proxy-Authorization"} {
			req.Header.Del(name)
		}
	}
	if p, err := proxy(req); err == nil && p == nil {
		o.direct = true
		req = req.WithContext(context.WithValue(req.Context(), bindingKey{}, o))
	}
	res, err := g.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if e := res.Header.Get("Content-Encoding"); res.Uncompressed || (e != "" && e != "identity") {
		res.Body.Close()
		return nil, check.Refuse("OC-8", check.OCI, "want a plain body from %q, got one in an encoding", req.URL.Host)
	}
	return res, nil
}

// stayed says whether a request, and every one whose redirect it follows, is to
// an origin.
func stayed(req *http.Request, origin *url.URL) bool {
	for sameOrigin(req.URL, origin) {
		if req.Response == nil {
			return true
		}
		req = req.Response.Request
	}
	return false
}

// checkRedirect is asked before each hop.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return check.Refuse("OC-6", check.Net, "want at most %d redirects, got more from %q", maxRedirects, via[0].URL.Host)
	}
	from := via[len(via)-1].URL
	home := isInside(from.Hostname())
	if o, ok := req.Context().Value(bindingKey{}).(owner); ok {
		home = home || o.home.Load()
	}
	return allowRedirect(from, req.URL, via[0].Method, home)
}

// newHTTP makes the one HTTP client, without cookies.
func newHTTP(c Config) *http.Client {
	next := c.Transport
	if next == nil {
		next = newTransport(c)
	}
	return &http.Client{Transport: guard{next: next}, CheckRedirect: checkRedirect}
}

const (
	connectTimeout = 15 * time.Second
	headerTimeout  = 30 * time.Second
	maxHeader      = 64 << 10 // bytes of the header of an answer
)

// newTransport makes a transport that undoes no compression, writes no TLS key
// log and looks at the address that a name resolved to.
func newTransport(c Config) *http.Transport {
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.CAs, Certificates: c.Certificates},
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		DisableCompression:     true,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    16,
		MaxConnsPerHost:        32,
		IdleConnTimeout:        60 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
	}
}

// dial connects, and checks the address after the name was resolved, so that a
// name can't change its mind in between (O23, Q19).
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: connectTimeout}
	if o, ok := ctx.Value(bindingKey{}).(owner); ok && o.direct {
		d.Control = func(_, actual string, _ syscall.RawConn) error { return o.allowAddress(address, actual) }
	}
	return d.DialContext(ctx, network, address)
}

// allowAddress decides whether the name in asked may have the address actual.
// What the user named may be inside; what a registry names may only if the
// registry is.
func (o owner) allowAddress(asked, actual string) error {
	a, err := netip.ParseAddrPort(actual)
	if err != nil {
		return check.Refuse("OC-6", check.Net, "want an IP address with a port, got %q", actual)
	}
	host, _, err := net.SplitHostPort(asked)
	if err != nil {
		return check.Refuse("OC-6", check.Net, "want a host with a port, got %q", asked)
	}
	if registry := (&url.URL{Host: o.registry}).Hostname(); host == registry {
		if inside(a.Addr()) {
			o.home.Store(true)
		}
		if _, err := netip.ParseAddr(host); err == nil {
			return nil // the user wrote this very address
		}
		if special(a.Addr()) {
			return check.Refuse("OC-6", check.Net, "want the address of a registry for %q, got %s, which is special", host, a.Addr())
		}
		return nil
	}
	if special(a.Addr()) || inside(a.Addr()) && !o.home.Load() {
		return check.Refuse("OC-6", check.Net, "want a public address for %q, which %q named, got %s", host, o.registry, a.Addr())
	}
	return nil
}

// proxy reads the proxy of the environment. The error of the standard library
// repeats the address with its password (M6).
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("the proxy address in the environment is not a URL")
	}
	return u, nil
}
