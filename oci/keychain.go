package oci

import (
	"context"
	"fmt"
)

// A Keychain knows credentials of registries.
type Keychain interface {
	// Credential returns what to show to a registry ("host" or "host:port") for
	// a repository; the zero Credential if there is nothing.
	Credential(ctx context.Context, registry, repository string) (Credential, error)
}

// A Secret prints as [redacted].
type Secret string

// String returns "[redacted]", or "" if there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[redacted]"
}

// Format prints "[redacted]" whatever the verb is.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText never gives the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Credential is a user name with a password, or one of two tokens.
type Credential struct {
	Username string
	Password Secret
	Identity Secret // a refresh token, to be exchanged at the token server
	Token    Secret // a bearer token for the registry itself

	Source string // file and entry that it comes from
	Note   string // what the user should know about that file; may be empty
}

// empty says that there is nothing to show.
func (c Credential) empty() bool { return c.Password == "" && c.Identity == "" && c.Token == "" }
