package sign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oidc"
)

func TestSG7_NewLoginWhenTheCertificateRunsOut(t *testing.T) {
	for _, tt := range []struct {
		passed time.Duration
		logins int
	}{
		{0, 1},
		{9*time.Minute + 29*time.Second, 1},
		{9*time.Minute + 30*time.Second, 2}, // 30 s are left, want more
		{time.Hour, 2},
	} {
		w := newWorld(t)
		session, err := w.signer().Login(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		first := session.Certificate()
		w.advance(tt.passed)
		if err := session.Sign(t.Context(), artifacts(20), collect(map[string]Result{})); err != nil {
			t.Fatal(err)
		}
		if w.logins != tt.logins || w.certs != tt.logins {
			t.Errorf("after %v: got %d logins and %d certificates, want %d", tt.passed, w.logins, w.certs, tt.logins)
		}
		if changed := string(first) != string(session.Certificate()); changed != (tt.logins == 2) {
			t.Errorf("after %v: certificate changed: %v", tt.passed, changed)
		}
		session.Close()
	}
}

func TestSG7_K28_CertificateRunsOutWhileWaiting(t *testing.T) {
	late := check.Refuse("CC-2", check.CertTime, "genTime is after notAfter")
	t.Run("K28 one retry", func(t *testing.T) {
		w := newWorld(t)
		var n atomic.Int32
		w.verify = func(*bundle.Bundle, Job) error {
			if n.Add(1) == 1 {
				return late
			}
			return nil
		}
		got := map[string]Result{}
		if err := w.signer().Sign(t.Context(), artifacts(1), collect(got)); err != nil {
			t.Fatal(err)
		}
		if w.logins != 2 || w.certs != 2 || got["file0"].Serialised == nil {
			t.Errorf("got %d logins, %d certificates, want 2 and a bundle", w.logins, w.certs)
		}
	})
	t.Run("K28 not for ever", func(t *testing.T) {
		w := newWorld(t)
		w.verify = func(*bundle.Bundle, Job) error { return late }
		err := w.signer().Sign(t.Context(), artifacts(1), collect(map[string]Result{}))
		if check.Of(err) != check.CertTime || w.logins != 2 || w.count("check") != 2 {
			t.Errorf("got %v after %d logins, want check cert_time after 2", err, w.logins)
		}
	})
	t.Run("K28 one login for all that were late", func(t *testing.T) {
		w := newWorld(t)
		spent := make(chan struct{})
		var n atomic.Int32
		w.verify = func(b *bundle.Bundle, _ Job) error {
			if i := n.Add(1); i <= 5 { // all five use the first certificate
				if i == 5 {
					close(spent)
				}
				<-spent
				return late
			}
			return nil
		}
		if err := w.signer().Sign(t.Context(), artifacts(5), collect(map[string]Result{})); err != nil {
			t.Fatal(err)
		}
		if w.logins != 2 {
			t.Errorf("got %d logins, want 2", w.logins)
		}
	})
	t.Run("K28 the second login fails", func(t *testing.T) {
		w := newWorld(t)
		w.verify = func(*bundle.Bundle, Job) error { return late }
		gone := errors.New("browser was closed")
		w.token = func(n int) (oidc.Token, error) {
			if n > 1 {
				return oidc.Token{}, gone
			}
			return alice, nil
		}
		err := w.signer().Sign(t.Context(), artifacts(30), collect(map[string]Result{}))
		if !errors.Is(err, gone) || w.logins != 2 {
			t.Errorf("got %v after %d logins, want %v after 2", err, w.logins, gone)
		}
	})
}

func TestSG7_SecondLoginIsTheSameIdentity(t *testing.T) {
	for name, other := range map[string]oidc.Token{
		"subject":          {Subject: "bob@example.com", IsEmail: true, Issuer: alice.Issuer},
		"issuer":           {Subject: alice.Subject, IsEmail: true, Issuer: "https://other.example.com"},
		"federated issuer": {Subject: alice.Subject, IsEmail: true, Issuer: alice.Issuer, FederatedIssuer: "https://other.example.com"},
	} {
		w := newWorld(t)
		w.token = func(n int) (oidc.Token, error) {
			if n > 1 {
				return other, nil
			}
			return alice, nil
		}
		session, err := w.signer().Login(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.advance(time.Hour)
		err = session.Sign(t.Context(), artifacts(1), collect(map[string]Result{}))
		if check.Of(err) != check.Identity || w.certs != 1 {
			t.Errorf("%s: got %v after %d certificates, want check identity after 1", name, err, w.certs)
		}
		session.Close()
	}
}

// The subject of a pipeline's token is that of its repository; the certificate names
// the workflow, which may be another one next time.
func TestSG7_SecondLoginIsTheSameWorkflow(t *testing.T) {
	token := func(ref string) oidc.Token {
		claims := fmt.Sprintf(`{"iss":"https://token.actions.githubusercontent.com","aud":"sigstore","sub":"repo:o/r","exp":%d,"job_workflow_ref":"o/r/.github/workflows/%s"}`,
			start.Add(3*time.Hour).Unix(), ref)
		part := base64.RawURLEncoding.EncodeToString
		who, err := oidc.Static(part([]byte(`{"alg":"RS256"}`))+"."+part([]byte(claims))+"."+part([]byte("x")), func() time.Time { return start }).Token(t.Context(), "sigstore")
		if err != nil {
			t.Fatal(err)
		}
		return who
	}
	w := newWorld(t)
	w.token = func(n int) (oidc.Token, error) {
		return token([]string{"release.yml@refs/heads/main", "test.yml@refs/heads/main"}[n-1]), nil
	}
	session, err := w.signer().Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	w.advance(time.Hour)
	err = session.Sign(t.Context(), artifacts(1), collect(map[string]Result{}))
	if check.Of(err) != check.Identity || w.certs != 1 {
		t.Errorf("got %v after %d certificates, want check identity after 1", err, w.certs)
	}
}

// strange is an authority whose answers were not checked.
type strange struct {
	w    *world
	leaf func(key crypto.Signer) []byte
}

func (s strange) Certify(_ context.Context, key crypto.Signer, _ oidc.Token) ([]byte, error) {
	return s.leaf(key), nil
}

func TestSG7_K13_CertificateForAnotherKey(t *testing.T) {
	w := newWorld(t)
	for name, leaf := range map[string]func(crypto.Signer) []byte{
		"K13 another key": func(crypto.Signer) []byte {
			key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			der, _ := w.Certify(t.Context(), key, alice)
			return der
		},
		"K15 no certificate": func(crypto.Signer) []byte { return nil },
	} {
		s := w.signer()
		s.CA = strange{w, leaf}
		_, err := s.Login(t.Context())
		if check.Of(err) != check.Server {
			t.Errorf("%s: got %v, want check server", name, err)
		}
	}
}

func TestSG5_CloseDropsTheKey(t *testing.T) {
	w := newWorld(t)
	session, err := w.signer().Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if session.Who() != alice {
		t.Errorf("got %v, want alice", session.Who())
	}
	session.Close()
	session.Close()
	if session.cred != nil || session.Certificate() != nil {
		t.Error("the key is still there")
	}
	err = session.Sign(t.Context(), artifacts(1), collect(map[string]Result{}))
	if check.Of(err) != check.Internal || w.logins != 1 {
		t.Errorf("got %v after %d logins, want check internal after 1", err, w.logins)
	}
}

func TestSG5_KeyIsDroppedOnEveryPath(t *testing.T) {
	// The only thing that holds a key is the credential of a session; a session
	// prints without it.
	w := newWorld(t)
	session, err := w.signer().Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := session.cred.key.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	w.advance(time.Hour)
	w.certify = func(int) error { return check.Refuse("", check.Net, "down") }
	if err := session.Sign(t.Context(), artifacts(1), collect(map[string]Result{})); check.Of(err) != check.Net {
		t.Fatalf("got %v, want check net", err)
	}
	if session.cred != nil {
		t.Error("the key outlived the failed login")
	}
	if s := fmt.Sprintf("%+v %x", w.events, w.events); strings.Contains(s, fmt.Sprintf("%x", d)) {
		t.Error("the key was seen outside")
	}
}

func TestM14_ConsentIsAskedOnce(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	n := 0
	s.Consent = func(context.Context, oidc.Token) error { n++; return nil }
	session, err := s.Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	w.advance(time.Hour)
	if err := session.Sign(t.Context(), artifacts(1), collect(map[string]Result{})); err != nil || n != 1 || w.logins != 2 {
		t.Errorf("got %v, %d consents, %d logins, want 1 and 2", err, n, w.logins)
	}
}

func TestLoginFails(t *testing.T) {
	w := newWorld(t)
	no := errors.New("no")
	w.token = func(int) (oidc.Token, error) { return oidc.Token{}, no }
	if _, err := w.signer().Login(t.Context()); !errors.Is(err, no) || w.certs != 0 {
		t.Errorf("got %v, want %v", err, no)
	}
	w = newWorld(t)
	w.certify = func(int) error { return no }
	if _, err := w.signer().Login(t.Context()); !errors.Is(err, no) {
		t.Errorf("got %v, want %v", err, no)
	}
}
