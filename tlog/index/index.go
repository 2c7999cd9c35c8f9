// Package index is a local search index of a log of the second generation,
// which has none itself. It is built from the entries of the log, each of which
// was found to be a leaf of a tree that the log signed, and kept in one file.
//
//	x, err := index.Open("log2025.index", log, index.Config{})
//	defer x.Close()
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
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/logproof"
	"github.com/hallmarksign/hallmark/trustroot"
)

const schema = "hallmark index 1"

// Names of buckets and, in the first, of keys.
var (
	bucketMeta  = []byte("meta")  // what follows
	bucketSeen  = []byte("seen")  // first index of a batch: index after it, second of first sight
	bucketNames = []byte("names") // identity: first index

	keySchema = []byte("schema")
	keyLog    = []byte("log")
	keyNext   = []byte("next")   // index of the first entry that is not in here
	keyNote   = []byte("note")   // checkpoint that these entries were found under
	keyUnread = []byte("unread") // entries that could not be understood
)

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

// An Index is an open index.
type Index struct {
	db     *bolt.DB
	c      Config
	path   string
	layout layout
}

// Open opens the index of a log, or makes it. Its errors are *check.Error of
// check fs.
func Open(path string, log *trustroot.Log, c Config) (*Index, error) {
	if c.MaxBytes == 0 {
		c.MaxBytes = 16 << 30
	}
	if c.Wait == 0 {
		c.Wait = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	x := &Index{c: c, path: path, layout: firstBits}
	err := x.guard(func() error { return x.open(log) })
	if err != nil {
		if x.db != nil {
			_ = x.db.Close()
		}
		return nil, err
	}
	return x, nil
}

func (x *Index) open(log *trustroot.Log) (err error) {
	if info, err := os.Lstat(x.path); err == nil && !info.Mode().IsRegular() {
		return check.Refuse("TU-12", check.FS, "%q is not a regular file", x.path)
	}
	if !x.c.ReadOnly {
		if err := os.MkdirAll(filepath.Dir(x.path), 0o700); err != nil {
			return check.Refuse("TU-12", check.FS, "%w", err)
		}
	}
	x.db, err = bolt.Open(x.path, 0o600, &bolt.Options{
		Timeout: x.c.Wait, ReadOnly: x.c.ReadOnly, FreelistType: bolt.FreelistMapType,
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return check.Refuse("LG-5", check.FS, "index %q is in use by another process", x.path)
	}
	if err != nil {
		return check.Refuse("LG-5", check.FS, "index %q: %w", x.path, err)
	}
	x.db.AllocSize = 1 << 20 // the file grows by so many bytes
	if err := x.whole(); err != nil {
		return err
	}
	name := hex.EncodeToString(log.ID) + " " + logproof.Name(log)
	if !x.c.ReadOnly {
		if err := x.db.Update(func(tx *bolt.Tx) error { return create(tx, name) }); err != nil {
			return err
		}
	}
	return x.db.View(func(tx *bolt.Tx) error { return x.belongs(tx, name) })
}

// whole refuses a file that lost its end: reading there would end the process.
func (x *Index) whole() error {
	info, err := os.Stat(x.path)
	if err != nil {
		return check.Refuse("LG-5", check.FS, "%w", err)
	}
	return x.db.View(func(tx *bolt.Tx) error {
		if tx.Size() > info.Size() {
			return damaged("file has %d bytes, want %d", info.Size(), tx.Size())
		}
		return nil
	})
}

// create makes what an empty file lacks.
func create(tx *bolt.Tx, log string) error {
	if tx.Bucket(bucketMeta) != nil {
		return nil
	}
	for _, name := range append([][]byte{bucketMeta, bucketSeen, bucketNames}, kinds()...) {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	if err := meta.Put(keySchema, []byte(schema)); err != nil {
		return err
	}
	return meta.Put(keyLog, []byte(log))
}

// belongs refuses the index of another log or of another program.
func (x *Index) belongs(tx *bolt.Tx, log string) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil || string(meta.Get(keySchema)) != schema {
		return check.Refuse("LG-5", check.FS, "%q is not an index that this version reads", x.path)
	}
	if got := string(meta.Get(keyLog)); got != log {
		return check.Refuse("LG-5", check.FS, "index %q is of log %q, want %q", x.path, got, log)
	}
	for _, name := range append([][]byte{bucketSeen, bucketNames}, kinds()...) {
		if tx.Bucket(name) == nil {
			return damaged("bucket %q is missing", name)
		}
	}
	return nil
}

// Close closes the file.
func (x *Index) Close() error {
	if err := x.db.Close(); err != nil {
		return check.Refuse("LG-5", check.FS, "index %q: %w", x.path, err)
	}
	return nil
}

// Size returns how many entries of the log are in the index.
func (x *Index) Size() (n int64, err error) {
	err = x.view(func(tx *bolt.Tx) error {
		n = number(tx.Bucket(bucketMeta), keyNext)
		return nil
	})
	return n, err
}

// Unread returns how many of them are not understood, and so not found.
func (x *Index) Unread() (n int64, err error) {
	err = x.view(func(tx *bolt.Tx) error {
		n = number(tx.Bucket(bucketMeta), keyUnread)
		return nil
	})
	return n, err
}

func (x *Index) view(f func(tx *bolt.Tx) error) error {
	return x.guard(func() error { return x.db.View(f) })
}

// guard makes an error of a panic of the database, which trusts its file, and of
// reading behind the end of that.
func (x *Index) guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = damaged("file %q cannot be read: %v", x.path, r)
		}
	}()
	return f()
}

// number reads a number, 0 if there is none.
func number(b *bolt.Bucket, key []byte) int64 {
	v := b.Get(key)
	if len(v) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(v))
}

func putNumber(b *bolt.Bucket, key []byte, n int64) error {
	return b.Put(key, binary.BigEndian.AppendUint64(nil, uint64(n)))
}
