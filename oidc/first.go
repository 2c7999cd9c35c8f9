package oidc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// FirstOf returns a provider that asks each of providers until one applies. An
// error other than ErrUnavailable ends the search: a login that went wrong is
// not covered up by another one. If none applies the error joins all reasons.
func FirstOf(providers ...Provider) Provider { return first(providers) }

type first []Provider

func (f first) Name() string {
	var names []string
	for _, p := range f {
		names = append(names, p.Name())
	}
	return strings.Join(names, ", ")
}

func (f first) Token(ctx context.Context, audience string) (Token, error) {
	var reasons []error
	for _, p := range f {
		t, err := p.Token(ctx, audience)
		if err == nil {
			return t, nil
		}
		if !errors.Is(err, ErrUnavailable) {
			return Token{}, err
		}
		reasons = append(reasons, err)
	}
	if len(reasons) == 0 {
		return Token{}, unavailable("no source of identity tokens was named")
	}
	return Token{}, &check.Error{Check: check.OIDCToken, Rule: "OI-1", Err: joined(reasons)}
}

// joined is a list of reasons in one line, without the words that they share.
type joined []error

func (j joined) Error() string {
	var texts []string
	for _, err := range j {
		if e, ok := errors.AsType[*check.Error](err); ok && e.Err != nil {
			err = e.Err
		}
		texts = append(texts, strings.TrimSuffix(err.Error(), ": "+ErrUnavailable.Error()))
	}
	return strings.Join(texts, "; ")
}

func (j joined) Unwrap() []error { return j }

// unavailable is the error of a provider that does not apply.
func unavailable(format string, args ...any) error {
	return &check.Error{Check: check.OIDCToken, Rule: "OI-1", Err: fmt.Errorf(format+": %w", append(args, ErrUnavailable)...)}
}
