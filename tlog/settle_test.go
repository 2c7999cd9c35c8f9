package tlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/trustroot"
)

// mayBePublic checks that err says so, and with an entry if one was read.
func mayBePublic(t *testing.T, err error, want check.Check, entry bool) {
	t.Helper()
	s, ok := errors.AsType[*sign.SentError](err)
	if !ok || check.Of(err) != want {
		t.Errorf("got %T %v, want a *sign.SentError of check %s", err, err, want)
		return
	}
	if (s.Entry != nil) != entry {
		t.Errorf("got entry %+v, want one: %v", s.Entry, entry)
	}
}

func TestSG12_AnswerLost(t *testing.T) {
	for _, hidden := range []int{0, 2} {
		f := newFake(t, 1)
		f.answer, f.hidden = f.lose(path1), hidden
		receipt, err := f.writer(1, fetch.Config{}).Upload(t.Context(), record(t, ""))
		if err != nil || receipt.Existing || receipt.Entry.LogIndex != 101 || receipt.ID == "" {
			t.Errorf("hidden %d times: got %+v, %v, want a new entry", hidden, receipt, err)
		}
		if f.posts != 1 || f.finds != hidden+1 || !bytes.Equal(f.asked, f.last) {
			t.Errorf("hidden %d times: got %d proposals, and %d questions, the last for %s", hidden, f.posts, f.finds, f.asked)
		}
	}
}

// The first attempt is carried out and its answer lost; the second meets a conflict, and
// the entry does not show yet.
func TestSG12_AnswerLostThenConflict(t *testing.T) {
	for kind, statement := range map[string]string{"hashedrekord": "", "dsse": "{}"} {
		f := newFake(t, 1)
		f.hidden = 3
		f.answer = func(w http.ResponseWriter) {
			if f.posts == 1 {
				f.lose(path1)(w)
			}
			f.conflict(w)
		}
		receipt, err := f.writer(1, fetch.Config{Retries: 1}).Upload(t.Context(), record(t, statement))
		if err != nil || receipt.Existing || receipt.Entry.Kind != kind {
			t.Errorf("%s: got %+v, %v, want a new entry", kind, receipt, err)
		}
		if f.posts != 2 || f.gets != 4 || f.finds != 0 {
			t.Errorf("%s: got %d proposals, %d looks, %d questions, want 2, 4, 0", kind, f.posts, f.gets, f.finds)
		}
	}
}

func TestSG12_EntryNeverShows(t *testing.T) {
	f := newFake(t, 1)
	f.answer, f.hidden = f.conflict, 1000
	_, err := f.writer(1, fetch.Config{}).Append(t.Context(), record(t, ""))
	mayBePublic(t, err, check.Net, false)
	if f.gets != promised || !strings.Contains(fmt.Sprint(err), "does not show it yet") {
		t.Errorf("got %v after %d looks, want %d", err, f.gets, promised)
	}
	f = newFake(t, 1)
	f.answer, f.hidden = f.lose(path1), 1000
	_, err = f.writer(1, fetch.Config{}).Append(t.Context(), record(t, ""))
	mayBePublic(t, err, check.Net, false)
	if f.finds != hoped {
		t.Errorf("got %v after %d questions, want %d", err, f.finds, hoped)
	}
}

func TestSG12_EqualEntryThatIsWrong(t *testing.T) {
	other := must(propose(record(t, "")))
	for name, lose := range map[string]bool{"conflict": false, "no answer": true} {
		f := newFake(t, 1)
		f.answer = func(w http.ResponseWriter) {
			f.last = other
			if lose {
				f.lose(path1)(w)
			}
			f.conflict(w)
		}
		_, err := f.writer(1, fetch.Config{}).Append(t.Context(), record(t, ""))
		want := check.Server
		if lose {
			want = check.Net // the reason is that there was no answer
		}
		mayBePublic(t, err, want, !lose)
		if refused, ok := errors.AsType[*check.Error](err); ok && !lose && !strings.HasPrefix(refused.Field, "entry ") {
			t.Errorf("%s: got %v, want the entry in it", name, err)
		}
		if f.gets > 1 || f.finds > 1 {
			t.Errorf("%s: got %d looks and %d questions, want no further one", name, f.gets, f.finds)
		}
	}
}

