package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/rescue"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// leave leaves what runs leave that did not finish: a signature that was sent, a
// statement and a signature with a key that were kept, and a bundle that does not verify.
func leave(t *testing.T, s *secretWorld, dir string) {
	t.Helper()
	store, err := rescue.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	journal, err := store.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Sending(keyOf("app"), "my app", s.files["in/app.sigstore.json"]); err != nil {
		t.Fatal(err)
	}
	journal.Close()
	statement := sigtest.Statement("app", []byte("app"), "https://example.com/t")
	attested, err := s.w.Attest(statement).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	uploaded, err := bundle.Parse(s.files["in/app.sigstore.json"])
	if err != nil {
		t.Fatal(err)
	}
	uploaded.Certificate, uploaded.PublicKey = nil, &bundle.PublicKey{Hint: "key"}
	made, err := uploaded.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Keep(keyOf("uploaded"), made, true); err != nil {
		t.Fatal(err)
	}
	for verified, data := range map[bool][]byte{true: attested, false: []byte("{}")} {
		if _, err := store.Keep(keyOf(fmt.Sprint(verified)), data, verified); err != nil {
			t.Fatal(err)
		}
	}
}

func keyOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return rescue.Key(sum[:])
}

// What lies unfinished is mentioned with the command that finishes it, in text and in
// JSON, and where nothing was ever left no folder is made.
func TestUnfinished_IsMentioned(t *testing.T) {
	s := newSecretWorld(t)
	s.vars["HALLMARK_STATE_DIR"] = filepath.Join(s.dir, "other")
	commands := [][]string{{"whoami", "--identity-token", "in/token"}, {"trust", "status"}}
	for _, args := range commands {
		if _, stdout, _ := s.run(t, args...); strings.Contains(stdout, "unfinished") {
			t.Errorf("%q: mentions what is not there: %s", args, stdout)
		}
		if _, stdout, _ := s.run(t, append(args, "--json")...); !strings.Contains(stdout, `"unfinished":[]`) {
			t.Errorf("%q: want an empty list: %s", args, stdout)
		}
	}
	if exists(s.vars["HALLMARK_STATE_DIR"]) {
		t.Errorf("asking made a folder")
	}
	leave(t, s, s.vars["HALLMARK_STATE_DIR"])
	for _, args := range commands {
		status, stdout, stderr := s.run(t, args...)
		for _, want := range []string{
			"my app: to finish it, run hallmark sign 'my app' again",
			"sha256:" + keyOf("true") + ": to finish it, run hallmark attest the same file again",
			"sha256:" + keyOf("uploaded") + ": to finish it, run hallmark log upload the same file again",
			"sha256:" + keyOf("false") + ": its log entry is public, but its bundle does not verify; it is kept in " + s.vars["HALLMARK_STATE_DIR"],
		} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q: exit status %d, want a line with %q: %s%s", args, status, want, stdout, stderr)
			}
		}
		_, stdout, _ = s.run(t, append(args, "--json")...)
		var out struct{ Unfinished []unfinishedJSON }
		if err := json.Unmarshal([]byte(stdout), &out); err != nil || len(out.Unfinished) != 4 {
			t.Errorf("%q: got %v, %s", args, err, stdout)
		}
	}
	if runtime.GOOS == "windows" { // where files have no such bits
		return
	}
	// A folder that can't be used is said, and stops nothing.
	if err := os.Chmod(filepath.Join(s.vars["HALLMARK_STATE_DIR"], "unfinished"), 0o777); err != nil {
		t.Fatal(err)
	}
	if status, stdout, stderr := s.run(t, commands[0]...); status != 0 || !strings.Contains(stderr, "may be written by others") {
		t.Errorf("exit status %d: %s%s", status, stdout, stderr)
	}
}

// Of many, ten are shown and the rest is counted.
func TestUnfinished_ManyAreCounted(t *testing.T) {
	for n, more := range map[int]string{maxUnfinished: "", maxUnfinished + 1: "unfinished and 1 more\n", 1000: "unfinished and 990 more\n"} {
		var b strings.Builder
		if err := writeUnfinished(&b, make([]unfinishedJSON, n), "%s %s\n"); err != nil {
			t.Fatal(err)
		}
		shown, counted := b.String(), strings.Contains(b.String(), " more\n")
		if counted {
			shown = strings.TrimSuffix(shown, more)
		}
		if strings.Count(shown, "\n") != maxUnfinished || counted != (more != "") {
			t.Errorf("%d items: got %s", n, b.String())
		}
	}
}
