package index

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/tlog/read"
)

// Terms are found through segments. A segment covers an aligned range of
// indexes and holds, for one kind of term, a record for every entry that has
// one: the beginning of the hash of the term and the index in the segment, in
// order. Records are stored in chunks, whose key begins with the first record,
// so that a term is found by one descent in each segment.
//
// Segments of level 0 cover 2^16 entries; four full ones become one of the next
// level, up to 2^20 entries. Which segments there are follows from the number of
// entries alone, so that an index that was built in pieces is the same as one
// that was built at once.
const (
	firstBits = 16 // of the range of a segment of level 0
	fanBits   = 2
	topLevel  = 2

	prefixSize = 8
	recordSize = prefixSize + 4
	chunkSize  = 32 * recordSize
)

// A layout is the size of the range of level 0, as a power of two: firstBits,
// but smaller in tests.
type layout int

// bits returns the size of the range of a level, as a power of two.
func (l layout) bits(level int) int { return int(l) + fanBits*level }

// batch returns how many entries are stored at once, the range of a segment.
func (l layout) batch() int64 { return 1 << l }

// A record is one entry that has a term.
type record struct {
	prefix uint64
	index  uint32 // in the segment
}

func (r record) compare(o record) int {
	return cmp.Or(cmp.Compare(r.prefix, o.prefix), cmp.Compare(r.index, o.index))
}

// prefix is the beginning of the hash of a term. What it finds is compared with
// the entry itself, so that it need not be unique.
func prefix(t read.Term) uint64 {
	sum := sha256.Sum256(append([]byte{t.Kind}, t.Value...))
	return binary.BigEndian.Uint64(sum[:])
}

// segmentKey begins the keys of a segment.
func segmentKey(level int, n int64) []byte {
	return binary.BigEndian.AppendUint32([]byte{byte(level)}, uint32(n))
}

const segmentKeySize = 1 + 4

// appendRecord is the stored form of a record; it sorts like the record.
func appendRecord(b []byte, r record) []byte {
	b = binary.BigEndian.AppendUint64(b, r.prefix)
	return binary.BigEndian.AppendUint32(b, r.index)
}

// records decodes a chunk.
func records(out []record, chunk []byte) ([]record, error) {
	if len(chunk) == 0 || len(chunk)%recordSize != 0 {
		return nil, damaged("a chunk has %d bytes", len(chunk))
	}
	for ; len(chunk) > 0; chunk = chunk[recordSize:] {
		out = append(out, record{binary.BigEndian.Uint64(chunk), binary.BigEndian.Uint32(chunk[prefixSize:])})
	}
	return out, nil
}

// load reads a whole segment.
func load(b *bolt.Bucket, level int, n int64) (out []record, err error) {
	key := segmentKey(level, n)
	c := b.Cursor()
	for k, v := c.Seek(key); k != nil && bytes.HasPrefix(k, key); k, v = c.Next() {
		if out, err = records(out, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// drop deletes a segment.
func drop(b *bolt.Bucket, level int, n int64) error {
	key := segmentKey(level, n)
	var keys [][]byte
	c := b.Cursor()
	for k, _ := c.Seek(key); k != nil && bytes.HasPrefix(k, key); k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// store writes a segment that does not exist. The records need not be sorted.
func store(b *bolt.Bucket, level int, n int64, all []record) error {
	slices.SortFunc(all, record.compare)
	data := make([]byte, 0, len(all)*recordSize)
	for _, r := range all {
		data = appendRecord(data, r)
	}
	for len(data) > 0 {
		chunk := data[:min(chunkSize, len(data))]
		data = data[len(chunk):]
		key := append(segmentKey(level, n), chunk[:recordSize]...)
		if err := b.Put(key, chunk); err != nil {
			return err
		}
	}
	return nil
}

// find yields the indexes in one segment whose term has a prefix.
func (l layout) find(b *bolt.Bucket, level int, n int64, p uint64, yield func(index int64) bool) error {
	segment := segmentKey(level, n)
	c := b.Cursor()
	key := appendRecord(bytes.Clone(segment), record{prefix: p})
	k, _ := c.Seek(key)
	k, v := previous(c, k) // the first records may end the chunk before
	if !bytes.HasPrefix(k, segment) {
		k, v = c.Seek(key)
	}
	var buf [chunkSize / recordSize]record
	for ; k != nil && bytes.HasPrefix(k, segment); k, v = c.Next() {
		all, err := records(buf[:0], v)
		if err != nil {
			return err
		}
		if all[0].prefix > p {
			return nil
		}
		for _, r := range all {
			if r.prefix == p && !yield(n<<l.bits(level)+int64(r.index)) {
				return nil
			}
		}
	}
	return nil
}

// previous moves a cursor that stands at k, or behind the end, one back.
func previous(c *bolt.Cursor, k []byte) ([]byte, []byte) {
	if k == nil {
		return c.Last()
	}
	return c.Prev()
}

// segments calls f with every segment of a bucket.
func segments(b *bolt.Bucket, f func(level int, n int64) error) error {
	c := b.Cursor()
	for k, _ := c.First(); k != nil; {
		if len(k) != segmentKeySize+recordSize || int(k[0]) > topLevel {
			return damaged("a chunk has the key %x", k)
		}
		level, n := int(k[0]), int64(binary.BigEndian.Uint32(k[1:]))
		if err := f(level, n); err != nil {
			return err
		}
		k, _ = c.Seek(segmentKey(level, n+1))
	}
	return nil
}

// damaged says that the file is not what was written.
func damaged(format string, args ...any) error {
	return check.Refuse("LG-5", check.FS, "index: "+format, args...).WithNext("delete the file of the index and build it again")
}
