package watch

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/tlog/read"
)

// overlap is how many entries are read once more where reading takes over from a
// search index, which may lag behind the log by so many. What was reported of them
// already is not reported again.
const overlap = 1000

// A pass1 is a pass over a log of the first generation.
type pass1 struct {
	w      *Watcher
	r      *read.V1
	state  *State
	log    string // id, as the state has it
	at     *reached
	fresh  bool         // there is no state to go on from
	shards []read.Shard // trees of the log when the pass began
	yield  func(*Finding, error) bool
	failed bool // an entry could not be looked at
}

// first looks in a log of the first generation: by its search index if that can be
// asked, else at all entries that are new.
func (w *Watcher) first(ctx context.Context, r *read.V1, state *State, log string, yield func(*Finding, error) bool) error {
	shards, err := r.Shards(ctx)
	if err != nil {
		return err
	}
	p := &pass1{w: w, r: r, state: state, log: log, shards: shards, yield: yield}
	if err := p.resume(ctx); err != nil {
		return err
	}
	if w.asks() {
		err := p.ask(ctx)
		// An index that says too much, or that there is not, is no reason to look away.
		if c := check.Of(err); c != check.Limit && c != check.NotFound {
			return err
		}
		w.note("the search index can't be used, so the entries of the log are read: " + err.Error())
		if err := p.date(ctx); err != nil {
			return err
		}
	}
	return p.read(ctx)
}

// asks reports whether the search index can be asked for the names.
func (w *Watcher) asks() bool {
	return !w.Exhaustive && !slices.ContainsFunc(w.Names, func(n Name) bool { return !n.exact() })
}

// resume finds out where to go on.
func (p *pass1) resume(ctx context.Context) error {
	if at := p.state.doc.First[p.log]; at != nil {
		p.at = at
		if at.Handled == nil {
			at.Handled = leaves{}
		}
		return p.continues()
	}
	sum, old := p.state.next(p.log)
	if old && sum > read.Total(p.shards) {
		return shrunk(sum, read.Total(p.shards))
	}
	p.at = &reached{Trees: map[string]int64{}, Begin: map[string]int64{}, Read: !p.w.asks(), Handled: leaves{}}
	if old && !p.w.asks() && p.remembered(sum) {
		p.place(sum)
		return nil
	}
	if old {
		p.w.note("the state of an older version does not say what was reported of this log; it is watched as if for the first time")
	}
	p.fresh, p.at.Since = true, p.w.Since
	p.place(p.w.From)
	if p.w.asks() { // the index says nothing of times
		return nil
	}
	return p.date(ctx)
}

// place sets where a first pass begins, by a global index.
func (p *pass1) place(from int64) {
	for _, s := range p.shards {
		n := min(max(from-s.First, 0), s.Size)
		p.at.Trees[s.Tree], p.at.Begin[s.Tree] = n, n
	}
}

// date moves the beginning of a first pass that reads entries to a date.
func (p *pass1) date(ctx context.Context) error {
	if !p.fresh || p.w.Since.IsZero() {
		return nil
	}
	total := read.Total(p.shards)
	from, err := p.r.IndexAt(ctx, p.w.Since, min(p.w.From, total), total)
	if err != nil {
		return err
	}
	p.place(from)
	return nil
}

// settle makes what resume found out part of the state.
func (p *pass1) settle() {
	p.state.doc.First[p.log] = p.at
	delete(p.state.doc.Next, p.log)
}

// remembered reports whether a number of entries of all trees together, which is
// all that older versions stored, can still say which entries they were: only if
// each tree of now was one of those that were seen then.
func (p *pass1) remembered(sum int64) bool {
	for _, s := range p.shards {
		if s.Size > 0 && s.Seen == 0 {
			return false
		}
		sum -= int64(s.Seen)
	}
	return sum <= 0
}

// continues refuses a log that lost entries, or a tree, since the last pass (LG-2).
func (p *pass1) continues() error {
	for tree, n := range p.at.Trees {
		i := slices.IndexFunc(p.shards, func(s read.Shard) bool { return s.Tree == tree })
		switch {
		case n == 0:
		case i < 0:
			return check.Refuse("LG-2", check.Checkpoint, "log no longer names the tree %s, which had %d entries when it was watched last", tree, n)
		case p.shards[i].Size < n:
			return shrunk(n, p.shards[i].Size)
		}
	}
	return nil
}

// ask asks the search index for every name, and fetches what it did not name before:
// it may lag behind the log, so that an entry is new when it is named first. Its
// errors are those for which the entries are to be read instead, and errStopped.
func (p *pass1) ask(ctx context.Context) error {
	named, err := p.named(ctx)
	if err != nil {
		return err
	}
	p.settle()
	p.search()
	most := cmp.Or(p.w.MaxHits, read.MaxHits)
	left, budget := 0, most
	for i, n := range p.w.Names {
		ids := slices.DeleteFunc(named[i], p.handled) // those of the names before, too
		some := ids[:min(budget, len(ids))]
		budget -= len(some)
		left += len(ids) - len(some)
		for hit := range p.r.Hits(ctx, read.Query{Subject: n.Subject}, some, p.w.Note) {
			if !p.hit(hit) {
				return errStopped
			}
		}
	}
	if left > 0 {
		p.yield(nil, check.Refuse("LM-3", check.Limit, "search index names %d more entries than the %d that one pass looks at; they are left for the next", left, most).
			WithNext("run the same command again until nothing is left"))
		return nil
	}
	for _, s := range p.shards {
		if !p.failed {
			p.state.reach(p.at, s.Tree, s.Size)
		}
	}
	return nil
}

