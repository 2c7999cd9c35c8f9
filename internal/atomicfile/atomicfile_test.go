package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// wantFS fails unless err is a refusal of check fs with a next step.
func wantFS(t *testing.T, err error) {
	t.Helper()
	var e *check.Error
	if !errors.As(err, &e) || e.Check != check.FS || e.Rule != "SG-15" || e.Next == "" {
		t.Fatalf("got %#v, want a refusal of fs by SG-15 with a next step", err)
	}
}

// files returns name → content of the regular files in dir.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range list {
		if data, err := os.ReadFile(filepath.Join(dir, f.Name())); err == nil {
			all[f.Name()] = string(data)
		}
	}
	return all
}

func TestSG15_Write(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.sigstore.json")
	if err := Write(path, []byte("new"), 0o644, Options{}); err != nil {
		t.Fatal(err)
	}
	t.Run("N2 exists", func(t *testing.T) {
		wantFS(t, Write(path, []byte("other"), 0o644, Options{}))
		if got := files(t, dir); len(got) != 1 || got["a.sigstore.json"] != "new" {
			t.Fatalf("got %v, want the old file alone", got)
		}
	})
	t.Run("N2 overwrite", func(t *testing.T) {
		if err := Write(path, []byte("other"), 0o600, Options{Overwrite: true}); err != nil {
			t.Fatal(err)
		}
		if got := files(t, dir); len(got) != 1 || got["a.sigstore.json"] != "other" {
			t.Fatalf("got %v, want the new file alone", got)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Fatalf("got mode %v, want 0600", info.Mode())
		}
	})
	t.Run("no name", func(t *testing.T) {
		for _, path := range []string{dir + string(filepath.Separator), "..", ".", ""} {
			err := Write(path, nil, 0o600, Options{})
			wantFS(t, err)
			if !strings.Contains(err.Error(), "is not the name of a file") {
				t.Errorf("%q: got %v", path, err)
			}
		}
	})
	t.Run("N4 no directory", func(t *testing.T) {
		wantFS(t, Write(filepath.Join(dir, "none", "x"), nil, 0o600, Options{}))
	})
	t.Run("long name", func(t *testing.T) {
		if err := Write(filepath.Join(t.TempDir(), strings.Repeat("x", 250)), nil, 0o600, Options{}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSG15_N1_LinksAndDirectoriesAreRefused(t *testing.T) {
	for _, o := range []Options{{}, {Overwrite: true}} {
		dir := t.TempDir()
		victim := filepath.Join(dir, "victim")
		if err := os.WriteFile(victim, []byte("v"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, to := range map[string]string{"link": "victim", "dangling": "nowhere", "dirlink": "folder"} {
			if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
				t.Skipf("SKIPPED: no symbolic links here: %v", err)
			}
			wantFS(t, Write(filepath.Join(dir, name), []byte("x"), 0o600, o))
		}
		wantFS(t, Write(filepath.Join(dir, "folder"), []byte("x"), 0o600, o))
		if got := files(t, dir); len(got) != 2 || got["victim"] != "v" || got["link"] != "v" {
			t.Fatalf("got %v, want nothing changed", got)
		}
	}
}

// faulty is a real directory whose n-th fallible call fails.
type faulty struct {
	folder
	left  int // calls that still succeed
	links bool
	short bool
}

var errFault = syscall.ENOSPC

func (d *faulty) step() error {
	if d.left--; d.left < 0 {
		return errFault
	}
	return nil
}

func (d *faulty) Create(name string, perm os.FileMode) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	f, err := d.folder.Create(name, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, d}, nil
}

func (d *faulty) Link(a, b string) error {
	if !d.links {
		return errors.ErrUnsupported
	}
	if err := d.step(); err != nil {
		return err
	}
	return d.folder.Link(a, b)
}

func (d *faulty) Rename(a, b string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.folder.Rename(a, b)
}

func (d *faulty) Sync() error {
	if err := d.step(); err != nil {
		return err
	}
	return d.folder.Sync()
}

type faultyFile struct {
	file
	d *faulty
}

func (f *faultyFile) Write(b []byte) (int, error) {
	if err := f.d.step(); err != nil {
		n, _ := f.file.Write(b[:len(b)/2])
		if f.d.short {
			return n, nil
		}
		return n, err
	}
	return f.file.Write(b)
}

func (f *faultyFile) Sync() error {
	if err := f.d.step(); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f *faultyFile) Close() error {
	err := f.file.Close()
	if serr := f.d.step(); serr != nil {
		return serr
	}
	return err
}

// Every fallible call fails in turn: the old file or the new file stays, whole,
// and no temporary file.
func TestSG15_N4_EveryCallFails(t *testing.T) {
	cases := []struct {
		name         string
		o            Options
		links, short bool
		old          string
	}{
		{"new file", Options{}, true, false, ""},
		{"new file, short write", Options{}, true, true, ""},
		{"new file without hard links", Options{}, false, false, ""},
		{"overwrite", Options{Overwrite: true}, true, false, "old"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			faults := 0
			for n := 0; ; n++ {
				dir := t.TempDir()
				if c.old != "" {
					if err := os.WriteFile(filepath.Join(dir, "out"), []byte(c.old), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				root, err := os.OpenRoot(dir)
				if err != nil {
					t.Fatal(err)
				}
				d := &faulty{folder{root}, n, c.links, c.short}
				err = writeIn(d, "out", "out", whole([]byte("new!")), 0o600, c.o)
				root.Close()
				got := files(t, dir)
				for name, content := range got {
					if name != "out" || content != "new!" && content != c.old {
						t.Fatalf("fault %d: %q holds %q", n, name, content)
					}
				}
				if d.left >= 0 {
					if err != nil || got["out"] != "new!" {
						t.Fatalf("without a fault: %v, %v", err, got)
					}
					break
				}
				if c.links && !c.o.Overwrite && err == nil && got["out"] == "new!" {
					continue // the link failed and the other way worked
				}
				wantFS(t, err)
				faults++
			}
			if faults < 5 {
				t.Fatalf("%d faults, want at least 5", faults)
			}
		})
	}
}

// planted creates the target between the look and the last step.
type planted struct{ folder }

func (d planted) Lstat(name string) (fs.FileInfo, error) {
	info, err := d.folder.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		f, cerr := d.folder.Create(name, 0o600)
		if cerr != nil {
			return nil, cerr
		}
		f.Close()
	}
	return info, err
}

func TestSG15_N6_RaceNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	wantFS(t, writeIn(planted{folder{root}}, "out", "out", whole([]byte("x")), 0o600, Options{}))
	if got := files(t, dir); len(got) != 1 || got["out"] != "" {
		t.Fatalf("got %v, want the other's empty file", got)
	}

	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 16 {
		wg.Go(func() {
			if WriteIn(root, "one", []byte("y"), 0o600, Options{}) == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Fatalf("%d writers won, want 1", won)
	}
}

func TestSG15_N6_TemporaryFileIsExclusive(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := os.WriteFile(filepath.Join(dir, "victim"), []byte("v"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("victim", filepath.Join(dir, "temp")); err != nil {
		t.Skipf("SKIPPED: no symbolic links here: %v", err)
	}
	if err := fill(folder{root}, "temp", whole([]byte("x")), 0o600, true); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("got %v, want that it exists", err)
	}
	if got := files(t, dir); got["victim"] != "v" || len(got) != 2 {
		t.Fatalf("got %v, want the victim untouched and the link left", got)
	}
}

func TestSG15_TempName(t *testing.T) {
	a, b := tempName("a.sigstore.json", "R1"), tempName("a.sigstore.json", "R2")
	if a != ".a.sigstore.json.hallmark-R1.tmp" || a == b || strings.HasSuffix(a, ".sigstore.json") {
		t.Fatalf("got %q and %q", a, b)
	}
}

// SG-15: a stream that breaks leaves nothing, and says why in its own words.
func TestStream(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	broken := check.Refuse("OC-8", check.Net, "the connection broke")
	err := Stream(path, 0o600, Options{}, func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			t.Fatal(err)
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the stream", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v stay, %v", left, err)
	}
	if err := Stream(path, 0o600, Options{}, func(w io.Writer) error {
		_, err := io.WriteString(w, "whole")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "whole" {
		t.Errorf("got %q, %v", data, err)
	}
	wantFS(t, Stream(path, 0o600, Options{}, func(io.Writer) error { return nil }))
}
