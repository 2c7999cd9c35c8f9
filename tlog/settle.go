package tlog

import (
	"context"
	"errors"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/sign"
)

// Bounds of the wait for an entry that a log has but does not show yet: a tree takes
// in what is new in batches.
const (
	firstPause = 500 * time.Millisecond // it doubles
	maxPause   = 5 * time.Second
	promised   = 10 // looks at an entry that the log says it has, about half a minute
	hoped      = 4  // looks for one whose request had no answer
)

// A patience is the pause after the first look for an entry.
type patience struct{ pause time.Duration }

// wait looks until there is an entry, at most so many times. An error of look other
// than that nothing is there (check not_found) ends it.
func (p patience) wait(ctx context.Context, looks int, look func() (Receipt, error)) (Receipt, error) {
	for pause := p.pause; ; pause = min(2*pause, maxPause) {
		r, err := look()
		if looks--; looks == 0 || check.Of(err) != check.NotFound {
			return r, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return Receipt{}, check.Refuse("", check.Net, "stopped: %w", context.Cause(ctx))
		}
	}
}

// sent is the error of a request that had no answer: an entry may be public, unless
// the log can't have taken it.
func sent(err error) error {
	if fetch.NotDone(err) {
		return err
	}
	return public(nil, err)
}

// public is the error of an answer: there is an entry, and it can't be handed on.
func public(e *bundle.Entry, err error) error { return &sign.SentError{Entry: e, Err: err} }

// located says which entry a refusal is about.
func located(err error, entry string) error {
	if e, ok := errors.AsType[*check.Error](err); ok && e.Field == "" {
		return e.At(entry)
	}
	return err
}
