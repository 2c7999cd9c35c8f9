package ctlog

import (
	"context"
	"fmt"
	"net/url"
	"testing"

	"github.com/hallmarksign/hallmark/internal/fetch"
)

// Every question says how long its answer may be, and asks for a bounded number of
// entries.
func TestLM1_Questions(t *testing.T) {
	f := newFake(t)
	f.add("bob@example.com", false)
	for range maxBatch + 9 {
		f.leaves = append(f.leaves, f.leaves[0])
	}
	f.most = 2 * maxBatch
	most := map[string]int64{}
	entries := 0
	log := New(f.log().log, doer(func(ctx context.Context, r fetch.Request) (*fetch.Response, error) {
		u := must(url.Parse(r.Path))
		most[u.Path] = r.MaxBody
		if u.Path == "/ct/v1/get-entries" {
			var first, last int
			fmt.Sscan(u.Query().Get("start"), &first)
			fmt.Sscan(u.Query().Get("end"), &last)
			entries = max(entries, last-first+1)
		}
		return f.Do(ctx, r)
	}), Config{Now: f.w.Clock.Now})
	if _, _, err := log.Look(t.Context(), Point{}, 4*maxBatch, alice); err != nil {
		t.Fatal(err)
	}
	if most["/ct/v1/get-sth"] != maxHead || most["/ct/v1/get-entries"] != maxAnswer || entries != maxBatch {
		t.Errorf("bounds %v, %d entries at once, want %d, %d and %d", most, entries, maxHead, maxAnswer, maxBatch)
	}
}
