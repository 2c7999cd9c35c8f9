package index

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"sync"

	bolt "go.etcd.io/bbolt"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/tiles"
	"github.com/hallmarksign/hallmark/tlog/read"
)

// kinds are the buckets with segments, named by the kind of term.
func kinds() [][]byte {
	return [][]byte{{read.BySubject}, {read.ByDigest}, {read.ByKey}, {read.ByRepo}}
}

// Update brings the index up to the newest checkpoint of the log. An entry that
// is not a leaf of its tree ends it; what was stored before stays.
func (x *Index) Update(ctx context.Context, log *read.V2) error {
	tree, err := log.Tree(ctx)
	if err != nil {
		return err
	}
	return x.UpdateTo(ctx, log, tree)
}

// UpdateTo brings the index up to a tree of the log, which must begin with the
// one that it was built from so far.
func (x *Index) UpdateTo(ctx context.Context, log *read.V2, tree *read.Tree) error {
	next, err := x.continues(ctx, log, tree)
	if err != nil {
		return err
	}
	if err := x.guard(x.mergeAll); err != nil {
		return err
	}
	// While one batch is stored the next one is read.
	stored := make(chan error, 1)
	stored <- nil
	for next < tree.Size() {
		end := min((next/x.layout.batch()+1)*x.layout.batch(), tree.Size())
		b, err := x.read(ctx, tree, next, end)
		if err := cmp.Or(<-stored, err); err != nil {
			return err
		}
		if err := x.room(b); err != nil {
			return err
		}
		x.report(next, tree.Size())
		go func() { stored <- x.guard(func() error { return x.store(b, tree.Head.Note) }) }()
		next = end
	}
	if err := <-stored; err != nil {
		return err
	}
	x.report(next, tree.Size())
	return nil
}

// store stores a batch, and larger segments where it completed one.
func (x *Index) store(b *batch, note string) error {
	if err := x.commit(b, note); err != nil {
		return err
	}
	return x.mergeAll()
}

// continues checks that the tree of the stored checkpoint is the beginning of
// the new one, and returns where to go on.
func (x *Index) continues(ctx context.Context, log *read.V2, tree *read.Tree) (next int64, err error) {
	var note string
	err = x.view(func(tx *bolt.Tx) error {
		meta := x.bucket(tx, bucketMeta)
		next, note = number(meta, keyNext), string(meta.Get(keyNote))
		return nil
	})
	if err != nil || next == 0 || note == tree.Head.Note {
		return next, err
	}
	if next < 0 {
		return 0, damaged("it ends at index %d", next)
	}
	earlier, err := log.Reopen(note)
	if err != nil {
		return 0, damaged("stored checkpoint: %v", err)
	}
	if uint64(next) > earlier.Size {
		return 0, damaged("it holds %d entries of a tree of %d", next, earlier.Size)
	}
	return next, tree.Consistent(ctx, earlier)
}

// maxMerge is more than a merge adds to the file before it frees what it replaced.
const maxMerge = (recordSize + 4) << (firstBits + fanBits*topLevel)

// room refuses to grow over the bound, before anything is written.
func (x *Index) room(b *batch) error {
	var size int64
	if err := x.view(func(tx *bolt.Tx) error { size = tx.Size(); return nil }); err != nil {
		return err
	}
	// Twice, because what is replaced is freed only afterwards.
	if most := size + 2*b.bytes() + maxMerge; most > x.c.MaxBytes {
		return check.Refuse("LM-1", check.Limit, "index may need %d bytes for the next entries, want at most %d", most, x.c.MaxBytes).
			WithNext("allow a larger index, or make room and run again; it will continue where it is")
	}
	return nil
}

// bytes is a bound on what a batch takes in the file.
func (b *batch) bytes() (n int64) {
	for _, list := range b.records {
		n += int64(len(list)) * (recordSize + 4)
	}
	for name := range b.names {
		n += 2 * int64(len(name)+64)
	}
	return n + 64<<10
}

func (x *Index) report(next, size int64) {
	if x.c.Progress == nil {
		return
	}
	var bytes int64
	_ = x.view(func(tx *bolt.Tx) error { bytes = tx.Size(); return nil })
	x.c.Progress(Progress{next, size, bytes})
}

// A batch is what is stored of consecutive entries.
type batch struct {
	first, end int64
	records    map[byte][]record // by kind of term
	names      map[string]int64  // identity: first index
	unread     int64
}

