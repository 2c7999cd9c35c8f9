package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/hallmarksign/hallmark/internal/check"
)

var errNotRegular = errors.New("is not a regular file")

// fileError says which file could not be used, and why, without naming it twice.
func fileError(path string, err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return &check.Error{Check: check.FS, Field: printable(path, 256), Err: err}
}

// readBounded reads a regular file whole; more than limit bytes are refused, never
// cut.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fileError(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fileError(path, errNotRegular)
	}
	var data bytes.Buffer // of the right size from the start, which spares copies
	data.Grow(int(min(info.Size(), limit)) + bytes.MinRead)
	if _, err := data.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, fileError(path, err)
	}
	if int64(data.Len()) > limit {
		return nil, &check.Error{Check: check.Limit, Field: printable(path, 256), Err: fmt.Errorf("is larger than %d bytes", limit)}
	}
	return data.Bytes(), nil
}

// exists reports whether something is at path; an unreadable folder counts as
// something.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
