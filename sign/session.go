package sign

import (
	"context"
	"crypto"
	"crypto/x509"
	"sync"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oidc"
)

// MinLife is the life a certificate must still have to be used (SG-7).
const MinLife = 30 * time.Second

// A Session is a login with a key and its certificate. It is safe for
// concurrent use. Close drops the key.
type Session struct {
	signer *Signer
	who    oidc.Token

	mu      sync.Mutex // held while a certificate is obtained, so that one login serves all
	cred    *credential
	resumed bool  // who is only what the certificate says
	broken  error // why there is no credential any more
}

// A credential is a key that exists only here, or where [Signer.NewKey] put it,
// and the certificate for it.
type credential struct {
	key    crypto.Signer
	leaf   []byte
	expiry time.Time
}

// Login obtains a token, asks for consent and obtains a certificate, in that
// order. The caller closes the session.
func (s *Signer) Login(ctx context.Context) (*Session, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	s.progress(StepLogin, nil)
	who, err := s.Tokens.Token(ctx, s.Audience)
	if err != nil {
		return nil, err
	}
	if s.Consent != nil {
		s.progress(StepConsent, nil)
		if err := s.Consent(ctx, who); err != nil {
			return nil, err
		}
	}
	session := &Session{signer: s, who: who}
	if session.cred, err = s.certify(ctx, who); err != nil {
		return nil, err
	}
	return session, nil
}

// Who returns the token of the login.
func (s *Session) Who() oidc.Token { return s.who }

// Certificate returns the certificate in use, in DER; nil after Close.
func (s *Session) Certificate() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cred == nil {
		return nil
	}
	return s.cred.leaf
}

// Close drops the key (SG-5). A session that is closed signs nothing more.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(check.Refuse("SG-5", check.Internal, "session is closed"))
}

func (s *Session) drop(why error) {
	s.cred = nil
	if s.broken == nil {
		s.broken = why
	}
}

// credential returns a key with a certificate that has life left and is not
// spent. Only if there is none it logs in again (SG-7); after a failure it does
// not try once more, because every job would ask the user again.
func (s *Session) credential(ctx context.Context, spent *credential) (*credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return nil, s.broken
	}
	if s.cred != spent && s.signer.now().Add(MinLife).Before(s.cred.expiry) {
		return s.cred, nil
	}
	cred, err := s.renew(ctx)
	if err != nil {
		s.drop(err)
		return nil, err
	}
	s.cred = cred
	return cred, nil
}

// renew logs in again, as the same identity: it is the one consent was given for
// and the finished bundles name.
func (s *Session) renew(ctx context.Context) (*credential, error) {
	s.signer.progress(StepLogin, nil)
	again, err := s.signer.Tokens.Token(ctx, s.signer.Audience)
	if err != nil {
		return nil, err
	}
	if !s.isSame(again) {
		return nil, check.Refuse("SG-7", check.Identity, "second login is %q of %q, want %q of %q",
			again.Names()[0], again.CertificateIssuer(), s.who.Names()[0], s.who.CertificateIssuer())
	}
	return s.signer.certify(ctx, again)
}

// certify makes a key and obtains a certificate for it.
func (s *Signer) certify(ctx context.Context, who oidc.Token) (*credential, error) {
	s.progress(StepCertificate, nil)
	key, err := s.newKey(ctx)
	if err != nil {
		return nil, err
	}
	leaf, err := s.CA.Certify(ctx, key, who)
	if err != nil {
		return nil, err
	}
	return certified(key, leaf)
}

// certified checks that a certificate is for a key.
func certified(key crypto.Signer, leaf []byte) (*credential, error) {
	cert, err := x509.ParseCertificate(leaf)
	if err != nil {
		return nil, check.Refuse("SG-7", check.Server, "certificate: %v", err)
	}
	if public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(cert.PublicKey) {
		return nil, check.Refuse("SG-7", check.Server, "certificate is for another key")
	}
	return &credential{key: key, leaf: leaf, expiry: cert.NotAfter}, nil
}
