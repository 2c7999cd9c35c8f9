// Package service asks the services of signing. It separates "no answer" (check
// net) from "an answer that is a no" (check server); what an answer says is for
// the client of the service to check.
package service

import (
	"context"
	"net/http"
	"slices"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
)

// Ask sends r and returns the answer if its status is one of want. Any other
// status that a further attempt can't change is an error of check server with
// an excerpt of the body, without the secrets of r. A POST may be repeated: all
// that the services do twice is harmless (SG-11). fetch.NotDone says of an error
// whether the service can have done anything.
func Ask(ctx context.Context, d fetch.Doer, r fetch.Request, want ...int) (*fetch.Response, error) {
	r.AcceptStatus = definite()
	r.Idempotent = true
	res, err := d.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(want, res.Status) {
		return nil, refusal(res, check.Refuse("SG-11", check.Server, "want status %v, got %d: %s", want, res.Status, fetch.Excerpt(res.Body, r.Secrets...)))
	}
	return res, nil
}

// refusal marks the error of an answer that says no, if nothing can have been done
// before it either.
func refusal(res *fetch.Response, e *check.Error) error {
	if fetch.Declines(res.Status) && !res.Repeated {
		return fetch.Refused(e)
	}
	return e
}

// definite returns the statuses that say no for good.
func definite() (list []int) {
	for s := http.StatusMultipleChoices; s < http.StatusInternalServerError; s++ {
		if s != http.StatusRequestTimeout && s != http.StatusTooEarly && s != http.StatusTooManyRequests {
			list = append(list, s)
		}
	}
	return list
}
