package tiles_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/internal/tiles"
	"github.com/hallmarksign/hallmark/internal/tiles/tilestest"
)

func body(i int) []byte { return fmt.Appendf(nil, "entry %d", i) }

func write(t *testing.T, dir string, n int) (*tiles.Tree, tilestest.Tree) {
	t.Helper()
	w, err := tilestest.Write(dir, n, body)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := tiles.New(tilestest.Dir(dir).Source, uint64(n), w.Root)
	if err != nil {
		t.Fatal(err)
	}
	return tree, w
}

// readAll reads every bundle and proves some entries.
func readAll(t *testing.T, tree *tiles.Tree) error {
	t.Helper()
	root := tree.Root()
	for n := range tree.Bundles() {
		all, err := tree.Bundle(t.Context(), n)
		if err != nil {
			return err
		}
		for i, b := range all {
			index := n*tiles.Width + int64(i)
			if string(b) != string(body(int(index))) {
				t.Fatalf("entry %d is %q", index, b)
			}
			if i%97 != 0 {
				continue
			}
			proof, err := tree.Inclusion(t.Context(), index)
			if err != nil {
				return err
			}
			if err := inclusion.Verify(b, index, tree.Size(), proof, root[:]); err != nil {
				t.Fatalf("entry %d: %v", index, err)
			}
		}
	}
	return nil
}

