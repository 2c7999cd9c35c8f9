package sign

import (
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

func TestSC7_Quorum(t *testing.T) {
	for _, tt := range []struct {
		name string
		down string // names of services that fail
		all  string
		need int
		want string // error, "" for success
		asks string // asked, in any order
		used int
	}{
		{"K10 ALL and one of two is down", "b", "a b", 2, "b is down", "", 0},
		{"ALL", "", "a b", 2, "", "a b", 2},
		{"K11 EXACT 1 and the first is down", "a", "a b", 1, "", "a b", 1},
		{"EXACT 1", "", "a b", 1, "", "a", 1},
		{"EXACT 2 of 3, one down", "b", "a b c", 2, "", "a b c", 2},
		{"EXACT 2 of 3, two down", "a b", "a b c", 2, "a is down b is down", "a b c", 0},
		{"ANY and all are down", "a b c", "a b c", 1, "a is down b is down c is down", "a b c", 0},
		{"none", "", "a", 0, "", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			s := w.signer()
			s.Times = Quorum[TimestampAuthority]{Need: tt.need}
			for name := range strings.FieldsSeq(tt.all) {
				c := &service{w: w, name: name}
				if strings.Contains(tt.down, name) {
					c.fail = down(name)
				}
				s.Times.Candidates = append(s.Times.Candidates, c)
			}
			got := map[string]Result{}
			err := s.Sign(t.Context(), artifacts(1), collect(got))
			if (err == nil) != (tt.want == "") {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err == nil {
				if n := len(got["file0"].Bundle.Timestamps); n != tt.used {
					t.Errorf("got %d timestamps, want %d", n, tt.used)
				}
			} else if check.Of(err) != check.Net || got["file0"].Serialised != nil {
				t.Errorf("got %v and %q, want check net and nothing", err, got["file0"].Serialised)
			}
			for reason := range strings.SplitSeq(tt.want, " is down") {
				if reason = strings.TrimSpace(reason); reason != "" && !strings.Contains(err.Error(), reason+" is down") {
					t.Errorf("got %v, want that %s is down", err, reason)
				}
			}
			for name := range strings.FieldsSeq(tt.asks) {
				if w.count(name) != 1 {
					t.Errorf("%s was asked %d times, want once", name, w.count(name))
				}
			}
			if tt.asks == "a" && w.count("b") != 0 {
				t.Error("b was asked without need")
			}
		})
	}
}

func TestSC7_K10_FailureStopsTheOthers(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	s.Times = All[TimestampAuthority](&service{w: w, name: "a", wait: true}, &service{w: w, name: "b", fail: down("b")})
	s.Logs = All[Log](&service{w: w, name: "log", wait: true})
	err := s.Sign(t.Context(), artifacts(1), collect(map[string]Result{}))
	if check.Of(err) != check.Net || !strings.HasSuffix(err.Error(), "b is down") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want that b is down and nothing else", err)
	}
	if w.count("a stopped") != 1 {
		t.Error("a was not stopped")
	}
}