// read reads, verifies and decodes the entries of a batch with all processors.
func (x *Index) read(ctx context.Context, tree *read.Tree, first, end int64) (*batch, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b := &batch{first: first, end: end, records: map[byte][]record{}, names: map[string]int64{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	from, to := first/tiles.Width, (end+tiles.Width-1)/tiles.Width
	todo := make(chan int64)
	for range x.workers() {
		wg.Go(func() {
			for n := range todo {
				p, err := x.layout.decode(ctx, tree, n, first, end)
				if err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				b.add(p)
				mu.Unlock()
			}
		})
	}
	for n := from; n < to && ctx.Err() == nil; n++ {
		select {
		case todo <- n:
		case <-ctx.Done():
		}
	}
	close(todo)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, stopped(err)
	}
	return b, nil
}

// stopped gives the reason why reading ended its check.
func stopped(err error) error {
	if _, ok := errors.AsType[*check.Error](err); ok {
		return err
	}
	return check.Refuse("", check.Net, "%w", err)
}

func (x *Index) workers() int {
	if x.c.Workers > 0 {
		return x.c.Workers
	}
	return min(2*runtime.GOMAXPROCS(0), 16)
}

// decode returns what is stored of the entries of a bundle between two indexes.
func (l layout) decode(ctx context.Context, tree *read.Tree, n, first, end int64) (*batch, error) {
	bodies, err := tree.Bundle(ctx, n)
	if err != nil {
		return nil, err
	}
	b := &batch{records: map[byte][]record{}, names: map[string]int64{}}
	for i, body := range bodies {
		index := n*tiles.Width + int64(i)
		if index < first || index >= end {
			continue
		}
		c := read.Decode(body)
		if c.Unread != nil {
			b.unread++
		}
		for _, t := range c.Terms() {
			b.records[t.Kind] = append(b.records[t.Kind], record{prefix(t), uint32(index % l.batch())})
		}
		if id := c.Identity; id != nil {
			b.name(id.Subject+"\x00"+id.Issuer, index)
		}
	}
	return b, nil
}

func (b *batch) name(name string, index int64) {
	if before, ok := b.names[name]; !ok || index < before {
		b.names[name] = index
	}
}

// add adds what another one found.
func (b *batch) add(o *batch) {
	for kind, list := range o.records {
		b.records[kind] = append(b.records[kind], list...)
	}
	for name, index := range o.names {
		b.name(name, index)
	}
	b.unread += o.unread
}

// commit stores a batch and how far the index is, both or none.
func (x *Index) commit(b *batch, note string) error {
	err := x.db.Update(func(tx *bolt.Tx) error {
		n := b.first / x.layout.batch()
		for _, kind := range kinds() {
			if err := extend(x.bucket(tx, kind), n, b.records[kind[0]], b.first%x.layout.batch() != 0); err != nil {
				return err
			}
		}
		if err := addNames(x.bucket(tx, bucketNames), b.names); err != nil {
			return err
		}
		seen := binary.BigEndian.AppendUint64(nil, uint64(b.end))
		seen = binary.BigEndian.AppendUint64(seen, uint64(x.c.Now().Unix()))
		if err := x.bucket(tx, bucketSeen).Put(binary.BigEndian.AppendUint64(nil, uint64(b.first)), seen); err != nil {
			return err
		}
		meta := x.bucket(tx, bucketMeta)
		if err := putNumber(meta, keyUnread, number(meta, keyUnread)+b.unread); err != nil {
			return err
		}
		if err := putNumber(meta, keyNext, b.end); err != nil {
			return err
		}
		return meta.Put(keyNote, []byte(note))
	})
	return written(err)
}

func written(err error) error {
	if err == nil || check.Of(err) != check.Internal {
		return err
	}
	return check.Refuse("LG-5", check.FS, "index: %w", err).WithNext("check that the disk has space; the index stays as it was")
}

// extend adds records to a segment of level 0.
func extend(b *bolt.Bucket, n int64, more []record, exists bool) error {
	b.FillPercent = 1
	if exists {
		old, err := load(b, 0, n)
		if err != nil {
			return err
		}
		if err := drop(b, 0, n); err != nil {
			return err
		}
		more = append(old, more...)
	}
	return store(b, 0, n, more)
}
