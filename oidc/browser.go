package oidc

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
)

// Browser signs a person in with their browser: authorization code with proof
// key (RFC 6749, RFC 7636) and a callback to the loopback interface (RFC 8252).
// Only Issuer is needed.
type Browser struct {
	Issuer   string
	ClientID string // "sigstore" if empty

	// Connector chooses the provider behind a Dex, and so spares a page.
	Connector string
	// RedirectHost is "127.0.0.1" if empty. "localhost" is for providers that
	// accept nothing else; what listens is 127.0.0.1 all the same.
	RedirectHost string
	// Port to listen on; any free one if 0.
	Port int

	// Open opens a page and returns at the latest when ctx ends; OpenBrowser with
	// Env if nil.
	Open func(ctx context.Context, url string) error
	Env  func(string) string // nil: an empty environment
	Out  io.Writer           // gets the address to open; nil: nowhere

	// Otherwise is printed if nothing could be opened: what else a person may do.
	Otherwise string
	// NoOpen leaves it to the person to open the page, on any machine.
	NoOpen bool
	// Paste returns the next line that the person pasted: the address at which
	// their browser ended (OI-8). It is asked if NoOpen is set or nothing could be
	// opened, returns at the latest when ctx ends, and ends the asking, not the
	// login, with an error. May be nil.
	Paste func(ctx context.Context) (string, error)

	UserAgent string            // "hallmark" if empty
	Transport http.RoundTripper // nil: one of this module's making
	AllowHTTP bool              // http to other hosts than a literal loopback address

	Now     func() time.Time // time.Now if nil
	Rand    io.Reader        // crypto/rand.Reader if nil
	Timeout time.Duration    // of the whole login; 3 min if 0 (OI-5)
}

// Name returns "browser".
func (Browser) Name() string { return "browser" }

// Token opens the provider's page and waits for the person. Errors have one of
// the checks oidc_* by what was wrong, net if something could not be reached,
// oidc_callback if the provider or the person said no or nobody came in time.
func (b Browser) Token(parent context.Context, audience string) (Token, error) {
	timeout := cmp.Or(b.Timeout, 3*time.Minute)
	ctx, cancel := context.WithTimeoutCause(parent, timeout,
		check.Refuse("OI-5", check.OIDCCallback, "want a login within %v, got none", timeout).WithNext("sign in again"))
	defer cancel()
	f, err := b.prepare(ctx, audience)
	if err != nil {
		return Token{}, err
	}
	l, err := listen(b.Port, b.RedirectHost)
	if err != nil {
		return Token{}, err
	}
	f.redirect = l.redirect
	c := l.serve(ctx, callback{state: f.state, issuer: f.party.issuer, needIssuer: f.endpoints.SendsIssuer})
	defer l.close()
	stop := b.show(ctx, f.address(b.Connector), c)
	defer stop()
	return f.wait(ctx, l.arrived)
}

// prepare asks the provider how it wants to be spoken to, and draws the secrets
// of this login.
func (b Browser) prepare(ctx context.Context, audience string) (flow, error) {
	p, err := newParty(b.Issuer, b.ClientID, fetch.Config{
		UserAgent: b.UserAgent, Transport: b.Transport, AllowHTTP: b.AllowHTTP, Retries: 2,
	})
	if err != nil {
		return flow{}, err
	}
	e, err := p.discover(ctx)
	if err != nil {
		return flow{}, err
	}
	if err := p.checkEndpoint("authorization_endpoint", e.Authorization); err != nil {
		return flow{}, err
	}
	if err := p.checkPKCE(e); err != nil {
		return flow{}, err
	}
	f := flow{party: p, endpoints: e, audience: audience, now: clock(b.Now)}
	for _, s := range []*secret{&f.state, &f.nonce, &f.verifier} {
		if *s, err = random(b.Rand); err != nil {
			return flow{}, err
		}
	}
	return f, nil
}

