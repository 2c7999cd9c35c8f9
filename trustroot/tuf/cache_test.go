package tuf

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
)

func offline(r *repo, dir string, c *clock) *Config {
	cfg := r.config(dir, c)
	cfg.Offline, cfg.HTTP = true, noNetwork{r.t}
	return cfg
}

func TestTU11_P39_PlantedRootIsIgnored(t *testing.T) {
	r, clk, dir := seen(t)
	thief := newRepo(t)
	for _, role := range []string{"root", "timestamp", "snapshot", "targets"} {
		thief.keys[role] = []ed25519.PrivateKey{key("thief 1"), key("thief 2")}
	}
	thief.publishRoot(2, thief.keys["root"], nil)
	thief.bump()
	planted := filepath.Join(filepath.Dir(cachePath(t, dir)), "root.json")
	if err := os.WriteFile(planted, thief.roots[2], 0o600); err != nil {
		t.Fatal(err)
	}
	changeCache(t, dir, func(s *saved) { s.Roots = map[int64][]byte{2: thief.roots[2]} })
	want(t, fetchRoot(t, offline(r, dir, clk)), check.TUFHash, "TU-11")

	clk.now = clk.now.Add(25 * time.Hour)
	cl := client(t, r.config(dir, clk))
	if err := cl.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err := cl.Status(t.Context()); err != nil || s.Roles[0].Version != 1 || s.RootThreshold != 2 {
		t.Fatalf("got %+v, %v, want root version 1", s, err)
	}
	if err := fetchRoot(t, offline(r, dir, clk)); err != nil {
		t.Fatal(err)
	}
}

func TestTU11_P40_P41_DamagedCache(t *testing.T) {
	flip := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b }
	for name, damage := range map[string]func(t *testing.T, dir string){
		"target flipped": func(t *testing.T, dir string) {
			changeCache(t, dir, func(s *saved) { s.Files[TrustedRoot] = flip(s.Files[TrustedRoot]) })
		},
		"services flipped": func(t *testing.T, dir string) {
			changeCache(t, dir, func(s *saved) { s.Files[SigningConfig] = flip(s.Files[SigningConfig]) })
		},
		"target removed": func(t *testing.T, dir string) { changeCache(t, dir, func(s *saved) { delete(s.Files, TrustedRoot) }) },
		"timestamp flipped": func(t *testing.T, dir string) {
			changeCache(t, dir, func(s *saved) { s.Good.Timestamp = flip(s.Good.Timestamp) })
		},
		"snapshot flipped": func(t *testing.T, dir string) {
			changeCache(t, dir, func(s *saved) { s.Good.Snapshot = flip(s.Good.Snapshot) })
		},
		"targets zeroed": func(t *testing.T, dir string) {
			changeCache(t, dir, func(s *saved) { s.Good.Targets = make([]byte, 100) })
		},
		"other format": func(t *testing.T, dir string) { changeCache(t, dir, func(s *saved) { s.Format = 2 }) },
		"truncated": func(t *testing.T, dir string) {
			if err := os.Truncate(cachePath(t, dir), 100); err != nil {
				t.Fatal(err)
			}
		},
		"empty": func(t *testing.T, dir string) {
			if err := os.Truncate(cachePath(t, dir), 0); err != nil {
				t.Fatal(err)
			}
		},
		"huge": func(t *testing.T, dir string) {
			if err := os.Truncate(cachePath(t, dir), maxCache+1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, clk, dir := seen(t)
			damage(t, dir)
			want(t, fetchRoot(t, offline(r, dir, clk)), check.TUFHash, "TU-11")
			r.down()
			want(t, fetchRoot(t, r.config(dir, clk)), check.Net, "TU-10")
			r.up()
			if err := fetchRoot(t, r.config(dir, clk)); err != nil {
				t.Fatalf("with network: %v", err)
			}
			if err := fetchRoot(t, offline(r, dir, clk)); err != nil {
				t.Fatalf("after recovery: %v", err)
			}
		})
	}
}

