package tiles

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func TestLM1_TilesInMemory(t *testing.T) {
	f := &fetcher{tree: &Tree{known: map[tlog.Tile][]byte{}}}
	save := func(n int) { f.SaveTiles([]tlog.Tile{{H: height, L: 1, N: int64(n), W: 1}}, [][]byte{nil}) }
	for n := range maxKnown {
		save(n)
	}
	if n := len(f.tree.known); n != maxKnown {
		t.Errorf("%d tiles in memory, want %d", n, maxKnown)
	}
	if save(maxKnown); len(f.tree.known) != 1 {
		t.Errorf("%d tiles in memory, want only the last", len(f.tree.known))
	}
}
