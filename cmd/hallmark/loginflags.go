package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oidc"
)

const tokenVariable = "SIGSTORE_ID_TOKEN"

// loginFlags say where the identity token comes from.
type loginFlags struct {
	tokenFile string
	upstream  string
	device    bool
	noBrowser bool
	agent     bool
	only      string
	expect    string
}

func (l *loginFlags) register(f *pflag.FlagSet) {
	f.StringVar(&l.tokenFile, "identity-token", "", "read the identity token from this `FILE`, or - for standard input; "+tokenVariable+" works as well")
	f.StringVar(&l.upstream, "login", "", "log in with google, github, microsoft or the provider at this `URL`, without the page that asks which")
	f.BoolVar(&l.device, "device", false, "log in with a code on another device")
	f.BoolVar(&l.noBrowser, "no-browser", false, "open no browser: print the address, and let the one where it ends be pasted")
	f.StringVar(&l.only, "identity-provider", "", "use this provider `NAME` only ("+strings.Join(providerNames(), ", ")+"), or none but a login")
	f.StringVar(&l.expect, "expect", "", "stop before anything is public if the login is not this `SIGNER` (forms as in verify --from)")
	f.StringVar(&l.expect, "as", "", "the same as --expect `SIGNER`")
}

// check refuses flags that exclude each other.
func (l *loginFlags) check() error {
	switch {
	case l.tokenFile != "" && (l.only != "" || l.device || l.noBrowser || l.upstream != ""):
		return usage("--identity-token excludes --identity-provider, --device, --no-browser and --login")
	case l.tokenFile != "" && l.agent:
		return usage("--agent keeps a login; --identity-token needs none")
	case l.device && l.noBrowser:
		return usage("--device excludes --no-browser")
	case l.noBrowser && l.only != "" && l.only != "none" && l.only != "browser":
		return usage("--no-browser excludes --identity-provider %q", l.only)
	case l.device && l.only != "" && l.only != "none" && l.only != "device":
		return usage("--device excludes --identity-provider %q", l.only)
	case l.upstream != "" && (l.device || l.only == "device"):
		return usage("--login goes with a login in the browser; with a code, the page asks which provider")
	case l.upstream != "" && l.only != "" && l.only != "none" && l.only != "browser":
		return usage("--login excludes --identity-provider %q", l.only)
	case l.only != "" && l.only != "none" && !knownProvider(l.only):
		return usage("there is no identity provider %q", l.only).WithNext("choose one of " + strings.Join(providerNames(), ", ") + ", or none")
	}
	return nil
}

// connector returns the name under which Sigstore's issuer knows a provider.
func (l *loginFlags) connector() (string, error) {
	switch l.upstream {
	case "":
		return "", nil
	case "google":
		return issuerGoogle, nil
	case "github":
		return issuerGitHub, nil
	case "microsoft":
		return issuerMicrosoft, nil
	}
	if !strings.HasPrefix(l.upstream, "https://") {
		return "", usage("--login %q is neither google, github, microsoft nor an https URL", l.upstream)
	}
	return l.upstream, nil
}

