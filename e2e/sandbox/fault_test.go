package sandbox_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

func copyAll(w io.Writer, r io.Reader) (int64, error) { return io.Copy(w, r) }

// Each fault stands before one service alone, and goes away again.
func TestFault(t *testing.T) {
	t.Parallel()
	s := sandbox.Start(t, sandbox.Options{})
	client := &http.Client{Timeout: 2 * time.Second}
	ask := func() (status int, text string, took time.Duration, err error) {
		begin := time.Now()
		resp, err := client.Get(s.URL(sandbox.TUF) + "/timestamp.json")
		if err != nil {
			return 0, "", time.Since(begin), err
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(data), time.Since(begin), err
	}
	_, whole, _, err := ask()
	if err != nil || len(whole) < 100 {
		t.Fatalf("without fault: %q, %v", whole, err)
	}
	tests := []struct {
		name  string
		fault sandbox.Fault
		ok    func(status int, text string, took time.Duration, err error) bool
	}{
		{"delay", sandbox.Delay(300 * time.Millisecond), func(status int, text string, took time.Duration, err error) bool {
			return err == nil && text == whole && took >= 300*time.Millisecond
		}},
		{"hang", sandbox.Hang(), func(_ int, _ string, _ time.Duration, err error) bool { return err != nil }},
		{"status", sandbox.Status(503), func(status int, text string, _ time.Duration, err error) bool {
			return status == 503 && text == "Service Unavailable\n"
		}},
		{"retry after", sandbox.RetryAfter(3 * time.Second), func(status int, _ string, _ time.Duration, _ error) bool { return status == 429 }},
		{"answer", sandbox.Answer(200, "application/json", []byte("{}")), func(status int, text string, _ time.Duration, _ error) bool {
			return status == 200 && text == "{}"
		}},
		{"drop", sandbox.Drop(), func(_ int, _ string, _ time.Duration, err error) bool { return err != nil }},
		{"drop answer", sandbox.DropAnswer(), func(_ int, _ string, _ time.Duration, err error) bool { return err != nil }},
		{"truncate", sandbox.Truncate(50), func(_ int, text string, _ time.Duration, err error) bool {
			return err != nil && text == whole[:50]
		}},
		{"rewrite", sandbox.Rewrite(func(b []byte) []byte { return append(b, 'x') }), func(_ int, text string, _ time.Duration, err error) bool {
			return err == nil && text == whole+"x"
		}},
		{"path, not this one", sandbox.Path("/1.root", sandbox.Status(500)), func(status int, text string, _ time.Duration, _ error) bool {
			return status == 200 && text == whole
		}},
		{"none", nil, func(status int, text string, _ time.Duration, err error) bool { return err == nil && text == whole }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.Fault(sandbox.TUF, tt.fault)
			if status, text, took, err := ask(); !tt.ok(status, text, took, err) {
				t.Errorf("status %d after %v, %v: %s", status, took, err, text)
			}
			if got := body(t, s.URL(sandbox.Fulcio)+"/api/v2/trustBundle"); !strings.Contains(got, "BEGIN CERTIFICATE") {
				t.Errorf("another service is hit as well: %s", got)
			}
		})
	}
	s.Fault(sandbox.TUF, sandbox.First(2, sandbox.Status(500)))
	var got []int
	for range 3 {
		status, _, _, _ := ask()
		got = append(got, status)
	}
	if got[0] != 500 || got[1] != 500 || got[2] != 200 {
		t.Errorf("first two: %v", got)
	}
	if s.Requests(sandbox.TUF) < len(tests)+3 {
		t.Errorf("%d requests counted", s.Requests(sandbox.TUF))
	}
}
