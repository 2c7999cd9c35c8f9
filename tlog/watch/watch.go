// Package watch looks in transparency logs for entries in certain names that
// are not known: somebody signed as me, and it was not me.
//
//	w := &watch.Watcher{Names: names, Known: known, State: state}
//	for f, err := range w.Pass(ctx, watch.Source{V2: reader, Index: x}) { ... }
//
// A pass begins where the last whole one ended, so that a finding may be
// reported twice but none is lost. What a log serves is proved before it is
// reported; that a log of the first generation has no further entries is only
// known when all of them are read (Exhaustive).
package watch

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/tlog/ctlog"
	"github.com/hallmarksign/hallmark/tlog/index"
	"github.com/hallmarksign/hallmark/tlog/read"
	"github.com/hallmarksign/hallmark/trustroot"
)

// maxScan bounds how many entries of a log of the first generation one pass
// reads if Watcher.MaxScan does not: at ten for one question, an hour or more.
const maxScan = 100_000 // entries that one pass reads

// A Watcher looks for names. It is not for concurrent use.
type Watcher struct {
	Names      []Name
	Since      time.Time // entries that are known to be older are left out, if there is no state yet
	From       int64     // entries of a smaller index are left out, if there is no state yet
	Known      Known     // entries that are not reported; may be nil
	State      *State    // where passes ended; nil: every pass begins anew
	Exhaustive bool      // read all entries of the first generation; else its search index is asked for exact names
	MaxScan    int64     // entries of the first generation, or certificates, that one pass reads; 100,000 if 0
	Note       read.Note // told what was left out; may be nil
}

// A Source is a log to look in: V1, or V2 with its index, or CT.
type Source struct {
	V1    *read.V1
	V2    *read.V2
	Index *index.Index
	CT    *ctlog.Log
}

// A Finding is an entry, or a certificate of a log of certificates, in one of
// the names that is not known.
type Finding struct {
	Entry       *read.Entry
	Certificate *ctlog.Certificate
	Name        Name // that it was found by
}

func (s Source) log() (*trustroot.Log, error) {
	switch {
	case s.V1 != nil && s.V2 == nil && s.CT == nil:
		return s.V1.Log(), nil
	case s.V2 != nil && s.V1 == nil && s.CT == nil && s.Index != nil:
		return s.V2.Log(), nil
	case s.CT != nil && s.V1 == nil && s.V2 == nil:
		return s.CT.Log(), nil
	}
	return nil, check.Refuse("", check.Internal, "want one log, of the second generation with its index")
}

