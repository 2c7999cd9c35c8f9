package oidc

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Static returns a provider of a token that was given. It is checked by Parse
// each time it is asked for. A nil now is the clock.
func Static(raw string, now func() time.Time) Provider {
	return static{newSecret(raw), clock(now)}
}

type static struct {
	raw secret
	now func() time.Time
}

func (static) Name() string { return "given token" }

func (s static) Token(_ context.Context, audience string) (Token, error) {
	return Parse(s.raw.reveal(), audience, s.now())
}

// FromReader reads a token from a file, standard input or a variable: at most
// 64 KiB, one line break after it, no byte order mark. A nil now is the clock.
func FromReader(r io.Reader, now func() time.Time) (Provider, error) {
	raw, err := read(r)
	if err != nil {
		return nil, err
	}
	return Static(raw, now), nil
}

func read(r io.Reader) (string, error) {
	const most = maxToken + len("\r\n")
	data, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err != nil {
		return "", check.Refuse("OI-1", check.FS, "identity token: %v", err)
	}
	if len(data) > most {
		return "", check.Refuse("LM-1", check.Limit, "want a token of at most %d bytes, got more", maxToken)
	}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return "", check.Refuse("OI-1", check.OIDCToken, "want a token, got a byte order mark")
	}
	raw := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if raw == "" {
		return "", check.Refuse("OI-1", check.OIDCToken, "want a token, got nothing")
	}
	return raw, nil
}

// clock is now, or the time of day.
func clock(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}
