package checkpoint

import (
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// FuzzParse: an accepted checkpoint is written again as it was, and package
// note sees the same signature lines (targets 8 and 9).
func FuzzParse(f *testing.F) {
	f.Add(good(goodText))
	f.Add(good(goodText+"extension\n") + cosigned(goodText, "witness.example", key(3), 9))
	f.Add(goodText + "\n\u2014 a AAAAAAA=\n\u2014 a AAAAAAA=\n")
	f.Fuzz(func(t *testing.T, in string) {
		c, err := Parse(in)
		if err != nil {
			return
		}
		text, _, err := split(in)
		if err != nil {
			t.Fatal(err)
		}
		head := fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
		out := head + text[min(len(head), len(text)):] + "\n"
		for _, s := range c.sigs {
			out += line(s.name, s.id[:], s.blob)
		}
		if out != in {
			t.Errorf("written as %q, want %q", out, in)
		}
		_, err = note.Open([]byte(in), note.VerifierList())
		var unverified *note.UnverifiedNoteError
		if !errors.As(err, &unverified) {
			t.Fatalf("package note says %v", err)
		}
		seen := map[string]bool{}
		for _, s := range c.sigs {
			seen[fmt.Sprintf("%s %x %x", s.name, s.id, s.blob)] = true
		}
		for _, s := range unverified.Note.UnverifiedSigs {
			raw, err := base64.StdEncoding.DecodeString(s.Base64)
			if err != nil || !seen[fmt.Sprintf("%s %08x %x", s.Name, s.Hash, raw[4:])] {
				t.Errorf("package note has a line %v that was not read here", s)
			}
		}
		if len(seen) != len(unverified.Note.UnverifiedSigs) {
			t.Errorf("%d lines here, %d in package note", len(seen), len(unverified.Note.UnverifiedSigs))
		}
	})
}

// FuzzVerify: only the text that was signed verifies, whatever the lines are
// (target 8, verified set).
func FuzzVerify(f *testing.F) {
	f.Add(good(goodText), true)
	f.Add(goodText+"\n"+cosigned(goodText, testName, key(1), 9), false)
	f.Fuzz(func(t *testing.T, in string, _ bool) {
		c, err := Parse(in)
		if err != nil {
			return
		}
		text, _, err := split(in)
		if err != nil {
			t.Fatal(err)
		}
		if c.Verify(Key{Name: testName, Public: public(key(1))}) == nil && text != goodText {
			t.Errorf("verified %q", text)
		}
		// Target 10.
		when, err := c.VerifyWitness(testName, public(key(1)), time.Unix(100, 0))
		if err == nil && (text != goodText || when.Unix() != 9) {
			t.Errorf("witness verified %q at %v", text, when)
		}
	})
}
