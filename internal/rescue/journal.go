package rescue

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// maxLine bounds a line of a journal: a bundle and some words. What is
// longer is not of a journal that was written here.
const maxLine = bundle.MaxSize + 64<<10 // bytes of a line of a journal, with its end

// A line of a journal says that a signature is about to be sent, or that it is done.
type line struct {
	ID     int             `json:"id"`
	Key    string          `json:"key,omitempty"`
	Name   string          `json:"name,omitempty"`
	Bundle json.RawMessage `json:"bundle,omitempty"` // without its log entries; absent when done
}

// A Journal holds what a run has sent to a log. It is safe for concurrent use.
type Journal struct {
	store *Store
	path  string
	lock  *flock.Flock // held while the run lives
	file  *os.File

	mu      sync.Mutex // of the fields below
	size    int64
	lines   int // written so far
	next    int // id
	open    map[int]bool
	syncing sync.Mutex // held by whoever syncs; others wait and find their line synced
	synced  int
}

// Begin makes the journal of a run.
func (s *Store) Begin() (*Journal, error) {
	path := filepath.Join(s.dir, newName())
	l := lockOf(path)
	if held, err := l.TryLock(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, s.refuse(err)
	} else if !held && err == nil {
		return nil, s.refuse(errors.New("a new file is locked"))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		unlockGone(l)
		return nil, s.refuse(err)
	}
	return &Journal{store: s, path: path, lock: l, file: f, open: map[int]bool{}}, nil
}

// lockOf returns the lock of a journal, a file of its own beside it: where locks keep
// others from reading, the journal must stay readable.
func lockOf(journal string) *flock.Flock {
	return flock.New(strings.TrimSuffix(journal, journalEnd)+".lock", flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
}

// unlockGone unlocks a journal that is gone.
func unlockGone(l *flock.Flock) {
	_ = os.Remove(l.Path())
	_ = l.Unlock()
}

// makeRoom is what helps where nothing can be written to a file that could be made.
const makeRoom = "make room on its disk, or name another folder in HALLMARK_STATE_DIR"

// Room makes room for what will be written down, in bytes, so that a full disk is known
// before there is something to write.
func (j *Journal) Room(bytes int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	zeros := make([]byte, 64<<10) // no line begins with one
	for at, end := j.size, j.size+int64(bytes); at < end; {
		n, err := j.file.WriteAt(zeros[:min(int64(len(zeros)), end-at)], at)
		if err != nil {
			_ = j.file.Truncate(j.size)
			return j.store.refuse(err).WithNext(makeRoom)
		}
		at += int64(n)
	}
	return nil
}

// Sending writes down a signature that is about to be sent; when it returns, that
// survives a power cut. It returns the id for Done.
func (j *Journal) Sending(key, name string, partial []byte) (int, error) {
	j.mu.Lock()
	id := j.next
	err := j.write(line{ID: id, Key: key, Name: name, Bundle: partial})
	if err == nil {
		j.next++
		j.open[id] = true
	}
	mine := j.lines
	j.mu.Unlock()
	if err == nil {
		err = j.sync(mine)
	}
	if err != nil {
		return 0, j.store.refuse(err).WithNext(makeRoom)
	}
	return id, nil
}

// Done says that a signature needs no more: it is where it belongs, or nothing of it
// was sent.
func (j *Journal) Done(id int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.open, id)
	_ = j.write(line{ID: id}) // without it the next run finds that it is there
}

// write appends a line, whole or not at all.
func (j *Journal) write(l line) error {
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if len(data) > maxLine {
		return fmt.Errorf("%d bytes are too many for a line of the journal, want at most %d", len(data), maxLine)
	}
	if n, err := j.file.WriteAt(data, j.size); err != nil || n < len(data) {
		_ = j.file.Truncate(j.size) // so that no half line stays
		return cmp.Or(err, io.ErrShortWrite)
	}
	j.size += int64(len(data))
	j.lines++
	return nil
}

// sync makes all lines up to n survive a power cut; many may wait for one sync.
func (j *Journal) sync(n int) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= n {
		return nil
	}
	j.mu.Lock()
	lines := j.lines
	j.mu.Unlock()
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.synced = lines
	return nil
}

// Close ends the journal. One in which everything is done is removed.
func (j *Journal) Close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.file.Close()
	if len(j.open) > 0 {
		_ = j.lock.Unlock()
		return
	}
	_ = os.Remove(j.path)
	unlockGone(j.lock)
}

