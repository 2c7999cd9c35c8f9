package fetch

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/hallmarksign/hallmark/internal/check"
)

// maxPause bounds one wait between attempts that a server did not ask for.
const maxPause = 10 * time.Second

// retry performs attempt until it gives an answer, an error that a further
// attempt can't change, or no time is left for a further one.
func (c *Client) retry(parent context.Context, r Request, attempt func(context.Context) (*Response, error)) (*Response, error) {
	ctx, stop := context.WithTimeoutCause(parent, c.deadline,
		check.Refuse("TU-14", check.Net, "want an answer within %v, got none", c.deadline))
	defer stop()
	again := method(r) == http.MethodGet || r.Idempotent
	var last error
	res, err := backoff.Retry(ctx, func() (*Response, error) {
		res, err := attempt(ctx)
		last = err
		if err == nil {
			return res, nil
		}
		wait, ok := retryable(ctx, err, time.Now())
		if !again || !ok {
			return nil, backoff.Permanent(err)
		}
		if wait > 0 {
			return nil, &backoff.RetryAfterError{Duration: wait}
		}
		return nil, err
	}, backoff.WithMaxTries(uint(c.retries)+1), backoff.WithMaxElapsedTime(c.deadline), backoff.WithBackOff(c.backoff()))
	if err == nil {
		return res, nil
	}
	// Cancelled while waiting: say so, but a deadline is better explained by
	// the error that made us wait.
	if cause := context.Cause(parent); cause != nil {
		if errors.Is(last, cause) {
			return nil, last
		}
		return nil, &check.Error{Check: check.Net, Rule: "TU-14", Field: place(c.url), Err: cause}
	}
	return nil, last
}

// backoff grows from pause by a factor of two, each wait up to half shorter or
// longer, so that many clients do not come back at once.
func (c *Client) backoff() backoff.BackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = c.pause
	b.Multiplier = 2
	b.MaxInterval = maxPause
	return b
}

// retryable says whether a further attempt may help, and how long the server
// asked to wait; 0 if it did not.
func retryable(ctx context.Context, err error, now time.Time) (time.Duration, bool) {
	if ctx.Err() != nil {
		return 0, false
	}
	if s, ok := errors.AsType[*status](err); ok {
		if s.code != http.StatusTooManyRequests && (s.code < 500 || s.code == http.StatusNotImplemented) {
			return 0, false
		}
		return retryAfter(s.after, now), true
	}
	_, ok := errors.AsType[*broken](err)
	return 0, ok
}

// retryAfter reads a Retry-After field (RFC 9110, section 10.2.3): seconds or a
// date. What is malformed, negative or past is 0; there is no upper bound here,
// the deadline is one.
func retryAfter(value string, now time.Time) time.Duration {
	const most = 24 * time.Hour // far over any deadline, far under overflow
	if n, err := strconv.ParseUint(value, 10, 64); err == nil {
		return time.Duration(min(n, uint64(most/time.Second))) * time.Second
	}
	if t, err := http.ParseTime(value); err == nil {
		return min(max(t.Sub(now), 0), most)
	}
	return 0
}
