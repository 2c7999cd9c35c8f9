package service

import (
	"context"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
)

// answer is a service that always gives one answer.
type answer struct {
	res fetch.Response
	got fetch.Request
}

func (a *answer) Do(_ context.Context, r fetch.Request) (*fetch.Response, error) {
	a.got = r
	return &a.res, nil
}

func TestSG11_Status(t *testing.T) {
	for status, want := range map[int]check.Check{200: "", 201: "", 206: check.Server, 304: check.Server, 400: check.Server, 409: check.Server} {
		a := &answer{res: fetch.Response{Status: status, Body: []byte("the secret of them")}}
		res, err := Ask(t.Context(), a, fetch.Request{Secrets: []string{"secret of them"}}, 200, 201)
		if check.Of(err) != want || (res == nil) != (err != nil) {
			t.Errorf("%d: got %v, %v, want check %q", status, res, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: the secret is in %v", status, err)
		}
		if !a.got.Idempotent {
			t.Error("a further attempt is not allowed")
		}
		for _, again := range []int{408, 425, 429, 500} {
			for _, s := range a.got.AcceptStatus {
				if s == again {
					t.Errorf("%d is taken for an answer", again)
				}
			}
		}
	}
	if _, err := Ask(t.Context(), fetch.Offline{}, fetch.Request{}, 200); check.Of(err) != check.Net {
		t.Errorf("got %v, want check net", err)
	}
}
