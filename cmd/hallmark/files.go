package main

import (
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

// readAll reads r whole; more than limit bytes are refused, never cut.
func readAll(r io.Reader, name string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fileError(name, err)
	}
	if int64(len(data)) > limit {
		return nil, &check.Error{Check: check.Limit, Field: printable(name, 256), Err: fmt.Errorf("is larger than %d bytes", limit)}
	}
	return data, nil
}

// exists reports whether something is at path; an unreadable folder counts as
// something.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
