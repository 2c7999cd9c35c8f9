package bundle

import (
	"bufio"
	"errors"
	"io"
	"iter"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Parse reads a bundle of version 0.1, 0.2 or 0.3. Errors are *FormatError. The
// bundle shares no memory with data.
func Parse(data []byte) (*Bundle, error) {
	if len(data) > MaxSize {
		return nil, check.Refuse("LM-2", check.Limit, "is more than %d bytes", MaxSize)
	}
	var c claim
	if err := strictjson.Read(data, c.read); err != nil {
		return nil, explain(err, data, c.MediaType)
	}
	return c.bundle()
}

// Read is Parse for a reader. It reads at most MaxSize+1 bytes.
func Read(r io.Reader) (*Bundle, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, unreadable(err)
	}
	return Parse(data)
}

// ParseLines reads bundles from JSON lines, one at a time. Each line gives a
// bundle or an error, in order; an empty line is an error. After an error of
// check fs, or a line longer than MaxSize, nothing more is read. An empty reader
// yields nothing, which is no success either.
func ParseLines(r io.Reader) iter.Seq2[*Bundle, error] {
	return func(yield func(*Bundle, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, MaxSize+2) // a line, its line break, and room to notice one byte more
		for lines.Scan() {
			if !yield(Parse(lines.Bytes())) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, unreadable(err))
		}
	}
}

// unreadable translates what a reader reports.
func unreadable(err error) error {
	if refused, ok := errors.AsType[*check.Error](err); ok {
		return refused
	}
	if errors.Is(err, bufio.ErrTooLong) {
		return check.Refuse("LM-1", check.Limit, "has a line of more than %d bytes", MaxSize)
	}
	return check.Refuse("", check.FS, "reading the bundle: %w", err)
}
