package logs

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
	"github.com/hallmarksign/hallmark/internal/evidence"
	"github.com/hallmarksign/hallmark/internal/tiles/tilestest"
)

// heads is what a log says of itself: in the first generation with a tree around
// the signed note.
type heads struct {
	g      generation
	answer []byte // as it is served
	note   string
	size   int
}

func (s *scene) heads(t *testing.T, g generation) heads {
	t.Helper()
	h := heads{g: g, answer: s.truth(t, g.service, g.checkout)}
	h.note = string(h.answer)
	if g.number == 1 {
		var info struct{ SignedTreeHead string }
		if err := json.Unmarshal(h.answer, &info); err != nil {
			t.Fatal(err)
		}
		h.note = info.SignedTreeHead
	}
	if _, err := fmt.Sscan(strings.Split(h.note, "\n")[1], &h.size); err != nil {
		t.Fatal(err)
	}
	return h
}

// otherwise is the same log with another tree.
func (h heads) otherwise(f *forger, size int, root [32]byte) heads {
	text := strings.Split(h.note, "\n")[0] + fmt.Sprintf("\n%d\n%s\n", size, base64.StdEncoding.EncodeToString(root[:]))
	out := heads{g: h.g, note: f.note(text), size: size}
	out.answer = []byte(out.note)
	if h.g.number == 1 {
		var info map[string]any
		if err := json.Unmarshal(h.answer, &info); err != nil {
			panic(err)
		}
		info["signedTreeHead"], info["treeSize"], info["rootHash"] = out.note, size, hex.EncodeToString(root[:])
		out.answer, _ = json.Marshal(info)
	}
	return out
}

// always serves a head for ever, and the tiles in a directory if there is one.
func (h heads) always(dir string) sandbox.Fault {
	return func(server http.Handler) http.Handler {
		files := http.FileServer(http.Dir(dir))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == h.g.checkout:
				w.Header().Set("Content-Type", "text/plain")
				w.Write(h.answer)
			case r.URL.Path == "/api/v1/log/proof" && dir != "":
				// As many hashes as it takes, of another tree.
				fmt.Fprintf(w, `{"rootHash":"%064x","hashes":[%s"%064x"]}`, 0, strings.Repeat(fmt.Sprintf(`"%064x",`, 7), hashes(r)-1), 7)
			case strings.HasPrefix(r.URL.Path, "/api/v2/tile/") && dir != "":
				files.ServeHTTP(w, r)
			default:
				server.ServeHTTP(w, r)
			}
		})
	}
}

// hashes is how many a consistency proof takes (RFC 6962 section 2.1.2).
func hashes(r *http.Request) int {
	var m, n int
	fmt.Sscan(r.URL.Query().Get("firstSize"), &m)
	fmt.Sscan(r.URL.Query().Get("lastSize"), &n)
	count, whole := 0, true
	for m != n {
		k := 1
		for 2*k < n {
			k *= 2
		}
		count++
		if m <= k {
			n = k
			continue
		}
		m, n, whole = m-k, n-k, false
	}
	if !whole {
		count++
	}
	return count
}

// history writes another history of a log into a directory.
func history(t *testing.T, size int) (dir string, root [32]byte) {
	t.Helper()
	dir = t.TempDir()
	tree, err := tilestest.Write(dir, size, func(i int) []byte { return fmt.Appendf(nil, `{"another":%d}`, i) })
	if err != nil {
		t.Fatal(err)
	}
	return dir, tree.Root
}

// caught has commands run, which all must say that the log misbehaved, and name a
// file with both notes.
func (s *scene) caught(t *testing.T, kind, text, before string, now heads, fault sandbox.Fault, commands ...[]string) {
	t.Helper()
	s.Fault(now.g.service, fault)
	defer s.Fault(now.g.service, nil)
	for _, args := range commands {
		r := s.refused(t, refusal{"checkpoint", text}, args...)
		named := regexp.MustCompile(`kept in "([^"]+)"`).FindStringSubmatch(r.Stderr)
		if named == nil {
			t.Errorf("%s\nnames no evidence: %s", r.Line, r.Stderr)
			continue
		}
		data, err := os.ReadFile(named[1])
		if err != nil {
			t.Error(err)
			continue
		}
		var e evidence.Evidence
		if err := json.Unmarshal(data, &e); err != nil {
			t.Error(err)
		}
		if e.Kind != kind || e.Remembered == nil || textOf(e.Remembered.Note) != textOf(before) || e.Served != now.note || len(e.PublicKey) == 0 {
			t.Errorf("%s\nkept %s, want %s of %q and %q", r.Line, data, kind, before, now.note)
		}
		os.Remove(named[1]) // the next command is to keep it again
	}
}

