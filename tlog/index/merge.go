package index

import (
	"encoding/binary"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// maxName bounds the key of an identity; no certificate that is read has a
// longer one.
const maxName = 20 << 10

// mergeAll makes larger segments of complete ones, one at a time, each in a
// transaction of its own. It has nothing to do if a run before it was complete.
func (x *Index) mergeAll() error {
	for _, kind := range kinds() {
		for {
			level, n, err := x.mergeable(kind)
			if err != nil {
				return err
			}
			if level < 0 {
				break
			}
			err = x.db.Update(func(tx *bolt.Tx) error { return x.layout.merge(x.bucket(tx, kind), level, n) })
			if err != nil {
				return written(err)
			}
		}
	}
	return nil
}

// mergeable returns the first range of the level above that is complete while
// a segment below it is still there; level is -1 if there is none.
func (x *Index) mergeable(kind []byte) (level int, n int64, err error) {
	level = -1
	err = x.db.View(func(tx *bolt.Tx) error {
		next := number(x.bucket(tx, bucketMeta), keyNext)
		return segments(x.bucket(tx, kind), func(l int, i int64) error {
			above := i >> fanBits
			if level < 0 && l < topLevel && (above+1)<<x.layout.bits(l+1) <= next {
				level, n = l, above
			}
			return nil
		})
	})
	return level, n, err
}

// merge replaces the segments below segment n of the next level by that one.
func (l layout) merge(b *bolt.Bucket, level int, n int64) error {
	b.FillPercent = 1
	var all []record
	for i := range int64(1 << fanBits) {
		part, err := load(b, level, n<<fanBits+i)
		if err != nil {
			return err
		}
		for _, r := range part {
			r.index += uint32(i << l.bits(level))
			all = append(all, r)
		}
	}
	for i := range int64(1 << fanBits) {
		if err := drop(b, level, n<<fanBits+i); err != nil {
			return err
		}
	}
	return store(b, level+1, n, all)
}

// addNames stores identities that are new, in their order.
func addNames(b *bolt.Bucket, names map[string]int64) error {
	for _, name := range slices.Sorted(maps.Keys(names)) {
		key := []byte(name)
		if len(key) > maxName || b.Get(key) != nil {
			continue
		}
		if err := b.Put(key, binary.BigEndian.AppendUint64(nil, uint64(names[name]))); err != nil {
			return err
		}
	}
	return nil
}