// given returns a provider of a token that was given, or nil. A token is read
// before anything slow is done.
func (l *loginFlags) given(ctx context.Context, e *env) (oidc.Provider, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	switch {
	case l.tokenFile == "-":
		in, done := e.input(ctx)
		defer done()
		return from("standard input", in, e)
	case l.tokenFile != "":
		// Opening a pipe without this flag would wait for its writer (L40).
		f, err := os.OpenFile(l.tokenFile, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return nil, fileError(l.tokenFile, err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return nil, fileError(l.tokenFile, errNotRegular)
		}
		if oidc.OthersRead(info) {
			warnReadable(e)(l.tokenFile)
		}
		return from(l.tokenFile, f, e)
	}
	if token := e.getenv(tokenVariable); token != "" && l.only == "" && !l.asksPerson() {
		if l.agent {
			return nil, usage("--agent keeps a login; " + tokenVariable + " holds a token, which needs none")
		}
		return from(tokenVariable, strings.NewReader(token), e)
	}
	return nil, nil
}

// ready is given, for a command that will use the token: one that is of no use, or not of
// the expected signer, is refused before any work is done (SG-1).
func (l *loginFlags) ready(ctx context.Context, e *env) (oidc.Provider, error) {
	p, err := l.given(ctx, e)
	if p == nil || err != nil {
		return nil, err
	}
	who, err := p.Token(ctx, audience)
	if err != nil {
		return nil, err
	}
	return p, l.expected(who)
}

// A source is a token that was given, and where.
type source struct {
	oidc.Provider
	place string
}

func from(place string, r io.Reader, e *env) (oidc.Provider, error) {
	p, err := oidc.FromReader(r, e.now)
	if err != nil {
		return nil, placed(err, place)
	}
	return source{p, place}, nil
}

func (s source) Token(ctx context.Context, audience string) (oidc.Token, error) {
	t, err := s.Provider.Token(ctx, audience)
	return t, placed(err, s.place)
}

// placed says where a token is that was refused.
func placed(err error, place string) error {
	e, ok := errors.AsType[*check.Error](err)
	if !ok {
		return err
	}
	c := *e
	c.Err = fmt.Errorf("token of %s: %w", printable(place, 256), e.Err)
	return &c
}

// provider returns where the token comes from: a given one, else the first
// machine identity that applies here, else the person at the terminal. Nobody is
// asked anything in a pipeline.
func (l *loginFlags) provider(e *env, given oidc.Provider, issuer string) (oidc.Provider, error) {
	if given != nil {
		return given, nil
	}
	connector, err := l.connector()
	if err != nil {
		return nil, err
	}
	person := l.person(e, issuer, connector)
	switch {
	case e.ci() && (l.only == "none" || l.asksPerson()):
		return nil, &check.Error{Check: check.OIDCToken, Err: errNoToken, Next: "nobody can log in here; allow an identity provider"}
	case l.only == "none" || l.asksPerson():
		return person, nil
	case l.only != "":
		return ambientByName(e, l.only), nil
	case e.ci():
		return unattended{oidc.FirstOf(ambient(e)...)}, nil
	}
	return oidc.FirstOf(append(ambient(e), person)...), nil
}

// unattended says what is missing where no provider applies.
type unattended struct{ oidc.Provider }

func (p unattended) Token(ctx context.Context, audience string) (oidc.Token, error) {
	t, err := p.Provider.Token(ctx, audience)
	if errors.Is(err, oidc.ErrUnavailable) {
		err = &check.Error{Check: check.OIDCToken, Rule: "OI-1", Err: fmt.Errorf("%w: %s", errNoToken, reasonOf(err)), Next: needsToken}
	}
	return t, err
}

// asksPerson reports whether the flags want somebody to log in.
func (l *loginFlags) asksPerson() bool {
	return l.device || l.noBrowser || l.upstream != "" || l.only == "browser" || l.only == "device"
}

// otherwise is for those whose browser is not here.
const otherwise = "Open it yourself, or end this and say --device to log in from another machine."

// person returns the login of a person: where no browser can open, with a code
// on another device, or if the provider knows no such codes, by pasting.
func (l *loginFlags) person(e *env, issuer, connector string) oidc.Provider {
	device := oidc.Device{Issuer: issuer, Show: showCode(e), UserAgent: userAgent(), Now: e.now}
	browser := oidc.Browser{Issuer: issuer, Connector: connector, Out: e.stderr, Env: e.getenv, NoOpen: l.noBrowser, Otherwise: otherwise, UserAgent: userAgent(), Now: e.now}
	if e.terminal || l.noBrowser {
		browser.Paste = e.line
	}
	switch {
	case l.device || l.only == "device":
		return device
	case l.noBrowser || l.only == "browser" || e.desktop():
		return browser
	}
	browser.NoOpen = true
	return oidc.FirstOf(device, browser)
}
