package inclusion

import (
	"bytes"
	"testing"
)

// FuzzTree is target 11: in trees of up to 2000 leaves that are built from the
// definitions alone, the proof of every leaf verifies, at no other index and for
// no other body. Sizes beyond are for package merkle, which is what verifies.
func FuzzTree(f *testing.F) {
	f.Add(uint16(0), uint16(1), uint16(0))
	f.Add(uint16(6), uint16(7), uint16(3))
	f.Add(uint16(1999), uint16(2000), uint16(1000))
	bodies, leaves := entries(2000)
	f.Fuzz(func(t *testing.T, index, size, other uint16) {
		n := 1 + int(size)%2000
		i, j := int(index)%n, int(other)%n
		root, proof := tree(i, leaves[:n])
		if err := Verify(bodies[i], int64(i), int64(n), proof, root); err != nil {
			t.Errorf("leaf %d of %d: %v", i, n, err)
		}
		if i == j {
			return
		}
		if Verify(bodies[j], int64(i), int64(n), proof, root) == nil {
			t.Errorf("body %d is accepted as leaf %d of %d", j, i, n)
		}
		if Verify(bodies[i], int64(j), int64(n), proof, root) == nil {
			t.Errorf("leaf %d is accepted as leaf %d of %d", i, j, n)
		}
		if other, _ := tree(j, leaves[:n]); !bytes.Equal(other, root) {
			t.Errorf("tree of %d leaves has two roots", n)
		}
	})
}
