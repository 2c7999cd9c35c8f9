package oidc

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Bounds of what a provider may ask for (L35).
const (
	defaultPoll = 5 * time.Second // RFC 8628, section 3.2
	maxPoll     = 60 * time.Second
	maxUserCode = 64      // characters of a user code
	maxDevice   = 8 << 10 // bytes of a device code
)

// Device signs a person in with a browser on another machine (RFC 8628). The
// person types a code there; nothing listens here. Issuer and Show are needed.
//
// Whoever can make a person type a code gets that person's token: show the code
// together with what it is for.
type Device struct {
	Issuer   string
	ClientID string // "sigstore" if empty

	// Show tells the person what to do. All three are printable ASCII; complete
	// holds the code as well and may be empty.
	Show func(userCode, verificationURI, complete string)

	UserAgent string            // "hallmark" if empty
	Transport http.RoundTripper // nil: one of this module's making
	AllowHTTP bool              // http to other hosts than a literal loopback address

	Now     func() time.Time // time.Now if nil
	Rand    io.Reader        // crypto/rand.Reader if nil
	Timeout time.Duration    // of the whole login, if the code does not expire before; 10 min if 0

	sleep func(context.Context, time.Duration) error // tests
}

// Name returns "device".
func (Device) Name() string { return "device" }

// Token shows the code and asks the provider until the person is done.
func (d Device) Token(parent context.Context, audience string) (Token, error) {
	if d.Show == nil {
		return Token{}, check.Refuse("OI-4", check.Internal, "want a func that shows the code, got none")
	}
	timeout := cmp.Or(d.Timeout, 10*time.Minute)
	ctx, cancel := context.WithTimeoutCause(parent, timeout,
		check.Refuse("OI-4", check.OIDCToken, "want a login within %v, got none", timeout).WithNext("sign in again"))
	defer cancel()
	p, err := newParty(d.Issuer, d.ClientID, fetch.Config{
		UserAgent: d.UserAgent, Transport: d.Transport, AllowHTTP: d.AllowHTTP, Retries: 2,
	})
	if err != nil {
		return Token{}, err
	}
	e, err := p.discover(ctx)
	if err != nil {
		return Token{}, err
	}
	if e.Device == "" {
		return Token{}, unavailable("provider %q has no device flow", p.issuer)
	}
	if err := p.checkEndpoint("device_authorization_endpoint", e.Device); err != nil {
		return Token{}, err
	}
	verifier, err := random(d.Rand)
	if err != nil {
		return Token{}, err
	}
	code, err := p.startDevice(ctx, e, verifier)
	if err != nil {
		return Token{}, err
	}
	d.Show(code.UserCode, code.URI, code.Complete)
	g, err := d.poll(ctx, p, e, code, verifier)
	if err != nil {
		return Token{}, err
	}
	// The protocol has no nonce; the device code, which only we have, is in
	// its place.
	return p.verify(ctx, e, g, "", audience, clock(d.Now)())
}

// A deviceCode is an answer that was checked, within our bounds.
type deviceCode struct {
	Code     secret
	UserCode string
	URI      string
	Complete string
	Life     time.Duration
	Poll     time.Duration
}

func (p party) startDevice(ctx context.Context, e endpoints, verifier secret) (deviceCode, error) {
	form := url.Values{
		"client_id":             {p.clientID},
		"scope":                 {"openid email"},
		"code_challenge":        {oauth2.S256ChallengeFromVerifier(verifier.reveal())},
		"code_challenge_method": {"S256"},
	}
	res, err := p.ask(ctx, e.Device, fetch.Request{
		Method: http.MethodPost, Body: []byte(form.Encode()), ContentType: "application/x-www-form-urlencoded",
		Secrets: []string{verifier.reveal()},
	})
	if err != nil {
		return deviceCode{}, err
	}
	var body deviceAnswer
	if err := strictjson.UnmarshalOpen(res.Body, &body); err != nil {
		return deviceCode{}, check.Refuse("OI-4", check.OIDCToken, "want a device code answer in JSON, got something else")
	}
	if err := p.checkDevice(body); err != nil {
		return deviceCode{}, err
	}
	c := deviceCode{Code: newSecret(body.Code), UserCode: body.UserCode, URI: body.URI, Complete: body.Complete, Poll: defaultPoll}
	c.Life = time.Duration(min(body.Life, 24*3600)) * time.Second
	if body.Interval != nil {
		c.Poll = time.Duration(min(max(*body.Interval, 1), int64(maxPoll/time.Second))) * time.Second
	}
	return c, nil
}

// A deviceAnswer is what the device authorization endpoint says (RFC 8628,
// section 3.2).
type deviceAnswer struct {
	Code     string `json:"device_code"`
	UserCode string `json:"user_code"`
	URI      string `json:"verification_uri"`
	Complete string `json:"verification_uri_complete"`
	Life     int64  `json:"expires_in"`
	Interval *int64 `json:"interval"`
}

// checkDevice looks at everything that is shown to the person.
func (p party) checkDevice(a deviceAnswer) error {
	if n := len(a.Code); n == 0 || n > maxDevice {
		return check.Refuse("OI-4", check.OIDCToken, "want a device code of 1 to %d bytes, got %d", maxDevice, n)
	}
	if n := len(a.UserCode); n == 0 || n > maxUserCode || !ascii(a.UserCode) {
		return check.Refuse("OI-4", check.OIDCToken, "want a user code of 1 to %d ASCII characters, got %q",
			maxUserCode, strictjson.Clip(a.UserCode)).At("user_code")
	}
	if a.Life <= 0 {
		return check.Refuse("OI-4", check.OIDCToken, "want a time to live, got %d", a.Life).At("expires_in")
	}
	if err := p.checkPage("verification_uri", a.URI); err != nil {
		return err
	}
	if a.Complete == "" {
		return nil
	}
	return p.checkPage("verification_uri_complete", a.Complete)
}

// checkPage is checkEndpoint for a page that the person is sent to.
func (p party) checkPage(name, raw string) error {
	if err := p.checkEndpoint(name, raw); err != nil {
		return check.Refuse("OI-4", check.OIDCToken, "want an https page to sign in at, got %q", strictjson.Clip(raw)).At(name)
	}
	return nil
}

func ascii(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// poll asks for the token until there is an answer (RFC 8628, section 3.5).
func (d Device) poll(ctx context.Context, p party, e endpoints, code deviceCode, verifier secret) (grant, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, code.Life,
		check.Refuse("OI-4", check.OIDCToken, "the code ran out after %v", code.Life).WithNext("sign in again"))
	defer cancel()
	sleep := d.sleep
	if sleep == nil {
		sleep = pause
	}
	secrets := []string{code.Code.reveal(), verifier.reveal()}
	for wait := code.Poll; ; {
		if err := sleep(ctx, wait); err != nil {
			return grant{}, ended(ctx)
		}
		g, oauth, err := p.request(ctx, e, url.Values{
			"grant_type":    {"urn:ietf:params:oauth:grant-type:device_code"},
			"device_code":   {code.Code.reveal()},
			"code_verifier": {verifier.reveal()},
		}, secrets)
		if err != nil {
			if ctx.Err() != nil {
				err = ended(ctx)
			}
			return grant{}, err
		}
		if oauth == nil {
			return g, nil
		}
		switch oauth.Code {
		case "authorization_pending":
		case "slow_down":
			wait = min(wait+defaultPoll, maxPoll)
		default:
			return grant{}, refused(check.OIDCToken, oauth, secrets)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
