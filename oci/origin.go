package oci

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

const maxRedirects = 5 // redirects of one request

// tokenHosts lists registries whose token server is known to be another host.
var tokenHosts = map[string][]string{
	"index.docker.io":     {"auth.docker.io"},
	"registry.gitlab.com": {"gitlab.com"},
}

// allowRedirect decides whether a request to a registry may follow a redirect.
// Only what reads may, and never from https to http (O27); other hosts, such as
// those that deliver blobs, get no credentials, see guard. home says that the
// registry is inside.
func allowRedirect(from, to *url.URL, method string, home bool) error {
	if method != "GET" && method != "HEAD" {
		return check.Refuse("OC-6", check.Net, "want no redirect of a %s request, got one from %q", method, from.Host)
	}
	if to.User != nil {
		return check.Refuse("OC-6", check.Net, "want no redirect with credentials, got one from %q", from.Host)
	}
	if sameOrigin(from, to) {
		return nil
	}
	if to.Scheme != "https" && (to.Scheme != "http" || from.Scheme != "http") {
		return check.Refuse("OC-6", check.Net, "want a redirect to https, got one from %q to scheme %q", from.Host, to.Scheme)
	}
	if isSpecial(to.Hostname(), home) {
		return check.Refuse("OC-6", check.Net, "want no redirect to a private address, got one from %q to %q", from.Host, to.Host)
	}
	return nil
}

// A realm is a token server that a registry named.
type realm struct {
	url     *url.URL
	trusted bool // may be given the registry's credentials
}

// allowRealm decides whether a token server may be asked, and with credentials
// (OC-6): at the registry's own host and port, or at a host that is listed for
// the registry. Any other https host is asked anonymously at most.
func allowRealm(text string, registry *url.URL, listed []string) (realm, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return realm{}, check.Refuse("OC-6", check.Net, "want a URL as token server of %q, got none", registry.Host)
	}
	if u.User != nil || u.Fragment != "" {
		return realm{}, check.Refuse("OC-6", check.Net, "want a token server without user and fragment, got host %q with one", u.Host)
	}
	if sameOrigin(u, registry) {
		return realm{url: u, trusted: true}, nil
	}
	if u.Scheme != "https" {
		return realm{}, check.Refuse("OC-6", check.Net, "want an https token server for %q, got scheme %q at %q", registry.Host, u.Scheme, u.Host)
	}
	if isNumeric(u.Hostname()) {
		return realm{}, check.Refuse("OC-6", check.Net, "want a named token server for %q, got address %q", registry.Host, u.Host)
	}
	if slices.Contains(tokenHosts[registry.Host], u.Host) || slices.Contains(listed, u.Host) {
		return realm{url: u, trusted: true}, nil
	}
	return realm{url: u}, nil
}

// allowUpload decides where the bytes of an upload may go: to the registry
// itself (OC-6, O30).
func allowUpload(location string, request *url.URL) (*url.URL, error) {
	u, err := request.Parse(location)
	if err != nil || location == "" {
		return nil, check.Refuse("OC-6", check.OCI, "want an upload location from %q, got none", request.Host)
	}
	if u.User != nil || !sameOrigin(u, request) {
		return nil, check.Refuse("OC-6", check.OCI, "want an upload location at %q, got one at %q", request.Host, u.Host)
	}
	return u, nil
}

// sameOrigin compares scheme, host and port exactly (O28).
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && a.Hostname() == b.Hostname() && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}

// isLoopback says whether host is a literal loopback address. A name, even
// localhost, can resolve to anything.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// isInside says whether host is a literal address that is not on the internet:
// a registry that the user has at home.
func isInside(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && inside(ip)
}

func inside(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsPrivate()
}

// special are addresses that no registry, blob store or token server has.
func special(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast() || !ip.IsValid()
}

// isSpecial says whether a literal address must not be asked on the word of a
// registry; home says that the registry itself is inside. Numbers that only some
// resolvers read as an address count as special too.
func isSpecial(host string, home bool) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return isNumeric(host)
	}
	return special(ip) || inside(ip) && !home
}

// isNumeric says whether host is an address in any notation that some resolver
// accepts, such as 2852039166 or 0xa9.254.169.254: its last label is a number
// (WHATWG URL, "ends in a number"), or it is an IPv6 address.
func isNumeric(host string) bool {
	if strings.Contains(host, ":") {
		return true
	}
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	hex, isHex := strings.CutPrefix(strings.ToLower(last), "0x")
	if isHex {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
