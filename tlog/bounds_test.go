package tlog

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
)

func TestSG12_EqualEntries(t *testing.T) {
	for n, want := range map[int]check.Check{maxEqual: "", maxEqual + 1: check.Server} {
		f := newFake(t, 1)
		proposed := must(propose(record(t, "")))
		f.last = proposed
		one := f.entry(path1)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			list := bytes.Join(bytes.SplitAfter(bytes.Repeat(append(one, '\n'), n), []byte("\n"))[:n], []byte(","))
			_, _ = io.WriteString(w, "["+string(list)+"]")
		}))
		defer s.Close()
		l := f.writer(1, fetch.Config{}).(*v1)
		doer := must(fetch.New(s.URL, fetch.Config{}))
		t.Cleanup(doer.CloseIdle)
		l.doer = doer
		asked := 0
		_, err := l.find(t.Context(), proposed, func(*bundle.Entry) error { asked++; return nil })
		if check.Of(err) != want || (asked == 1) != (want == "") {
			t.Errorf("%d entries: got %v after %d were looked at, want check %q", n, err, asked, want)
		}
	}
}
