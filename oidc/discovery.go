package oidc

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

const (
	maxDocument = 1 << 20 // bytes of a discovery document or key set (OI-7)
	maxURL      = 2048    // characters of a URL in a discovery document
)

// noPKCEList holds issuers that support S256 but do not list it (OI-2). An
// entry ends in a slash and stands for what is below it.
var noPKCEList = []string{"https://login.microsoftonline.com/"}

// A party is this program as a client of one provider.
type party struct {
	issuer   string
	clientID string
	config   fetch.Config
	loopback bool // the issuer is a test on this machine
}

func newParty(issuer, clientID string, config fetch.Config) (party, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return party{}, check.Refuse("OI-7", check.Usage, "want the URL of an issuer, got %q", strictjson.Clip(issuer))
	}
	if clientID == "" {
		clientID = "sigstore"
	}
	return party{issuer, clientID, config, isLoopback(u)}, nil
}

func isLoopback(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.Unmap().IsLoopback()
}

// endpoints is a discovery document, as far as it matters here (OpenID Connect
// Discovery 1.0, section 3; RFC 8414; RFC 9207).
type endpoints struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Keys          string   `json:"jwks_uri"`
	Device        string   `json:"device_authorization_endpoint"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	SendsIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
}

// discover fetches and checks the discovery document of the issuer.
func (p party) discover(ctx context.Context) (endpoints, error) {
	c, err := fetch.New(strings.TrimSuffix(p.issuer, "/"), p.config)
	if err != nil {
		return endpoints{}, err
	}
	defer c.CloseIdle()
	res, err := c.Do(ctx, fetch.Request{Path: "/.well-known/openid-configuration", Accept: "application/json", MaxBody: maxDocument})
	if err != nil {
		return endpoints{}, err
	}
	var e endpoints
	if err := strictjson.UnmarshalOpen(res.Body, &e); err != nil {
		return endpoints{}, check.Refuse("OI-7", check.Server, "discovery document of %q: %v", p.issuer, err)
	}
	// Exactly: a document of another issuer would let that one's keys sign for
	// this one.
	if e.Issuer != p.issuer {
		return endpoints{}, check.Refuse("OI-7", check.OIDCIss, "want the discovery document of %q, got one of %q",
			p.issuer, strictjson.Clip(e.Issuer)).At("issuer")
	}
	for _, f := range []struct{ name, url string }{{"token_endpoint", e.Token}, {"jwks_uri", e.Keys}} {
		if err := p.checkEndpoint(f.name, f.url); err != nil {
			return endpoints{}, err
		}
	}
	return e, nil
}

// checkPKCE wants S256 in the list of methods. A provider that ignores the
// challenge would leave the code without protection (OI-2).
func (p party) checkPKCE(e endpoints) error {
	if slices.Contains(e.Challenges, "S256") {
		return nil
	}
	excepted := slices.ContainsFunc(noPKCEList, func(prefix string) bool { return strings.HasPrefix(p.issuer, prefix) })
	if len(e.Challenges) > 0 || !excepted {
		return check.Refuse("OI-2", check.OIDCPKCE, "want a provider that lists code challenge method S256, got %q from %q",
			clipAll(e.Challenges), p.issuer).At("code_challenge_methods_supported")
	}
	return nil
}

// checkEndpoint wants an https URL in plain ASCII (OI-7). http is accepted on
// this machine from an issuer on this machine, and where it is allowed at all.
func (p party) checkEndpoint(name, raw string) error {
	if len(raw) > maxURL || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return check.Refuse("OI-7", check.OIDCIss, "want a URL of at most %d ASCII characters, got %q", maxURL, strictjson.Clip(raw)).At(name)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return check.Refuse("OI-7", check.OIDCIss, "want a URL with host, without user and fragment, got %q", strictjson.Clip(raw)).At(name)
	}
	if slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." }) {
		return check.Refuse("OI-7", check.OIDCIss, "want a URL without dot segments, got %q", strictjson.Clip(raw)).At(name)
	}
	plain := u.Scheme == "http" && (p.config.AllowHTTP || p.loopback && isLoopback(u))
	if u.Scheme != "https" && !plain {
		return check.Refuse("OI-7", check.OIDCIss, "want scheme https, got %q", strictjson.Clip(raw)).At(name)
	}
	return nil
}

// ask performs one request to an endpoint, bound to its origin.
func (p party) ask(ctx context.Context, endpoint string, r fetch.Request) (*fetch.Response, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, check.Refuse("OI-7", check.Internal, "want a checked endpoint, got %q", strictjson.Clip(endpoint))
	}
	c, err := fetch.New(u.Scheme+"://"+u.Host, p.config)
	if err != nil {
		return nil, err
	}
	defer c.CloseIdle()
	r.Path = u.EscapedPath()
	if u.RawQuery != "" {
		r.Path += "?" + u.RawQuery
	}
	r.Accept = "application/json"
	r.MaxBody = maxDocument
	return c.Do(ctx, r)
}
