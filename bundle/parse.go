package bundle

import (
	"errors"
	"io"

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

// unreadable translates what a reader reports.
func unreadable(err error) error {
	if refused, ok := errors.AsType[*check.Error](err); ok {
		return refused
	}
	return check.Refuse("", check.FS, "reading the bundle: %w", err)
}
