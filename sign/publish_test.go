package sign

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
)

// A scripted log answers as it is told to.
type scripted struct {
	*service
	answer func(bundle.Entry) (bundle.Entry, error)
	held   *bundle.Entry // what Find finds
	finds  atomic.Int64
}

func (s *scripted) Append(ctx context.Context, r Record) (bundle.Entry, error) {
	e, err := s.service.Append(ctx, r)
	if err != nil || s.answer == nil {
		return e, err
	}
	return s.answer(e)
}

type finder struct{ *scripted }

func (f finder) Find(context.Context, Record) (bundle.Entry, bool, error) {
	f.finds.Add(1)
	if f.held == nil {
		return bundle.Entry{}, false, nil
	}
	return *f.held, true, nil
}

func one(t *testing.T, s *Signer, ctx context.Context) Result {
	t.Helper()
	got := map[string]Result{}
	_ = s.Sign(ctx, artifacts(1), collect(got))
	return got["file0"]
}

// The log is asked last, and after the caller was told.
func TestSG11_TheLogComesLast(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	s.Sending = func(_ context.Context, _ Job, partial []byte) error {
		b, err := bundle.Parse(partial)
		if err != nil || len(b.Entries) != 0 || len(b.Timestamps) != 1 || b.Certificate == nil || b.Message == nil {
			t.Errorf("told of %s, %v", partial, err)
		}
		w.note("sending")
		return nil
	}
	if r := one(t, s, t.Context()); r.Err != nil || !r.Sent {
		t.Fatal(r.Err)
	}
	if got := names(w.events, "tsa", "sending", "log", "check"); got != "tsa, sending, log, check" {
		t.Errorf("got %q", got)
	}
}

// What fails before the log leaves no entry.
func TestSG11_NoEntryWithoutTheRest(t *testing.T) {
	for name, spoil := range map[string]func(*world, *Signer){
		"timestamp": func(w *world, s *Signer) {
			s.Times = All[TimestampAuthority](&service{w: w, name: "tsa", fail: down("tsa")})
		},
		"one of two timestamps": func(w *world, s *Signer) {
			s.Times = All[TimestampAuthority](&service{w: w, name: "tsa"}, &service{w: w, name: "tsa2", fail: down("tsa2")})
		},
		"caller": func(_ *world, s *Signer) {
			s.Sending = func(context.Context, Job, []byte) error { return errors.New("disk is full") }
		},
		"certificate": func(w *world, s *Signer) {
			s.Times = All[TimestampAuthority](&service{w: w, name: "tsa", fail: func([]byte) error { w.advance(w.life); return nil }})
		},
	} {
		w := newWorld(t)
		s := w.signer()
		spoil(w, s)
		r := one(t, s, t.Context())
		if r.Err == nil || r.Sent || r.Unverified != nil || w.count("log") != 0 {
			t.Errorf("%s: %v, sent %v, %d entries", name, r.Err, r.Sent, w.count("log"))
		}
	}
}

// Whatever is public is handed out, marked as what it is.
func TestSG13_WhatIsPublicIsHandedOut(t *testing.T) {
	lie := check.Refuse("", check.Server, "not proved")
	for name, tt := range map[string]struct {
		spoil   func(*world, *Signer)
		entries int // -1: nothing is handed out
	}{
		"answer lost": {func(w *world, s *Signer) {
			s.Logs = All[Log](&scripted{service: &service{w: w, name: "log"}, answer: func(bundle.Entry) (bundle.Entry, error) { return bundle.Entry{}, &SentError{Err: lie} }})
		}, -1},
		"answer not proved": {func(w *world, s *Signer) {
			s.Logs = All[Log](&scripted{service: &service{w: w, name: "log"}, answer: func(e bundle.Entry) (bundle.Entry, error) { return bundle.Entry{}, &SentError{Entry: &e, Err: lie} }})
		}, 1},
		"one of two logs": {func(w *world, s *Signer) {
			s.Logs = All[Log](&service{w: w, name: "log", delay: 20 * time.Millisecond}, &service{w: w, name: "log2", fail: down("log2")})
		}, 1},
		"own check": {func(w *world, _ *Signer) { w.verify = func(*bundle.Bundle, Job) error { return lie } }, 1},
	} {
		w := newWorld(t)
		s := w.signer()
		tt.spoil(w, s)
		r := one(t, s, t.Context())
		if r.Err == nil || !r.Sent || r.Serialised != nil {
			t.Errorf("%s: %v, sent %v", name, r.Err, r.Sent)
		}
		b, err := bundle.Parse(r.Unverified)
		if tt.entries >= 0 && (err != nil || len(b.Entries) != tt.entries) || tt.entries < 0 && r.Unverified != nil {
			t.Errorf("%s: handed out %.80q, want %d entries", name, r.Unverified, tt.entries)
		}
	}
}

// After an interruption what was sent is finished, and nothing else is sent.
func TestQ31_FinishesWhatWasSent(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	s.Parallel = 3
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := make(chan struct{}, 10)
	s.Logs = All[Log](&scripted{service: &service{w: w, name: "log"}, answer: func(e bundle.Entry) (bundle.Entry, error) {
		asked <- struct{}{}
		<-ctx.Done()
		time.Sleep(20 * time.Millisecond)
		return e, nil
	}})
	go func() {
		for range 3 {
			<-asked
		}
		cancel()
	}()
	got := map[string]Result{}
	err := s.Sign(ctx, artifacts(9), collect(got))
	made, stopped := 0, 0
	for _, r := range got {
		switch {
		case r.Err == nil:
			made++
		case !r.Sent && strings.Contains(r.Err.Error(), "stopped"):
			stopped++
		}
	}
	if made != 3 || stopped != 6 || err == nil || w.count("log") != 3 {
		t.Errorf("%d made, %d stopped, %d entries, %v; want 3, 6, 3 and an error", made, stopped, w.count("log"), err)
	}
}

