package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/rescue"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// leave leaves a signature in a journal, as a run does that is killed.
func (i imageWorld) leave(name string, content, partial []byte) {
	i.t.Helper()
	store, err := rescue.Open(filepath.Join(i.dir, "state"))
	if err != nil {
		i.t.Fatal(err)
	}
	journal, err := store.Begin()
	if err != nil {
		i.t.Fatal(err)
	}
	defer journal.Close()
	if _, err := journal.Sending(keyOf(string(content)), name, partial); err != nil {
		i.t.Fatal(err)
	}
}

// Files of the same content were all sent: each is finished with its own signature.
func TestSign_TwinsAreFinished(t *testing.T) {
	for sent := 1; sent <= 2; sent++ {
		w := newImageWorld(t)
		a, b := filepath.Join(w.dir, "a"), filepath.Join(w.dir, "b")
		write(t, a, []byte("twin"))
		write(t, b, []byte("twin"))
		before := w.size()
		w.Rekor(2).SetFault(lostAnswer)
		w.fails(check.ExitUndecided, append([]string{"sign", "--yes"}, []string{a, b}[:sent]...)...)
		w.Rekor(2).SetFault(nil)
		w.must("sign", "--yes", a, b)
		if size, left := w.size(), w.kept("*"); size != before+2 || len(left) != 0 {
			t.Errorf("%d sent: the log has %d entries more, want 2; left %q", sent, size-before, left)
		}
	}
}

// A run was killed after it had written the bundle and before it had noted that.
func TestSign_WhatIsInItsPlaceIsNotLeft(t *testing.T) {
	w := newImageWorld(t)
	file := w.file("app")
	w.must("sign", file, "--yes")
	data, err := os.ReadFile(file + ".sigstore.json")
	if err != nil {
		t.Fatal(err)
	}
	w.leave(file, []byte("content of app"), bytes.TrimSpace(data))
	if out := w.must("sign", file, "--yes"); !strings.HasPrefix(out, "already signed  ") {
		t.Errorf("got %s", out)
	}
	if left := w.kept("*"); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

// What was left at another instance is not sent to the logs of this one.
func TestSign_OfAnotherInstanceIsNotTakenUp(t *testing.T) {
	w := newImageWorld(t)
	file := w.file("app")
	other := sigtest.New(t).Sign([]byte("content of app"), func(m *sigtest.Maker) { m.Bundle = func(b *bundle.Bundle) { b.Entries = nil } })
	partial, err := other.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	w.leave(file, []byte("content of app"), partial)
	w.must("sign", file, "--yes")
	if certs, entries := len(w.Fulcio().Requests()), w.entries(); certs != 1 || entries != 1 {
		t.Errorf("%d certificates and %d entries, want one of each", certs, entries)
	}
	if left := w.kept("*.journal"); len(left) != 1 {
		t.Errorf("left %q, want the journal of the other instance", left)
	}
}

// An upload that is given up says that its entry may be public.
func TestLogUpload_GivenUp(t *testing.T) {
	w := newImageWorld(t)
	args, _ := w.uploading(2)
	ctx, cancel := context.WithCancel(t.Context())
	abandon := make(chan struct{})
	w.Rekor(2).SetFault(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		if r.Method == http.MethodPost {
			cancel()
			close(abandon)
			<-r.Context().Done()
		}
	})
	var out, errs bytes.Buffer
	vars := map[string]string{"HALLMARK_INSTANCE": "test"}
	for _, name := range []string{"config", "cache", "state"} {
		vars["HALLMARK_"+strings.ToUpper(name)+"_DIR"] = filepath.Join(w.dir, name)
	}
	status := run(ctx, &env{args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &errs, abandon: abandon,
		getenv: func(name string) string { return vars[name] }, now: time.Now})
	if text := errs.String(); status != check.ExitInterrupted || !strings.Contains(text, "an entry may be public") || !strings.Contains(text, "run the same command again") {
		t.Errorf("status %d: %s", status, text)
	}
}
