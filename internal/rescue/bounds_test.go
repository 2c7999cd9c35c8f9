package rescue

import (
	"bytes"
	"os"
	"testing"
)

// A line that is too long is not of a journal that was written here: reading ends there.
func TestJournal_LongLine(t *testing.T) {
	for n, want := range map[int]int{maxLine: 2, maxLine + 1: 1} {
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
		if got := list(t, s); len(got) != want {
			t.Errorf("line of %d bytes: %d items, want %d", n, len(got), want)
		}
	}
}
