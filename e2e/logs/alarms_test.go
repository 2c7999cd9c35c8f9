package logs

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// watch are the arguments of a watch for the user.
func (s *scene) watch(more ...string) []string {
	return append([]string{"log", "watch", "--identity", s.email}, more...)
}

// What one log shows is an alarm, whatever the others do, and once.
func TestLogWatch_K10_OneOfSeveralIsDown(t *testing.T) {
	forBoth(t, func(t *testing.T, s *scene, g generation) {
		s.Fault(sandbox.Rekor1Other, sandbox.Status(500))
		defer s.Fault(sandbox.Rekor1Other, nil)
		down := "hallmark: net: " + host(s.URL(sandbox.Rekor1Other))
		for _, how := range []string{"--quiet", "--json"} {
			b, _ := s.sign(t, g, "in the log that is up "+how)
			r := s.run(t, 10, s.watch(how)...)
			if !strings.Contains(r.Stderr, down) || strings.Contains(r.Stdout, fmt.Sprintf(`"index":%d`, entryOf(b))) != (how == "--json") ||
				strings.Contains(r.Stdout, `"ok":false,"check":"net"`) != (how == "--json") {
				t.Errorf("%s: prints %s and says %s", how, r.Stdout, r.Stderr)
			}
			if r = s.run(t, 3, s.watch(how)...); strings.Contains(r.Stdout, `"index"`) || !strings.Contains(r.Stderr, down) {
				t.Errorf("%s, again: prints %s and says %s", how, r.Stdout, r.Stderr)
			}
		}
		s.Fault(sandbox.Rekor1Other, nil)
		s.run(t, 0, s.watch("--quiet")...)
	})
}

// A search index that names an entry later than the log has it hides nothing for good.
func TestLogWatch_SearchIndexThatLags(t *testing.T) {
	s := newScene(t)
	g := s.first()
	one, _ := s.sign(t, g, "before the lag")
	watch := func(status int) (found []int64) {
		t.Helper()
		for _, e := range lines[shown](t, s.run(t, status, s.watch("--log", g.log, "--json")...).Stdout) {
			found = append(found, e.Index)
		}
		return found
	}
	if got := watch(10); !slices.Equal(got, []int64{entryOf(one)}) {
		t.Errorf("found %v, want entry %d", got, entryOf(one))
	}
	stands := s.search(t, g)
	two, _ := s.sign(t, g, "in the lag")
	s.Fault(g.service, sandbox.Path(searchPath, sandbox.Answer(200, "application/json", stands)))
	defer s.Fault(g.service, nil)
	watch(0)
	newScene(t).sign(t, g, "the log goes on")
	watch(0)
	var asked []string // entries that are fetched
	s.Fault(g.service, func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/log/entries/retrieve") {
				asked = append(asked, r.URL.Path)
			}
			server.ServeHTTP(w, r)
		})
	})
	if got := watch(10); !slices.Equal(got, []int64{entryOf(two)}) {
		t.Errorf("found %v, want entry %d", got, entryOf(two))
	}
	watch(0)
	if len(asked) != 1 {
		t.Errorf("asked %d times for entries, want once for the new one", len(asked))
	}
	// Without a search index the entries are read.
	s.Fault(g.service, sandbox.Path(searchPath, sandbox.Status(404)))
	watch(0)
	three, _ := s.sign(t, g, "without a search index")
	if got := watch(10); !slices.Equal(got, []int64{entryOf(three)}) {
		t.Errorf("without a search index: found %v, want entry %d", got, entryOf(three))
	}
	s.Fault(g.service, nil)
	watch(0)
}

