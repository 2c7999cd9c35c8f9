package sign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oidc"
)

// kept logs in with a key that is made elsewhere and returns it with its
// certificate.
func kept(t *testing.T, w *world) (crypto.Signer, []byte) {
	t.Helper()
	var key crypto.Signer
	s := w.signer()
	s.NewKey = func(context.Context) (crypto.Signer, error) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		key = k
		return k, err
	}
	session, err := s.Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	return key, session.Certificate()
}

func TestSG5_ResumeNeedsNoLogin(t *testing.T) {
	w := newWorld(t)
	key, leaf := kept(t, w)
	consents := 0
	s := w.signer()
	s.Consent = func(context.Context, oidc.Token) error { consents++; return nil }
	session, err := s.Resume(t.Context(), key, leaf, alice)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Result{}
	if err := session.Sign(t.Context(), artifacts(3), collect(got)); err != nil {
		t.Fatal(err)
	}
	session.Close()
	if w.logins != 1 || w.certs != 1 || consents != 1 || len(got) != 3 {
		t.Errorf("got %d logins, %d certificates, %d questions, %d results; want 1, 1, 1, 3", w.logins, w.certs, consents, len(got))
	}
}

func TestSG7_ResumeIsRefused(t *testing.T) {
	w := newWorld(t)
	key, leaf := kept(t, w)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	for name, c := range map[string]struct {
		key     crypto.Signer
		leaf    []byte
		consent error
		want    check.Check
	}{
		"another key":    {other, leaf, nil, check.Server},
		"no certificate": {key, []byte("x"), nil, check.Server},
		"no consent":     {key, leaf, no, check.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			s := w.signer()
			s.Consent = func(context.Context, oidc.Token) error { return c.consent }
			session, err := s.Resume(t.Context(), c.key, c.leaf, alice)
			if session != nil || check.Of(err) != c.want || c.consent != nil && !errors.Is(err, c.consent) {
				t.Errorf("got %v, %v; want check %q", session, err, c.want)
			}
		})
	}
	if _, err := new(Signer).Resume(t.Context(), key, leaf, alice); check.Of(err) != check.Internal {
		t.Errorf("a signer without parts: got %v", err)
	}
}

// TestSG7_ResumedSessionRenews: the names in the certificate are all that must
// be the same.
func TestSG7_ResumedSessionRenews(t *testing.T) {
	for name, c := range map[string]struct {
		who  oidc.Token
		want check.Check
	}{
		"same names":    {oidc.Token{Subject: alice.Subject, Issuer: alice.CertificateIssuer()}, ""},
		"other subject": {oidc.Token{Subject: "bob@example.com", Issuer: alice.CertificateIssuer()}, check.Identity},
		"other issuer":  {oidc.Token{Subject: alice.Subject, Issuer: "https://other.example.com"}, check.Identity},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			key, leaf := kept(t, w)
			// The person is known by another issuer, which certificates do not name.
			w.token = func(int) (oidc.Token, error) {
				return oidc.Token{Subject: alice.Subject, Issuer: "https://broker.example.com", FederatedIssuer: alice.Issuer}, nil
			}
			s := w.signer()
			s.Check = func(context.Context, []byte, Job, oidc.Token) error { return nil }
			session, err := s.Resume(t.Context(), key, leaf, c.who)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			w.advance(time.Hour)
			err = session.Sign(t.Context(), artifacts(1), collect(map[string]Result{}))
			if got := check.Of(err); err == nil != (c.want == "") || err != nil && got != c.want {
				t.Errorf("got %v, want check %q", err, c.want)
			}
			if w.logins != 2 {
				t.Errorf("got %d logins, want 2", w.logins)
			}
		})
	}
}

func TestSG5_KeyThatCannotBeMade(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	gone := errors.New("agent is gone")
	s.NewKey = func(context.Context) (crypto.Signer, error) { return nil, gone }
	if _, err := s.Login(t.Context()); !errors.Is(err, gone) || w.certs != 0 {
		t.Errorf("got %v and %d certificates, want %v and none", err, w.certs, gone)
	}
}
