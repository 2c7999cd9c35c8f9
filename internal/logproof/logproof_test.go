package logproof_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/logproof"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/trustroot"
)

var body = []byte(`{"body":true}`)

// add puts body into a log of a generation and returns the log of the trusted
// root with it.
func add(w *sigtest.World, generation int, e sigtest.LogEdits) (*bundle.Entry, *trustroot.Log) {
	l, version := w.Log1, "0.0.1"
	if generation == 2 {
		l, version = w.Log2, "0.0.2"
	}
	logs := w.Root().Logs
	out := l.Add("hashedrekord", version, body, e)
	return &out, &logs[generation-1]
}

func TestR1_5_R2_7_Included(t *testing.T) {
	w := sigtest.New(t)
	for _, generation := range []int{1, 2} {
		e, log := add(w, generation, sigtest.LogEdits{})
		c, err := logproof.Included(e, log)
		if err != nil || c.Size != uint64(e.Proof.TreeSize) {
			t.Errorf("generation %d: got %+v, %v", generation, c, err)
		}
		if logproof.Second(e) != (generation == 2) {
			t.Errorf("generation %d: taken for the other", generation)
		}
	}
	e, log := add(w, 1, sigtest.LogEdits{})
	if err := logproof.Promised(e, log); err != nil {
		t.Error(err)
	}
}

func TestR1_R2_Refusals(t *testing.T) {
	entry := func(f func(*bundle.Entry)) sigtest.LogEdits { return sigtest.LogEdits{Entry: f} }
	zeros := base64.StdEncoding.EncodeToString(make([]byte, 32))
	root := func(text string) string {
		lines := strings.Split(text, "\n")
		return strings.Join([]string{lines[0], lines[1], zeros, ""}, "\n")
	}
	for _, tt := range []struct {
		name        string
		generations []int
		edits       sigtest.LogEdits
		want        check.Check
		rule        string
	}{
		{"K23 proof missing", []int{1, 2}, entry(func(e *bundle.Entry) { e.Proof = nil }), check.Proof, "R1-5"},
		{"F23 index one more", []int{2}, entry(func(e *bundle.Entry) { e.LogIndex++ }), check.Proof, "R2-6"},
		{"F23 index one less", []int{2}, entry(func(e *bundle.Entry) { e.LogIndex-- }), check.Proof, "R2-6"},
		{"F24 index of the proof", []int{2}, entry(func(e *bundle.Entry) { e.Proof.LogIndex-- }), check.Proof, "R2-6"},
		{"R1-7 global index smaller", []int{1}, entry(func(e *bundle.Entry) { e.LogIndex = e.Proof.LogIndex - 1 }), check.Proof, "R1-7"},
		{"E14 hash", []int{1, 2}, entry(func(e *bundle.Entry) { e.Proof.Hashes[0][0] ^= 1 }), check.Proof, "R1-4"},
		{"E19 root of the proof", []int{1, 2}, entry(func(e *bundle.Entry) { e.Proof.RootHash[0] ^= 1 }), check.Proof, "R1-4"},
		{"E19 root of the checkpoint", []int{1, 2}, sigtest.LogEdits{Note: root}, check.Proof, "R1-5"},
		{"F36 size of the checkpoint", []int{1, 2}, sigtest.LogEdits{Note: func(s string) string {
			return strings.Replace(s, "\n", "\n9", 1)
		}}, check.Proof, "R1-5"},
		{"F8 origin of another log", []int{2}, sigtest.LogEdits{Note: func(s string) string { return "other" + s }}, check.Checkpoint, "R2-7"},
		{"F9 name is not the origin", []int{1}, sigtest.LogEdits{Note: func(s string) string { return "other" + s }}, check.Checkpoint, "WN-4"},
		{"R1-5 origin without tree id", []int{1}, sigtest.LogEdits{Note: func(s string) string {
			return s[:strings.Index(s, " - ")] + s[strings.Index(s, "\n"):]
		}}, check.Checkpoint, "R1-5"},
		{"F1 signature", []int{1, 2}, sigtest.LogEdits{Envelope: func(s string) string { return strings.Replace(s, "\n", " \n", 1) }}, check.Checkpoint, ""},
		{"checkpoint missing", []int{1, 2}, entry(func(e *bundle.Entry) { e.Proof.Checkpoint = "" }), check.Checkpoint, ""},
	} {
		for _, generation := range tt.generations {
			e, log := add(sigtest.New(t), generation, tt.edits)
			c, err := logproof.Included(e, log)
			got, ok := err.(*check.Error)
			if !ok || got.Check != tt.want || (tt.rule != "" && got.Rule != tt.rule) || c != nil {
				t.Errorf("%s, generation %d: got %v, %#v, want check %s by %s", tt.name, generation, c, err, tt.want, tt.rule)
			}
		}
	}
}

func TestR2_7_KeyOfTheCheckpoint(t *testing.T) {
	w := sigtest.New(t)
	for _, generation := range []int{1, 2} {
		e, log := add(w, generation, sigtest.LogEdits{})
		other := w.Root().Logs[2-generation]
		foreign := *log
		foreign.Key, foreign.SPKI = other.Key, other.SPKI
		if _, err := logproof.Included(e, &foreign); check.Of(err) != check.Checkpoint {
			t.Errorf("generation %d: got %v, want check checkpoint", generation, err)
		}
	}
	e, log := add(w, 2, sigtest.LogEdits{})
	long, wrong := *log, *log
	long.CheckpointID = log.ID // longer than four bytes: the first four count
	if _, err := logproof.Included(e, &long); err != nil {
		t.Error(err)
	}
	wrong.CheckpointID = []byte{1, 2, 3, 4}
	if _, err := logproof.Included(e, &wrong); check.Of(err) != check.Checkpoint {
		t.Errorf("F2: got %v, want check checkpoint", err)
	}
	e, log = add(w, 1, sigtest.LogEdits{})
	e.IntegratedTime++
	if err := logproof.Promised(e, log); check.Of(err) != check.SET {
		t.Errorf("E2: got %v, want check set", err)
	}
}

// The name that a log of the first generation gives itself is not compared with the
// trusted root; its key is.
func TestR1_5_NameOfItsOwn(t *testing.T) {
	w := sigtest.New(t)
	e, log := add(w, 1, sigtest.LogEdits{})
	log.BaseURL, log.Origin = "https://other.example", "other.example"
	if _, err := logproof.Included(e, log); err != nil {
		t.Error(err)
	}
	e, log = add(w, 2, sigtest.LogEdits{})
	log.BaseURL, log.Origin = "https://other.example", "other.example"
	if _, err := logproof.Included(e, log); check.Of(err) != check.Checkpoint {
		t.Errorf("second generation: got %v, want check checkpoint", err)
	}
}

func TestR2_7_Name(t *testing.T) {
	for url, want := range map[string]string{
		"https://log.example.com":      "log.example.com",
		"https://log.example.com/":     "log.example.com",
		"https://log.example.com/a/b/": "log.example.com/a/b",
		"log.example.com":              "log.example.com",
	} {
		if got := logproof.Name(&trustroot.Log{BaseURL: url}); got != want {
			t.Errorf("%q: got %q, want %q", url, got, want)
		}
	}
}
