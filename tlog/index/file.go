// Package index is a local search index of a log of the second generation,
// which has none itself. It is built from the entries of the log, each of which
// was found to be a leaf of a tree that the log signed, and kept in one
// file, which holds the indexes of any number of logs.
//
//	f, err := index.Open("logs.index", index.Config{})
//	defer f.Close()
//	x, err := f.Log(&root.Logs[0])
//	err = x.Update(ctx, reader)                     // continues where it was
//	for e, err := range x.Find(ctx, reader, query)  // *read.Entry, proved
//
// The file is a hint: what it finds is fetched from the log, proved and compared
// with the query, so that a file that was tampered with can hide entries but
// show none. A process that is stopped at any moment loses at most the batch
// that it was writing. One process at a time may update; an Index may be used by
// many goroutines at once.
package index

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/hallmarksign/hallmark/internal/check"
)

const schema = "hallmark index 1"

// Config is optional. The zero Config is right for most logs.
type Config struct {
	MaxBytes int64            // of the file; 16 GiB if 0
	Wait     time.Duration    // for another process that uses the file; 1 s if 0
	ReadOnly bool             // Update is not possible; others may read at the same time
	Workers  int              // bundles that are read at once; twice the processors, at most 16, if 0
	Now      func() time.Time // of first sight; time.Now if nil
	Progress func(Progress)   // called after every batch, by one goroutine; may be nil
}

// Progress is how far an update is.
type Progress struct {
	Next, Size int64 // entries that are in the index, and in the log
	Bytes      int64 // of the file
}

// A File is an open file of indexes.
type File struct {
	db     *bolt.DB
	c      Config
	path   string
	layout layout
}

// Open opens a file, or makes it. Its errors are *check.Error of check fs.
func Open(path string, c Config) (*File, error) {
	if c.MaxBytes == 0 {
		c.MaxBytes = 16 << 30
	}
	if c.Wait == 0 {
		c.Wait = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	f := &File{c: c, path: path, layout: firstBits}
	err := f.guard(f.open)
	if err != nil {
		if f.db != nil {
			_ = f.db.Close()
		}
		return nil, err
	}
	return f, nil
}

func (f *File) open() (err error) {
	if info, err := os.Lstat(f.path); err == nil && !info.Mode().IsRegular() {
		return check.Refuse("TU-12", check.FS, "%q is not a regular file", f.path)
	}
	if !f.c.ReadOnly {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
			return check.Refuse("TU-12", check.FS, "%w", err)
		}
	}
	f.db, err = bolt.Open(f.path, 0o600, &bolt.Options{
		Timeout: f.c.Wait, ReadOnly: f.c.ReadOnly, FreelistType: bolt.FreelistMapType,
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return check.Refuse("LG-5", check.FS, "index %q is in use by another process", f.path)
	}
	if err != nil {
		return check.Refuse("LG-5", check.FS, "index %q: %w", f.path, err)
	}
	f.db.AllocSize = 1 << 20 // the file grows by so many bytes
	if err := f.whole(); err != nil {
		return err
	}
	if f.c.ReadOnly {
		return f.db.View(f.ours)
	}
	return f.db.Update(func(tx *bolt.Tx) error {
		if k, _ := tx.Cursor().First(); k == nil { // an empty file
			if _, err := tx.CreateBucket([]byte(schema)); err != nil {
				return err
			}
		}
		return f.ours(tx)
	})
}

// ours refuses a file of another program or version. All that it holds is in one
// bucket with that name.
func (f *File) ours(tx *bolt.Tx) error {
	if tx.Bucket([]byte(schema)) == nil {
		return check.Refuse("LG-5", check.FS, "%q is not an index that this version reads", f.path)
	}
	return nil
}

// whole refuses a file that lost its end.
func (f *File) whole() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return check.Refuse("LG-5", check.FS, "%w", err)
	}
	return f.db.View(func(tx *bolt.Tx) error {
		if tx.Size() > info.Size() {
			return damaged("file has %d bytes, want %d", info.Size(), tx.Size())
		}
		return nil
	})
}

// Close closes the file.
func (f *File) Close() error {
	if err := f.db.Close(); err != nil {
		return check.Refuse("LG-5", check.FS, "index %q: %w", f.path, err)
	}
	return nil
}

func (f *File) view(do func(tx *bolt.Tx) error) error {
	return f.guard(func() error { return f.db.View(do) })
}

// guard makes an error of a panic of the database, which trusts its file, and of
// reading behind the end of that.
func (f *File) guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = damaged("file %q cannot be read: %v", f.path, r)
		}
	}()
	return do()
}
