package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Of many errors of one check some are shown and the rest is counted; those of another
// check are shown beside them.
func TestFewFailures(t *testing.T) {
	for n, more := range map[int]string{1: "", maxFailures: "", maxFailures + 1: "and 1 more", 10 * maxFailures: fmt.Sprintf("and %d more", 9*maxFailures)} {
		var few fewFailures
		for range n {
			few.add(check.Refuse("LG-1", check.Proof, "is wrong"))
		}
		few.add(check.Refuse("LG-1", check.Net, "is not there"))
		all, _ := errors.AsType[failures](few.err())
		want := min(n, maxFailures) + 1
		if more != "" {
			want++
		}
		if len(all) != want || strings.Contains(all[len(all)-1].Error(), "more errors") != (more != "") || !strings.Contains(all[len(all)-1].Error(), more) {
			t.Errorf("%d errors: got %d, %v, want %d", n, len(all), all, want)
		}
	}
}

func TestLogFind_Limit(t *testing.T) {
	for n, want := range map[int]check.Check{-1: check.Usage, 0: "", 1: "", maxLimit: "", maxLimit + 1: check.Usage} {
		o := findOptions{email: "alice@example.com", limit: n}
		if q, err := o.query(t.Context(), &env{}); check.Of(err) != want || err == nil && q.Limit != n {
			t.Errorf("--limit %d: got %d, %v, want check %q", n, q.Limit, err, want)
		}
	}
}

func TestRemarks(t *testing.T) {
	for n, last := range map[int]string{maxRemarks: fmt.Sprintf("number %d\n", maxRemarks), maxRemarks + 1: "warning: 1 more like these\n", 1000: fmt.Sprintf("warning: %d more like these\n", 1000-maxRemarks)} {
		var out bytes.Buffer
		r := remarks{e: &env{stderr: &out}}
		for i := range n {
			r.say("number %d", i+1)
		}
		r.end()
		if lines := strings.Count(out.String(), "\n"); lines != min(n, maxRemarks+1) || !strings.HasSuffix(out.String(), last) {
			t.Errorf("%d warnings: got %d lines, %s", n, lines, out.String())
		}
	}
}
