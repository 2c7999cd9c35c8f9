package main

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hallmarksign/hallmark/internal/check"
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

// ER-1: a command that waits for standard input ends when it is interrupted.
func TestER1_InterruptedWhileNothingArrives(t *testing.T) {
	in, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := hashStdin(ctx, &env{stdin: in}, crypto.SHA256); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hashing: got %v, want the error of the context", err)
	}
	var stderr bytes.Buffer
	e := &env{args: []string{"whoami", "--identity-token", "-"}, stdin: in, stdout: io.Discard, stderr: &stderr, movement: true,
		getenv: func(string) string { return "" }, now: time.Now}
	if status := run(ctx, e); status != check.ExitInterrupted {
		t.Errorf("exit status is %d, want %d: %s", status, check.ExitInterrupted, stderr.String())
	}
	if got := stderr.String(); got != "\nhallmark: interrupted\n" {
		t.Errorf("printed %q, want a line of its own", got)
	}
}

// What is written over must fit on a line, however long names are.
func TestProgress_FitsOnALine(t *testing.T) {
	var out bytes.Buffer
	p := &progress{w: &out}
	r := p.reader(strings.NewReader(strings.Repeat("x", 1<<20)), "folder/"+strings.Repeat("n", 200), bigFile)
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	show, stop := p.steps(strings.Repeat("l", 200))
	show(1, 1000000)
	stop()
	bars := 0
	for line := range strings.SplitSeq(out.String(), "\r") {
		text, numbers, isBar := strings.Cut(line, "|") // the bar between takes what is left
		_, numbers, _ = strings.Cut(numbers, "|")
		if n := utf8.RuneCountInString(text + "||" + numbers); isBar && n > barColumns {
			t.Errorf("%d columns: %q", n, line)
		}
		bars += strings.Count(line, "%")
	}
	if bars < 2 {
		t.Errorf("saw %d bars, want both", bars)
	}
}
