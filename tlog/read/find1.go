package read

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"iter"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/tlog"
)

const MaxHits = 10000 // entries that the search index names

// A Note is told what was left out and why; text from outside is quoted in it.
// It may be nil.
type Note func(text string)

func (n Note) say(format string, args ...any) {
	if n != nil {
		n(fmt.Sprintf(format, args...))
	}
}

// Find asks the search index of the log and fetches and verifies every entry
// that it names. What the index claims is not believed: entries that do not
// match are left out and noted; one that does not verify, or that the log does
// not show, is an error beside the others. That the index names all entries
// can't be known, and its operators promise no such thing.
func (l *V1) Find(ctx context.Context, q Query, note Note) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		ids, err := l.search(ctx, &q)
		if err != nil {
			yield(nil, err)
			return
		}
		shown := map[string]bool{} // an index may name one entry in two ways
		once := func(e *Entry, err error) bool {
			if err == nil && shown[e.ID] {
				return true
			}
			if err == nil {
				shown[e.ID] = true
			}
			return yield(e, err)
		}
		for len(ids) > 0 {
			some := ids[:min(maxBatch, len(ids))]
			ids = ids[len(some):]
			found, err := l.retrieve(ctx, "entryUUIDs", some, len(some))
			if err != nil {
				yield(nil, err)
				return
			}
			for _, id := range some {
				if !l.hit(id, &q, found, note, once) {
					return
				}
			}
		}
	}
}

// hit verifies one entry that the index named and yields it.
func (l *V1) hit(id string, q *Query, found []tlog.Answer, note Note, yield func(*Entry, error) bool) bool {
	for _, a := range found {
		if !sameID(a.ID, id) {
			continue
		}
		e, err := l.proved(a)
		if err != nil {
			return yield(nil, err)
		}
		if !q.about(e.Content) {
			note.say("entry %d was left out: the search index names it for %q, but it is about something else", e.Raw.LogIndex, q.String())
			return true
		}
		return !q.Matches(e) || yield(e, nil)
	}
	return yield(nil, check.Refuse("LG-4", check.Server, "search index of the log names entry %q for %q, but the log does not show it", id, q.String()))
}

// search returns the ids that the index names, each once.
func (l *V1) search(ctx context.Context, q *Query) ([]string, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	question := map[string]any{}
	switch {
	case q.Digest != nil:
		question["hash"] = q.String()
	case q.Key != nil:
		block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: q.Key})
		question["publicKey"] = map[string]any{"format": "x509", "content": base64.StdEncoding.EncodeToString(block)}
	case q.Repo != "":
		return nil, check.Refuse("ER-2", check.Usage, "the search index of a log of the first generation knows no repositories").
			WithNext("search for the exact name in the certificate, such as that of the workflow")
	case isEmail(q.Subject):
		question["email"] = q.Subject
	default:
		question["subject"] = q.Subject
	}
	data, err := l.ask(ctx, "index/retrieve", question, "search index")
	if err != nil {
		return nil, err
	}
	var ids []string
	if err := strictjson.UnmarshalOpen(data, &ids); err != nil {
		return nil, lied(err)
	}
	if len(ids) > MaxHits {
		return nil, check.Refuse("LM-3", check.Limit, "search index names %d entries, at most %d are looked at", len(ids), MaxHits)
	}
	seen := map[string]bool{}
	out := ids[:0]
	for _, id := range ids {
		id = strings.ToLower(id)
		if !tlog.IsID(id) {
			return nil, check.Refuse("SG-12", check.Server, "search index names the entry %q, want 64 or 80 hexadecimal digits", strictjson.Clip(id))
		}
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out, nil
}

func isEmail(s string) bool { return strings.Contains(s, "@") && !strings.ContainsAny(s, "/: ") }

// retrieve asks for several entries at once. Nothing of the answer is believed
// yet, not even that these are the entries.
func (l *V1) retrieve(ctx context.Context, by string, list any, n int) ([]tlog.Answer, error) {
	data, err := l.ask(ctx, "log/entries/retrieve", map[string]any{by: list}, "entries to retrieve")
	if err != nil {
		return nil, err
	}
	return tlog.ParseAnswers(data, n)
}

// Scan yields every entry from a global index on, before to, in order, each
// verified. An entry that is missing or does not verify ends it with an error, and
// so does one that has another place in its tree than its global index says: a log
// that shows one entry under two indexes hides another.
func (l *V1) Scan(ctx context.Context, from, to int64) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		heads, err := l.Heads(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		before := preceding(heads)
		for from < to {
			var list []int64
			for i := from; i < to && len(list) < maxBatch; i++ {
				list = append(list, i)
			}
			found, err := l.retrieve(ctx, "logIndexes", list, len(list))
			if err != nil {
				yield(nil, err)
				return
			}
			for _, index := range list {
				e, err := l.pick(found, index)
				if err == nil {
					err = inPlace(e, before)
				}
				if err != nil {
					yield(nil, err)
					return
				}
				if !yield(e, nil) {
					return
				}
			}
			from += int64(len(list))
		}
	}
}

// preceding returns how many entries are in the trees before each: a global index
// counts through the trees that are no longer written to, in the order in which
// the log names them, and then through the active one.
func preceding(heads []*Head) map[string]int64 {
	before := make(map[string]int64, len(heads))
	var n int64
	for _, h := range append(heads[1:len(heads):len(heads)], heads[0]) {
		before[h.Origin] = n
		n += int64(h.Size)
	}
	return before
}

// inPlace checks that the global index of an entry, which is only promised, is that
// of its place in the tree, which is proved.
func inPlace(e *Entry, before map[string]int64) error {
	origin, _, _ := strings.Cut(e.Raw.Proof.Checkpoint, "\n")
	first, known := before[origin]
	if !known {
		return check.Refuse("LG-1", check.Checkpoint, "entry %d is in the tree %q, which the log does not name", e.Raw.LogIndex, origin)
	}
	if want := first + e.Raw.Proof.LogIndex; e.Raw.LogIndex != want {
		return check.Refuse("LG-1", check.Checkpoint, "log shows number %d of the tree %q as entry %d, want it as %d: it hides or moved entries",
			e.Raw.Proof.LogIndex, origin, e.Raw.LogIndex, want)
	}
	return nil
}

// pick verifies the entry of an index, which its promise is over.
func (l *V1) pick(found []tlog.Answer, index int64) (*Entry, error) {
	for _, a := range found {
		if a.Entry.LogIndex == index {
			return l.proved(a)
		}
	}
	return nil, check.Refuse("LG-4", check.Server, "log has no entry of index %d", index)
}

// Next returns the global index that the next entry will get, at least: the
// number of entries of all trees.
func (l *V1) Next(ctx context.Context) (int64, error) {
	heads, err := l.Heads(ctx)
	if err != nil {
		return 0, err
	}
	const most = 1 << 53 // what signed entry timestamps can hold
	var n uint64
	for _, h := range heads {
		if n += h.Size; h.Size > most || n > most {
			return 0, check.Refuse("LM-5", check.Checkpoint, "log says it has more than 2^53 entries")
		}
	}
	return int64(n), nil
}
