package tlog

import (
	"context"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/trustroot"
)

// refuser is a connection over which nothing may go.
type refuser struct{ t *testing.T }

func (r refuser) Do(context.Context, fetch.Request) (*fetch.Response, error) {
	r.t.Error("a request was sent")
	return nil, check.Refuse("", check.Net, "no")
}

func TestR1_1_K12_LogsOfTheTrustedRoot(t *testing.T) {
	open := trustroot.Window{Start: now.Add(-time.Hour)}
	ended := trustroot.Window{Start: now.Add(-time.Hour), End: now.Add(-time.Minute)}
	root := &trustroot.Root{Logs: []trustroot.Log{
		{BaseURL: "https://rekor.example.com", Valid: open},
		{BaseURL: "https://log2026.example.com/", Valid: open},
		{BaseURL: "https://log2025.example.com", Valid: ended},
		{BaseURL: "https://next.example.com", Valid: trustroot.Window{Start: now.Add(time.Hour)}},
		{BaseURL: "https://127.0.0.1", Valid: open},
		{BaseURL: "https://host.example.com/log", Valid: open},
		{BaseURL: "https://nostart.example.com"},
	}}
	for _, tt := range []struct {
		name    string
		version int
		base    string
		want    check.Check
	}{
		{"v1", 1, "https://rekor.example.com", ""},
		{"v2", 2, "https://log2026.example.com", ""},
		{"slash", 2, "https://log2026.example.com/", ""},
		{"port of a log whose name has none", 2, "http://127.0.0.1:3000", ""},
		{"path", 2, "https://host.example.com/log/", ""},
		{"K12 absent", 2, "https://other.example.com", check.TlogUnknown},
		{"K12 not in use any more", 2, "https://log2025.example.com", check.TlogUnknown},
		{"K12 not in use yet", 2, "https://next.example.com", check.TlogUnknown},
		{"K12 without start", 2, "https://nostart.example.com", check.TlogUnknown},
		{"K12 other path", 2, "https://host.example.com/", check.TlogUnknown},
		{"K12 name inside another", 2, "https://rekor.example.com.example.org", check.TlogUnknown},
		{"not a URL", 2, "https://a b", check.SignCfg},
		{"K4 version 0", 0, "https://rekor.example.com", check.SignCfg},
		{"K4 version 3", 3, "https://rekor.example.com", check.SignCfg},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log, err := New(tt.version, tt.base, Config{Doer: refuser{t}, Root: root, Now: now})
			if check.Of(err) != tt.want {
				t.Fatalf("got %v, want check %q", err, tt.want)
			}
			if (log == nil) != (err != nil) {
				t.Errorf("got log %v with error %v", log, err)
			}
		})
	}
}
