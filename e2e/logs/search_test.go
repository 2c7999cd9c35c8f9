package logs

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

const searchPath = "/api/v1/index/retrieve"

// The search index of the first generation is not believed: what it names is
// fetched, proved and compared with the question.
func TestLog_K22_SearchIndexLies(t *testing.T) {
	s := newScene(t)
	g := s.first()
	b, _ := s.sign(t, g, "mine one")
	c, _ := s.sign(t, g, "mine two")
	other := newScene(t)
	foreign, _ := other.sign(t, g, "of somebody else")
	id := func(index int64) string {
		t.Helper()
		return lines[shown](t, s.run(t, 0, "log", "get", fmt.Sprint(index), "--log", g.log, "--json").Stdout)[0].ID
	}
	mine, too, theirs := id(entryOf(b)), id(entryOf(c)), id(entryOf(foreign))
	ghost := mine[:16] + hex.EncodeToString(make([]byte, 32))
	names := func(ids ...string) sandbox.Fault {
		data, err := json.Marshal(ids)
		if err != nil {
			t.Fatal(err)
		}
		return sandbox.Path(searchPath, sandbox.Answer(200, "application/json", data))
	}
	many := slices.Repeat([]string{theirs}, 10_001)
	for i := range many {
		many[i] = fmt.Sprintf("%064x", i)
	}
	for _, tt := range []struct {
		name   string
		fault  sandbox.Fault
		status int
		found  []int64
		says   string
	}{
		{"the truth", nil, 0, []int64{entryOf(b), entryOf(c)}, ""},
		{"entry of somebody else", names(theirs, mine, too), 0, []int64{entryOf(b), entryOf(c)}, "but it is about something else"},
		{"only entries of somebody else", names(theirs), 4, nil, "but it is about something else"},
		{"an entry that is not there", names(mine, ghost), 1, []int64{entryOf(b)}, "but the log does not show it"},
		{"one twice and in capitals", names(mine, strings.ToUpper(mine), mine[16:]), 0, []int64{entryOf(b)}, ""},
		{"one left out", names(too), 0, []int64{entryOf(c)}, ""}, // which nobody can see
		{"none", names(), 4, nil, "no entry for"},
		{"no ids", names("../log"), 1, nil, "want 64 or 80 hexadecimal digits"},
		{"too many", func(server http.Handler) http.Handler {
			return sandbox.Path("/log/entries/retrieve", sandbox.Answer(200, "application/json", []byte("[]")))(names(many...)(server))
		}, 1, nil, "and 9990 more errors like these"},
		{"no list", sandbox.Path(searchPath, sandbox.Answer(200, "application/json", []byte(`{"x":1}`))), 1, nil, "server: "},
		{"down", sandbox.Path(searchPath, sandbox.Drop()), 3, nil, "net: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.Fault(g.service, tt.fault)
			defer s.Fault(g.service, nil)
			r := s.run(t, tt.status, "log", "find", "--email", s.email, "--log", g.log, "--json")
			var found []int64
			for _, e := range lines[shown](t, r.Stdout) {
				if e.Subject != s.email {
					t.Errorf("prints an entry of %q", e.Subject)
				}
				found = append(found, e.Index)
			}
			slices.Sort(found) // the index has no order
			if !slices.Equal(found, tt.found) || !strings.Contains(r.Stderr, tt.says) {
				t.Errorf("found %v and said %s, want %v and %q", found, r.Stderr, tt.found, tt.says)
			}
			if tt.name == "too many" && !strings.Contains(r.Stderr, "10001 entries are named, and 1 of them were not looked at") {
				t.Errorf("does not say what was left out: %s", r.Stderr)
			}
			// A watch that can't be sure is not a watch that found nothing, and what it
			// found counts all the same.
			if tt.status == 0 || tt.status == 4 {
				return
			}
			status := tt.status
			if len(tt.found) > 0 {
				status = 10
			}
			w, err := s.hallmark.With("HALLMARK_CONFIG_DIR="+t.TempDir()).Run(t.Context(), "log", "watch", "--identity", s.email, "--log", g.log,
				"--trusted-root", s.TrustedRoot(), "--signing-config", s.SigningConfig())
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Want(status); err != nil {
				t.Error(err)
			}
		})
	}
}

// One log of several is down or lies: what the others prove is printed, and the
// status says that it is not everything.
func TestLog_K10_OneOfSeveral(t *testing.T) {
	s := newScene(t)
	b, _ := s.sign(t, s.second(), "in one of them")
	for _, tt := range []struct {
		name   string
		fault  sandbox.Fault
		status int
		says   string
	}{
		{"well", nil, 0, ""},
		{"down", sandbox.Drop(), 3, "hallmark: net: " + host(s.URL(sandbox.Rekor1Other))},
		{"refuses", sandbox.Status(403), 1, "hallmark: server: " + host(s.URL(sandbox.Rekor1Other))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.Fault(sandbox.Rekor1Other, tt.fault)
			defer s.Fault(sandbox.Rekor1Other, nil)
			r := s.run(t, tt.status, "log", "find", "--digest", "in-one-of-them", "--json")
			got := lines[shown](t, r.Stdout)
			if len(got) != 1 || got[0].Index != entryOf(b) || !strings.Contains(r.Stderr, tt.says) {
				t.Errorf("got %+v and %s, want entry %d and %q", got, r.Stderr, entryOf(b), tt.says)
			}
			r = s.run(t, tt.status, "log", "info")
			if tt.status != 0 && strings.Contains(r.Stdout, host(s.URL(sandbox.Rekor1Other))) {
				t.Errorf("prints of the log that is down: %s", r.Stdout)
			}
			if tt.status != 0 { // nothing was found in the others, but that is not all
				s.run(t, tt.status, "log", "find", "--email", "nobody."+s.email)
			}
		})
	}
}
