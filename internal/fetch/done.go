package fetch

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A notDone is the reason of an error after which nothing was done.
type notDone struct{ error }

func (n *notDone) Unwrap() error { return n.error }

// NotDone reports whether an error of Do says that the server did nothing: no attempt
// reached it whole, or each that did was answered with a status that Declines. After
// any other error it may have done what was asked for, more than once even.
func NotDone(err error) bool {
	_, ok := errors.AsType[*notDone](err)
	return ok
}

// Declines reports whether a status says that what was asked for was not done: 4xx, and
// 3xx but for 303, by which a server shows the result of what it did.
func Declines(status int) bool {
	return status >= http.StatusMultipleChoices && status < http.StatusInternalServerError && status != http.StatusSeeOther
}

// Refused returns a copy of the error of an answer by which the server did nothing.
func Refused(e *check.Error) *check.Error {
	c := *e
	c.Err = &notDone{e.Err}
	return &c
}

// A trail tells what the attempts of one request may have done.
type trail struct {
	blind  bool // the transport does not say what it wrote
	unsure bool // an attempt that has ended may have been carried out
}

// follow performs one attempt.
func (t *trail) follow(ctx context.Context, attempt func(context.Context) (*Response, error)) (*Response, error) {
	var wrote atomic.Bool
	res, err := attempt(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { wrote.Store(true) },
	}))
	if err == nil {
		res.Repeated = t.unsure
		return res, nil
	}
	if s, ok := errors.AsType[*status](err); ok {
		t.unsure = t.unsure || !Declines(s.code)
	} else {
		t.unsure = t.unsure || t.blind || wrote.Load()
	}
	return nil, err
}

// end marks the error of the last attempt.
func (t *trail) end(err error) error {
	if e, ok := errors.AsType[*check.Error](err); ok && !t.unsure {
		return Refused(e)
	}
	return err
}
