package main

import (
	"context"
	"crypto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A meddling context does something once, when it is asked before the first read.
type meddling struct {
	context.Context
	do func()
}

func (m *meddling) Err() error {
	if m.do != nil {
		m.do()
		m.do = nil
	}
	return nil
}

func TestSG16_N7_FileThatChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	begin := time.Now().Add(-time.Hour).Truncate(time.Second)
	put := func(text string, at time.Time) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		do   func()
		want check.Check
	}{
		"nothing":                    {func() {}, ""},
		"N7 grows":                   {func() { put("some text and more", begin) }, check.FS},
		"N8 shrinks":                 {func() { put("some", begin) }, check.FS},
		"N9 other text of that size": {func() { put("SOME TEXT", begin.Add(time.Second)) }, check.FS},
	} {
		put("some text", begin)
		_, err := hashFile(&meddling{t.Context(), tt.do}, path, nil, crypto.SHA256)
		if check.Of(err) != tt.want || err != nil && !strings.Contains(err.Error(), "changed while it was read") {
			t.Errorf("%s: got %v, want check %q", name, err, tt.want)
		}
	}
}

func TestLM1_ReadBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path  string
		limit int64
		want  check.Check
		text  string
	}{
		{path, 5, "", ""},
		{path, 4, check.Limit, "larger than 4 bytes"},
		{os.DevNull, 5, check.FS, "not a regular file"},
		{filepath.Dir(path), 5, check.FS, "not a regular file"},
		{path + "x", 5, check.FS, "file"},
	} {
		got, err := readBounded(tt.path, tt.limit)
		if check.Of(err) != tt.want || err == nil && string(got) != "12345" || err != nil && !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s, %d bytes: got %q, %v, want check %q with %q", tt.path, tt.limit, got, err, tt.want, tt.text)
		}
	}
}

// Bounds of TestLM1_FilesOfCommands: maxStatement, maxSignature.
// Bounds of TestRefusals_O21: maxReasons.
// Bounds of TestScripts: maxProposed.
// Bounds of TestLM1_LinesWithPredicates: maxPredicates.
// Bounds of TestLM1_LinesAtTheirBounds: maxShown.

func TestLM1_FilesOfCommands(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	attest := func() error { return (&attestOptions{statement: path}).fill(nil) }
	upload := func() error { _, err := (&uploadOptions{signature: path}).readSignature(); return err }
	for _, c := range []struct {
		read  func() error
		limit int64
	}{{attest, maxStatement}, {upload, maxSignature}} {
		for more, want := range []bool{false, true} {
			if err := os.WriteFile(path, make([]byte, c.limit+int64(more)), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.read(); (check.Of(err) == check.Limit) != want {
				t.Errorf("%d bytes: got %v, want refused %v", c.limit+int64(more), err, want)
			}
		}
	}
}
