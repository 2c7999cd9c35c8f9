package watch

import (
	"cmp"
	"context"

	"github.com/hallmarksign/hallmark/tlog/ctlog"
)

// certificates looks in a log of certificates. Of a certificate that is logged
// before and after it is issued, both entries are reported.
func (w *Watcher) certificates(ctx context.Context, log *ctlog.Log, state *State, name string, yield func(*Finding, error) bool) error {
	most := cmp.Or(w.MaxScan, maxScan)
	from, resumed := state.point(name)
	if !resumed {
		var err error
		if from, err = w.begin(ctx, log, most); err != nil {
			return err
		}
	}
	found, next, err := log.Look(ctx, from, most, func(c *ctlog.Certificate) bool {
		_, ok := w.named(c)
		return ok && !w.Known[owner(c.Parsed)] && (resumed || !c.Logged.Before(w.Since))
	})
	if err != nil {
		return err
	}
	for _, c := range found {
		n, _ := w.named(c)
		if !yield(&Finding{Certificate: c, Name: n}, nil) {
			return errStopped
		}
	}
	state.moveTo(name, next)
	if next.Left > 0 {
		return left(next.Left, most)
	}
	return nil
}

// begin returns where a first look begins. One that would take more than one look
// is refused unless a beginning was chosen: it could hardly be meant.
func (w *Watcher) begin(ctx context.Context, log *ctlog.Log, most int64) (ctlog.Point, error) {
	if !w.Since.IsZero() {
		return log.Since(ctx, w.Since)
	}
	if w.From > 0 {
		return log.At(ctx, w.From)
	}
	h, err := log.Head(ctx)
	if err == nil && h.Size > most {
		err = tooMany(h.Size, most, "choose a date to begin at")
	}
	return ctlog.Point{}, err
}

// named returns the name that a certificate is in.
func (w *Watcher) named(c *ctlog.Certificate) (Name, bool) {
	if c.Identity == nil {
		return Name{}, false
	}
	for _, n := range w.Names {
		if n.Matches(c.Identity.Subject, c.Identity.Issuer) {
			return n, true
		}
	}
	return Name{}, false
}
