package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"k8s.io/klog/v2"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
	"github.com/hallmarksign/hallmark/e2e/internal/tilelog"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// A tileLog is a log in a directory, behind a server that may do something at a
// request or change an answer.
type tileLog struct {
	*scene
	dir string

	mu    sync.Mutex
	tiles int                              // requests for tiles since the last command began
	at    func(n int)                      // called with each of their numbers
	bad   func(path string, b []byte) bool // changes a file, and says whether it did
}

// newTileLog writes a log of n entries that are like real ones.
func newTileLog(t *testing.T, n int) *tileLog {
	t.Helper()
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	l := &tileLog{scene: newScene(t), dir: t.TempDir()}
	begin := time.Now()
	if err := tilelog.Write(t.Context(), l.dir, n, 16); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d entries after %v", n, time.Since(begin).Round(time.Millisecond))
	server := httptest.NewServer(http.StripPrefix("/log2/", http.HandlerFunc(l.serve)))
	t.Cleanup(server.Close)
	l.write(t, "services.json", fmt.Appendf(nil, `{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json",`+
		`"rekorTlogUrls":[{"url":"%s/log2","majorApiVersion":2,"operator":"test","validFor":{"start":"2020-01-01T00:00:00Z"}}]}`, server.URL))
	return l
}

func (l *tileLog) serve(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.Contains(r.URL.Path, "/tile/") {
		l.tiles++
		if l.at != nil {
			l.at(l.tiles)
		}
	}
	data, err := os.ReadFile(filepath.Join(l.dir, filepath.FromSlash(r.URL.Path)))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	if l.bad != nil {
		l.bad(r.URL.Path, data)
	}
	w.Write(data)
}

// find is the command that builds the index of a user in a directory, and looks
// for entry i by its digest.
func (l *tileLog) find(t *testing.T, home string, i int) *exec.Cmd {
	t.Helper()
	l.mu.Lock()
	l.tiles = 0
	l.mu.Unlock()
	return l.hallmark.With("HALLMARK_CONFIG_DIR="+home).Command(t.Context(), "log", "find", "--digest", fmt.Sprintf("sha256:%x", sigtest.EntryDigest(i)),
		"--json", "--log", "127.0.0.1/log2", "--trusted-root", filepath.Join(l.dir, "trusted_root.json"), "--signing-config", "services.json")
}

// found runs it to its end and wants the entry.
func (l *tileLog) found(t *testing.T, home string, i int) shown {
	t.Helper()
	var stderr bytes.Buffer
	cmd := l.find(t, home, i)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	got := lines[shown](t, string(out))
	if len(got) != 1 || got[0].Index != int64(i) || got[0].Digest != fmt.Sprintf("sha256:%x", sigtest.EntryDigest(i)) {
		t.Fatalf("got %+v, want entry %d", got, i)
	}
	return got[0]
}

// killed begins to build, and kills it some time after so many requests for tiles.
// It says whether the command was still at work.
func (l *tileLog) killed(t *testing.T, home string, requests int, after time.Duration) bool {
	t.Helper()
	cmd := l.find(t, home, 1)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	now := make(chan struct{})
	l.mu.Lock()
	l.at = func(n int) {
		if n == requests {
			close(now)
		}
	}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.at = nil
		l.mu.Unlock()
	}()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-now:
		time.Sleep(after)
		_ = cmd.Process.Signal(syscall.SIGKILL) // it may have ended meanwhile
		err := <-ended
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
			return true
		}
		if err != nil {
			t.Fatal(err)
		}
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	}
	return false
}

// dump is everything in the index of a user but when entries were first seen.
func dump(t *testing.T, home string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(home, "logs", "*", "logs.index"))
	if len(files) != 1 {
		t.Fatalf("got indexes %v, want one", files)
	}
	db, err := bolt.Open(files[0], 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var out bytes.Buffer
	var walk func(path string, b *bolt.Bucket) error
	walk = func(path string, b *bolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			if v == nil && string(k) != "seen" {
				return walk(path+"/"+string(k), b.Bucket(k))
			}
			_, err := fmt.Fprintf(&out, "%s %x %x\n", path, k, v)
			return err
		})
	}
	err = db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error { return walk(string(name), b) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Killed again and again while the index is built, it ends as an unbroken run does.
// The index is stored after every 65,536 entries, which are some 515 requests.
func TestLog_KilledWhileBuildingTheIndex(t *testing.T) {
	const entries = 66_000
	l := newTileLog(t, entries)
	whole := t.TempDir()
	begin := time.Now()
	l.found(t, whole, entries-2)
	t.Logf("unbroken after %v, %d requests", time.Since(begin).Round(time.Millisecond), l.tiles)
	want := dump(t, whole)

	home := t.TempDir()
	kills := 0
	for _, k := range []struct {
		requests int
		after    time.Duration
	}{
		{1, 0}, {300, 0}, // in the first batch
		{518, 0}, {518, 10 * time.Millisecond}, {520, 40 * time.Millisecond}, // about where it is stored
		{3, 0}, {6, 20 * time.Millisecond}, // in the second one
	} {
		if l.killed(t, home, k.requests, k.after) {
			kills++
		}
	}
	got := l.found(t, home, entries-2)
	if got.FirstSeen == nil {
		t.Error("nothing says when it was first seen")
	}
	if have := dump(t, home); have != want {
		t.Errorf("the index has %d bytes in print, want the %d of an unbroken run, and the same", len(have), len(want))
	}
	l.found(t, home, 5)
	l.found(t, home, 65_537)
	if kills < 4 {
		t.Errorf("killed %d times, want more", kills)
	}
	t.Logf("killed %d times", kills)
}

// One wrong byte in any tile that is read is found, and nothing is printed.
func TestLog_LG4_FlippedByteInAnyTile(t *testing.T) {
	const entries = 1_500
	l := newTileLog(t, entries)
	paths := map[string]bool{}
	l.bad = func(path string, _ []byte) bool {
		if strings.Contains(path, "/tile/") {
			paths[path] = true
		}
		return true
	}
	l.found(t, t.TempDir(), 7)
	if len(paths) < 13 {
		t.Errorf("read %d tiles, want all 13", len(paths))
	}
	i := 0
	for path := range paths {
		i++
		changed := false
		l.mu.Lock()
		l.bad = func(p string, data []byte) bool {
			if p == path {
				changed = true
				data[(len(data)-1)*(i%5)/4] ^= 0x40
			}
			return changed
		}
		l.mu.Unlock()
		cmd := l.find(t, t.TempDir(), 7)
		r, err := cli.Run(t.Context(), cmd.Dir, cmd.Env, nil, cmd.Path, cmd.Args[1:]...)
		if err != nil {
			t.Fatal(err)
		}
		l.refusal(t, r, refusal{"proof", "127.0.0.1/log2"})
		if r.Stdout != "" || !changed {
			t.Errorf("%s: changed %v, prints %s", path, changed, r.Stdout)
		}
	}
	t.Logf("%d tiles", len(paths))
}
