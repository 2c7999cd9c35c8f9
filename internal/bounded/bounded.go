// Package bounded keeps what another program says within a bound.
package bounded

import (
	"bytes"
	"io"
)

// A Buffer takes at most Most bytes. It has no ReadFrom, which would go around the
// bound.
type Buffer struct {
	Most int
	Cut  bool // take what is more and drop it; otherwise it is an error
	Over bool // there was more

	buffer bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	left := b.Most - b.buffer.Len()
	if len(p) <= left {
		return b.buffer.Write(p)
	}
	b.Over = true
	if !b.Cut {
		return 0, io.ErrShortWrite
	}
	b.buffer.Write(p[:left])
	return len(p), nil
}

// Bytes returns what was kept.
func (b *Buffer) Bytes() []byte { return b.buffer.Bytes() }
