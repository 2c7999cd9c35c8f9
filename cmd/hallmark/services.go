package main

import (
	"context"
	"crypto"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/oidc"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/sign/fulcio"
	"github.com/hallmarksign/hallmark/sign/tsa"
	"github.com/hallmarksign/hallmark/tlog"
	"github.com/hallmarksign/hallmark/tlog/read"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/trustroot/tuf"
	"github.com/hallmarksign/hallmark/verify"
)

// audience of identity tokens that certificate authorities accept.
const audience = "sigstore"

var errNoToken = errors.New("this is a pipeline and it has no identity token")

// needsToken is what a pipeline can do that no provider knows.
const needsToken = "put a token for the audience sigstore in SIGSTORE_ID_TOKEN, or name a file in SIGSTORE_ID_TOKEN_FILE"

// services are what one signing uses, and the verifier that checks them all.
type services struct {
	root     *trustroot.Root
	chosen   *trustroot.Services
	verifier *verify.Verifier
}

// services loads the trusted root and chooses services, before anything slow.
func (o *signOptions) services(ctx context.Context, e *env) (*services, error) {
	if o.trust.offline {
		return nil, usage("--offline: signing needs the services of an instance")
	}
	if (o.trust.trustedRoot == "") != (o.config == "") {
		return nil, usage("--trusted-root and --signing-config go together")
	}
	root, client, err := o.trust.root(ctx, e, &o.output)
	if err != nil {
		return nil, err
	}
	config, err := o.signingConfig(ctx, client)
	if err != nil {
		return nil, err
	}
	chosen, err := config.AllowLoopback().Select(root, e.now())
	if err != nil {
		return nil, err
	}
	verifier, err := verify.New(root, verify.PublicGood)
	if err != nil {
		return nil, err
	}
	return &services{root: root, chosen: chosen, verifier: verifier}, nil
}

// signingConfig reads the file that was given with the trusted root, or asks the
// client of the instance.
func (o *signOptions) signingConfig(ctx context.Context, client *tuf.Client) (*trustroot.SigningConfig, error) {
	if client != nil {
		config, err := client.Services(ctx)
		if err != nil {
			return nil, undecided(err)
		}
		return config, nil
	}
	data, err := readBounded(o.config, trustroot.MaxSize)
	if err != nil {
		return nil, err
	}
	config, err := trustroot.ParseSigningConfig(data)
	return config, named(o.config, err)
}

// signer returns a signer that uses the chosen services. A log that the trusted
// root does not know is refused here, before a login (K12).
func (s *services) signer(e *env, tokens oidc.Provider) (*sign.Signer, error) {
	signer := &sign.Signer{Tokens: tokens, Audience: audience, Now: e.now}
	doer, err := connect(s.chosen.CA.URL, 30*time.Second)
	if err != nil {
		return nil, err
	}
	ca, err := fulcio.New(fulcio.Config{Doer: doer, Verify: s.verifier.Certificate, Now: e.now})
	if err != nil {
		return nil, err
	}
	signer.CA = authority{ca, host(s.chosen.CA.URL)}
	signer.Logs, err = quorum(s.chosen.Logs, func(c trustroot.Service) (sign.Log, error) { return s.log(e, c) })
	if err != nil {
		return nil, err
	}
	signer.Times, err = quorum(s.chosen.TSAs, func(c trustroot.Service) (sign.TimestampAuthority, error) {
		doer, err := connect(c.URL, 30*time.Second)
		if err != nil {
			return nil, err
		}
		stamper, err := tsa.New(tsa.Config{Doer: doer, Authorities: s.root.TSAs, Now: e.now})
		return timestamper{stamper, host(c.URL)}, err
	})
	return signer, err
}

