// Package atomicfile writes a file so that a reader, or a machine that stops at
// any moment, sees the old file whole or the new file whole (SG-15).
//
// The bytes go to a hidden file of a random name beside the target, are synced,
// and take the target's name in one step. Symbolic links are never followed.
package atomicfile

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Options is optional behaviour. The zero Options never replaces a file.
type Options struct {
	Overwrite bool // replace a file that exists
}

// Write writes data to path. perm is lowered by the umask. An existing path is
// refused unless o.Overwrite; a path that is a symbolic link, or no regular
// file, is always refused. Its error is a *check.Error of check fs.
func Write(path string, data []byte, perm os.FileMode, o Options) error {
	return Stream(path, perm, o, whole(data))
}

// Stream is Write for data that does not fit into memory. An error of write that
// is a *check.Error is returned as it is, and nothing stays.
func Stream(path string, perm os.FileMode, o Options, write func(io.Writer) error) error {
	dir, name := split(path)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return refuse(err, path, "make sure that its directory exists and can be opened")
	}
	defer root.Close()
	return writeIn(folder{root}, path, name, write, perm, o)
}

func whole(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		n, err := w.Write(data)
		if err == nil && n < len(data) {
			err = io.ErrShortWrite
		}
		return err
	}
}

// WriteIn is Write for a name directly inside root.
func WriteIn(root *os.Root, name string, data []byte, perm os.FileMode, o Options) error {
	return writeIn(folder{root}, filepath.Join(root.Name(), name), name, whole(data), perm, o)
}

// A directory is what writing needs of a directory. Tests make each call fail.
type directory interface {
	Lstat(name string) (fs.FileInfo, error)
	Create(name string, perm os.FileMode) (file, error) // exclusive
	Link(oldname, newname string) error
	Rename(oldname, newname string) error
	Remove(name string) error
	Sync() error
}

type file interface {
	io.WriteCloser
	Sync() error
}

// writeIn writes name in d; path is how errors call it.
func writeIn(d directory, path, name string, write func(io.Writer) error, perm os.FileMode, o Options) error {
	if err := named(path, name); err != nil {
		return err
	}
	if err := target(d, path, name, o); err != nil {
		return err
	}
	temp := tempName(name, rand.Text())
	if err := fill(d, temp, write, perm, true); err != nil {
		if refused, ok := errors.AsType[*check.Error](err); ok {
			return refused
		}
		return refuse(err, path, "check that the directory is writable and the disk has space")
	}
	return settle(d, path, temp, name, o)
}

// named refuses what is not a name inside a directory.
func named(path, name string) error {
	if name == "" || name == "." || name == ".." || filepath.Base(name) != name {
		return check.Refuse("SG-15", check.FS, "%q is not the name of a file", path).
			WithNext("give the output a file name")
	}
	return nil
}

// settle gives a whole file its name, for good.
func settle(d directory, path, temp, name string, o Options) error {
	if err := place(d, temp, name, o); err != nil {
		_ = d.Remove(temp)
		if errors.Is(err, fs.ErrExist) {
			return exists(path)
		}
		return refuse(err, path, "check that the directory is writable")
	}
	if err := d.Sync(); err != nil {
		return refuse(err, path, "check the disk; the file is whole but may not survive a power cut")
	}
	return nil
}

// target refuses what must not be replaced (N1, N2).
func target(d directory, path, name string, o Options) error {
	info, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return refuse(err, path, "check that the directory can be read")
	}
	kind := "not a regular file"
	if info.Mode()&fs.ModeSymlink != 0 {
		kind = "a symbolic link"
	}
	if !info.Mode().IsRegular() {
		return check.Refuse("SG-15", check.FS, "%q is %s, want a file or nothing", path, kind).
			WithNext("choose another name, or name the file that a link leads to")
	}
	if !o.Overwrite {
		return exists(path)
	}
	return nil
}

func exists(path string) error {
	return check.Refuse("SG-15", check.FS, "%q exists", path).
		WithNext("choose another name, or remove that file first")
}

// fill creates temp and writes, with sync through to the disk. On error nothing stays.
func fill(d directory, temp string, write func(io.Writer) error, perm os.FileMode, sync bool) error {
	f, err := d.Create(temp, perm)
	if err != nil {
		return err // not ours if it exists: leave it
	}
	if err = write(f); err == nil && sync {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = d.Remove(temp)
	}
	return err
}

// place gives temp the name. Without Overwrite two writers never replace each
// other: a hard link is made only if the name is free. File systems without
// hard links get an empty file first, which is free for one writer alone.
func place(d directory, temp, name string, o Options) error {
	if o.Overwrite {
		return d.Rename(temp, name)
	}
	err := d.Link(temp, name)
	if err == nil {
		_ = d.Remove(temp)
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := d.Create(name, 0o600)
	if err != nil {
		return err
	}
	err = f.Close()
	if err == nil {
		err = d.Rename(temp, name)
	}
	if err != nil {
		_ = d.Remove(name)
	}
	return err
}

// tempName returns a hidden name that no search for bundles matches. It leaves
// room below the 255 bytes that file systems allow.
func tempName(name, random string) string {
	if len(name) > 150 {
		sum := sha256.Sum256([]byte(name))
		name = strings.ToValidUTF8(name[:130], "") + hex.EncodeToString(sum[:8])
	}
	return "." + name + ".hallmark-" + random + ".tmp"
}

func refuse(err error, path, next string) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		err = l.Err
	}
	return check.Refuse("SG-15", check.FS, "%q: %w", path, err).WithNext(next)
}

// folder is a real directory. Names are resolved inside it and nowhere else.
type folder struct{ *os.Root }

func (d folder) Create(name string, perm os.FileMode) (file, error) {
	return d.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
}