// textOf is a note without signatures: the first generation signs the same anew
// for everybody who asks.
func textOf(note string) string {
	text, _, _ := strings.Cut(note, "\n\n")
	return text
}

// Two histories, one that goes back, and one that never goes on: each is caught by
// every command that asks for a head, with a message of its own.
func TestLog_LG1_LG2_LG3_F42_Misdeeds(t *testing.T) {
	forBoth(t, func(t *testing.T, s *scene, g generation) {
		f := s.forger(t, g)
		on := []string{"--log", g.log}
		_, bundle := s.sign(t, g, "before")
		young := s.heads(t, g)
		s.sign(t, g, "after")
		info := append([]string{"log", "info"}, on...)
		verify := append([]string{"log", "verify", bundle}, on...)
		find := append([]string{"log", "find", "--email", s.email}, on...)
		commands := [][]string{info, verify, append([]string{"log", "watch", "--identity", s.email}, on...)}
		if g.number == 2 {
			// In the first generation this asks for an entry, not for heads.
			commands = append(commands, append([]string{"log", "get", "0"}, on...), find)
		}
		s.run(t, 0, info...)
		old := s.heads(t, g)

		for _, more := range []int{0, 5} {
			dir, root := history(t, old.size+more)
			fork := old.otherwise(f, old.size+more, root)
			s.caught(t, "fork", "has two histories", old.note, fork, fork.always(dir), commands...)
		}
		s.caught(t, "rollback", "went back", old.note, young, young.always(""), commands...)
		var none [32]byte
		copy(none[:], must(hex.DecodeString("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")))
		empty := old.otherwise(f, 0, none)
		s.caught(t, "rollback", "went back", old.note, empty, empty.always(""), commands...)
		s.run(t, 0, info...) // the honest one is believed as before

		// It goes on, but shows none of it.
		s.sign(t, g, "never shown")
		time.Sleep(1100 * time.Millisecond)
		var stale [][]string
		for _, c := range commands {
			stale = append(stale, append(c, "--max-age", "1s"))
		}
		s.caught(t, "stale", "stands still", old.note, old, old.always(""), stale...)
		s.backdate(t, 8*24*time.Hour)
		s.caught(t, "stale", "want at most 168h0m0s", old.note, old, old.always(""), commands...)
		s.run(t, 0, append(info, "--max-age", "1s")...) // it shows the rest now

		// One who never saw the log has what is in the bundle.
		dir, root := history(t, old.size+7)
		fork := old.otherwise(f, old.size+7, root)
		stranger := newScene(t)
		stranger.write(t, bundle, s.read(t, bundle))
		claimed := parse(t, s.read(t, bundle)).VerificationMaterial.TlogEntries[0].InclusionProof.Checkpoint.Envelope
		stranger.caught(t, "fork", "has two histories", claimed, fork, fork.always(dir), verify)
		if g.number == 1 {
			return
		}
		// One who lost what was remembered has the index.
		stranger = newScene(t)
		stranger.run(t, 0, find...)
		indexed := s.heads(t, g)
		for _, file := range stranger.remembered(t) {
			os.Remove(file)
		}
		dir, root = history(t, indexed.size+7)
		fork = indexed.otherwise(f, indexed.size+7, root)
		stranger.caught(t, "fork", "has two histories", indexed.note, fork, fork.always(dir), find)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// remembered are the files with the checkpoints that the user saw.
func (s *scene) remembered(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(s.path(".hallmark/config/logs/sandbox/*-????????????????.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing is remembered: %v", err)
	}
	return files
}

// backdate lets what the user saw first be as long ago.
func (s *scene) backdate(t *testing.T, by time.Duration) {
	t.Helper()
	for _, file := range s.remembered(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var seen evidence.Seen
		if err := json.Unmarshal(data, &seen); err != nil {
			t.Fatal(err)
		}
		seen.First = seen.First.Add(-by)
		if data, err = json.Marshal(seen); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, bytes.TrimSpace(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
