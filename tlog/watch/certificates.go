package watch

import (
	"cmp"
	"context"

	"github.com/hallmarksign/hallmark/tlog/ctlog"
)

// certificates looks in a log of certificates. Of a certificate that is logged
// before and after it is issued, both entries are reported.
func (w *Watcher) certificates(ctx context.Context, log *ctlog.Log, name string, yield func(*Finding) bool) (*end, error) {
	from, resumed := w.State.point(name)
	if !resumed {
		var err error
		if w.Since.IsZero() {
			from, err = log.At(ctx, w.From)
		} else {
			from, err = log.Since(ctx, w.Since)
		}
		if err != nil {
			return nil, err
		}
	}
	found, next, err := log.Look(ctx, from, cmp.Or(w.MaxScan, maxScan), func(c *ctlog.Certificate) bool {
		_, ok := w.named(c)
		return ok && !w.Known[owner(c.Parsed)] && (resumed || !c.Logged.Before(w.Since))
	})
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		n, _ := w.named(c)
		if !yield(&Finding{Certificate: c, Name: n}) {
			return nil, nil
		}
	}
	if w.State == nil {
		return nil, nil
	}
	return &end{name, 0, &next}, nil
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