// named returns the ids that the search index names and that were not handled, by
// name. Those that can't be remembered all are an error.
func (p *pass1) named(ctx context.Context) (named [][]string, err error) {
	n := len(p.at.Handled)
	for _, name := range p.w.Names {
		ids, err := p.r.Named(ctx, read.Query{Subject: name.Subject})
		if err != nil {
			return nil, err
		}
		ids = slices.DeleteFunc(ids, p.handled)
		named = append(named, ids)
		n += len(ids)
	}
	if n > maxHandled {
		return nil, check.Refuse("LM-3", check.Limit, "search index names %d entries, at most %d can be remembered", n, maxHandled)
	}
	return named, nil
}

func (p *pass1) handled(id string) bool { return p.at.Handled[leafOf(read.Leaf(id))] }

// search notes that the search index takes over from reading: what was read need
// not be looked at again.
func (p *pass1) search() {
	if !p.at.Read {
		return
	}
	for tree, n := range p.at.Trees {
		p.at.Begin[tree] = max(p.at.Begin[tree], n-overlap)
	}
	p.at.Read, p.state.moved = false, true
}

// hit reports an entry that the search index named, and returns false to stop. An
// entry that can't be verified is looked at again the next time; one that is too
// long will not get shorter.
func (p *pass1) hit(h read.Hit) bool {
	switch {
	case h.Err != nil:
		p.failed = true
		if !p.yield(nil, h.Err) {
			return false
		}
		if check.Of(h.Err) != check.Limit {
			return true
		}
	case h.Entry != nil && !p.report(h.Entry):
		return false
	}
	p.state.handle(p.at, leafOf(read.Leaf(h.ID)))
	return true
}

// report yields an entry if it is a finding, and returns false to stop.
func (p *pass1) report(e *read.Entry) bool {
	if tree, n := e.Place(); n < p.at.Begin[tree] {
		return true
	}
	f := p.w.finding(e, p.at.Since)
	return f == nil || p.yield(f, nil)
}

// read looks at all entries that are new, tree by tree.
func (p *pass1) read(ctx context.Context) error {
	most := cmp.Or(p.w.MaxScan, maxScan)
	if n := p.behind(); n > most && p.fresh && p.w.From == 0 && p.w.Since.IsZero() {
		return tooMany(n, most, fmt.Sprintf("choose where to begin: at a date, or at an index (the log is at %d)", n))
	}
	p.settle()
	if !p.at.Read {
		for tree, n := range p.at.Trees {
			p.at.Trees[tree] = max(p.at.Begin[tree], n-overlap)
		}
		p.at.Read = true
	}
	budget := most
	for _, s := range p.shards {
		n := min(s.Size-p.at.Trees[s.Tree], budget)
		if err := p.scan(ctx, s, n); err != nil {
			return err
		}
		budget -= n
	}
	if n := p.behind(); n > 0 {
		return left(n, most)
	}
	return nil
}

// behind returns how many entries are still to be read.
func (p *pass1) behind() (n int64) {
	for _, s := range p.shards {
		n += s.Size - p.at.Trees[s.Tree]
	}
	return n
}

// scan reads the next n entries of a tree.
func (p *pass1) scan(ctx context.Context, s read.Shard, n int64) error {
	at := p.at.Trees[s.Tree]
	for e, err := range p.r.Scan(ctx, p.shards, s.First+at, s.First+at+n) {
		switch {
		case check.Of(err) == check.Limit: // it is too long
			if !p.yield(nil, err) {
				return errStopped
			}
		case err != nil:
			return err
		case !p.entry(e):
			return errStopped
		}
		at++
		p.state.reach(p.at, s.Tree, at)
	}
	return nil
}

// entry reports an entry that was read, unless it was reported when the search
// index named it, and returns false to stop.
func (p *pass1) entry(e *read.Entry) bool {
	leaf := [32]byte(e.LeafHash())
	if p.at.Handled[leaf] {
		return true
	}
	if !p.report(e) {
		return false
	}
	if p.w.asks() && p.w.finding(e, p.at.Since) != nil {
		p.state.handle(p.at, leaf)
	}
	return true
}

// left says that a pass ended before all was looked at.
func left(n, most int64) error {
	return check.Refuse("LM-3", check.Limit, "%d entries are left to look at, after the %d that one pass reads", n, most).
		WithNext("run the same command again until nothing is left")
}

// tooMany is the error of a first pass over so many entries that one pass can't
// read them.
func tooMany(n, most int64, next string) error {
	return check.Refuse("LM-3", check.Limit, "log has %d entries to look at, and one pass reads %d at most", n, most).WithNext(next)
}
