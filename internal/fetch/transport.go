package fetch

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const (
	maxHeader      = 64 << 10
	defaultTimeout = 30 * time.Second
	connectTimeout = 15 * time.Second
)

// newTransport makes a transport that keeps no cookies, undoes no compression
// and writes no TLS key log. literal says that the host of the origin is an
// address that the user wrote.
func newTransport(timeout time.Duration, literal bool) *http.Transport {
	d := &net.Dialer{Timeout: min(connectTimeout, timeout)}
	if !literal {
		d.Control = func(_, address string, _ syscall.RawConn) error { return checkAddress(address) }
	}
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            d.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    min(connectTimeout, timeout),
		DisableCompression:     true,
		MaxIdleConns:           16,
		MaxIdleConnsPerHost:    8,
		MaxConnsPerHost:        32,
		IdleConnTimeout:        60 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
	}
}

// proxy reads the proxy of the environment. The error of the standard library
// repeats the address with its password. A link-local address, such as that of
// a metadata server, means another machine to a proxy.
func proxy(req *http.Request) (*url.URL, error) {
	if ip, err := netip.ParseAddr(req.URL.Hostname()); err == nil && ip.Unmap().IsLinkLocalUnicast() {
		return nil, nil
	}
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("the proxy address in the environment is not a URL")
	}
	return u, nil
}

// HTTPClient returns an *http.Client for libraries that want one. It is not
// bound to one origin, but each of its requests is bound to its own (OI-7): no
// redirect elsewhere, https, bodies of at most maxBody bytes, no retry. The
// errors of an http.Client hold URLs; callers must not pass them on. The func
// closes what is idle.
func HTTPClient(c Config, maxBody int64) (*http.Client, func()) {
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	next := c.Transport
	idle := func() {}
	if next == nil {
		t := newTransport(timeout, false)
		next, idle = t, t.CloseIdleConnections
	}
	return &http.Client{
		Transport:     &guard{next: next, agent: cmp.Or(c.UserAgent, "hallmark"), max: maxBody, allowHTTP: c.AllowHTTP},
		CheckRedirect: checkRedirect,
		Timeout:       timeout,
	}, idle
}

// A guard applies the rules of this package to single round trips.
type guard struct {
	next      http.RoundTripper
	agent     string
	max       int64
	allowHTTP bool
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkScheme(req.URL, g.allowHTTP); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	req = req.Clone(ctx)
	req.Header.Set("User-Agent", g.agent)
	req.Header.Set("Accept-Encoding", "identity")
	res, err := g.next.RoundTrip(req)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	if err := checkEncoding(res); err != nil {
		res.Body.Close()
		cancel(nil)
		return nil, err
	}
	res.Body = watch(ctx, cancel, res.Body, g.max, window)
	return res, nil
}
