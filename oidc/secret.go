package oidc

import "log/slog"

const redacted = "[redacted]"

// A secret is a text that no formatter shows (OI-9). It is behind a pointer
// because package fmt does not call methods on unexported fields, but prints
// only the address of a pointer it finds there.
type secret struct{ text *string }

func newSecret(s string) secret { return secret{&s} }

func (s secret) reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

func (secret) String() string               { return redacted }
func (secret) GoString() string             { return redacted }
func (secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