// log returns a log to write to. One of the first generation is a [sign.Finder].
func (s *services) log(e *env, c trustroot.Service) (sign.Log, error) {
	doer, err := connect(c.URL, tlog.Timeout)
	if err != nil {
		return nil, err
	}
	log, err := tlog.New(c.Version, c.URL, tlog.Config{
		Doer: doer, Root: s.root, Now: e.now(), Existing: existing(read.Config{Doer: doer, Root: s.root, Now: e.now}),
	})
	if err != nil {
		return nil, err
	}
	named := transparencyLog{log, host(c.URL)}
	if f, ok := log.(sign.Finder); ok {
		return findingLog{named, f}, nil
	}
	return named, nil
}

// existing reads an entry that a log of the second generation says it has, with its
// proof.
func existing(c read.Config) func(context.Context, *trustroot.Log, int64) (bundle.Entry, error) {
	return func(ctx context.Context, log *trustroot.Log, index int64) (bundle.Entry, error) {
		reader, err := read.NewV2(log, c)
		if err != nil {
			return bundle.Entry{}, err
		}
		e, err := reader.Entry(ctx, index)
		if err != nil {
			return bundle.Entry{}, err
		}
		return e.Raw, nil
	}
}

func connect(base string, timeout time.Duration) (*fetch.Client, error) {
	return fetch.New(base, fetch.Config{UserAgent: userAgent(), Timeout: timeout, Retries: 3})
}

// The services of a signer, with errors that say whose fault it was.
type (
	authority struct {
		sign.CertificateAuthority
		host string
	}
	transparencyLog struct {
		sign.Log
		host string
	}
	findingLog struct {
		transparencyLog
		finder sign.Finder
	}
	timestamper struct {
		sign.TimestampAuthority
		host string
	}
)

func (a authority) Certify(ctx context.Context, key crypto.Signer, token oidc.Token) ([]byte, error) {
	leaf, err := a.CertificateAuthority.Certify(ctx, key, token)
	return leaf, by("certificate authority "+a.host, err)
}

func (l transparencyLog) Append(ctx context.Context, r sign.Record) (bundle.Entry, error) {
	entry, err := l.Log.Append(ctx, r)
	return entry, by("log "+l.host, err)
}

func (l findingLog) Find(ctx context.Context, r sign.Record) (bundle.Entry, bool, error) {
	entry, found, err := l.finder.Find(ctx, r)
	return entry, found, by("log "+l.host, err)
}

func (t timestamper) Timestamp(ctx context.Context, signature []byte) ([]byte, error) {
	token, err := t.TimestampAuthority.Timestamp(ctx, signature)
	return token, by("timestamp authority "+t.host, err)
}

// by names the service in the refusal of its answer.
func by(service string, err error) error {
	if sent, ok := err.(*sign.SentError); ok {
		return &sign.SentError{Entry: sent.Entry, Err: by(service, sent.Err)}
	}
	if refused, ok := err.(*check.Error); ok && refused.Check != check.Net {
		return refused.At(strings.TrimSuffix(service+": "+refused.Field, ": "))
	}
	return err
}

// quorum connects every candidate of a selection.
func quorum[T any](s trustroot.Selection, open func(trustroot.Service) (T, error)) (sign.Quorum[T], error) {
	q := sign.Quorum[T]{Need: s.Need}
	for _, c := range s.Candidates {
		service, err := open(c)
		if err != nil {
			return q, err
		}
		q.Candidates = append(q.Candidates, service)
	}
	return q, nil
}

// describe names the services that will be asked, and those that take the place of
// one that fails (SC-7): what is agreed to is where things become public.
func (s *services) describe() []string {
	lines := []string{"certificate from " + host(s.chosen.CA.URL)}
	lines = append(lines, describeAll("timestamp from ", s.chosen.TSAs)...)
	return append(lines, describeAll("entry in the public log ", s.chosen.Logs)...)
}

func describeAll(what string, s trustroot.Selection) (lines []string) {
	for i, c := range s.Candidates {
		line := what + host(c.URL)
		if i >= s.Need {
			line += ", if another fails"
		}
		lines = append(lines, line)
	}
	return lines
}

func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return printable(raw, 256)
	}
	return printable(u.Host, 256)
}
