package read

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"iter"
	"maps"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/tlog"
)

// MaxHits bounds what is fetched and proved for one question, if Query.Limit does
// not. The rest is left out, and an error of check limit says so.
const MaxHits = 10_000 // entries that a search index names and that are looked at

// maxNamed bounds an answer of the search index. It can't be asked for a part, so a
// longer answer is an error of check limit.
const maxNamed = 22 << 20 // bytes of an answer of the search index: strictjson.MaxElements ids

// A Note is told what was left out and why; text from outside is quoted in it.
// It may be nil.
type Note func(text string)

func (n Note) say(format string, args ...any) {
	if n != nil {
		n(fmt.Sprintf(format, args...))
	}
}

// A LeftOut is an error that says that a bound was reached.
type LeftOut struct {
	Hits, Looked int // entries that were named, and those of them that were looked at
}

func (l LeftOut) Error() string {
	return fmt.Sprintf("%d entries are named, and %d of them were not looked at", l.Hits, l.Hits-l.Looked)
}

// Refusal returns the refusal of a search that reached its bound.
func (l LeftOut) Refusal() error { return check.Refuse("LM-3", check.Limit, "%w", l) }

// Find asks the search index of the log and fetches and verifies every entry
// that it names. What the index claims is not believed: entries that do not
// match are left out and noted; one that does not verify, or that the log does
// not show, is an error beside the others. That the index names all entries
// can't be known, and its operators promise no such thing.
func (l *V1) Find(ctx context.Context, q Query, note Note) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		ids, err := l.Named(ctx, q)
		if err != nil {
			yield(nil, err)
			return
		}
		all := len(ids)
		ids = ids[:min(all, cmp.Or(q.Limit, MaxHits))]
		shown := map[string]bool{} // an index may name one entry in two ways
		for hit := range l.Hits(ctx, q, ids, note) {
			if hit.Err == nil && (hit.Entry == nil || !q.Matches(hit.Entry) || shown[hit.Entry.ID]) {
				continue
			}
			if hit.Err == nil {
				shown[hit.Entry.ID] = true
			}
			if !yield(hit.Entry, hit.Err) {
				return
			}
		}
		if all > len(ids) && !yield(nil, LeftOut{all, len(ids)}.Refusal()) {
			return
		}
		// A log that contradicts what was seen of it may hide what it does not name.
		if _, err := l.Heads(ctx); err != nil {
			yield(nil, err)
		}
	}
}

// A Hit is what became of an entry that the search index named.
type Hit struct {
	ID    string // as it was named; "" if Err is about all that follow
	Entry *Entry // nil if it is about something else, which was noted
	Err   error
}

// Leaf returns the leaf hash in an id that IsID accepts, in hexadecimal. It is the
// same for an entry that is named with and without its tree.
func Leaf(id string) string { return id[len(id)-64:] }

// Hits fetches and verifies entries by their ids, in order.
func (l *V1) Hits(ctx context.Context, q Query, ids []string, note Note) iter.Seq[Hit] {
	return func(yield func(Hit) bool) {
		for len(ids) > 0 {
			some := ids[:min(maxBatch, len(ids))]
			ids = ids[len(some):]
			found, large, err := retrieve(ctx, l, "entryUUIDs", some)
			if err != nil {
				yield(Hit{Err: err})
				return
			}
			for _, id := range some {
				hit := Hit{ID: id, Err: large[id]}
				if hit.Err == nil {
					hit.Entry, hit.Err = l.hit(id, &q, found, note)
				}
				if !yield(hit) {
					return
				}
			}
		}
	}
}

// hit verifies one entry that the index named, and returns nil if it is about
// something else.
func (l *V1) hit(id string, q *Query, found []tlog.Answer, note Note) (*Entry, error) {
	for _, a := range found {
		if !sameID(a.ID, id) {
			continue
		}
		e, err := l.proved(a)
		if err != nil {
			return nil, err
		}
		if !q.about(e.Content) {
			note.say("entry %d was left out: the search index names it for %q, but it is about something else", e.Raw.LogIndex, q.String())
			return nil, nil
		}
		return e, nil
	}
	return nil, check.Refuse("LG-4", check.Server, "search index of the log names entry %q for %q, but the log does not show it", id, q.String())
}

// Named returns the ids of the entries that the search index names, each once.
// Nothing of that is believed.
func (l *V1) Named(ctx context.Context, q Query) ([]string, error) {
	question, err := q.question()
	if err != nil {
		return nil, err
	}
	data, err := l.askFor(ctx, "index/retrieve", question, "search index", maxNamed)
	var ids []string
	if err == nil {
		err = strictjson.UnmarshalOpen(data, &ids)
		if err != nil && check.Of(err) != check.Limit {
			err = lied(err)
		}
	}
	if check.Of(err) == check.Limit {
		return nil, check.Refuse("LM-3", check.Limit, "search index names more entries for %q than are read: %v", q.String(), err).
			WithNext("ask for something rarer, such as a digest")
	}
	if err != nil {
		return nil, err
	}
	return once(ids)
}

