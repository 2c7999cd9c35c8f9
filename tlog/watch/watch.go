// Package watch looks in transparency logs for entries in certain names that
// are not known: somebody signed as me, and it was not me.
//
//	w := &watch.Watcher{Names: names, Known: known, State: state}
//	for f, err := range w.Pass(ctx, watch.Source{V2: reader, Index: x}) { ... }
//	err := state.Save() // if all that was found reached who is to know
//
// A pass goes on behind what was delivered, so that a finding may be reported
// twice but none is lost. What a log serves is proved before it is reported; that
// a log of the first generation has no further entries is only known when all of
// them are read (Exhaustive).
package watch

import (
	"context"
	"encoding/hex"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/tlog/ctlog"
	"github.com/hallmarksign/hallmark/tlog/index"
	"github.com/hallmarksign/hallmark/tlog/read"
	"github.com/hallmarksign/hallmark/trustroot"
)

// maxScan bounds how many entries of a log of the first generation, or
// certificates, one pass reads if Watcher.MaxScan does not: at ten for one question,
// an hour or more. The rest is left to the next passes, and an error of check
// limit says so.
const maxScan = 100_000 // entries that one pass of a watch reads

// A Watcher looks for names. It is not for concurrent use.
type Watcher struct {
	Names      []Name
	Since      time.Time // entries that are known to be older are left out, if there is no state yet
	From       int64     // entries of a smaller index are left out, if there is no state yet
	Known      Known     // entries that are not reported; may be nil
	State      *State    // how far passes are; nil: every pass begins anew
	Exhaustive bool      // read all entries of the first generation; else its search index is asked for exact names
	MaxScan    int64     // entries of the first generation, or certificates, that one pass reads; 100,000 if 0
	MaxHits    int       // entries that a search index names and one pass fetches; 10,000 if 0
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

// Pass yields what is new since the last pass over a log, and errors beside it: what
// one entry or one answer is about says nothing of the others. The state moves on
// behind each finding that the loop took, but not behind what could not be looked
// at; it is stored by State.Save, which is left to who delivers the findings.
func (w *Watcher) Pass(ctx context.Context, s Source) iter.Seq2[*Finding, error] {
	return func(yield func(*Finding, error) bool) {
		if err := w.pass(ctx, s, yield); err != nil {
			yield(nil, err)
		}
	}
}

// errStopped says that the loop over a pass was left.
var errStopped = errors.New("stopped")

// pass returns an error that is yet to be yielded.
func (w *Watcher) pass(ctx context.Context, s Source, yield func(*Finding, error) bool) error {
	log, err := s.log()
	if err != nil {
		return err
	}
	if len(w.Names) == 0 {
		return check.Refuse("ER-2", check.Usage, "want at least one name to look for")
	}
	for _, n := range w.Names {
		if err := n.check(); err != nil {
			return err
		}
	}
	name, state := hex.EncodeToString(log.ID), w.State
	if state == nil {
		state = NewState()
	}
	switch {
	case s.CT != nil:
		err = w.certificates(ctx, s.CT, state, name, yield)
	case s.V1 != nil:
		err = w.first(ctx, s.V1, state, name, yield)
	default:
		err = w.second(ctx, s, state, name, yield)
	}
	if err == errStopped {
		return nil
	}
	return err
}

// second looks in a log of the second generation. Its index is brought up to
// date and then asked for every identity that has one of the names.
func (w *Watcher) second(ctx context.Context, s Source, state *State, log string, yield func(*Finding, error) bool) error {
	from, resumed := state.next(log)
	since := time.Time{}
	if !resumed {
		from, since = w.From, w.Since
	}
	if err := s.Index.Update(ctx, s.V2); err != nil {
		return err
	}
	size, err := s.Index.Size()
	if err != nil {
		return err
	}
	if from > size {
		return shrunk(from, size)
	}
	list, err := w.candidates(s.Index, from)
	if err != nil {
		return err
	}
	for e, err := range s.Index.Entries(ctx, s.V2, list) {
		if err != nil {
			return err
		}
		if f := w.finding(e, since); f != nil && !yield(f, nil) {
			return errStopped
		}
	}
	state.move(log, size)
	return nil
}

// shrunk is the error of a log that has fewer entries than were looked at.
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

func (w *Watcher) note(text string) {
	if w.Note != nil {
		w.Note(text)
	}
}