// Every write and every request of an update fails in turn, as if the process
// had died there. The next run succeeds, and no lower version is accepted.
func TestTU10_P42_EveryStepFails(t *testing.T) {
	steps := 0
	for n := 0; ; n++ {
		r, clk, dir := seen(t)
		old := r.files["/timestamp.json"]
		r.keys["snapshot"] = []ed25519.PrivateKey{key("new sn")}
		r.publishRoot(2, r.keys["root"], nil)
		r.publishRoot(3, r.keys["root"], nil)
		r.content[TrustedRoot] = append(r.content[TrustedRoot], '\n')
		r.bump()
		left := n
		fail := func() bool { left--; return left < 0 }
		cl := client(t, r.config(dir, clk))
		cl.cache.write = func(root *os.Root, name string, data []byte) error {
			if fail() {
				return syscall.EIO
			}
			return quickly(root, name, data)
		}
		r.hook = func(string) (*fetch.Response, error) {
			if fail() {
				return nil, errDown
			}
			return nil, nil
		}
		err := cl.Refresh(t.Context())
		done := left >= 0
		if done && err != nil {
			t.Fatalf("without a fault: %v", err)
		}
		r.up()
		if err := client(t, r.config(dir, clk)).Refresh(t.Context()); err != nil {
			t.Fatalf("after fault %d: %v", n, err)
		}
		if err := fetchRoot(t, offline(r, dir, clk)); err != nil {
			t.Fatalf("after fault %d, offline: %v", n, err)
		}
		r.files["/timestamp.json"] = old
		want(t, client(t, r.config(dir, clk)).Refresh(t.Context()), check.TUFRollback, "TU-5")
		if done {
			break
		}
		steps++
	}
	if steps < 12 {
		t.Fatalf("%d steps, want at least 12", steps)
	}
}

// A timestamp that was verified before a crash counts against rollback.
func TestTU5_P42_RollbackAfterACrash(t *testing.T) {
	r, clk, dir := seen(t)
	old := r.files["/timestamp.json"]
	r.bump()
	delete(r.files, "/6.snapshot.json")
	want(t, client(t, r.config(dir, clk)).Refresh(t.Context()), check.Net, "TU-10")
	r.files["/timestamp.json"] = old
	want(t, client(t, r.config(dir, clk)).Refresh(t.Context()), check.TUFRollback, "TU-5")
}

func TestTU12_P43_TwoClientsAtOnce(t *testing.T) {
	r, clk, dir := newRepo(t), &clock{day}, t.TempDir()
	url := r.serve()
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			cfg := r.config(dir, clk)
			cfg.Mirror, cfg.HTTP = url, nil
			cl, err := New(cfg)
			if err == nil {
				_, err = cl.Root(t.Context())
			}
			if err == nil && len(cl.Warnings()) > 0 {
				err = fmt.Errorf("warnings %q", cl.Warnings())
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	cfg := offline(r, dir, clk)
	cfg.Mirror = url
	if err := fetchRoot(t, cfg); err != nil {
		t.Fatal(err)
	}
}

func TestTU12_ConcurrentUseOfOneClient(t *testing.T) {
	r, clk := newRepo(t), &clock{day}
	cl := client(t, r.config(t.TempDir(), clk))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := cl.Root(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := cl.Status(t.Context()); err != nil {
				t.Error(err)
			}
			_ = cl.Warnings()
		})
	}
	wg.Wait()
	if n := len(r.requests); n != 6 {
		t.Errorf("%d requests, want 6: %q", n, r.requests)
	}
}

