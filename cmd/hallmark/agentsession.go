package main

import (
	"context"
	"crypto"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hallmarksign/hallmark/agent"
	"github.com/hallmarksign/hallmark/oidc"
	"github.com/hallmarksign/hallmark/sign"
)

func (l *loginFlags) registerAgent(f *pflag.FlagSet) {
	f.BoolVar(&l.agent, "agent", false, "use the login of an earlier run if there is one, and keep this one for the ten minutes of its certificate, in memory")
}

// login continues the login that the agent holds, or logs in.
func (r *signRun) login(ctx context.Context, signer *sign.Signer) (*sign.Session, error) {
	if !r.o.login.agent {
		return signer.Login(ctx)
	}
	client, err := startAgent(ctx, r.e)
	if err != nil {
		return nil, err
	}
	scope := r.scope()
	signer.NewKey = func(ctx context.Context) (crypto.Signer, error) { return client.NewKey(ctx) }
	signer.CA = keepingCA{signer.CA, client, scope}
	if session, err := r.continued(ctx, signer, client, scope); session != nil || err != nil {
		return session, err
	}
	done, err := client.Turn(ctx, scope, func() {
		r.o.output.say(r.e, "hallmark: waiting for another run that is logging in")
	})
	if err != nil {
		return nil, err
	}
	defer done()
	if session, err := r.continued(ctx, signer, client, scope); session != nil || err != nil {
		return session, err
	}
	return signer.Login(ctx)
}

// continued is a session with the login that the agent holds, nil if it holds
// none, or none whom the trusted root and --expect accept, or not whom a login
// would be for.
func (r *signRun) continued(ctx context.Context, signer *sign.Signer, client *agent.Client, scope string) (*sign.Session, error) {
	key, leaf, err := client.Held(ctx, scope, r.e.now().Add(sign.MinLife))
	if key == nil || err != nil {
		return nil, err
	}
	who, err := r.named(leaf)
	if err != nil || r.o.login.expected(who) != nil || !r.o.login.stillIs(ctx, r.e, who) {
		return nil, nil
	}
	left := who.Expiry.Sub(r.e.now()).Round(time.Second)
	r.o.output.say(r.e, "hallmark: signing as %s, from the agent, for another %s", printable(subjectOf(who), 1024), left)
	return signer.Resume(ctx, key, leaf, who)
}

// stillIs reports whether a login would be for the one whom a certificate names,
// where that is known without asking a person: one machine runs the pipelines of
// several repositories in the name of one user.
func (l *loginFlags) stillIs(ctx context.Context, e *env, who oidc.Token) bool {
	same, known := l.isMachine(ctx, e, who)
	return same || !known
}

// isMachine reports whether a login would be for the one whom a certificate names; it
// is not known where a person logs in.
func (l *loginFlags) isMachine(ctx context.Context, e *env, who oidc.Token) (same, known bool) {
	if l.only == "none" || l.asksPerson() {
		return false, false
	}
	machine := oidc.FirstOf(ambient(e)...)
	if l.only != "" {
		machine = ambientByName(e, l.only)
	}
	t, err := machine.Token(ctx, audience)
	if errors.Is(err, oidc.ErrUnavailable) && l.only == "" && !e.ci() {
		return false, false
	}
	return err == nil && isFor(t, who), true
}

// isSigner is isMachine, or by the token that was given.
func (r *signRun) isSigner(ctx context.Context, tokens oidc.Provider, who oidc.Token) (same, known bool) {
	if tokens == nil {
		return r.o.login.isMachine(ctx, r.e, who)
	}
	t, err := tokens.Token(ctx, audience)
	return err == nil && isFor(t, who), true
}

// isFor reports whether a token is for the one whom a certificate names.
func isFor(t, who oidc.Token) bool {
	return t.CertificateIssuer() == who.Issuer && slices.Contains(t.Names(), who.Subject)
}

// named returns whom a certificate of the agent names, checked as one that comes
// from the authority (SG-7).
func (r *signRun) named(leaf []byte) (oidc.Token, error) {
	subject, issuer, err := r.services.verifier.Certificate(leaf, r.e.now())
	if err != nil {
		return oidc.Token{}, err
	}
	expiry, err := expiryOf(leaf)
	return oidc.Token{Subject: subject, Issuer: issuer, Expiry: expiry}, err
}

// scope names the logins that may take each other's place: those at the same
// services in the same way.
func (r *signRun) scope() string {
	l := r.o.login
	return strings.Join([]string{r.services.chosen.CA.URL, r.services.chosen.OIDC.URL, l.upstream, l.only}, "\n")
}

// A keepingCA gives each certificate to the agent that has its key.
type keepingCA struct {
	sign.CertificateAuthority
	client *agent.Client
	scope  string
}

func (k keepingCA) Certify(ctx context.Context, key crypto.Signer, token oidc.Token) ([]byte, error) {
	leaf, err := k.CertificateAuthority.Certify(ctx, key, token)
	if err != nil {
		return nil, err
	}
	held, ok := key.(*agent.Key)
	if !ok {
		return nil, errors.New("key is not the agent's")
	}
	return leaf, k.client.Hold(ctx, held, leaf, k.scope)
}
