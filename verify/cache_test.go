package verify

import (
	"encoding/binary"
	"testing"
)

func TestCacheIsBounded(t *testing.T) {
	var c cache[int]
	for i := range 3 * cacheSize {
		var key [32]byte
		binary.BigEndian.PutUint64(key[:], uint64(i))
		c.put(key, i)
		if got, ok := c.get(key); !ok || got != i {
			t.Fatalf("get(%d) = %d, %v", i, got, ok)
		}
	}
	if len(c.m) != cacheSize {
		t.Errorf("holds %d, want %d", len(c.m), cacheSize)
	}
}
