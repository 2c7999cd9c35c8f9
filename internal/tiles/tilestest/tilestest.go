// Package tilestest writes logs of tiles into directories and serves them, for
// tests. It is made from the definitions of RFC 6962 and C2SP tlog-tiles alone.
package tilestest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
)

const width = 256

// A Hash is a node of a tree.
type Hash = [sha256.Size]byte

// A Tree is what a log of some size has.
type Tree struct {
	Size int
	Root Hash
}

// Write writes the tiles of a log of n entries below dir/api/v2, beside those
// of smaller sizes, and returns its tree.
func Write(dir string, n int, body func(i int) []byte) (Tree, error) {
	leaves := make([]Hash, n)
	tiles := (n + width - 1) / width
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for t := w; t < tiles && errs[w] == nil; t += len(errs) {
				errs[w] = bundle(dir, t, min(width, n-t*width), body, leaves)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return Tree{}, err
		}
	}
	for level, hashes := 0, leaves; len(hashes) > 0; level++ {
		for t := 0; t*width < len(hashes); t++ {
			part := hashes[t*width : min((t+1)*width, len(hashes))]
			var data []byte
			for _, h := range part {
				data = append(data, h[:]...)
			}
			if err := put(dir, fmt.Sprint(level), t, len(part), data); err != nil {
				return Tree{}, err
			}
		}
		above := make([]Hash, len(hashes)/width)
		for i := range above {
			above[i] = Root(hashes[i*width : (i+1)*width])
		}
		hashes = above
	}
	return Tree{n, Root(leaves)}, nil
}

func bundle(dir string, t, w int, body func(i int) []byte, leaves []Hash) error {
	var data []byte
	for i := t * width; i < t*width+w; i++ {
		b := body(i)
		leaves[i] = sha256.Sum256(append([]byte{0}, b...))
		data = append(binary.BigEndian.AppendUint16(data, uint16(len(b))), b...)
	}
	return put(dir, "entries", t, w, data)
}

// Path is the path of a tile.
func Path(level string, n, w int) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	if w < width {
		s += fmt.Sprintf(".p/%d", w)
	}
	return "api/v2/tile/" + level + "/" + s
}

func put(dir, level string, n, w int, data []byte) error {
	path := filepath.Join(dir, Path(level, n, w))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// Root is MTH of leaf hashes.
func Root(leaves []Hash) Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	l, r := Root(leaves[:k]), Root(leaves[k:])
	return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
}

// Text is the text of the checkpoint of a tree.
func (t Tree) Text(origin string) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, t.Size, base64.StdEncoding.EncodeToString(t.Root[:]))
}

// Dir serves the files of a directory as a fetch.Doer does.
type Dir string

// Do implements fetch.Doer.
func (d Dir) Do(ctx context.Context, r fetch.Request) (*fetch.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, check.Refuse("", check.Net, "%w", err)
	}
	data, err := os.ReadFile(filepath.Join(string(d), filepath.FromSlash(strings.TrimPrefix(r.Path, "/"))))
	if err != nil {
		return &fetch.Response{Status: 404}, nil
	}
	if int64(len(data)) > r.MaxBody {
		return nil, check.Refuse("LM-1", check.Limit, "%s has %d bytes", r.Path, len(data))
	}
	return &fetch.Response{Status: 200, Body: data}, nil
}

// Source reads the tiles of a directory for package tiles.
func (d Dir) Source(_ context.Context, path string, limit int64) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(string(d), "api/v2", filepath.FromSlash(path)))
	if err != nil {
		return nil, fs.ErrNotExist
	}
	if int64(len(data)) > limit {
		return nil, check.Refuse("LM-1", check.Limit, "%s has %d bytes", path, len(data))
	}
	return data, nil
}
