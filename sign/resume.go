package sign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"slices"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oidc"
)

// Resume continues an earlier login whose key is still there, without another
// one. The caller has checked the certificate as [CertificateAuthority] does, and
// who is whom it names. Consent is asked as for a login. When the certificate
// runs out there is a new login, as in any session.
func (s *Signer) Resume(ctx context.Context, key crypto.Signer, leaf []byte, who oidc.Token) (*Session, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	cred, err := certified(key, leaf)
	if err != nil {
		return nil, err
	}
	if s.Consent != nil {
		s.progress(StepConsent, nil)
		if err := s.Consent(ctx, who); err != nil {
			return nil, err
		}
	}
	return &Session{signer: s, who: who, cred: cred, resumed: true}, nil
}

// newKey makes a key in this process, unless another place was named (SG-3, SG-5).
func (s *Signer) newKey(ctx context.Context) (crypto.Signer, error) {
	if s.NewKey != nil {
		return s.NewKey(ctx)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, check.Refuse("SG-3", check.Internal, "%v", err)
	}
	return key, nil
}

// isSame reports whether a second login is for whom the first was. Of a resumed
// one only the names in the certificate are known.
func (s *Session) isSame(again oidc.Token) bool {
	if s.resumed {
		return again.CertificateIssuer() == s.who.CertificateIssuer() && again.Names()[0] == s.who.Names()[0]
	}
	return slices.Equal(again.Names(), s.who.Names()) && again.Subject == s.who.Subject && again.Issuer == s.who.Issuer && again.FederatedIssuer == s.who.FederatedIssuer
}