func TestSG11_SG12_WhatMayBePublic(t *testing.T) {
	status := func(code int) func(*fake) {
		return func(f *fake) { f.answer = text(code, "application/json", "{}") }
	}
	for _, tt := range []struct {
		name   string
		change func(f *fake)
		public bool
	}{
		{"400", status(400), false},
		{"429", status(429), false},
		{"redirect", func(f *fake) {
			f.answer = func(w http.ResponseWriter) { w.Header().Set("Location", "/x"); w.WriteHeader(307) }
		}, false},
		{"303", status(303), true},
		{"redirect to what came of it", func(f *fake) {
			f.answer = func(w http.ResponseWriter) { w.Header().Set("Location", "/x"); w.WriteHeader(303) }
		}, true},
		{"nobody listens", func(f *fake) { f.server.Close() }, false},
		{"500", status(500), true},
		{"503", status(503), true},
		{"201 and no entry", status(201), true},
		{"no answer", func(f *fake) { f.answer = func(http.ResponseWriter) { panic(http.ErrAbortHandler) } }, true},
		{"half an answer", func(f *fake) {
			f.answer = func(w http.ResponseWriter) {
				w.Header().Set("Content-Length", "100")
				w.WriteHeader(201)
				w.Write([]byte("{"))
				panic(http.ErrAbortHandler)
			}
		}, true},
	} {
		for version := 1; version <= 2; version++ {
			f := newFake(t, version)
			tt.change(f)
			_, err := f.writer(version, fetch.Config{}).Append(t.Context(), record(t, ""))
			if _, public := errors.AsType[*sign.SentError](err); err == nil || public != tt.public {
				t.Errorf("%s, log %d: got %T %v, want public %v", tt.name, version, err, err, tt.public)
			}
			if !tt.public && f.finds != 0 {
				t.Errorf("%s, log %d: asked for an entry that was refused", tt.name, version)
			}
		}
	}
}

// An entry that does not verify is in the error, with its kind.
func TestSG11_SG12_SentErrorHasTheEntry(t *testing.T) {
	for version := 1; version <= 2; version++ {
		f := newFake(t, version)
		f.key = newFake(t, version).key // of another log
		_, err := f.writer(version, fetch.Config{}).Append(t.Context(), record(t, ""))
		mayBePublic(t, err, check.Server, true)
		if s, ok := errors.AsType[*sign.SentError](err); ok && (s.Entry.Kind != "hashedrekord" || s.Entry.Version == "" || s.Entry.Proof == nil) {
			t.Errorf("log %d: got %+v", version, s.Entry)
		}
	}
}

func TestSG12_Stopped(t *testing.T) {
	why := errors.New("stopped by the user")
	for name, answer := range map[string]func(f *fake, w http.ResponseWriter){
		"no answer": func(f *fake, w http.ResponseWriter) { f.lose(path1)(w) },
		"conflict":  func(f *fake, w http.ResponseWriter) { f.conflict(w) },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		f := newFake(t, 1)
		f.hidden = 1000
		f.answer = func(w http.ResponseWriter) {
			if name == "no answer" {
				cancel(why)
			}
			answer(f, w)
		}
		w := f.writer(1, fetch.Config{Retries: 3})
		l := w.(*v1)
		l.doer = stopAt{l.doer, "GET", func() { cancel(why) }}
		_, err := w.Append(ctx, record(t, ""))
		mayBePublic(t, err, check.Net, false)
		if !errors.Is(err, why) || f.posts > 1 || f.gets > 1 || f.finds != 0 {
			t.Errorf("%s: got %v after %d proposals, %d looks, %d questions", name, err, f.posts, f.gets, f.finds)
		}
	}
}

// stopAt calls a function when a request of a method was answered.
type stopAt struct {
	fetch.Doer
	method string
	stop   func()
}

func (s stopAt) Do(ctx context.Context, r fetch.Request) (*fetch.Response, error) {
	res, err := s.Doer.Do(ctx, r)
	if r.Method == s.method || r.Method == "" && s.method == "GET" {
		s.stop()
	}
	return res, err
}

func TestSG12_Find(t *testing.T) {
	f := newFake(t, 1)
	w := f.writer(1, fetch.Config{}).(sign.Finder)
	r := record(t, "")
	if _, found, err := w.Find(t.Context(), r); found || err != nil {
		t.Errorf("got %v, %v, want nothing found", found, err)
	}
	f.last = must(propose(r))
	f.stored = f.entry(path1)
	e, found, err := w.Find(t.Context(), r)
	if err != nil || !found || e.LogIndex != 101 || e.Kind != "hashedrekord" || e.Proof == nil {
		t.Errorf("got %+v, %v, %v, want the entry", e, found, err)
	}
	if _, found, err := w.Find(t.Context(), record(t, "")); found || check.Of(err) != check.Server {
		t.Errorf("entry of another record: got %v, %v, want check server", found, err)
	}
	f.server.Close()
	if _, found, err := w.Find(t.Context(), r); found || check.Of(err) != check.Net {
		t.Errorf("no connection: got %v, %v, want check net", found, err)
	}
	r.Digest = nil
	r.Certificate = nil
	if _, found, err := w.Find(t.Context(), r); found || check.Of(err) != check.Internal {
		t.Errorf("no signer: got %v, %v, want check internal", found, err)
	}
	if f.posts != 0 {
		t.Errorf("%d entries were proposed, want none", f.posts)
	}
}

func TestSG11_SecondGenerationCannotBeAsked(t *testing.T) {
	if w, ok := newFake(t, 2).writer(2, fetch.Config{}).(sign.Finder); ok {
		t.Errorf("%T looks entries up, which its log can't", w)
	}
}

// existing2 is a log of the second generation that says it has an equal entry.
func existing2(t *testing.T, answer string) *fake {
	f := newFake(t, 2)
	f.answer = text(409, "application/json", answer)
	return f
}