// search returns what the search index names for the user.
func (s *scene) search(t *testing.T, g generation) []byte {
	t.Helper()
	res, err := http.Post(s.URL(g.service)+searchPath, "application/json", strings.NewReader(fmt.Sprintf(`{"email":%q}`, s.email)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var ids []string
	if err := json.NewDecoder(res.Body).Decode(&ids); err != nil || len(ids) == 0 {
		t.Fatalf("search index names %q, %v", ids, err)
	}
	data, err := json.Marshal(ids)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A log drops its tree and begins another one under the same key.
func TestLog_LG2_DroppedTree(t *testing.T) {
	s := newScene(t)
	g := s.first()
	f := s.forger(t, g)
	s.sign(t, g, "in the tree that goes")
	on := []string{"--log", g.log}
	info, find, watch := append([]string{"log", "info"}, on...), append([]string{"log", "find", "--email", s.email}, on...), s.watch(on...)
	s.run(t, 10, watch...)
	s.run(t, 0, info...)
	old := s.heads(t, g)
	for _, size := range []int{1, old.size + 5} { // before and after it outgrew the old one
		_, root := history(t, size)
		dropped := old.otherwise(f, size, root)
		dropped.note = regexp.MustCompile(` - [0-9]+\n`).ReplaceAllString(dropped.note, " - 4711\n")
		text, _, _ := strings.Cut(dropped.note, "\n\n")
		dropped.note = f.note(text + "\n")
		var doc map[string]any
		if err := json.Unmarshal(dropped.answer, &doc); err != nil {
			t.Fatal(err)
		}
		doc["treeID"], doc["signedTreeHead"] = "4711", dropped.note
		dropped.answer, _ = json.Marshal(doc)
		s.caught(t, "dropped", "no longer names the tree", old.note, dropped, dropped.always(""), info, watch)
		// What find found is printed all the same.
		s.Fault(g.service, dropped.always(""))
		r := s.run(t, 1, find...)
		s.Fault(g.service, nil)
		os.RemoveAll(s.path(".hallmark/config/logs/sandbox/evidence"))
		if !strings.Contains(r.Stdout, s.email) || !strings.Contains(r.Stderr, "no longer names the tree") {
			t.Errorf("%s\nprints %s and says %s", r.Line, r.Stdout, r.Stderr)
		}
	}
	s.run(t, 0, info...)
	s.run(t, 0, watch...)
}

// More hits than fit are no verdict: what fits is shown, and the rest is counted.
func TestLogFind_LM3_Limit(t *testing.T) {
	s := newScene(t)
	g := s.first()
	for _, g := range []generation{g, s.second()} {
		for i := range 3 {
			s.sign(t, g, fmt.Sprint("hit ", i))
		}
		for limit, said := range map[int]string{1: "3 entries are named, and 2 of them were not looked at", 3: "", 4: ""} {
			r := s.run(t, 0, "log", "find", "--email", s.email, "--log", g.log, "--limit", fmt.Sprint(limit), "--json")
			if got := lines[shown](t, r.Stdout); len(got) != min(limit, 3) || !strings.Contains(r.Stderr, said) || said == "" && r.Stderr != "" {
				t.Errorf("%s, limit %d: found %+v and said %s, want %q", g.name, limit, got, r.Stderr, said)
			}
		}
		// Within what was looked at there was nothing, which says nothing of the rest.
		r := s.run(t, 3, "log", "find", "--email", s.email, "--log", g.log, "--limit", "1", "--since", "2100-01-01")
		if !strings.Contains(r.Stderr, "hallmark: limit: ") || !strings.Contains(r.Stderr, "--limit 3") {
			t.Errorf("%s: said %s, want how to go on", g.name, r.Stderr)
		}
	}
	s.refused(t, refusal{"usage", "--limit is -1"}, "log", "find", "--email", s.email, "--limit", "-1")
	// A state is the user's alone.
	s.run(t, 10, s.watch("--log", g.log)...)
	states, err := filepath.Glob(s.path(".hallmark/config/logs/sandbox/watch-*.json"))
	if err != nil || len(states) != 1 || strings.Contains(string(s.readFile(t, states[0])), s.email) {
		t.Errorf("states are %q, %v; want one without the address", states, err)
	}
}
