package index

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"iter"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/hallmarksign/hallmark/internal/tiles"
	"github.com/hallmarksign/hallmark/tlog/read"
)

// Candidates returns the indexes of entries that may have a term, in order, from
// an index on. A false one is as rare as two equal hashes of 64 bits.
func (x *Index) Candidates(t read.Term, from int64) (out []int64, err error) {
	err = x.view(func(tx *bolt.Tx) error {
		next := number(x.bucket(tx, bucketMeta), keyNext)
		b := x.bucket(tx, []byte{t.Kind})
		return segments(b, func(level int, n int64) error {
			return x.layout.find(b, level, n, prefix(t), func(i int64) bool {
				if i >= from && i < next {
					out = append(out, i)
				}
				return true
			})
		})
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

// Find yields the entries of a log that answer a query, as far as the index goes.
// Each is fetched, proved by the newest checkpoint, and compared with the query.
func (x *Index) Find(ctx context.Context, log *read.V2, q read.Query) iter.Seq2[*read.Entry, error] {
	return func(yield func(*read.Entry, error) bool) {
		if err := q.Check(); err != nil {
			yield(nil, err)
			return
		}
		list, err := x.Candidates(q.Term(), q.From)
		if err != nil {
			yield(nil, err)
			return
		}
		all := len(list)
		list = list[:min(all, cmp.Or(q.Limit, all))]
		for e, err := range x.Entries(ctx, log, list) {
			if err == nil && !q.Matches(e) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
		if all > len(list) {
			yield(nil, read.LeftOut{Hits: all, Looked: len(list)}.Refusal())
		}
	}
}

// Entries yields entries of the log by their indexes, which are in order, each
// proved by the newest checkpoint.
func (x *Index) Entries(ctx context.Context, log *read.V2, list []int64) iter.Seq2[*read.Entry, error] {
	return func(yield func(*read.Entry, error) bool) {
		if len(list) == 0 {
			return
		}
		tree, err := log.Tree(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		bodies := bundles{tree: tree, n: -1}
		for _, index := range list {
			if e, err := bodies.entry(ctx, index); !yield(e, err) {
				return
			}
		}
	}
}

// bundles reads entries in order, several from one bundle.
type bundles struct {
	tree *read.Tree
	n    int64
	last [][]byte
}

func (b *bundles) entry(ctx context.Context, index int64) (*read.Entry, error) {
	if n := index / tiles.Width; n != b.n {
		last, err := b.tree.Bundle(ctx, n)
		if err != nil {
			return nil, err
		}
		b.n, b.last = n, last
	}
	i := index % tiles.Width
	if i >= int64(len(b.last)) {
		return nil, damaged("it names entry %d of %d", index, b.tree.Size())
	}
	return b.tree.Proved(ctx, index, b.last[i])
}

// FirstSeen returns when an entry was first seen by this index: when the batch
// that it came in was stored. ok is false if it is not in the index.
func (x *Index) FirstSeen(index int64) (at time.Time, ok bool, err error) {
	err = x.view(func(tx *bolt.Tx) error {
		c := x.bucket(tx, bucketSeen).Cursor()
		key := binary.BigEndian.AppendUint64(nil, uint64(index))
		k, v := c.Seek(key)
		if !bytes.Equal(k, key) {
			k, v = previous(c, k)
		}
		if k == nil {
			return nil
		}
		if len(k) != 8 || len(v) != 16 {
			return damaged("a batch has the key %x", k)
		}
		if index < int64(binary.BigEndian.Uint64(v)) {
			at, ok = time.Unix(int64(binary.BigEndian.Uint64(v[8:])), 0).UTC(), true
		}
		return nil
	})
	return at, ok, err
}

// An Identity is a name in a certificate that was logged. Nobody vouches for it:
// a log takes any certificate.
type Identity struct {
	Subject, Issuer string
	First           int64 // index of its first entry
}

// Identities yields the identities whose subject begins with a prefix, "" for
// all, in order. A query for each finds their entries.
func (x *Index) Identities(prefix string) iter.Seq2[Identity, error] {
	return func(yield func(Identity, error) bool) {
		for from := []byte(prefix); from != nil; {
			page, next, err := x.identities([]byte(prefix), from)
			for _, id := range page {
				if !yield(id, nil) {
					return
				}
			}
			if err != nil {
				yield(Identity{}, err)
				return
			}
			from = next
		}
	}
}

// identities returns some identities from a key on, and the key of the next one.
func (x *Index) identities(prefix, from []byte) (page []Identity, next []byte, err error) {
	const most = 512
	err = x.view(func(tx *bolt.Tx) error {
		c := x.bucket(tx, bucketNames).Cursor()
		for k, v := c.Seek(from); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if len(page) == most {
				next = bytes.Clone(k)
				return nil
			}
			subject, issuer, ok := strings.Cut(string(k), "\x00")
			if !ok || len(v) != 8 {
				return damaged("an identity has the key %q", k)
			}
			page = append(page, Identity{subject, issuer, int64(binary.BigEndian.Uint64(v))})
		}
		return nil
	})
	return page, next, err
}