// unfinished is what a run leaves that is stopped at the log.
func unfinished(t *testing.T, w *world) (Job, *bundle.Bundle) {
	t.Helper()
	s := w.signer()
	var kept []byte
	s.Sending = func(_ context.Context, _ Job, partial []byte) error { kept = partial; return errors.New("killed") }
	one(t, s, t.Context())
	b, err := bundle.Parse(kept)
	if err != nil {
		t.Fatal(err)
	}
	return artifact("file0"), b
}

func TestComplete(t *testing.T) {
	w := newWorld(t)
	job, b := unfinished(t, w)
	entry, err := (&service{w: w, name: "other"}).Append(t.Context(), Record{Hash: 5, Digest: job.Digest, Signature: []byte{1}, Certificate: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		canFind, there, late bool
		entries              int // that are made
		fails                bool
	}{
		"asked, there":           {true, true, false, 0, false},
		"asked, there, late":     {true, true, true, 0, false},
		"asked, not there":       {true, false, false, 1, false},
		"asked, not there, late": {true, false, true, 0, true},
		"can't be asked":         {false, false, false, 1, false},
		"can't be asked, late":   {false, false, true, 1, false},
	} {
		w.events = nil
		w.now = start
		if tt.late {
			w.advance(w.life)
		}
		s := w.signer()
		l := &scripted{service: &service{w: w, name: "log"}}
		s.Logs = All[Log](l)
		if tt.there {
			l.held = &entry
		}
		if tt.canFind {
			s.Logs = All[Log](finder{l})
		}
		r := s.Complete(t.Context(), job, b, alice)
		if (r.Err != nil) != tt.fails || tt.fails && !errors.Is(r.Err, ErrNotLogged) || w.count("log") != tt.entries {
			t.Errorf("%s: %v, %d entries", name, r.Err, w.count("log"))
		}
		if !tt.fails && (len(r.Bundle.Entries) != 1 || w.count("token") != 0) {
			t.Errorf("%s: %d entries in the bundle, %d logins", name, len(r.Bundle.Entries), w.count("token"))
		}
	}
	if len(b.Entries) != 0 {
		t.Error("the claim was changed")
	}
}

// silent is a log that took the entry and whose answer was lost.
func silent(w *world, name string) *scripted {
	return &scripted{service: &service{w: w, name: name}, answer: func(bundle.Entry) (bundle.Entry, error) {
		return bundle.Entry{}, &SentError{Err: check.Refuse("", check.Net, "no answer")}
	}}
}

// A log that may have the entry is not replaced by another.
func TestSC7_ALostAnswerLeadsToNoSecondEntry(t *testing.T) {
	for need, want := range map[int]int{1: 0, 2: 1} {
		w := newWorld(t)
		s := w.signer()
		s.Logs = Quorum[Log]{Candidates: []Log{silent(w, "a"), &service{w: w, name: "b"}, &service{w: w, name: "c"}}, Need: need}
		r := one(t, s, t.Context())
		if _, lost := errors.AsType[*SentError](r.Err); !lost || !r.Unfinished || w.count("a") != 1 || w.count("b") != want || w.count("c") != 0 {
			t.Errorf("%d of 3: %v, unfinished %v, %v", need, r.Err, r.Unfinished, w.events)
		}
	}
}

// A finderDown is a log that can't be asked what it has.
type finderDown struct{ *scripted }

func (finderDown) Find(context.Context, Record) (bundle.Entry, bool, error) {
	return bundle.Entry{}, false, check.Refuse("", check.Net, "no answer")
}

// The log that has the entry is used, whichever it is; while one does not say whether
// it has it, no other gets one.
func TestComplete_WhicheverLogHasIt(t *testing.T) {
	w := newWorld(t)
	job, b := unfinished(t, w)
	entry, err := (&service{w: w, name: "other"}).Append(t.Context(), job.record(b))
	if err != nil {
		t.Fatal(err)
	}
	log := func(name string, held *bundle.Entry) finder {
		return finder{&scripted{service: &service{w: w, name: name}, held: held}}
	}
	mute := finderDown{silent(w, "down")}
	for name, tt := range map[string]struct {
		logs     []Log
		late     bool
		appended int
		lost     bool // that an entry may be public is known
		fails    bool
	}{
		"the second has it":                 {[]Log{log("a", nil), log("b", &entry)}, false, 0, false, false},
		"the second has it, the first down": {[]Log{mute, log("b", &entry)}, true, 0, false, false},
		"none has it":                       {[]Log{log("a", nil), log("b", nil)}, false, 1, false, false},
		"none has it, late":                 {[]Log{log("a", nil), log("b", nil)}, true, 0, false, true},
		"the first is down":                 {[]Log{mute, log("b", nil)}, false, 0, true, true},
		"the second is down, late":          {[]Log{log("a", nil), mute}, true, 0, true, true},
	} {
		w.events, w.now = nil, start
		if tt.late {
			w.advance(w.life)
		}
		s := w.signer()
		s.Logs = Quorum[Log]{Candidates: tt.logs, Need: 1}
		r := s.Complete(t.Context(), job, b, alice)
		_, lost := errors.AsType[*SentError](r.Err)
		if n := w.count("a") + w.count("b") + w.count("down"); n != tt.appended || (r.Err != nil) != tt.fails || lost != tt.lost || r.Unfinished != tt.lost {
			t.Errorf("%s: %v, %d entries made, unfinished %v", name, r.Err, n, r.Unfinished)
		}
	}
}
