package sign

import (
	"context"
	"errors"
	"sync"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A Quorum is a choice of services of one kind: Need of the Candidates must
// succeed, each of another operator (SC-6, SC-7). The first ones are asked; one
// that fails is replaced by the next that was not asked yet, unless it may have done
// what it was asked for, which a [SentError] says. So "all" is
// Need == len(Candidates), "any" is Need == 1. The zero Quorum asks nobody.
type Quorum[T any] struct {
	Candidates []T
	Need       int
}

// All returns the quorum in which every service must succeed.
func All[T any](services ...T) Quorum[T] {
	return Quorum[T]{Candidates: services, Need: len(services)}
}

// validate refuses a quorum that cannot be met, before any work.
func (q Quorum[T]) validate(kind string) error {
	if q.Need < 0 || q.Need > len(q.Candidates) {
		return check.Refuse("SC-6", check.SignCfg, "want %d of %d %s", q.Need, len(q.Candidates), kind)
	}
	return nil
}

// ask asks until Need services have succeeded, Need at a time. When too few are
// left it stops the others and returns the reason of each that failed. It never
// returns before every request has ended.
func ask[T, R any](ctx context.Context, q Quorum[T], do func(context.Context, T) (R, error)) ([]R, error) {
	if q.Need == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu     sync.Mutex
		next   = q.Need
		failed []error
		short  bool
		wg     sync.WaitGroup
	)
	// instead returns the candidate that replaces one that failed.
	instead := func(err error) (i int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		_, done := errors.AsType[*SentError](err)
		if !short || done { // else it was stopped because of another
			failed = append(failed, err)
		}
		if done || next == len(q.Candidates) || ctx.Err() != nil {
			short = true
			cancel()
			return 0, false
		}
		next++
		return next - 1, true
	}
	out := make([]R, q.Need)
	for slot := range out {
		wg.Go(func() {
			for i, ok := slot, true; ok; {
				r, err := do(ctx, q.Candidates[i])
				if err == nil {
					out[slot] = r
					return
				}
				i, ok = instead(err)
			}
		})
	}
	wg.Wait()
	if short {
		return nil, errors.Join(failed...)
	}
	return out, nil
}
