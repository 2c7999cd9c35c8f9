package index

import (
	"encoding/binary"
	"encoding/hex"

	bolt "go.etcd.io/bbolt"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/logproof"
	"github.com/hallmarksign/hallmark/trustroot"
)

// Names of buckets of a log and, in the first, of keys. The others are named by
// the kinds of terms.
var (
	bucketMeta  = []byte("meta")  // what follows
	bucketSeen  = []byte("seen")  // first index of a batch: index after it, second of first sight
	bucketNames = []byte("names") // identity: first index

	keyNext   = []byte("next")   // index of the first entry that is not in here
	keyNote   = []byte("note")   // checkpoint that these entries were found under
	keyUnread = []byte("unread") // entries that could not be understood
)

// An Index is the index of one log.
type Index struct {
	*File
	name []byte
}

// Log returns the index of a log, which is made if need be.
func (f *File) Log(log *trustroot.Log) (*Index, error) {
	x := &Index{f, []byte(hex.EncodeToString(log.ID) + " " + logproof.Name(log))}
	err := f.guard(func() error {
		if f.c.ReadOnly {
			return f.db.View(x.complete)
		}
		return written(f.db.Update(x.create))
	})
	if err != nil {
		return nil, err
	}
	return x, nil
}

func buckets() [][]byte { return append([][]byte{bucketMeta, bucketSeen, bucketNames}, kinds()...) }

func (x *Index) create(tx *bolt.Tx) error {
	root := tx.Bucket([]byte(schema))
	if root.Bucket(x.name) != nil {
		return x.complete(tx)
	}
	b, err := root.CreateBucket(x.name)
	if err != nil {
		return err
	}
	for _, name := range buckets() {
		if _, err := b.CreateBucket(name); err != nil {
			return err
		}
	}
	return nil
}

// complete refuses an index that is not there, or not all of it.
func (x *Index) complete(tx *bolt.Tx) error {
	b := tx.Bucket([]byte(schema)).Bucket(x.name)
	if b == nil {
		return check.Refuse("LG-5", check.NotFound, "%q has no index of log %q", x.path, x.name).
			WithNext("build the index first")
	}
	for _, name := range buckets() {
		if b.Bucket(name) == nil {
			return damaged("bucket %q of log %q is missing", name, x.name)
		}
	}
	return nil
}

// bucket returns a bucket of the log.
func (x *Index) bucket(tx *bolt.Tx, name []byte) *bolt.Bucket {
	return tx.Bucket([]byte(schema)).Bucket(x.name).Bucket(name)
}

// Size returns how many entries of the log are in the index.
func (x *Index) Size() (int64, error) { return x.number(keyNext) }

// Unread returns how many of them are not understood, and so not found.
func (x *Index) Unread() (int64, error) { return x.number(keyUnread) }

func (x *Index) number(key []byte) (n int64, err error) {
	err = x.view(func(tx *bolt.Tx) error {
		n = number(x.bucket(tx, bucketMeta), key)
		return nil
	})
	return n, err
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