// Pass yields what is new since the last pass over a log. The state moves on
// only if all was yielded and nothing failed.
func (w *Watcher) Pass(ctx context.Context, s Source) iter.Seq2[*Finding, error] {
	return func(yield func(*Finding, error) bool) {
		ended, err := w.pass(ctx, s, func(f *Finding) bool { return yield(f, nil) })
		if err == nil && ended != nil {
			err = w.State.move(ended.log, ended.next, ended.point)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// An end is where a whole pass ended.
type end struct {
	log   string
	next  int64
	point *ctlog.Point
}

func (w *Watcher) pass(ctx context.Context, s Source, yield func(*Finding) bool) (*end, error) {
	log, err := s.log()
	if err != nil {
		return nil, err
	}
	if len(w.Names) == 0 {
		return nil, check.Refuse("ER-2", check.Usage, "want at least one name to look for")
	}
	for _, n := range w.Names {
		if err := n.check(); err != nil {
			return nil, err
		}
	}
	name := hex.EncodeToString(log.ID)
	if s.CT != nil {
		return w.certificates(ctx, s.CT, name, yield)
	}
	from, resumed := w.State.next(name)
	since := w.Since
	if resumed {
		since = time.Time{}
	} else {
		from = w.From
	}
	var next int64
	var whole bool
	if s.V1 != nil {
		next, whole, err = w.first(ctx, s.V1, from, since, yield)
	} else {
		next, whole, err = w.second(ctx, s, from, since, yield)
	}
	if err != nil || !whole || w.State == nil {
		return nil, err
	}
	return &end{name, next, nil}, nil
}

// second looks in a log of the second generation. Its index is brought up to
// date and then asked for every identity that has one of the names.
func (w *Watcher) second(ctx context.Context, s Source, from int64, since time.Time, yield func(*Finding) bool) (int64, bool, error) {
	if err := s.Index.Update(ctx, s.V2); err != nil {
		return 0, false, err
	}
	size, err := s.Index.Size()
	if err != nil {
		return 0, false, err
	}
	if from > size {
		return 0, false, shrunk(from, size)
	}
	list, err := w.candidates(s.Index, from)
	if err != nil {
		return 0, false, err
	}
	for e, err := range s.Index.Entries(ctx, s.V2, list) {
		if err != nil {
			return 0, false, err
		}
		if f := w.finding(e, since); f != nil && !yield(f) {
			return 0, false, nil
		}
	}
	return size, true, nil
}

// shrunk is the error of a log that has fewer entries than were looked at, or names
// fewer of its trees.
func shrunk(from, size int64) error {
	return check.Refuse("LG-2", check.Checkpoint, "log had %d entries when it was watched last, now it has %d", from, size)
}

// candidates returns the indexes of entries in one of the names, in order.
func (w *Watcher) candidates(x *index.Index, from int64) (list []int64, err error) {
	subjects := map[string]bool{}
	for id, err := range x.Identities("") {
		if err != nil {
			return nil, err
		}
		for _, n := range w.Names {
			if n.Matches(id.Subject, id.Issuer) {
				subjects[id.Subject] = true
			}
		}
	}
	for subject := range subjects {
		q := read.Query{Subject: subject}
		more, err := x.Candidates(q.Term(), from)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// first looks in a log of the first generation.
func (w *Watcher) first(ctx context.Context, r *read.V1, from int64, since time.Time, yield func(*Finding) bool) (int64, bool, error) {
	next, err := r.Next(ctx)
	if err != nil {
		return 0, false, err
	}
	if from > next {
		return 0, false, shrunk(from, next)
	}
	entries, err := w.entries1(ctx, r, from, next, since)
	if err != nil {
		return 0, false, err
	}
	for e, err := range entries {
		if err != nil {
			return 0, false, err
		}
		if e.Raw.LogIndex >= next {
			continue // of the next pass
		}
		if f := w.finding(e, since); f != nil && !yield(f) {
			return 0, false, nil
		}
	}
	return next, true, nil
}

// entries1 chooses how to look: by the search index, or at all entries.
func (w *Watcher) entries1(ctx context.Context, r *read.V1, from, next int64, since time.Time) (iter.Seq2[*read.Entry, error], error) {
	exact := !slices.ContainsFunc(w.Names, func(n Name) bool { return !n.exact() })
	if exact && !w.Exhaustive {
		return w.search(ctx, r, from), nil
	}
	if !since.IsZero() {
		var err error
		if from, err = r.IndexAt(ctx, since, from, next); err != nil {
			return nil, err
		}
	}
	most := cmp.Or(w.MaxScan, maxScan)
	if next-from > most {
		return nil, check.Refuse("LM-3", check.Limit, "log has %d entries to look at, want at most %d in one pass", next-from, most).
			WithNext(fmt.Sprintf("begin at a later index (the log is at %d), allow more, or name exact identities, for which its search index can be asked", next))
	}
	return r.Scan(ctx, from, next), nil
}

// search asks the search index for every name.
func (w *Watcher) search(ctx context.Context, r *read.V1, from int64) iter.Seq2[*read.Entry, error] {
	return func(yield func(*read.Entry, error) bool) {
		seen := map[int64]bool{}
		for _, n := range w.Names {
			for e, err := range r.Find(ctx, read.Query{Subject: n.Subject, From: from}, w.Note) {
				if err == nil && seen[e.Raw.LogIndex] {
					continue
				}
				if err == nil {
					seen[e.Raw.LogIndex] = true
				}
				if !yield(e, err) {
					return
				}
			}
		}
	}
}

// finding returns an entry as a finding if it is one.
func (w *Watcher) finding(e *read.Entry, since time.Time) *Finding {
	id := e.Content.Identity
	if id == nil || w.Known.has(e) {
		return nil
	}
	if q := (read.Query{Subject: id.Subject, Since: since}); !q.Matches(e) {
		return nil
	}
	for _, n := range w.Names {
		if n.Matches(id.Subject, id.Issuer) {
			return &Finding{Entry: e, Name: n}
		}
	}
	return nil
}
