package rescue

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func list(t *testing.T, s *Store) []Item {
	t.Helper()
	items, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func begin(t *testing.T, s *Store) *Journal {
	t.Helper()
	j, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func files(t *testing.T, s *Store) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v, want 0600", e.Name(), info.Mode(), err)
		}
	}
	return names
}

func TestJournal_KeepsWhatIsNotDone(t *testing.T) {
	s := open(t)
	j := begin(t, s)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			id, err := j.Sending(fmt.Sprintf("%064x", i), fmt.Sprintf("file %d", i), []byte(`{"a":1}`))
			if err != nil {
				t.Error(err)
			}
			if i%10 != 0 {
				j.Done(id)
			}
		})
	}
	wg.Wait()
	if got := list(t, s); len(got) != 0 {
		t.Errorf("%d items of a run that is alive, want none", len(got))
	}
	j.Close()
	items := list(t, s)
	if len(items) != 5 {
		t.Fatalf("%d items, want 5", len(items))
	}
	for _, i := range items {
		if data, err := i.Read(); err != nil || string(data) != `{"a":1}` || i.State != Sent || !strings.HasPrefix(i.Name, "file ") {
			t.Errorf("%+v: %q, %v", i, data, err)
		}
	}
	for n, i := range items {
		if err := s.Remove(i); err != nil {
			t.Fatal(err)
		}
		if got := list(t, s); len(got) != 4-n {
			t.Errorf("%d items, want %d", len(got), 4-n)
		}
	}
	if got := files(t, s); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

func TestJournal_NothingStaysOfAGoodRun(t *testing.T) {
	s := open(t)
	j := begin(t, s)
	id, err := j.Sending("ab", "a", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	j.Done(id)
	j.Close()
	if got := files(t, s); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

// TestMain lets a test start a run that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("JOURNAL"); dir != "" {
		s, err := Open(dir)
		if err != nil {
			os.Exit(1)
		}
		j, err := s.Begin()
		if err != nil {
			os.Exit(1)
		}
		if _, err := j.Sending("ab", "a", []byte(`{}`)); err != nil {
			os.Exit(1)
		}
		if _, err := j.file.WriteAt([]byte(`{"id":1,"key":"half a li`), j.size); err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.WriteString("sent\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestJournal_OfARunThatWasKilled(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JOURNAL="+dir)
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
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, s); len(got) != 0 {
		t.Errorf("%d items while it lives, want none", len(got))
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	items := list(t, s)
	if len(items) != 1 || items[0].Key != "ab" {
		t.Fatalf("%+v, want the one that was written whole", items)
	}
	if err := s.Remove(items[0]); err != nil {
		t.Fatal(err)
	}
	if got := files(t, s); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

func TestKeep(t *testing.T) {
	s := open(t)
	for _, verified := range []bool{true, false} {
		path, err := s.Keep("ab12", []byte("{}"), verified)
		if err != nil {
			t.Fatal(err)
		}
		items := list(t, s)
		if len(items) != 1 || items[0].Key != "ab12" || items[0].Path != path || (items[0].State == Made) != verified {
			t.Fatalf("%+v", items)
		}
		files(t, s)
		if data, err := items[0].Read(); err != nil || string(data) != "{}" {
			t.Errorf("%q, %v", data, err)
		}
		if err := s.Remove(items[0]); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(t, s); len(got) != 0 {
		t.Errorf("left %+v", got)
	}
}

func TestOpen_Refuses(t *testing.T) {
	dir := t.TempDir()
	spoil := map[string]func(folder string) error{
		"a file":             func(f string) error { return os.WriteFile(f, nil, 0o600) },
		"a link":             func(f string) error { return os.Symlink(t.TempDir(), f) },
		"writable by others": func(f string) error { return os.Mkdir(f, 0o700) },
		"full": func(f string) error {
			if err := os.Mkdir(f, 0o700); err != nil {
				return err
			}
			for i := range maxFiles + 1 {
				if err := os.WriteFile(filepath.Join(f, fmt.Sprint(i)), nil, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
	}
	for name, do := range spoil {
		base := filepath.Join(dir, name)
		if err := os.Mkdir(base, 0o700); err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(base, "unfinished")
		if err := do(folder); err != nil {
			t.Fatal(err)
		}
		if name == "writable by others" {
			if err := os.Chmod(folder, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Open(base)
		if check.Of(err) != check.FS {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
		if name != "full" {
			continue
		}
		if err := os.Remove(filepath.Join(folder, "0")); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(base); err != nil {
			t.Errorf("just below the bound: %v", err)
		}
	}
}

// A run that looks at what was left does not hide it from another that looks too.
func TestList_ByManyAtOnce(t *testing.T) {
	s := open(t)
	j := begin(t, s)
	if _, err := j.Sending("ab", "a", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	j.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if items, err := s.List(); err != nil || len(items) != 1 {
					t.Errorf("%d items, %v; want 1", len(items), err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// A journal in which room was made is read as any other, also when a run was killed.
func TestJournal_Room(t *testing.T) {
	s := open(t)
	j := begin(t, s)
	if err := j.Room(100_000); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Sending("ab", "a", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if info, err := j.file.Stat(); err != nil || info.Size() != 100_000 {
		t.Errorf("%d bytes, %v; want 100000", info.Size(), err)
	}
	j.Close()
	items := list(t, s)
	if len(items) != 1 {
		t.Fatalf("%d items, want 1", len(items))
	}
	if err := s.Remove(items[0]); err != nil {
		t.Fatal(err)
	}
	if got := files(t, s); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

func TestJournal_NoRoom(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	j := begin(t, open(t))
	defer j.Close()
	_ = j.file.Close()
	j.file = full
	if err := j.Room(1); check.Of(err) != check.FS {
		t.Errorf("got %v, want check fs", err)
	}
}

// What can't be read is no empty journal: it is refused, and stays.
func TestJournal_Damaged(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(data []byte) []byte
		lost   bool
		items  int
	}{
		"whole":                   {func(d []byte) []byte { return d }, false, 3},
		"first line":              {func(d []byte) []byte { d[0] = 'x'; return d }, true, 0},
		"second line":             {func(d []byte) []byte { d[bytes.IndexByte(d, '\n')+1] = 0xff; return d }, true, 0},
		"last line cut":           {func(d []byte) []byte { return d[:len(d)-3] }, false, 2},
		"last line cut, and room": {func(d []byte) []byte { return append(d[:len(d)-3], make([]byte, 1<<16)...) }, false, 2},
		"bytes behind":            {func(d []byte) []byte { return append(d, "x\n"...) }, true, 0},
		"a line without end":      {func(d []byte) []byte { return append(d, bytes.Repeat([]byte("x"), maxLine)...) }, true, 0},
	} {
		s := open(t)
		j := begin(t, s)
		for _, name := range []string{"a", "b", "c"} {
			if _, err := j.Sending("ab", name, []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
		}
		j.Close()
		data, err := os.ReadFile(j.path)
		if err != nil {
			t.Fatal(err)
		}
		changed := tt.change(bytes.Clone(data))
		if err := os.WriteFile(j.path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		items, err := s.List()
		if tt.lost != (check.Of(err) == check.FS) || len(items) != tt.items {
			t.Errorf("%s: %d items, %v; want %d, refused %v", name, len(items), err, tt.items, tt.lost)
		}
		if now, err := os.ReadFile(j.path); err != nil || !bytes.Equal(now, changed) {
			t.Errorf("%s: the journal did not stay: %v", name, err)
		}
	}
}
