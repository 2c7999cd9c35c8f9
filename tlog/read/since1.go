package read

import (
	"context"
	"time"
)

// margin is by how much the times of entries may be out of order: several
// servers with a clock each write to one log.
const margin = time.Minute

// IndexAt returns the smallest global index from first on, below total, of an
// entry that was made at a moment or later; total if there is none. It reads
// about as many entries as total has binary digits.
func (l *V1) IndexAt(ctx context.Context, at time.Time, first, total int64) (int64, error) {
	for first < total {
		mid := first + (total-first)/2
		e, err := l.Entry(ctx, mid)
		if err != nil {
			return 0, err
		}
		if made, _ := e.Time(); made.Before(at.Add(-margin)) {
			first = mid + 1
		} else {
			total = mid
		}
	}
	return first, nil
}
