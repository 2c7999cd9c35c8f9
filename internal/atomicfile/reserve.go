package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A Reservation keeps the place of a file that is written later: what could stop the
// writing was tried, there is room, and no other Reservation has the same place. It
// is for work whose result must not be lost for want of a place.
type Reservation struct {
	path, name, temp string
	perm             os.FileMode
	options          Options
	lock             *flock.Flock // nil where the file system has no locks
	released         bool
}

// Reserve examines path as [Write] does and takes it: it makes a lock beside it, and a
// hidden file of room bytes, which should hold the content. The next Reserve of the
// same path takes over what a process left that was killed. Its errors are
// *check.Error of check fs.
func Reserve(path string, room int, perm os.FileMode, o Options) (*Reservation, error) {
	dir, name := split(path)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, refuse(err, path, "make sure that its directory exists and can be opened")
	}
	defer root.Close()
	if err := named(path, name); err != nil {
		return nil, err
	}
	if err := target(folder{root}, path, name, o); err != nil {
		return nil, err
	}
	r := &Reservation{path: path, name: name, temp: tempName(name, "reserved"), perm: perm, options: o}
	if r.lock, err = takeLock(root, path, tempName(name, "lock")); err != nil {
		return nil, err
	}
	if err := r.makeRoom(folder{root}, room); err != nil {
		r.Release()
		return nil, err
	}
	return r, nil
}

// makeRoom creates the hidden file. One that is there already is of a process that
// was killed, for the lock is ours.
func (r *Reservation) makeRoom(d directory, room int) error {
	if err := d.Remove(r.temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return refuse(err, r.path, "check that the directory is writable")
	}
	if err := target(d, r.path, r.name, r.options); err != nil { // once more: another may just have written it
		return err
	}
	err := fill(d, r.temp, func(w io.Writer) error {
		_, err := w.Write(make([]byte, room))
		return err
	}, r.perm, false)
	if err != nil {
		return refuse(err, r.path, "check that the directory is writable and the disk has space")
	}
	return nil
}

// Write puts data in the place and releases it. On error the place is released too,
// and what was there before is there still.
func (r *Reservation) Write(data []byte) error {
	defer r.Release()
	dir, _ := split(r.path)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return refuse(err, r.path, "make sure that its directory exists and can be opened")
	}
	defer root.Close()
	d := folder{root}
	if err := target(d, r.path, r.name, r.options); err != nil {
		return err
	}
	f, err := root.OpenFile(r.temp, os.O_WRONLY, 0)
	if err != nil { // the directory was changed meanwhile: as if nothing had been reserved
		return writeIn(d, r.path, r.name, whole(data), r.perm, r.options)
	}
	if err := finish(f, data); err != nil {
		return refuse(err, r.path, "check that the directory is writable and the disk has space")
	}
	return settle(d, r.path, r.temp, r.name, r.options)
}

// finish writes data over what made room for it.
func finish(f *os.File, data []byte) error {
	err := whole(data)(f)
	if err == nil {
		err = f.Truncate(int64(len(data)))
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Release gives the place back; nothing of the reservation stays. It may be called
// more than once.
func (r *Reservation) Release() {
	if r.released {
		return
	}
	r.released = true
	dir, _ := split(r.path)
	_ = os.Remove(filepath.Join(dir, r.temp))
	if r.lock != nil {
		_ = os.Remove(r.lock.Path()) // while it is held: whoever waits for it sees that it is gone
		_ = r.lock.Unlock()
	}
}

// Sweep removes what a killed process left of a reservation of path, for a path that is
// not to be written. It leaves alone what another process holds, and says nothing.
func Sweep(path string) {
	dir, name := split(path)
	r := &Reservation{path: path, name: name, temp: tempName(name, "reserved")}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return
	}
	defer root.Close()
	lock := tempName(name, "lock")
	_, temp := root.Lstat(r.temp)
	if _, err := root.Lstat(lock); err != nil && temp != nil {
		return
	}
	if r.lock, err = takeLock(root, path, lock); err == nil {
		r.Release()
	}
}

// takeLock locks a file of root; it returns nil where the file system has no locks. A
// lock file that its owner removed meanwhile is no lock: another process may have made
// a new one.
func takeLock(root *os.Root, path, name string) (*flock.Flock, error) {
	for range 10 {
		if info, err := root.Lstat(name); err == nil && !info.Mode().IsRegular() {
			return nil, check.Refuse("SG-15", check.FS, "%q: %q is in the way, want a file or nothing", path, name).WithNext("remove it")
		}
		l := flock.New(filepath.Join(root.Name(), name), flock.SetFlag(lockFlags), flock.SetPermissions(0o600))
		held, err := l.TryLock()
		if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, errNoLocks) {
			_ = root.Remove(name)
			return nil, nil
		}
		if err != nil {
			return nil, refuse(err, path, "check that the directory is writable")
		}
		if !held {
			return nil, check.Refuse("SG-15", check.FS, "%q is being written by another process", path).
				WithNext("wait until the other one ends, then run the same command again")
		}
		ours, err := l.Stat()
		there, lerr := root.Lstat(name)
		if err == nil && lerr == nil && os.SameFile(ours, there) {
			return l, nil
		}
		_ = l.Unlock()
	}
	return nil, check.Refuse("SG-15", check.FS, "%q is being written by other processes", path).WithNext("run the same command again")
}

func split(path string) (dir, name string) {
	if dir, name = filepath.Split(path); dir == "" {
		dir = "."
	}
	return dir, name
}