// show prints the address and opens it, or else lets the way back be pasted. The
// returned func ends what is still running for that.
func (b Browser) show(ctx context.Context, address string, c callback) func() {
	out := b.Out
	if out == nil {
		out = io.Discard
	}
	where := "on this machine"
	if b.NoOpen {
		where = "on any machine"
	}
	// What cannot be printed cannot be helped: the browser may open all the same.
	fmt.Fprintf(out, "To sign in, open this address in a browser %s:\n\n  %s\n\n", where, address)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if !b.NoOpen {
			err := b.open(ctx, address)
			if err == nil || ctx.Err() != nil {
				return
			}
			fmt.Fprintf(out, "No browser could be opened from here: %s.\n%s\n", why(err, address), b.Otherwise)
		}
		if b.Paste != nil {
			c.pasted(ctx, b.Paste, out)
		}
	}()
	return func() { cancel(); <-done }
}

// why is an error without the name of its check and without the address, for a
// terminal.
func why(err error, address string) string {
	if e, ok := errors.AsType[*check.Error](err); ok && e.Err != nil {
		err = e.Err
	}
	text := fetch.Excerpt([]byte(err.Error()), address)
	return strings.ReplaceAll(strings.Trim(text, `"`), `\"`, `"`)
}

func (b Browser) open(ctx context.Context, address string) error {
	if b.Open != nil {
		return b.Open(ctx, address)
	}
	env := b.Env
	if env == nil {
		env = func(string) string { return "" }
	}
	return OpenBrowser(ctx, address, env)
}

// A flow is one login on its way.
type flow struct {
	party     party
	endpoints endpoints
	audience  string
	redirect  string
	now       func() time.Time

	state, nonce, verifier secret
}

// address is the authorization request (OI-2, OI-3).
func (f flow) address(connector string) string {
	c := oauth2.Config{
		ClientID:    f.party.clientID,
		Endpoint:    oauth2.Endpoint{AuthURL: f.endpoints.Authorization},
		RedirectURL: f.redirect,
		Scopes:      []string{gooidc.ScopeOpenID, gooidc.ScopeEmail},
	}
	options := []oauth2.AuthCodeOption{gooidc.Nonce(f.nonce.reveal()), oauth2.S256ChallengeOption(f.verifier.reveal())}
	if connector != "" {
		options = append(options, oauth2.SetAuthURLParam("connector_id", connector))
	}
	return c.AuthCodeURL(f.state.reveal(), options...)
}

// wait takes the one callback with the right state and turns its code into a
// token before the browser gets its answer, so that the page can say who.
func (f flow) wait(ctx context.Context, arrived <-chan arrival) (Token, error) {
	select {
	case <-ctx.Done():
		return Token{}, ended(ctx)
	case a := <-arrived:
		t, err := f.redeem(ctx, a)
		if err != nil {
			if ctx.Err() != nil {
				err = ended(ctx)
			}
			a.answer(failurePage())
			return Token{}, err
		}
		a.answer(successPage(t.Subject))
		return t, nil
	}
}

// ended says why ctx ended.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if check.Of(cause) != check.Internal {
		return cause
	}
	return &check.Error{Check: check.OIDCCallback, Rule: "OI-5", Err: fmt.Errorf("login: %w", cause)}
}

func (f flow) redeem(ctx context.Context, a arrival) (Token, error) {
	if a.err != nil {
		return Token{}, a.err
	}
	secrets := []string{a.code.reveal(), f.verifier.reveal(), f.state.reveal(), f.nonce.reveal()}
	g, oauth, err := f.party.request(ctx, f.endpoints, url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {a.code.reveal()},
		"redirect_uri":  {f.redirect},
		"code_verifier": {f.verifier.reveal()},
	}, secrets)
	if err != nil {
		return Token{}, err
	}
	if oauth != nil {
		return Token{}, refused(check.OIDCToken, oauth, secrets)
	}
	return f.party.verify(ctx, f.endpoints, g, f.nonce.reveal(), f.audience, f.now())
}

// random returns 256 random bits in 43 characters: enough for a state and a
// nonce (OI-3), and the form of a verifier (RFC 7636, section 4.1).
func random(r io.Reader) (secret, error) {
	if r == nil {
		r = rand.Reader
	}
	var b [32]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return secret{}, check.Refuse("OI-3", check.Internal, "random numbers: %v", err)
	}
	return newSecret(base64.RawURLEncoding.EncodeToString(b[:])), nil
}
