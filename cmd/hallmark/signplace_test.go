package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// entries is how often the log was written to.
func (i imageWorld) entries() (n int) {
	for _, r := range i.Rekor(2).Requests() {
		if r.Method == http.MethodPost {
			n++
		}
	}
	return n
}

// size is how many entries the log has.
func (i imageWorld) size() int {
	i.t.Helper()
	answer, err := http.Get(i.Rekor(2).URL + "/api/v2/checkpoint")
	if err != nil {
		i.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	lines := strings.Split(string(text), "\n")
	if err != nil || len(lines) < 3 {
		i.t.Fatalf("checkpoint: %q, %v", text, err)
	}
	n, err := strconv.Atoi(lines[1])
	if err != nil {
		i.t.Fatal(err)
	}
	return n
}

// untouched asserts that nothing was sent but the questions for trust data.
func (i imageWorld) untouched(why string) {
	i.t.Helper()
	if certs, entries := len(i.Fulcio().Requests()), i.entries(); certs+entries != 0 {
		i.t.Fatalf("%s: %d certificates and %d log entries, want none", why, certs, entries)
	}
}

// file writes a file to sign.
func (i imageWorld) file(name string) string {
	i.t.Helper()
	path := filepath.Join(i.dir, name)
	write(i.t, path, []byte("content of "+name))
	return path
}

func (i imageWorld) kept(pattern string) []string {
	i.t.Helper()
	files, err := filepath.Glob(filepath.Join(i.dir, "state", "unfinished", pattern))
	if err != nil {
		i.t.Fatal(err)
	}
	return files
}

// SG-15: a bundle has its place before anybody logs in.
func TestSign_NothingIsPublicWithoutAPlace(t *testing.T) {
	w := newImageWorld(t)
	file, predicate := w.file("app"), filepath.Join(w.dir, "p.json")
	write(t, predicate, []byte("{}"))
	at := func(name string) string { return filepath.Join(w.dir, "x")[:len(w.dir)+1] + name }
	if err := os.Mkdir(at("folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	mkfifo(t, at("fifo"))
	for link, to := range map[string]string{"link": "app", "dangling": "nowhere", "elsewhere": "p.json"} {
		if err := os.Symlink(to, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	held, err := atomicfile.Reserve(at("held"), 1, 0o644, atomicfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	names := []string{"nodir/x", "app/x", "x/", strings.Repeat("n", 300), "folder", "fifo", "link", "dangling", "held", "app"}
	for _, force := range []string{"--force", "--force=false"} {
		for _, name := range names {
			w.hasNoPlace("sign", file, "--yes", "--bundle", at(name), force)
		}
		for _, name := range append(names, "elsewhere", "p.json") {
			w.hasNoPlace("attest", file, "--predicate", predicate, "--type", "custom", "--yes", "--bundle", at(name), force)
		}
	}
}

// hasNoPlace asserts that a command is refused before anything is sent.
func (i imageWorld) hasNoPlace(args ...string) {
	i.t.Helper()
	status, _, stderr := interactive(i.t, i.World, i.dir, "", args...)
	if status == check.ExitOK || !strings.Contains(stderr, "next: ") {
		i.t.Errorf("%v: status %d, %s", args, status, stderr)
	}
	i.untouched(strings.Join(args, " "))
}

// N2: no input of the run is replaced, whatever name it has there.
func TestSign_InputsAreNotReplaced(t *testing.T) {
	w := newImageWorld(t)
	file, token := w.file("app"), filepath.Join(w.dir, "token.jwt")
	write(t, token, []byte(w.Token(nil)))
	root, config := filepath.Join(w.dir, "tr.json"), filepath.Join(w.dir, "sc.json")
	write(t, root, w.TrustedRoot())
	write(t, config, w.SigningConfig())
	for _, input := range []string{file, token, root, config} {
		other := input + ".other"
		if err := os.Link(input, other); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{input, other} {
			before, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			stderr := w.fails(check.ExitUsage, "sign", file, "--yes", "--force", "--bundle", name,
				"--identity-token", token, "--trusted-root", root, "--signing-config", config)
			if !strings.Contains(stderr, "would replace") {
				t.Errorf("%s: %s", name, stderr)
			}
			if after, err := os.ReadFile(name); err != nil || string(after) != string(before) {
				t.Errorf("%s was replaced", name)
			}
		}
	}
	w.untouched("inputs")
}

// SG-11: what fails before the log leaves no entry.
func TestSign_NoEntryWithoutATimestamp(t *testing.T) {
	for _, status := range []int{400, 503} {
		w := newImageWorld(t)
		w.Stamper().SetFault(sigtest.Answer(status, "out of order"))
		stderr := w.fails(map[int]int{400: check.ExitNo, 503: check.ExitUndecided}[status], "sign", w.file("a"), w.file("b"), w.file("c"), "--yes")
		if n := w.entries(); n != 0 {
			t.Errorf("%d: %d log entries, want none\n%s", status, n, stderr)
		}
		if left := w.kept("*"); len(left) != 0 {
			t.Errorf("%d: left %q", status, left)
		}
	}
}

// A run that stopped half-way is repeated as it was, and signs only the rest.
func TestSign_OnlyTheRest(t *testing.T) {
	w := newImageWorld(t)
	a, b, c := w.file("a"), w.file("b"), w.file("c")
	w.must("sign", a, b, "--yes")
	first, err := os.ReadFile(a + ".sigstore.json")
	if err != nil {
		t.Fatal(err)
	}
	out := w.must("sign", a, b, c, "--yes")
	if n := strings.Count(out, "already signed  "); n != 2 || strings.Count(out, "signed  ") != 3 {
		t.Errorf("got\n%s", out)
	}
	if n := w.entries(); n != 3 {
		t.Errorf("%d log entries, want 3", n)
	}
	if again, err := os.ReadFile(a + ".sigstore.json"); err != nil || string(again) != string(first) {
		t.Error("a bundle was replaced")
	}
	w.must("sign", a, b, c, "--yes")
	if certs := len(w.Fulcio().Requests()); certs != 2 {
		t.Errorf("%d certificates, want 2: there was nothing to sign", certs)
	}
}

// What was signed before is told also when the rest fails, and so is what was finished.
func TestSign_TellsWhatIsSignedWhenTheRestFails(t *testing.T) {
	w := newImageWorld(t)
	a, b, c := w.file("a"), w.file("b"), w.file("c")
	w.must("sign", a, "--yes")
	w.Rekor(2).SetFault(lostAnswer)
	w.fails(check.ExitUndecided, "sign", b, "--yes")
	w.Rekor(2).SetFault(nil)
	w.Stamper().SetFault(sigtest.Answer(400, "out of order"))
	status, stdout, stderr := interactive(t, w.World, w.dir, "", "sign", a, b, c, "--yes")
	if status != check.ExitNo || strings.Count(stdout, "already signed  ") != 2 || strings.Contains(stdout, "  "+c+"  ") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
}

// What was signed by a person is kept without a login only if it is known who that was.
func TestSign_ByAPersonBefore(t *testing.T) {
	w := newImageWorld(t)
	file := w.file("app")
	again := []string{"sign", file, "--identity-provider", "none"}
	w.must("sign", file, "--yes") // nothing is remembered
	if stderr := w.fails(check.ExitUndecided, again...); !strings.Contains(stderr, "with a signature by alice@example.com") {
		t.Errorf("got %s", stderr)
	}
	w.must("sign", file, "--yes", "--force")
	status, _, stderr := interactive(t, w.World, w.dir, "y\n", "sign", w.file("other")) // agrees for the next time
	if status != check.ExitOK {
		t.Fatalf("status %d: %s", status, stderr)
	}
	certs := len(w.Fulcio().Requests())
	if out := w.must(again...); !strings.HasPrefix(out, "already signed  ") {
		t.Errorf("got %s", out)
	}
	if n := len(w.Fulcio().Requests()); n != certs {
		t.Errorf("%d certificates more, want none", n-certs)
	}
}

// A lost place: the bundle is kept, and the next run puts it where it belongs.
func TestSign_PlaceIsLost(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil, mend func(w imageWorld, folder string) error
		printed     bool
	}{
		"folder removed": {
			func(_ imageWorld, folder string) error { return os.RemoveAll(folder) },
			func(_ imageWorld, folder string) error { return os.Mkdir(folder, 0o755) }, false,
		},
		"name taken by a folder": {
			func(_ imageWorld, folder string) error {
				return os.Mkdir(filepath.Join(folder, "app.sigstore.json"), 0o755)
			},
			func(_ imageWorld, folder string) error {
				return os.Remove(filepath.Join(folder, "app.sigstore.json"))
			}, false,
		},
		"state removed as well": {
			func(w imageWorld, folder string) error {
				state := filepath.Join(w.dir, "state", "unfinished")
				if err := os.RemoveAll(state); err != nil {
					return err
				}
				if err := os.WriteFile(state, nil, 0o600); err != nil {
					return err
				}
				return os.RemoveAll(folder)
			}, nil, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newImageWorld(t)
			folder := filepath.Join(w.dir, "out")
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			file := w.file("app")
			args := []string{"sign", file, "--yes", "--bundle", filepath.Join(folder, "app.sigstore.json")}
			w.Rekor(2).SetFault(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if err := tt.spoil(w, folder); err != nil {
					t.Error(err)
				}
				next.ServeHTTP(rw, r)
			})
			stderr := w.fails(check.ExitUndecided, args...)
			w.Rekor(2).SetFault(nil)
			if !strings.Contains(stderr, "the signature is public") {
				t.Errorf("got %s", stderr)
			}
			if tt.printed {
				line, _, _ := strings.Cut(stderr[strings.Index(stderr, "{"):], "\n")
				if !json.Valid([]byte(line)) {
					t.Errorf("the bundle was not printed: %s", stderr)
				}
				return
			}
			if n := len(w.kept("*.sigstore.json")); n != 1 {
				t.Fatalf("%d bundles are kept, want 1\n%s", n, stderr)
			}
			if err := tt.mend(w, folder); err != nil {
				t.Fatal(err)
			}
			w.must(args...)
			w.must("verify", file, "--bundle", args[len(args)-1], "--from", "alice@example.com", "--issuer", w.Issuer().URL)
			if n, left := w.entries(), w.kept("*"); n != 1 || len(left) != 0 {
				t.Errorf("%d log entries, %q left; want 1 and nothing", n, left)
			}
		})
	}
}

// A bundle that can only be printed is still in the journal: the next run finishes it.
func TestSign_PrintedBundleIsInTheJournal(t *testing.T) {
	w := newImageWorld(t)
	file, folder := w.file("app"), filepath.Join(w.dir, "out")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	state, aside := filepath.Join(w.dir, "state", "unfinished"), filepath.Join(w.dir, "aside")
	before := w.size()
	w.Rekor(2).SetFault(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost {
			if err := errors.Join(os.Rename(state, aside), os.RemoveAll(folder)); err != nil {
				t.Error(err)
			}
		}
		next.ServeHTTP(rw, r)
	})
	args := []string{"sign", file, "--yes", "--bundle", filepath.Join(folder, "app.sigstore.json")}
	if stderr := w.fails(check.ExitUndecided, args...); !strings.Contains(stderr, "is printed above") {
		t.Errorf("got %s", stderr)
	}
	w.Rekor(2).SetFault(nil)
	if err := errors.Join(os.RemoveAll(state), os.Rename(aside, state), os.Mkdir(folder, 0o755)); err != nil {
		t.Fatal(err)
	}
	w.must(args...)
	if n, left := w.size()-before, w.kept("*"); n != 1 || len(left) != 0 {
		t.Errorf("%d log entries, %q left; want 1 and nothing", n, left)
	}
}

// lostAnswer lets the log do its work and loses every answer.
func lostAnswer(_ http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// The log's answer is lost: the next run takes the entry up, and makes no second one.
func TestSign_AnswerOfTheLogIsLost(t *testing.T) {
	w := newImageWorld(t)
	file := w.file("app")
	before := w.size()
	w.Rekor(2).SetFault(lostAnswer)
	stderr := w.fails(check.ExitUndecided, "sign", file, "--yes")
	if !strings.Contains(stderr, "an entry may be public") || !strings.Contains(stderr, "run the same command again") {
		t.Errorf("got %s", stderr)
	}
	if n := len(w.kept("*.journal")); n != 1 {
		t.Fatalf("%d journals are kept, want 1", n)
	}
	w.Rekor(2).SetFault(nil)
	w.must("sign", file, "--yes")
	w.must("verify", file, "--from", "alice@example.com", "--issuer", w.Issuer().URL)
	if certs, left := len(w.Fulcio().Requests()), w.kept("*"); certs != 1 || len(left) != 0 {
		t.Errorf("%d certificates, %q left; want 1 and nothing", certs, left)
	}
	if size := w.size(); size != before+1 {
		t.Errorf("the log has %d entries more, want 1", size-before)
	}
}
