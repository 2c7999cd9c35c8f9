package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

const room = 4096

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestReserve_WritesAndLeavesNothingElse(t *testing.T) {
	for _, size := range []int{0, 10, room, 3 * room} {
		dir := t.TempDir()
		path := filepath.Join(dir, "out")
		r, err := Reserve(path, room, 0o644, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := names(t, dir); len(got) != 2 {
			t.Errorf("while reserved there is %q, want a lock and a file", got)
		}
		if err := r.Write([]byte(strings.Repeat("x", size))); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil || len(data) != size {
			t.Errorf("%d bytes, %v, want %d", len(data), err, size)
		}
		if got := names(t, dir); len(got) != 1 {
			t.Errorf("left %q, want the file alone", got)
		}
	}
}

// What could stop the writing is said before: nothing has been done by then.
func TestReserve_RefusesWhatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, link := range [][2]string{{"file", "link"}, {"nowhere", "dangling"}} {
		if err := os.Symlink(link[0], filepath.Join(dir, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	before := names(t, dir)
	for _, name := range []string{"file", "nodir/x", "file/x", "sub/", strings.Repeat("n", 300), ".", "..", ""} {
		refused(t, filepath.Join(dir, "x")[:len(dir)+1]+name, Options{})
	}
	for _, name := range []string{"nodir/x", "link", "dangling", "../" + filepath.Base(dir)} {
		refused(t, dir+"/"+name, Options{Overwrite: true})
	}
	if after := names(t, dir); len(after) != len(before) {
		t.Errorf("left %q", after)
	}
}

func refused(t *testing.T, path string, o Options) {
	t.Helper()
	r, err := Reserve(path, room, 0o644, o)
	if err == nil {
		r.Release()
		t.Errorf("%q is reserved", path)
		return
	}
	if e, ok := errors.AsType[*check.Error](err); !ok || e.Check != check.FS || e.Next == "" {
		t.Errorf("%q: %v, want a refusal of check fs with a next step", path, err)
	}
}

func TestReserve_OneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	var mu sync.Mutex
	var held []*Reservation
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if r, err := Reserve(path, room, 0o644, Options{}); err == nil {
				mu.Lock()
				held = append(held, r)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(held) != 1 {
		t.Fatalf("%d hold the place, want 1", len(held))
	}
	held[0].Release()
	held[0].Release()
	r, err := Reserve(path, room, 0o644, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.Release()
	if got := names(t, filepath.Dir(path)); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

// Long names that begin alike are different places.
func TestReserve_LongNames(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("n", 200)
	for _, name := range []string{long + "1", long + "2"} {
		r, err := Reserve(filepath.Join(dir, name), room, 0o644, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
	}
}

// TestMain lets a test start a process that holds a reservation until it is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("RESERVE"); path != "" {
		if _, err := Reserve(path, room, 0o644, Options{}); err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.WriteString("held\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestReserve_AfterAKill(t *testing.T) {
	for _, swept := range []bool{false, true} {
		afterAKill(t, swept)
	}
}

func afterAKill(t *testing.T, swept bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RESERVE="+path)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	refused(t, path, Options{})
	Sweep(path)
	if got := names(t, filepath.Dir(path)); len(got) != 2 {
		t.Errorf("%q of a reservation that is held, want both files", got)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if swept {
		Sweep(path)
		if got := names(t, filepath.Dir(path)); len(got) != 0 {
			t.Errorf("left %q", got)
		}
	}
	r, err := Reserve(path, room, 0o644, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, filepath.Dir(path)); len(got) != 1 {
		t.Errorf("left %q, want the file alone", got)
	}
}

// A directory that is replaced meanwhile still gets the file.
func TestReserve_DirectoryReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := Reserve(filepath.Join(dir, "out"), room, 0o644, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := r.Write([]byte("new")); err != nil {
		t.Error(err)
	}
}

// A file that appeared meanwhile is never replaced without being asked for.
func TestReserve_TakenMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	r, err := Reserve(path, room, 0o644, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("theirs"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Write([]byte("ours")); !errors.Is(err, fs.ErrExist) && check.Of(err) != check.FS {
		t.Errorf("%v, want a refusal", err)
	}
	if data, _ := os.ReadFile(path); string(data) != "theirs" {
		t.Errorf("%q, want what was there", data)
	}
}
