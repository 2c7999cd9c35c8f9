package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/hallmarksign/hallmark/internal/check"
)

// unattached signs an image where nothing can be written, and returns the command
// that attaches what was made.
func (i imageWorld) unattached(flags ...string) (host string, repeat []string, breakIt func(bool)) {
	i.t.Helper()
	host, breakIt = newFragileRegistry(i.t)
	pushIndex(i.t, host+"/app:1", 2)
	breakIt(true)
	stderr := i.fails(check.ExitUndecided, append([]string{"sign", host + "/app:1", "--yes"}, flags...)...)
	_, rest, found := strings.Cut(stderr, "run the same command again, or hallmark ")
	command, _, ended := strings.Cut(rest, ": the signature was made and is kept")
	if !found || !ended {
		i.t.Fatalf("no next step: %s", stderr)
	}
	breakIt(false)
	return host, strings.Fields(command), breakIt
}

func (i imageWorld) pending() int {
	i.t.Helper()
	files, err := filepath.Glob(filepath.Join(i.dir, "state", "unfinished", "*.sigstore.json"))
	if err != nil {
		i.t.Fatal(err)
	}
	return len(files)
}

// O32: a signature that was made but could not be attached is attached by the
// next run, or by the command that the first one named, without another entry.
func TestImage_SecondRunMakesNoSecondEntry(t *testing.T) {
	for name, again := range map[string]bool{"same command": true, "push-only": false} {
		t.Run(name, func(t *testing.T) {
			w := newImageWorld(t)
			host, repeat, breakIt := w.unattached()
			if n := w.pending(); n != 1 {
				t.Errorf("%d signatures are kept, want 1", n)
			}
			if again {
				repeat = []string{"sign", host + "/app:1", "--yes"}
			}
			breakIt(true)
			w.fails(check.ExitUndecided, repeat...)
			breakIt(false)
			if again { // somebody else logs in, which is refused, and makes nothing
				w.fails(check.ExitNo, append(repeat, "--expect", "google:bob@example.com")...)
			} else if stderr := w.fails(check.ExitNo, append(repeat, "--expect", "google:bob@example.com")...); !strings.Contains(stderr, "alice@example.com") {
				t.Errorf("--expect: %s", stderr)
			}
			if n := w.pending(); n != 1 {
				t.Errorf("%d signatures are kept, want 1", n)
			}
			w.must(repeat...)
			if n := len(w.Rekor(2).Requests()); n != 1 {
				t.Errorf("%d log entries, want 1", n)
			}
			if n := len(w.Fulcio().Requests()); n != 1 {
				t.Errorf("%d certificates, want 1", n)
			}
			if n := w.pending(); n != 0 {
				t.Errorf("%d signatures are kept, want none", n)
			}
			if n := strings.Count(w.must(w.verify(host+"/app:1", "--all-platforms")...), "ok  "); n != 3 {
				t.Errorf("%d verdicts, want 3", n)
			}
		})
	}
}

// O32: what is kept is used for the statement that it signs and for no other.
func TestImage_KeptSignatureOfAnotherStatement(t *testing.T) {
	w := newImageWorld(t)
	host, breakIt := newFragileRegistry(t)
	pushIndex(t, host+"/app:1", 1)
	sign := func(build string) []string { return []string{"sign", host + "/app:1", "--yes", "-a", "build=" + build} }
	kept := func() string { return filepath.Join(w.dir, "state", "unfinished") }
	breakIt(true)
	w.fails(check.ExitUndecided, sign("7")...)
	first, err := filepath.Glob(filepath.Join(kept(), "*.sigstore.json"))
	if err != nil || len(first) != 1 {
		t.Fatalf("%q, %v; want one", first, err)
	}
	data, err := os.ReadFile(first[0])
	if err != nil {
		t.Fatal(err)
	}
	w.fails(check.ExitUndecided, sign("8")...)
	both, err := filepath.Glob(filepath.Join(kept(), "*.sigstore.json"))
	if err != nil || len(both) != 2 {
		t.Fatalf("%q, %v; want two", both, err)
	}
	for _, name := range both {
		write(t, name, data)
	}
	breakIt(false)
	w.must(sign("8")...)
	if n := len(w.Rekor(2).Requests()); n != 3 {
		t.Errorf("%d log entries, want another one for the statement that was not signed", n)
	}
	w.must(sign("7")...)
	if n := len(w.Rekor(2).Requests()); n != 3 {
		t.Errorf("%d log entries, want that the one for the other statement is used", n)
	}
}

// O32 in the older scheme: each image has a signature of its own.
func TestImage_PushOnlyInTheOlderScheme(t *testing.T) {
	w := newImageWorld(t)
	flags := w.rekor1()
	host, repeat, _ := w.unattached(append(flags, "--no-recursive", "--storage", "tags", "-a", "build=7")...)
	w.must(repeat...)
	if out := w.must(w.verify(host + "/app:1")...); !strings.Contains(out, "legacy tag .sig") {
		t.Errorf("not found under the old tag:\n%s", out)
	}
	host, repeat, _ = w.unattached(append(flags, "--no-recursive", "--storage", "tags", "-a", "build=8")...)
	for i, arg := range repeat {
		repeat[i] = strings.Replace(arg, "build=8", "build=9", 1)
	}
	if stderr := w.fails(check.ExitNo, repeat...); !strings.Contains(stderr, "digest: ") || !strings.Contains(stderr, "same annotations") {
		t.Errorf("O19: %s", stderr)
	}
	w.fails(check.ExitNotFound, w.verify(host+"/app:1")...)
}

