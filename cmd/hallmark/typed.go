package main

import (
	"bufio"
	"context"
	"io"
	"sync"
)

// maxLine is how much of a typed line is kept: enough for the longest address
// that may be pasted, and for one byte more to see that it is longer.
const maxLine = 32 << 10 // bytes of a line that somebody types

// typed hands out the lines that somebody types. They have one reader: a line
// that was waited for and not needed any more goes to the next who asks.
type typed struct {
	once  sync.Once
	lines chan string
}

// input returns standard input whole, for a reader that ends with its context also
// while nothing arrives. Waiting for it can't be ended, but the process can.
func (e *env) input(ctx context.Context) (in io.Reader, done func()) {
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) })
	go func() {
		_, err := io.Copy(w, e.stdin)
		_ = w.CloseWithError(err)
	}()
	return r, func() { stop(); _ = r.Close() }
}

// line returns the next line that is typed, cut at maxLine, or the error of a
// context that ended, or io.EOF.
func (e *env) line(ctx context.Context) (string, error) {
	t := &e.typed
	t.once.Do(func() {
		t.lines = make(chan string)
		in := e.answers
		if in == nil {
			in = e.stdin
		}
		go t.read(in)
	})
	select {
	case line, ok := <-t.lines:
		if !ok {
			return "", io.EOF
		}
		return line, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// read ends with the input; waiting for it can't be ended, but the process can.
func (t *typed) read(in io.Reader) {
	defer close(t.lines)
	r := bufio.NewReaderSize(in, maxLine)
	for {
		head, err := r.ReadSlice('\n')
		line := string(head)
		for err == bufio.ErrBufferFull { // the rest of a line that is too long
			_, err = r.ReadSlice('\n')
		}
		if line != "" {
			t.lines <- line
		}
		if err != nil {
			return
		}
	}
}
