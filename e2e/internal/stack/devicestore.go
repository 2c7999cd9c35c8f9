package stack

import (
	"context"
	"errors"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// A device is one request of the device flow (RFC 8628).
type device struct {
	userCode string
	state    op.DeviceAuthorizationState
}

func (s *loginStore) StoreDeviceAuthorization(_ context.Context, client, deviceCode, userCode string, expires time.Time, scopes []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		if d.userCode == userCode {
			return op.ErrDuplicateUserCode
		}
	}
	s.devices[deviceCode] = &device{userCode: userCode, state: op.DeviceAuthorizationState{
		ClientID: client, Audience: []string{client}, Scopes: scopes, Expires: expires,
	}}
	return nil
}

func (s *loginStore) GetDeviceAuthorizatonState(_ context.Context, client, deviceCode string) (*op.DeviceAuthorizationState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.devices[deviceCode]
	if !ok || d.state.ClientID != client {
		return nil, errors.New("no such device code")
	}
	state := d.state
	return &state, nil
}

// answerDevice completes the request with this user code, or denies it when
// email is empty.
func (s *loginStore) answerDevice(userCode, email string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		if d.userCode != userCode || d.state.Done || d.state.Denied {
			continue
		}
		if email == "" {
			d.state.Denied = true
			return nil
		}
		d.state.Done, d.state.Subject, d.state.AuthTime = true, subject(email), time.Now()
		s.emails[d.state.Subject] = email
		return nil
	}
	return errors.New("no device waits for this code")
}