func TestTU11_P44_Offline(t *testing.T) {
	r, clk, dir := seen(t)
	long := client(t, offline(r, dir, clk)) // of a process that lives long
	if _, err := long.Root(t.Context()); err != nil {
		t.Fatal(err)
	}
	clk.now = day.AddDate(0, 0, 6)
	if _, err := long.Root(t.Context()); err != nil {
		t.Fatal(err)
	}
	clk.now = day.AddDate(0, 0, 7) // the timestamp expires at this very moment
	_, err := long.Root(t.Context())
	want(t, err, check.TUFFreeze, "TU-1")
	want(t, fetchRoot(t, offline(r, dir, clk)), check.TUFFreeze, "TU-1")
	cfg := offline(r, dir, clk)
	cfg.AllowExpired = true
	cl := client(t, cfg)
	if _, err := cl.Root(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := strings.Join(cl.Warnings(), "\n"); !strings.Contains(w, "expired metadata is used as asked") {
		t.Fatalf("got %q, want a word about it", w)
	}
	s, err := cl.Status(t.Context())
	if err != nil || check.Of(s.Expired) != check.TUFFreeze {
		t.Fatalf("got %+v, %v, want it called expired", s, err)
	}

	t.Run("damage is no expiry", func(t *testing.T) {
		changeCache(t, dir, func(s *saved) { s.Files[TrustedRoot][5] ^= 1 })
		want(t, fetchRoot(t, cfg), check.TUFHash, "TU-11")
	})
	t.Run("nothing cached", func(t *testing.T) {
		want(t, fetchRoot(t, offline(r, t.TempDir(), clk)), check.TrustRoot, "TU-11")
	})
	t.Run("usage", func(t *testing.T) {
		cfg := r.config(dir, clk)
		cfg.AllowExpired = true
		_, err := New(cfg)
		want(t, err, check.Usage, "TU-11")
		want(t, client(t, offline(r, dir, clk)).Refresh(t.Context()), check.Usage, "TU-11")
		_, err = New(&Config{Mirror: "https://x.test"})
		want(t, err, check.Usage, "TU-2")
		_, err = New(&Config{Mirror: "https://x.test\x00", Root: r.roots[1]})
		want(t, err, check.Usage, "TU-14")
		_, err = New(&Config{Mirror: "http://x.test", Root: r.roots[1]})
		if err == nil {
			t.Fatal("plain http is taken")
		}
	})
}

func TestTU1_P13_P52_Clock(t *testing.T) {
	r, clk, dir := seen(t)
	// P13: the same valid timestamp for ever.
	clk.now = day.AddDate(0, 0, 8)
	want(t, client(t, r.config(dir, clk)).Refresh(t.Context()), check.TUFFreeze, "TU-1")

	// A refresh at a later time makes that time the least that is believed.
	clk.now = day.AddDate(0, 0, 6)
	if err := client(t, r.config(dir, clk)).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	clk.now = day.AddDate(0, 0, 1)
	r.timestamp.Signed.Version++
	r.timestamp.Signed.Expires = day.AddDate(0, 0, 2) // fresh by the clock, expired by what was seen
	r.publishTimestamp()
	want(t, client(t, r.config(dir, clk)).Refresh(t.Context()), check.TUFFreeze, "TU-1")
	// P52: by that clock what was fetched would be young for days; it is not.
	want(t, fetchRoot(t, r.config(dir, clk)), check.TUFFreeze, "TU-1")
	r.down()
	cl := client(t, r.config(dir, clk))
	if _, err := cl.Root(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := strings.Join(cl.Warnings(), "\n"); !strings.Contains(w, "before the last update") {
		t.Fatalf("got %q, want a word about the clock", w)
	}
	// I23: a clock in 1970 or 2106.
	clk.now = time.Unix(0, 0)
	if err := fetchRoot(t, offline(r, dir, clk)); err != nil {
		t.Fatal(err)
	}
	clk.now = time.Unix(1<<32, 0)
	want(t, fetchRoot(t, offline(r, dir, clk)), check.TUFFreeze, "TU-1")
}

func TestTU15_ShortLifeIsWorthAWord(t *testing.T) {
	r, clk, dir := seen(t)
	for days, warn := range map[int]bool{0: false, 4: false, 6: true} {
		clk.now = day.AddDate(0, 0, days)
		cl := client(t, offline(r, dir, clk))
		if _, err := cl.Root(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(cl.Warnings()) > 0; got != warn {
			t.Errorf("after %d days: warnings %q", days, cl.Warnings())
		}
	}
}

func TestTU10_NetworkDown(t *testing.T) {
	r, clk, dir := seen(t)
	clk.now = day.AddDate(0, 0, 2)
	r.down()
	cl := client(t, r.config(dir, clk))
	if _, err := cl.Root(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := cl.Warnings(); len(w) != 1 || !strings.Contains(w[0], "tuf.example.test does not answer, using what was fetched at 2026-03-01T12:00:00Z") {
		t.Fatalf("got %q", w)
	}
	want(t, cl.Refresh(t.Context()), check.Net, "TU-10")
	clk.now = day.AddDate(0, 0, 8)
	want(t, fetchRoot(t, r.config(dir, clk)), check.Net, "TU-10")
	// An attack is not the network being down: the cache does not stand in.
	clk.now = day.AddDate(0, 0, 2)
	r.up()
	r.timestamp.Signed.Version = 4
	r.publishTimestamp()
	want(t, fetchRoot(t, r.config(dir, clk)), check.TUFRollback, "TU-5")

	t.Run("fallback", func(t *testing.T) {
		r.down()
		cfg := r.config(t.TempDir(), clk)
		want(t, fetchRoot(t, cfg), check.Net, "TU-10")
		cfg.Fallback = &Snapshot{TrustedRoot: []byte(publicTrustedRoot), Date: day}
		if err := fetchRoot(t, cfg); err != nil {
			t.Fatal(err)
		}
		cfg.Fallback.TrustedRoot = []byte("{}")
		if err := fetchRoot(t, cfg); err == nil {
			t.Fatal("a fallback that cannot be read is taken")
		}
		cfg = r.config(dir, clk)
		cfg.Fallback = &Snapshot{TrustedRoot: []byte(publicTrustedRoot), Date: day}
		clk.now = day.AddDate(0, 0, 8)
		want(t, fetchRoot(t, cfg), check.Net, "TU-10") // an expired cache is a cache
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r.down()
		clk.now = day.AddDate(0, 0, 2)
		_, err := client(t, r.config(dir, clk)).Root(ctx)
		want(t, err, check.Net, "TU-10")
	})
}

func TestTU10_MemoryOnly(t *testing.T) {
	r, clk := newRepo(t), &clock{day}
	r.timestamp.Signed.Version = 5
	r.publish()
	cl := client(t, r.config("", clk))
	for range 3 {
		if _, err := cl.Root(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.requests) != 6 {
		t.Fatalf("asked for %q, want six files", r.requests)
	}
	clk.now = day.AddDate(0, 0, 2)
	r.timestamp.Signed.Version = 4
	r.publishTimestamp()
	_, err := cl.Root(t.Context())
	want(t, err, check.TUFRollback, "TU-5")
	r.down()
	if _, err := cl.Root(t.Context()); err != nil {
		t.Fatal(err)
	}
	clk.now = day.AddDate(0, 0, 8)
	_, err = cl.Root(t.Context())
	want(t, err, check.Net, "TU-10")
}

func TestTU12_P45_UnwritableCache(t *testing.T) {
	t.Run("disk full", func(t *testing.T) {
		r, clk, dir := seen(t)
		before := tree(t, dir)
		r.bump()
		cl := client(t, r.config(dir, clk))
		cl.cache.write = func(*os.Root, string, []byte) error { return syscall.ENOSPC }
		if err := cl.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w := cl.Warnings(); len(w) != 1 || !strings.Contains(w[0], "cannot be written, working in memory") {
			t.Fatalf("got %q", w)
		}
		if s, err := cl.Status(t.Context()); err != nil || s.Roles[1].Version != 6 {
			t.Fatalf("got %+v, %v", s, err)
		}
		if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
			t.Fatalf("the cache changed: %s", diff)
		}
	})
	t.Run("directory cannot be made", func(t *testing.T) {
		r, clk := newRepo(t), &clock{day}
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		cl := client(t, r.config(filepath.Join(file, "cache"), clk))
		if _, err := cl.Root(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w := cl.Warnings(); len(w) != 1 || !strings.Contains(w[0], "cannot be made, working in memory") {
			t.Fatalf("got %q", w)
		}
	})
}

func TestTU12_N17_UnsafeCache(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: modes say nothing on Windows")
	}
	r, clk, good := seen(t)
	instance := filepath.Base(filepath.Dir(cachePath(t, good)))
	link := func(t *testing.T, to, name string) {
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	for name, make := range map[string]func(t *testing.T, dir string) string{
		"directory is a link": func(t *testing.T, dir string) string {
			link(t, good, filepath.Join(dir, "l"))
			return filepath.Join(dir, "l")
		},
		"instance is a link": func(t *testing.T, dir string) string {
			link(t, filepath.Join(good, instance), filepath.Join(dir, instance))
			return dir
		},
		"cache file is a link": func(t *testing.T, dir string) string {
			if err := os.Mkdir(filepath.Join(dir, instance), 0o700); err != nil {
				t.Fatal(err)
			}
			link(t, cachePath(t, good), filepath.Join(dir, instance, cacheFile))
			return dir
		},
		"instance is a file": func(t *testing.T, dir string) string {
			if err := os.WriteFile(filepath.Join(dir, instance), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		},
		"cache file is a directory": func(t *testing.T, dir string) string {
			if err := os.MkdirAll(filepath.Join(dir, instance, cacheFile), 0o700); err != nil {
				t.Fatal(err)
			}
			return dir
		},
		"lock is a link": func(t *testing.T, dir string) string {
			if err := os.Mkdir(filepath.Join(dir, instance), 0o700); err != nil {
				t.Fatal(err)
			}
			link(t, filepath.Join(dir, "elsewhere"), filepath.Join(dir, instance, lockFile))
			return dir
		},
		"mode 0777": func(t *testing.T, dir string) string {
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			return dir
		},
		"N20 relative": func(*testing.T, string) string { return "cache" },
		"N20 dot dot":  func(_ *testing.T, dir string) string { return dir + "/x/../y" },
		"is a file":    func(t *testing.T, dir string) string { return cachePath(t, good) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			cfg := r.config(make(t, dir), clk)
			cl, err := New(cfg)
			if err == nil {
				_, err = cl.Root(t.Context())
			}
			if name == "is a file" { // there is no directory to be had
				if err != nil || len(cl.Warnings()) == 0 {
					t.Fatalf("got %v, want a warning", err)
				}
				return
			}
			want(t, err, check.FS, "TU-12")
			if cl, err := New(cfg); err == nil {
				want(t, cl.Refresh(t.Context()), check.FS, "TU-12")
			}
			if _, err := os.Stat(filepath.Join(dir, "elsewhere")); err == nil {
				t.Fatal("the link was followed")
			}
		})
	}
	t.Run("modes", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "a", "b")
		cl, err := New(r.config(dir, clk)) // with the real writer
		if err == nil {
			_, err = cl.Root(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Dir(cachePath(t, dir)): 0o700, cachePath(t, dir): 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
			}
		}
	})
}

func TestTU12_N19_Lock(t *testing.T) {
	r, clk, dir := seen(t)
	clk.now = day.AddDate(0, 0, 2)
	r.bump()
	t.Run("left behind", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(filepath.Dir(cachePath(t, dir)), lockFile), []byte("99999"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := fetchRoot(t, r.config(dir, clk)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("held", func(t *testing.T) {
		l := flock.New(filepath.Join(filepath.Dir(cachePath(t, dir)), lockFile))
		if err := l.Lock(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Unlock() }()
		clk.now = day.AddDate(0, 0, 4)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cl, start := client(t, r.config(dir, clk)), time.Now()
		if cl.cache.wait != lockWait || lockWait > 10*time.Second {
			t.Fatalf("waits %v", cl.cache.wait)
		}
		cl.cache.wait = 200 * time.Millisecond
		if _, err := cl.Root(ctx); err != nil {
			t.Fatal(err)
		}
		if w := cl.Warnings(); len(w) != 1 || !strings.Contains(w[0], "cannot be locked") || time.Since(start) < 200*time.Millisecond {
			t.Fatalf("got %q after %v", w, time.Since(start))
		}
	})
}

func TestTU12_N18_OldFilesAreNotRead(t *testing.T) {
	r, clk, dir := seen(t)
	for i := range 200 {
		if err := os.WriteFile(filepath.Join(filepath.Dir(cachePath(t, dir)), fmt.Sprintf("%d.old", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	if err := fetchRoot(t, offline(r, dir, clk)); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > time.Second {
		t.Fatalf("took %v", d)
	}
}

func TestTU13_N16_TargetNames(t *testing.T) {
	r, clk, dir := seen(t)
	before := tree(t, filepath.Dir(dir))
	cl := client(t, offline(r, dir, clk))
	for _, name := range []string{"../../x", "%2e%2e", "a\x00b", strings.Repeat("a", 300), ".", "..", "", "a/b", `a\b`, "ä", ".hidden"} {
		_, err := cl.Target(t.Context(), name)
		var e *check.Error
		if !errors.As(err, &e) || e.Check != check.TUFPath || e.Rule != "TU-13" {
			t.Errorf("%q: got %v", name, err)
		}
	}
	for _, name := range []string{TrustedRoot, SigningConfig} {
		if data, err := cl.Target(t.Context(), name); err != nil || !bytes.Equal(data, r.content[name]) {
			t.Errorf("%q: %v", name, err)
		}
	}
	_, err := cl.Target(t.Context(), "keys.json")
	want(t, err, check.TrustRoot, "TU-8")
	if after := tree(t, filepath.Dir(dir)); len(after) != len(before) {
		t.Errorf("files were written: %d, were %d", len(after), len(before))
	}
}

func TestTU14_OverHTTP(t *testing.T) {
	r, clk := newRepo(t), &clock{day}
	cfg := r.config(t.TempDir(), clk)
	cfg.Mirror, cfg.HTTP = r.serve()+"/", nil
	if err := fetchRoot(t, cfg); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.files["/timestamp.json"] = make([]byte, maxTimestamp+1)
	r.mu.Unlock()
	if err := client(t, cfg).Refresh(t.Context()); check.Of(err) != check.TUFLimit {
		t.Fatalf("got %v, want a limit", err)
	}
	r.hook = func(string) (*fetch.Response, error) {
		return &fetch.Response{Status: http.StatusOK, Body: make([]byte, 1<<20)}, nil
	}
	cfg = r.config("", clk)
	want(t, fetchRoot(t, cfg), check.TUFLimit, "TU-8") // a doer that keeps no bound
}

func TestTU2_Store(t *testing.T) {
	r := newRepo(t)
	s := Store{Dir: filepath.Join(t.TempDir(), "instances")}
	if list, err := s.List(); err != nil || len(list) != 2 {
		t.Fatalf("got %d, %v, want the two built-in ones", len(list), err)
	}
	if err := s.Add("lab", "http://127.0.0.1:8080/tuf", r.roots[1]); err != nil {
		t.Fatal(err)
	}
	i, err := s.Load("lab")
	if err != nil || i.Mirror != "http://127.0.0.1:8080/tuf" || !bytes.Equal(i.Root, r.roots[1]) || i.Fallback != nil {
		t.Fatalf("got %+v, %v", i, err)
	}
	list, err := s.List()
	names := []string{}
	for _, i := range list {
		names = append(names, i.Name)
	}
	if err != nil || !slices.Equal(names, []string{"public", "staging", "lab"}) {
		t.Fatalf("got %q, %v", names, err)
	}
	if i, err := s.Load("public"); err != nil || i.Config().Fallback == nil {
		t.Fatalf("got %v", err)
	}
	unsigned := edit(t, r.roots[1], func(m map[string]any) { m["signatures"] = []any{} })
	for _, c := range []struct {
		name, mirror string
		root         []byte
		check        check.Check
	}{
		{"lab", "https://x.test", r.roots[1], check.FS}, // taken
		{"public", "https://x.test", r.roots[1], check.Usage},
		{"", "https://x.test", r.roots[1], check.Usage},
		{"-a", "https://x.test", r.roots[1], check.Usage},
		{"A", "https://x.test", r.roots[1], check.Usage},
		{"a\n", "https://x.test", r.roots[1], check.Usage},
		{"../a", "https://x.test", r.roots[1], check.Usage},
		{strings.Repeat("a", 64), "https://x.test", r.roots[1], check.Usage},
		{"b", "http://x.test", r.roots[1], check.Usage},
		{"b", "x", r.roots[1], check.Usage},
		{"b", "https://x.test", unsigned, check.TUFSig},
		{"b", "https://x.test", []byte("{"), check.Parse},
		{"b", "https://x.test", make([]byte, maxRoot+1), check.TUFLimit},
	} {
		if err := s.Add(c.name, c.mirror, c.root); check.Of(err) != c.check {
			t.Errorf("%q: got %v, want a refusal of %s", c.name, err, c.check)
		}
	}
	if _, err := s.Load("none"); check.Of(err) != check.Usage {
		t.Errorf("got %v", err)
	}
	if _, err := s.Load("../lab"); check.Of(err) != check.Usage {
		t.Errorf("got %v", err)
	}
	if err := os.Symlink("lab.json", filepath.Join(s.Dir, "link.json")); err == nil {
		if _, err := s.Load("link"); check.Of(err) != check.FS {
			t.Errorf("got %v", err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "bad.json"), []byte(`{"mirror":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load("bad"); check.Of(err) != check.FS {
		t.Errorf("got %v", err)
	}
	if err := os.Truncate(filepath.Join(s.Dir, "bad.json"), maxInstance+1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load("bad"); check.Of(err) != check.Limit {
		t.Errorf("got %v", err)
	}
}
