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

// FuzzConsistent is target 12: in trees of up to 500 leaves that are built from
// the definitions alone, the proof of every two sizes verifies, and not for
// another old root, another size or with a hash altered.
func FuzzConsistent(f *testing.F) {
	f.Add(uint16(0), uint16(1), uint16(0))
	f.Add(uint16(6), uint16(7), uint16(3))
	f.Add(uint16(300), uint16(499), uint16(255))
	_, leaves := entries(500)
	f.Fuzz(func(t *testing.T, older, size, other uint16) {
		n := 1 + int(size)%len(leaves)
		m, o := 1+int(older)%n, 1+int(other)%n
		now, _ := tree(0, leaves[:n])
		old, _ := tree(0, leaves[:m])
		proof := consistent(m, leaves[:n], true)
		if err := Consistent(uint64(m), old, uint64(n), now, proof); err != nil {
			t.Fatalf("%d to %d: %v", m, n, err)
		}
		if o != m {
			foreign, _ := tree(0, leaves[:o])
			if Consistent(uint64(m), foreign, uint64(n), now, proof) == nil {
				t.Errorf("%d to %d: root of %d is accepted", m, n, o)
			}
			if Consistent(uint64(o), old, uint64(n), now, proof) == nil {
				t.Errorf("%d to %d: accepted as of %d", m, n, o)
			}
		}
		if len(proof) > 0 {
			i := int(other) % len(proof)
			proof[i] = bytes.Clone(proof[i])
			proof[i][int(older)%32] ^= 1
			if Consistent(uint64(m), old, uint64(n), now, proof) == nil {
				t.Errorf("%d to %d: accepted with hash %d altered", m, n, i)
			}
		}
	})
}
