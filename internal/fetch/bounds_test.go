package fetch

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Bounds of TestTU14_Redirects: maxRedirects.
// Bounds of TestLM1_Header: maxHeader.

func TestLM1_ErrorBody(t *testing.T) {
	for n, want := range map[int]string{maxErrBody: `"x"`, maxErrBody + 1: `""`} {
		if got := Excerpt([]byte(strings.Repeat(" ", n-1) + "x")); got != want {
			t.Errorf("%d bytes: got %s, want %s", n, got, want)
		}
	}
}

// The line break and the other fields of an answer count, so that these are not next
// to each other.
func TestLM1_Header(t *testing.T) {
	for n, want := range map[int]check.Check{60 << 10: "", 70 << 10: check.Net} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", n)) })
		if _, err := client(t, s.URL, Config{}).Do(t.Context(), Request{MaxBody: 1}); check.Of(err) != want {
			t.Errorf("%d bytes: got %v, want check %q", n, err, want)
		}
	}
}
