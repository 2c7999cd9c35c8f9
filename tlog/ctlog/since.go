package ctlog

import (
	"context"
	"time"

	"github.com/hallmarksign/hallmark/internal/inclusion"
)

// mergeDelay is how much later than promised an entry may be in the tree (RFC 6962
// section 3), so that entries are in the order of their times but for that.
const mergeDelay = 24 * time.Hour

// Since returns a point before all entries that were logged from a moment on, to
// begin a first look at. It is found by bisection over entries, each proved to be in
// the tree.
func (l *Log) Since(ctx context.Context, moment time.Time) (Point, error) {
	h, err := l.Head(ctx)
	if err != nil {
		return Point{}, err
	}
	first, end := int64(0), h.Size
	for first < end {
		middle := first + (end-first)/2
		logged, err := l.loggedAt(ctx, h, middle)
		if err != nil {
			return Point{}, err
		}
		if logged.Before(moment.Add(-mergeDelay)) {
			first = middle + 1
		} else {
			end = middle
		}
	}
	return l.at(ctx, h, first)
}

// loggedAt returns when an entry of the tree of a head was logged.
func (l *Log) loggedAt(ctx context.Context, h *Head, index int64) (time.Time, error) {
	var leaf []byte
	if h.tree != nil {
		leaves, err := bundle(ctx, h.tree, index)
		if err != nil {
			return time.Time{}, err
		}
		leaf = leaves[0]
	} else {
		body, path, err := l.withProof(ctx, index, h.Size)
		if err == nil {
			err = inclusion.Verify(body, index, h.Size, path, h.Root)
		}
		if err != nil {
			return time.Time{}, err
		}
		leaf = body
	}
	e, err := readLeaf(leaf)
	return e.logged, err
}
