package fetch

import (
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
	maxHeader      = 64 << 10 // bytes of the header of an answer
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
		MaxIdleConns:           128,
		MaxIdleConnsPerHost:    128,
		MaxConnsPerHost:        128,
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