// once checks ids and returns each once.
func once(ids []string) ([]string, error) {
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

// question is what the search index is asked.
func (q *Query) question() (map[string]any, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	switch {
	case q.Digest != nil:
		return map[string]any{"hash": q.String()}, nil
	case q.Key != nil:
		block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: q.Key})
		return map[string]any{"publicKey": map[string]any{"format": "x509", "content": base64.StdEncoding.EncodeToString(block)}}, nil
	case q.Repo != "":
		return nil, check.Refuse("ER-2", check.Usage, "the search index of a log of the first generation knows no repositories").
			WithNext("search for the exact name in the certificate, such as that of the workflow")
	case isEmail(q.Subject):
		return map[string]any{"email": q.Subject}, nil
	}
	return map[string]any{"subject": q.Subject}, nil
}

func isEmail(s string) bool { return strings.Contains(s, "@") && !strings.ContainsAny(s, "/: ") }

// retrieve asks for several entries at once, and for half of them where the answer
// is too long: anybody can log long entries beside others. What is too long alone
// is in large, with an error of check limit. Nothing of the answer is believed
// yet, not even that these are the entries.
func retrieve[T comparable](ctx context.Context, l *V1, by string, list []T) (found []tlog.Answer, large map[T]error, err error) {
	data, err := l.ask(ctx, "log/entries/retrieve", map[string]any{by: list}, "entries to retrieve")
	switch {
	case err == nil:
		found, err = tlog.ParseAnswers(data, len(list))
		return found, nil, err
	case check.Of(err) != check.Limit:
		return nil, nil, err
	case len(list) == 1:
		err := check.Refuse("LM-1", check.Limit, "entry %v has more than the %d bytes that are read of one, and was not looked at", list[0], tlog.MaxAnswer)
		return nil, map[T]error{list[0]: err}, nil
	}
	large = map[T]error{}
	for _, half := range [][]T{list[:len(list)/2], list[len(list)/2:]} {
		more, larger, err := retrieve(ctx, l, by, half)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, more...)
		maps.Copy(large, larger)
	}
	return found, large, nil
}

// A Shard is a tree of a log of the first generation with its place among them: a
// global index counts through the trees that are no longer written to, in the order
// in which the log names them, and then through the active one.
type Shard struct {
	Tree  string // id, in decimal
	First int64  // global index of its first entry
	Size  int64
	Seen  uint64 // entries that were remembered before; 0 without memory
}

// Shards returns all trees in the order of global indexes.
func (l *V1) Shards(ctx context.Context) ([]Shard, error) {
	heads, err := l.Heads(ctx)
	if err != nil {
		return nil, err
	}
	const most = 1 << 53 // what signed entry timestamps can hold
	var n uint64
	var out []Shard
	for _, h := range append(heads[1:len(heads):len(heads)], heads[0]) {
		s := Shard{treeOf(h.Origin), int64(n), int64(h.Size), 0}
		if n += h.Size; h.Size > most || n > most {
			return nil, check.Refuse("LM-5", check.Checkpoint, "log says it has more than 2^53 entries")
		}
		if h.Before != nil {
			last, err := l.reopen(1, h.Before)
			if err != nil {
				return nil, err
			}
			s.Seen = last.Size
		}
		out = append(out, s)
	}
	return out, nil
}

// Total returns the number of entries of all shards.
func Total(shards []Shard) (n int64) {
	for _, s := range shards {
		n += s.Size
	}
	return n
}

// Scan yields every entry from a global index on, before to, in order, each
// verified. An entry that is missing or does not verify ends it with an error, and
// so does one that has another place in its tree than its global index says: a log
// that shows one entry under two indexes hides another. One that is too long is
// an error of check limit, beside the others.
func (l *V1) Scan(ctx context.Context, shards []Shard, from, to int64) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		for from < to {
			var list []int64
			for i := from; i < to && len(list) < maxBatch; i++ {
				list = append(list, i)
			}
			found, large, err := retrieve(ctx, l, "logIndexes", list)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, index := range list {
				if large[index] != nil {
					if !yield(nil, large[index]) {
						return
					}
					continue
				}
				e, err := l.pick(found, index)
				if err == nil {
					err = inPlace(e, shards)
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

// inPlace checks that the global index of an entry, which is only promised, is that
// of its place in the tree, which is proved.
func inPlace(e *Entry, shards []Shard) error {
	tree, n := e.Place()
	for _, s := range shards {
		if want := s.First + n; s.Tree == tree && e.Raw.LogIndex != want {
			return check.Refuse("LG-1", check.Checkpoint, "log shows number %d of the tree %s as entry %d, want it as %d: it hides or moved entries",
				n, tree, e.Raw.LogIndex, want)
		}
		if s.Tree == tree {
			return nil
		}
	}
	return check.Refuse("LG-1", check.Checkpoint, "entry %d is in the tree %s, which the log does not name", e.Raw.LogIndex, tree)
}

// Place returns the tree of an entry of the first generation and its index there,
// both proved.
func (e *Entry) Place() (tree string, n int64) {
	origin, _, _ := strings.Cut(e.Raw.Proof.Checkpoint, "\n")
	return treeOf(origin), e.Raw.Proof.LogIndex
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
