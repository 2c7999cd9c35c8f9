package rescue

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A line that is too long is not of a journal that was written here: it is refused.
func TestJournal_LongLine(t *testing.T) {
	for n, want := range map[int]int{maxLine: 2, maxLine + 1: 0} {
		s := open(t)
		j := begin(t, s)
		if _, err := j.Sending("ab", "a", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		j.Close()
		head, tail := []byte(`{"id":1,"key":"cd","bundle":{}`), []byte("}\n")
		line := append(append(head, bytes.Repeat([]byte(" "), n-len(head)-len(tail))...), tail...)
		f, err := os.OpenFile(j.path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(line); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.List(); len(got) != want || (err != nil) != (n > maxLine) {
			t.Errorf("line of %d bytes: %d items, %v, want %d", n, len(got), err, want)
		}
	}
}

// What could not be read back is not taken, so that nothing is sent that is not kept.
func TestJournal_LongBundle(t *testing.T) {
	s := open(t)
	j := begin(t, s)
	defer j.Close()
	bundle := []byte(`"` + strings.Repeat("x", maxLine) + `"`)
	if _, err := j.Sending("ab", "a", bundle); check.Of(err) != check.FS {
		t.Errorf("got %v, want check fs", err)
	}
	if _, err := j.Sending("ab", "a", []byte(`{}`)); err != nil {
		t.Error(err)
	}
}
