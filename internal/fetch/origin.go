package fetch

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// maxRedirects is the bound of TU-14 on hops within one origin.
const maxRedirects = 5 // redirects within one origin

// parseBase accepts the URL of a service as SC-9 wants it.
func parseBase(base string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, check.Refuse("SC-9", check.Usage, "want a URL, got %q", redactUserinfo(base))
	}
	if u.User != nil {
		return nil, check.Refuse("SC-9", check.Usage, "want a URL without user and password, got %q", u.Redacted())
	}
	if u.Hostname() == "" {
		return nil, check.Refuse("SC-9", check.Usage, "want a URL with a host, got %q", base)
	}
	if u.RawQuery != "" || u.ForceQuery || strings.Contains(base, "#") {
		return nil, check.Refuse("SC-9", check.Usage, "want a URL without query and fragment, got host %q with one", u.Host)
	}
	if hasDotSegment(u.Path) {
		return nil, check.Refuse("SC-9", check.Usage, "want a URL without dot segments, got %q", base)
	}
	if err := checkScheme(u, allowHTTP); err != nil {
		return nil, err
	}
	return u, nil
}

// checkScheme wants https, or http where nobody else can listen (TU-14).
func checkScheme(u *url.URL, allowHTTP bool) error {
	if u.Scheme == "https" {
		return nil
	}
	if u.Scheme != "http" || (!allowHTTP && !isLoopback(u.Hostname())) {
		return check.Refuse("TU-14", check.Usage,
			"want scheme https (http only to a literal loopback address), got %q for host %q", u.Scheme, u.Host)
	}
	return nil
}

// isLoopback says whether host is a literal loopback address. A name, even
// localhost, can resolve to anything.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// hasDotSegment looks at the decoded path, so that %2e%2e counts too.
func hasDotSegment(path string) bool {
	for seg := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if seg == "." || seg == ".." {
			return true
		}
	}
	return false
}

// sameOrigin compares scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
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

// checkRedirect follows redirects of a GET within its origin (TU-14, OI-7). The
// headers are a copy of the first request's; credentials are taken out on
// every hop, so they can't come back on a later one.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if !sameOrigin(first.URL, req.URL) {
		return check.Refuse("TU-14", check.Net, "want no redirect to another origin, got one from %q to %q",
			first.URL.Scheme+"://"+first.URL.Host, req.URL.Scheme+"://"+req.URL.Host)
	}
	if first.Method != http.MethodGet {
		return check.Refuse("TU-14", check.Net, "want no redirect of a %s request, got one from %q", first.Method, first.URL.Host)
	}
	if req.URL.User != nil {
		return check.Refuse("TU-14", check.Net, "want no redirect with credentials, got one from %q", first.URL.Host)
	}
	if len(via) > maxRedirects {
		return check.Refuse("TU-14", check.Net, "want at most %d redirects, got more from %q", maxRedirects, first.URL.Host)
	}
	for _, name := range []string{"Authorization", "Cookie", "Referer"} {
		req.Header.Del(name)
	}
	return nil
}

// checkAddress refuses addresses that no service has, so that a name under
// someone else's control can't point a request at the machine's own network
// services (such as 169.254.169.254). It is asked when the connection is made,
// after the name was resolved. A literal address in the base URL was chosen by
// the user and is not refused.
func checkAddress(address string) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return check.Refuse("TU-14", check.Net, "want an IP address with a port, got %q", address)
	}
	ip := a.Addr().Unmap()
	if ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast() {
		return check.Refuse("TU-14", check.Net, "want the address of a service, got %s, which is special", ip)
	}
	return nil
}
