// Package tiles reads a tree of tiles (C2SP tlog-tiles) and believes none of
// them: every hash it hands out was proved to be in the tree of a checkpoint,
// every entry hashes to a leaf of that tree. Who signed the checkpoint is for
// the caller to know.
//
// It knows no network: a Source gives it files by their path. A Tree may be
// used by many goroutines at once.
package tiles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hallmarksign/hallmark/internal/check"
)

const (
	height   = 8
	Width    = 1 << height // hashes or entries of a full tile
	hashSize = tlog.HashSize

	// MaxSize bounds the size of a tree, so that no index in it can overflow.
	MaxSize = 1 << 48

	// MaxEntry is the largest entry, by its length in two bytes.
	MaxEntry = 1<<16 - 1
)

// A Source reads a file below the base of a log, such as
// "tile/entries/x001/067.p/5". What does not exist is an error that is
// fs.ErrNotExist. More than limit bytes are an error, never a truncation.
type Source func(ctx context.Context, path string, limit int64) ([]byte, error)

// path is the path of a tile below a folder: a level, or that of the bundles.
func path(folder string, n int64, width int) string {
	t := tlog.Tile{H: height, N: n, W: width}
	return "tile/" + folder + "/" + strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/0/", height))
}

// file reads a tile of a width. A log may drop a partial tile once the full one
// exists, so that one is asked for next ("Partial Tiles").
func (s Source) file(ctx context.Context, folder string, n int64, width int, limit int64) ([]byte, error) {
	data, err := s(ctx, path(folder, n, width), limit)
	if err == nil || width == Width || !isNotExist(err) {
		return data, err
	}
	full, err2 := s(ctx, path(folder, n, Width), limit)
	if err2 != nil {
		return nil, err
	}
	return full, nil
}

// hashes reads a tile of hashes of exactly a width.
func (s Source) hashes(ctx context.Context, t tlog.Tile) ([]byte, error) {
	level := strconv.Itoa(t.L)
	data, err := s.file(ctx, level, t.N, t.W, Width*hashSize)
	if err != nil {
		return nil, missing(err, path(level, t.N, t.W))
	}
	if len(data) == Width*hashSize {
		data = data[:t.W*hashSize]
	}
	if len(data) != t.W*hashSize {
		return nil, check.Refuse("LG-4", check.Proof, "tile %s has %d bytes, want %d", path(level, t.N, t.W), len(data), t.W*hashSize)
	}
	return data, nil
}

// missing says that the log does not have what its checkpoint demands.
func missing(err error, path string) error {
	if isNotExist(err) {
		return check.Refuse("LG-4", check.Server, "%s is missing from the log", path)
	}
	return err
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
