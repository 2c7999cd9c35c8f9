package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// A loginStore is what the provider remembers while it runs: open logins.
type loginStore struct {
	key signingKey

	mu      sync.Mutex
	logins  map[string]*login  // by id
	codes   map[string]string  // code: login id
	devices map[string]*device // by device code
	emails  map[string]string  // subject: email
}

func newLoginStore(key signingKey) *loginStore {
	return &loginStore{key: key, logins: map[string]*login{}, codes: map[string]string{}, devices: map[string]*device{}, emails: map[string]string{}}
}

// A login is one authorization request.
type login struct {
	*oidc.AuthRequest
	id, user string
	at       time.Time
}

func (l *login) GetID() string                      { return l.id }
func (l *login) GetACR() string                     { return "" }
func (l *login) GetAMR() []string                   { return nil }
func (l *login) GetAudience() []string              { return []string{l.ClientID} }
func (l *login) GetAuthTime() time.Time             { return l.at }
func (l *login) GetClientID() string                { return l.ClientID }
func (l *login) GetNonce() string                   { return l.Nonce }
func (l *login) GetRedirectURI() string             { return l.RedirectURI }
func (l *login) GetResponseType() oidc.ResponseType { return l.ResponseType }
func (l *login) GetResponseMode() oidc.ResponseMode { return l.ResponseMode }
func (l *login) GetScopes() []string                { return l.Scopes }
func (l *login) GetState() string                   { return l.State }
func (l *login) GetSubject() string                 { return l.user }
func (l *login) Done() bool                         { return l.user != "" }
func (l *login) GetCodeChallenge() *oidc.CodeChallenge {
	if l.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: l.CodeChallenge, Method: l.CodeChallengeMethod}
}

// subject is the stable "sub" of a person.
func subject(email string) string {
	sum := sha256.Sum256([]byte(email))
	return "person-" + hex.EncodeToString(sum[:8])
}

// verified says what the provider claims about an address: all but those
// that begin with "unverified" have been checked.
func verified(email string) bool { return !strings.HasPrefix(email, "unverified") }

// enter completes a login as email.
func (s *loginStore) enter(id, email string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.logins[id]
	if !ok {
		return errors.New("this login is over; begin again")
	}
	l.user, l.at = subject(email), time.Now()
	s.emails[l.user] = email
	return nil
}

func (s *loginStore) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if r.CodeChallenge == "" || r.CodeChallengeMethod != oidc.CodeChallengeMethodS256 {
		return nil, oidc.ErrInvalidRequest().WithDescription("code_challenge with method S256 is required")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &login{AuthRequest: r, id: randomID()}
	s.logins[l.id] = l
	return l, nil
}

func (s *loginStore) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.logins[id]
	if !ok {
		return nil, errors.New("no such login")
	}
	return l, nil
}

func (s *loginStore) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	id, ok := s.codes[code]
	s.mu.Unlock()
	if !ok {
		return nil, errors.New("code is invalid or was used")
	}
	return s.AuthRequestByID(ctx, id)
}

func (s *loginStore) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	return nil
}

func (s *loginStore) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.logins, id)
	for code, of := range s.codes {
		if of == id {
			delete(s.codes, code)
		}
	}
	return nil
}

func (s *loginStore) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return randomID(), time.Now().Add(tokenLife), nil
}

func (s *loginStore) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, _ []string) error {
	return s.describe(info, r.GetSubject())
}

func (s *loginStore) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, _, subject, _ string) error {
	return s.describe(info, subject)
}

func (s *loginStore) describe(info *oidc.UserInfo, subject string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	email, ok := s.emails[subject]
	if !ok {
		return errors.New("no such person")
	}
	info.Subject, info.Email, info.EmailVerified = subject, email, oidc.Bool(verified(email))
	return nil
}

func (s *loginStore) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != audience {
		return nil, fmt.Errorf("no client %q", id)
	}
	return publicClient{id: id}, nil
}

func (s *loginStore) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }
func (s *loginStore) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{s.key}}, nil
}
func (s *loginStore) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}
func (s *loginStore) Health(context.Context) error { return nil }

// What follows is part of op.Storage, but of no use to a client that only
// wants an ID token.

var errNotOffered = errors.New("not offered by this provider")

func (s *loginStore) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errNotOffered
}
func (s *loginStore) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errNotOffered
}
func (s *loginStore) TerminateSession(context.Context, string, string) error          { return nil }
func (s *loginStore) RevokeToken(context.Context, string, string, string) *oidc.Error { return nil }
func (s *loginStore) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}
func (s *loginStore) AuthorizeClientIDSecret(context.Context, string, string) error {
	return errNotOffered
}
func (s *loginStore) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}
func (s *loginStore) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errNotOffered
}
func (s *loginStore) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}
func (s *loginStore) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errNotOffered
}
func (s *loginStore) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNotOffered
}
