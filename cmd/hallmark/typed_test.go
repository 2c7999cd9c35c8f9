package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestTyped_LinesGoToWhoAsks(t *testing.T) {
	in, typing := io.Pipe()
	e := &env{stdin: in}
	// A login waits for a line that is not typed, and is over.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if line, err := e.line(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %q, %v", line, err)
	}
	// The next line is for the next question.
	go func() {
		io.WriteString(typing, "yes\n"+strings.Repeat("x", 1<<20)+"\nlast")
		typing.Close()
	}()
	for i, want := range []string{"yes\n", strings.Repeat("x", maxLine), "last"} {
		if line, err := e.line(t.Context()); err != nil || line != want {
			t.Errorf("L37: line %d is %d bytes (%v), want %d", i, len(line), err, len(want))
		}
	}
	for range 2 {
		if line, err := e.line(t.Context()); err != io.EOF {
			t.Errorf("got %q, %v; want the end", line, err)
		}
	}
}