func TestLG4_ReadAndProve(t *testing.T) {
	for _, n := range []int{1, 2, 255, 256, 257, 512, 1000, 65536, 66000} {
		tree, _ := write(t, t.TempDir(), n)
		if err := readAll(t, tree); err != nil {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// What Frontier returns is where one can append from and reach the root.
func TestLG1_Frontier(t *testing.T) {
	for _, n := range []int{1, 3, 256, 300, 66000} {
		tree, w := write(t, t.TempDir(), n)
		for _, size := range []int{1, 2, 255, 256, 257, 65536, 65999, n} {
			if size > n {
				continue
			}
			hashes, err := tree.Frontier(t.Context(), int64(size))
			if err != nil {
				t.Fatal(err)
			}
			f, err := inclusion.NewFrontier(uint64(size), hashes)
			if err != nil {
				t.Fatal(err)
			}
			for i := size; i < n; i++ {
				if err := f.Append(inclusion.Leaf(body(i))); err != nil {
					t.Fatal(err)
				}
			}
			if root, err := f.Root(); err != nil || string(root) != string(w.Root[:]) {
				t.Errorf("%d of %d: got root %x, %v, want %x", size, n, root, err, w.Root)
			}
		}
	}
}

func TestLG1_Consistency(t *testing.T) {
	dir := t.TempDir()
	for _, sizes := range [][2]int{{1, 1}, {1, 300}, {256, 257}, {255, 66000}, {300, 300}, {65536, 66000}} {
		_, old := write(t, dir, sizes[0])
		tree, now := write(t, dir, sizes[1])
		proof, err := tree.Consistency(t.Context(), int64(old.Size))
		if err != nil {
			t.Fatal(err)
		}
		if err := inclusion.Consistent(uint64(old.Size), old.Root[:], uint64(now.Size), now.Root[:], proof); err != nil {
			t.Errorf("%v: %v", sizes, err)
		}
		other := sha256.Sum256([]byte("another history"))
		err = inclusion.Consistent(uint64(old.Size), other[:], uint64(now.Size), now.Root[:], proof)
		if check.Of(err) != check.Proof {
			t.Errorf("%v: got %v, want check proof", sizes, err)
		}
	}
}

// Every byte counts: in tiles of every level, whole and partial, and in bundles.
func TestLG4_FlippedByteInAnyTile(t *testing.T) {
	dir := t.TempDir()
	const n = 66000
	_, w := write(t, dir, n)
	flipped := 0
	for _, file := range []string{
		tilestest.Path("entries", 0, 256), tilestest.Path("entries", 257, n-257*256), tilestest.Path("entries", 131, 256),
		tilestest.Path("0", 0, 256), tilestest.Path("0", 131, 256), tilestest.Path("0", 257, n-257*256),
		tilestest.Path("1", 0, 256), tilestest.Path("1", 1, 1), tilestest.Path("2", 0, 1),
	} {
		path := filepath.Join(dir, file)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{0, len(good) / 2, len(good) - 1} {
			bad := append([]byte{}, good...)
			bad[at] ^= 1
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			tree, err := tiles.New(tilestest.Dir(dir).Source, n, w.Root)
			if err != nil {
				t.Fatal(err)
			}
			if err := bundlesOnly(t, tree); check.Of(err) != check.Proof {
				t.Errorf("%s byte %d: got %v, want check proof", file, at, err)
			}
			flipped++
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if flipped != 27 {
		t.Errorf("flipped %d bytes, want 27", flipped)
	}
}

func bundlesOnly(t *testing.T, tree *tiles.Tree) error {
	for n := range tree.Bundles() {
		if _, err := tree.Bundle(t.Context(), n); err != nil {
			return err
		}
	}
	return nil
}

// A log that grew may have dropped the partial tiles of before.
func TestLG4_PartialTilesThatAreGone(t *testing.T) {
	dir := t.TempDir()
	old, _ := write(t, dir, 700)
	write(t, dir, 1024)
	for _, level := range []string{"entries", "0"} {
		if err := os.RemoveAll(filepath.Join(dir, filepath.Dir(tilestest.Path(level, 2, 700-512)))); err != nil {
			t.Fatal(err)
		}
	}
	if err := readAll(t, old); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, tilestest.Path("entries", 2, 256))); err != nil {
		t.Fatal(err)
	}
	if err := bundlesOnly(t, old); check.Of(err) != check.Server {
		t.Errorf("got %v, want check server", err)
	}
}

func TestLG4_BundleOfOtherShape(t *testing.T) {
	dir := t.TempDir()
	tree, _ := write(t, dir, 3)
	path := filepath.Join(dir, tilestest.Path("entries", 0, 3))
	good, _ := os.ReadFile(path)
	for name, bad := range map[string][]byte{
		"empty": {}, "one byte": good[:1], "cut in an entry": good[:len(good)-1], "cut in a length": append(good[:len(good):len(good)], 0),
		"one more": append(good[:len(good):len(good)], 0, 0), "one less": good[:22],
		"too many": []byte(strings.Repeat("\x00\x00", 257)),
	} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Bundle(t.Context(), 0); check.Of(err) != check.Proof {
			t.Errorf("%s: got %v, want check proof", name, err)
		}
	}
}

func TestLM5_Bounds(t *testing.T) {
	none := func(context.Context, string, int64) ([]byte, error) { return nil, fs.ErrNotExist }
	for _, size := range []uint64{0, tiles.MaxSize + 1, 1 << 63} {
		if _, err := tiles.New(none, size, [32]byte{}); check.Of(err) != check.Checkpoint {
			t.Errorf("%d: got %v, want check checkpoint", size, err)
		}
	}
	tree, err := tiles.New(none, tiles.MaxSize, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range []int64{-1, tiles.MaxSize} {
		if _, err := tree.Inclusion(t.Context(), index); check.Of(err) != check.Proof || !strings.Contains(err.Error(), "is outside a tree") {
			t.Errorf("%d: got %v, want check proof", index, err)
		}
	}
	for _, n := range []int64{-1, tree.Bundles()} {
		if _, err := tree.Bundle(t.Context(), n); check.Of(err) != check.Proof {
			t.Errorf("%d: got %v, want check proof", n, err)
		}
	}
	for _, size := range []int64{0, tiles.MaxSize + 1} {
		if _, err := tree.Frontier(t.Context(), size); check.Of(err) != check.Proof || !strings.Contains(err.Error(), "is outside a tree") {
			t.Errorf("%d: got %v, want check proof", size, err)
		}
		if _, err := tree.Consistency(t.Context(), size); check.Of(err) != check.Proof || !strings.Contains(err.Error(), "is outside a tree") {
			t.Errorf("%d: got %v, want check proof", size, err)
		}
	}
	if _, err := tree.Inclusion(t.Context(), tiles.MaxSize-1); check.Of(err) != check.Server {
		t.Errorf("got %v, want check server", err)
	}
}

func FuzzBundle(f *testing.F) {
	dir := f.TempDir()
	w, err := tilestest.Write(dir, 2, body)
	if err != nil {
		f.Fatal(err)
	}
	good, _ := os.ReadFile(filepath.Join(dir, tilestest.Path("entries", 0, 2)))
	f.Add(good)
	f.Add(good[:3])
	f.Fuzz(func(t *testing.T, data []byte) {
		source := func(ctx context.Context, path string, limit int64) ([]byte, error) {
			if strings.Contains(path, "entries") {
				return data, nil
			}
			return tilestest.Dir(dir).Source(ctx, path, limit)
		}
		tree, err := tiles.New(source, 2, w.Root)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tree.Bundle(t.Context(), 0)
		if err == nil && !strings.HasPrefix(string(data), string(good)) || err != nil && string(data) == string(good) {
			t.Errorf("%x: got %q, %v", data, got, err)
		}
	})
}