// alone keeps other runs from looking at journals: to look at one, its lock is taken,
// which must not be mistaken for that of a run that is alive.
func (s *Store) alone() (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	l := flock.New(s.dir+".lock", flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	if _, err := l.TryLockContext(ctx, 2*time.Millisecond); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		_ = l.Close()
		if ctx.Err() != nil {
			err = errors.New("another run has been reading it for half a minute")
		}
		return nil, s.refuse(err)
	}
	return func() { _ = l.Unlock() }, nil
}

// leftIn returns what a journal holds whose run has ended; one that holds nothing is
// removed.
func (s *Store) leftIn(path string, modified time.Time) (items []Item, err error) {
	err = s.with(path, func() error {
		items, _, err = s.scan(path, modified)
		return err
	})
	return items, err
}

// with calls do while a journal is locked whose run has ended, and then removes one
// that holds nothing more. Nothing is done for one whose run is alive.
func (s *Store) with(path string, do func() error) error {
	unlock, err := s.alone()
	if err != nil {
		return err
	}
	defer unlock()
	l := lockOf(path)
	held, err := l.TryLock()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return s.refuse(err)
	}
	if !held && err == nil {
		return nil
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		unlockGone(l)
		return nil
	}
	if err := do(); err != nil {
		_ = l.Unlock()
		return err
	}
	items, _, err := s.scan(path, time.Time{})
	if err != nil || len(items) > 0 {
		_ = l.Unlock()
		return err
	}
	_ = os.Remove(path)
	unlockGone(l)
	return nil
}

// scan reads a journal up to its end, in bytes, which may lie before that of the
// file: a run that was killed may have left half a line.
func (s *Store) scan(path string, modified time.Time) (items []Item, end int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, s.refuse(err)
	}
	defer f.Close()
	left := map[int]Item{}
	var order []int
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		data := lines.Bytes()
		var l line
		if err := strictjson.Unmarshal(data, &l); err != nil {
			break // cut, or room for more, or damaged: endsAt tells
		}
		if l.Bundle == nil {
			delete(left, l.ID)
		} else {
			left[l.ID] = Item{Key: l.Key, Name: l.Name, State: Sent, Path: path, Time: modified, id: l.ID, offset: end, size: len(data)}
			order = append(order, l.ID)
		}
		end += int64(len(data)) + 1
	}
	if err := s.endsAt(f, end); err != nil {
		return nil, 0, err
	}
	for _, id := range order {
		if item, ok := left[id]; ok {
			items = append(items, item)
		}
	}
	return items, end, nil
}

// endsAt refuses a journal that goes on behind its last whole line, in bytes: there may
// be room, which is zeros, and half a line before it, but no line. A damaged journal
// must not be taken for an empty one, which is removed.
func (s *Store) endsAt(f *os.File, end int64) error {
	rest := bufio.NewReader(io.NewSectionReader(f, end, maxLine))
	for n := 0; n < maxLine; n++ {
		b, err := rest.ReadByte()
		switch {
		case err == io.EOF || err == nil && b == 0:
			return nil
		case err != nil:
			return s.refuse(err)
		case b == '\n':
			return s.damaged(f.Name(), end)
		}
	}
	return s.damaged(f.Name(), end)
}

func (s *Store) damaged(path string, at int64) error {
	return check.Refuse("SG-15", check.FS, "journal %q is damaged at byte %d", path, at).
		WithNext("it may hold signatures that are public: move it to another folder, and keep it")
}

// Read returns the bundle of an item.
func (i Item) Read() ([]byte, error) {
	f, err := os.Open(i.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if i.State != Sent {
		return io.ReadAll(io.LimitReader(f, bundle.MaxSize+1)) // what is longer is refused by whoever parses it
	}
	data := make([]byte, i.size)
	if _, err := f.ReadAt(data, i.offset); err != nil {
		return nil, err
	}
	var l line
	if err := strictjson.Unmarshal(data, &l); err != nil {
		return nil, err
	}
	return l.Bundle, nil
}

// cross strikes an item out of its journal.
func (s *Store) cross(i Item) error {
	return s.with(i.Path, func() error {
		_, end, err := s.scan(i.Path, i.Time)
		if err != nil {
			return err
		}
		data, err := json.Marshal(line{ID: i.id})
		if err != nil {
			return err
		}
		f, err := os.OpenFile(i.Path, os.O_WRONLY, 0)
		if err != nil {
			return s.refuse(err)
		}
		defer f.Close()
		if err = f.Truncate(end); err == nil {
			_, err = f.WriteAt(append(data, '\n'), end)
		}
		if err != nil {
			return s.refuse(err)
		}
		return nil
	})
}