const exists2 = `{"code":6,"message":"an equivalent entry already exists in the transparency log with index 1","details":[]}`

// read returns the entry of the last request as a reader of tiles would.
func (f *fake) read(request []byte) bundle.Entry {
	return must(parse2(must(json.Marshal(f.entry2(canonical2(request))))))
}

func TestSG11_ExistingEntry(t *testing.T) {
	for _, lost := range []bool{false, true} {
		f := existing2(t, exists2)
		if lost {
			f.answer = func(w http.ResponseWriter) {
				if f.posts == 1 {
					panic(http.ErrAbortHandler)
				}
				text(409, "application/json", exists2)(w)
			}
		}
		looks := 0
		f.existing = func(_ context.Context, log *trustroot.Log, index int64) (bundle.Entry, error) {
			looks++
			if index != 1 || !bytes.Equal(log.ID, f.log.ID) {
				t.Errorf("asked for entry %d of %x", index, log.ID)
			}
			if looks < 3 {
				return bundle.Entry{}, check.Refuse("LM-5", check.NotFound, "not yet")
			}
			return f.read(f.last), nil
		}
		receipt, err := f.writer(2, fetch.Config{Retries: 1}).Upload(t.Context(), record(t, ""))
		if err != nil || receipt.Existing == lost || receipt.Entry.LogIndex != 1 || receipt.Entry.Proof == nil {
			t.Errorf("answer lost %v: got %+v, %v", lost, receipt, err)
		}
	}
}

func TestSG11_ExistingEntryRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		answer   string
		existing func(f *fake, r sign.Record) (bundle.Entry, error)
		want     check.Check
		entry    bool
	}{
		"another entry": {exists2, func(f *fake, _ sign.Record) (bundle.Entry, error) {
			return f.read(must(json.Marshal(request2(record(t, ""), "PKIX_ECDSA_P256_SHA_256")))), nil
		}, check.Server, true},
		"no proof": {exists2, func(f *fake, _ sign.Record) (bundle.Entry, error) {
			e := f.read(f.last)
			e.Proof = nil
			return e, nil
		}, check.Server, true},
		"no answer": {exists2, func(*fake, sign.Record) (bundle.Entry, error) {
			return bundle.Entry{}, check.Refuse("", check.Net, "no")
		}, check.Net, false},
		"refused": {exists2, func(*fake, sign.Record) (bundle.Entry, error) {
			return bundle.Entry{}, fetch.Refused(check.Refuse("", check.Server, "no"))
		}, check.Server, false},
		"never there": {exists2, func(*fake, sign.Record) (bundle.Entry, error) {
			return bundle.Entry{}, check.Refuse("", check.NotFound, "no")
		}, check.Net, false},
		"nobody to ask":  {exists2, nil, check.Server, false},
		"index negative": {strings.Replace(exists2, "index 1", "index -1", 1), never, check.Server, false},
		"index octal":    {strings.Replace(exists2, "index 1", "index 012", 1), never, check.Server, false},
		"index large":    {strings.Replace(exists2, "index 1", "index 99999999999999999999", 1), never, check.Server, false},
		"no index":       {"conflict", never, check.Server, false},
		"no text":        {"", never, check.Server, false},
	} {
		f := existing2(t, tt.answer)
		r := record(t, "")
		looks := 0
		if tt.existing != nil {
			f.existing = func(context.Context, *trustroot.Log, int64) (bundle.Entry, error) {
				looks++
				return tt.existing(f, r)
			}
		}
		_, err := f.writer(2, fetch.Config{}).Append(t.Context(), r)
		t.Log(name, err)
		mayBePublic(t, err, tt.want, tt.entry)
		if most := map[bool]int{true: promised, false: 1}[name == "never there"]; looks > most {
			t.Errorf("%s: looked %d times", name, looks)
		}
	}
}

func never(f *fake, _ sign.Record) (bundle.Entry, error) {
	f.t.Error("looked for an entry without a number")
	return bundle.Entry{}, nil
}

// A trusted root may have two logs at one address; the entry is in the one whose key
// signed.
func TestSG11_ExistingEntryOfOneOfTwo(t *testing.T) {
	f := existing2(t, exists2)
	looks := 0
	other := newFake(t, 2).log
	other.BaseURL = f.log.BaseURL
	doer := must(fetch.New(f.server.URL, fetch.Config{}))
	t.Cleanup(doer.CloseIdle)
	w := quick(must(New(2, f.server.URL, Config{
		Doer: doer, Root: &trustroot.Root{Logs: []trustroot.Log{other, f.log, other}}, Now: now,
		Existing: func(_ context.Context, log *trustroot.Log, _ int64) (bundle.Entry, error) {
			if !bytes.Equal(log.ID, f.log.ID) {
				return bundle.Entry{}, check.Refuse("", check.Checkpoint, "by another key")
			}
			if looks++; looks < 3 {
				return bundle.Entry{}, check.Refuse("", check.NotFound, "not yet")
			}
			return f.read(f.last), nil
		},
	})))
	if _, err := w.Append(t.Context(), record(t, "")); err != nil {
		t.Error(err)
	}
}