// Where nothing can be kept nothing is signed.
func TestImage_SignatureThatCannotBeKept(t *testing.T) {
	w := newImageWorld(t)
	host, _ := newFragileRegistry(t)
	pushIndex(t, host+"/app:1", 1)
	if err := os.MkdirAll(filepath.Join(w.dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(w.dir, "state", "unfinished"), []byte("no folder"))
	if stderr := w.fails(check.ExitUndecided, "sign", host+"/app:1", "--yes"); !strings.Contains(stderr, "HALLMARK_STATE_DIR") {
		t.Errorf("got %s", stderr)
	}
	if certs, entries := len(w.Fulcio().Requests()), len(w.Rekor(2).Requests()); certs+entries != 0 {
		t.Errorf("%d certificates, %d log entries, want none", certs, entries)
	}
}

// What is pushed is verified first; what is attached only has to name the image.
func TestImage_PushOnlyVerifies(t *testing.T) {
	w := newImageWorld(t)
	host := newRegistry(t, true)
	pushIndex(t, host+"/app:1", 1)
	file := filepath.Join(w.dir, "app.sigstore.json")
	w.must("sign", host+"/app:1", "--bundle", file, "--yes")
	w.fails(check.ExitNotFound, w.verify(host+"/app:1")...)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	forged := filepath.Join(w.dir, "forged.sigstore.json")
	_, rest, _ := strings.Cut(string(data), `"sig":"`)
	sig, _, _ := strings.Cut(rest, `"`)
	write(t, forged, []byte(strings.Replace(string(data), sig, sig[:20]+"AAAA"+sig[24:], 1)))
	if stderr := w.fails(check.ExitNo, "sign", "--push-only", forged, host+"/app:1"); !strings.Contains(stderr, "signature: ") {
		t.Errorf("forged: %s", stderr)
	}
	w.fails(check.ExitNotFound, w.verify(host+"/app:1")...)
	w.must("image", "attach", forged, host+"/app:1")
	w.fails(check.ExitNo, w.verify(host+"/app:1")...)
	if out := w.must("sign", "--push-only", file, host+"/app:1"); !strings.Contains(out, "by      alice@example.com") {
		t.Errorf("output does not say who signed: %s", out)
	}
	w.must(w.verify(host+"/app:1", "--all-platforms")...)
	w.fails(check.ExitUsage, "sign", "--push-only", file, host+"/app:1", "--storage", "tags")
	w.fails(check.ExitUsage, "sign", "--push-only", file, host+"/app:1", host+"/app:1")
}

// SG-13: what was made in another name is not attached for whoever signs now.
func TestImage_PendingOfSomebodyElse(t *testing.T) {
	w := newImageWorld(t)
	host, breakIt := newFragileRegistry(t)
	pushIndex(t, host+"/app:1", 1)
	breakIt(true)
	w.fails(check.ExitUndecided, "sign", host+"/app:1", "--yes")
	if n := w.pending(); n != 1 {
		t.Fatalf("%d bundles are kept, want 1", n)
	}
	breakIt(false)
	bob := filepath.Join(w.dir, "bob.jwt")
	write(t, bob, []byte(w.Token(map[string]any{"email": "bob@example.com"})))
	if out := w.must("sign", host+"/app:1", "--yes", "--identity-token", bob); !strings.Contains(out, "by      bob@example.com") {
		t.Errorf("signed by somebody else:\n%s", out)
	}
	w.fails(check.ExitNo, w.verify(host+"/app:1")...)
}

// O32: also of a run that is killed: the signature is kept before the registry is
// written to.
func TestImage_KeptBeforeItIsAttached(t *testing.T) {
	w := newImageWorld(t)
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
	var writes, unkept atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut || r.Method == http.MethodPatch { // an upload that is begun keeps nothing
			writes.Add(1)
			if w.pending() == 0 {
				unkept.Add(1)
			}
		}
		handler.ServeHTTP(rw, r)
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	pushIndex(t, host+"/app:1", 1)
	writes.Store(0)
	unkept.Store(0)
	w.must("sign", host+"/app:1", "--yes")
	if writes.Load() == 0 || unkept.Load() != 0 || w.pending() != 0 {
		t.Errorf("%d of %d writes without a signature that is kept, %d kept at the end", unkept.Load(), writes.Load(), w.pending())
	}
}

// O32: what is pushed from a file is kept there already, and nowhere else.
func TestImage_PushOnlyKeepsNothing(t *testing.T) {
	w := newImageWorld(t)
	host, _, breakIt := w.unattached()
	files, err := filepath.Glob(filepath.Join(w.dir, "state", "unfinished", "*.sigstore.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("kept: %q, %v", files, err)
	}
	mine := filepath.Join(w.dir, "mine.sigstore.json")
	if err := os.Rename(files[0], mine); err != nil {
		t.Fatal(err)
	}
	breakIt(true)
	stderr := w.fails(check.ExitUndecided, "sign", "--push-only", mine, host+"/app:1")
	if !strings.Contains(stderr, "hallmark sign --push-only "+mine) || w.pending() != 0 {
		t.Errorf("%d kept, and the next step is another:\n%s", w.pending(), stderr)
	}
}
