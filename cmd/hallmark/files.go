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
func fileError(path string, err error) *check.Error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return &check.Error{Check: check.FS, Field: printable(path, 256), Err: err}
}

// openRegular opens a regular file. It looks before it opens: opening a pipe
// would wait for its writer, and nothing could interrupt that. Its errors do not name
// the file.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errNotRegular
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err = f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// readBounded reads a regular file whole; more than limit bytes are refused, never
// cut.
func readBounded(path string, limit int64) ([]byte, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer f.Close()
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
// something, a name that no file can have does not.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil || errors.Is(err, fs.ErrPermission)
}
