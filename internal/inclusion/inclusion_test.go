package inclusion

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

func node(l, r []byte) []byte {
	h := sha256.New()
	h.Write([]byte{1})
	h.Write(l)
	h.Write(r)
	return h.Sum(nil)
}

// tree returns the root and the proof of leaf m among the leaves, straight from
// the recursive definitions of RFC 6962 section 2.1.
func tree(m int, leaves [][]byte) (root []byte, proof [][]byte) {
	if len(leaves) == 1 {
		return leaves[0], nil
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	l, lp := tree(min(m, k-1), leaves[:k])
	r, rp := tree(max(m-k, 0), leaves[k:])
	if m < k {
		return node(l, r), append(lp, r)
	}
	return node(l, r), append(rp, l)
}

func entries(n int) (bodies, leaves [][]byte) {
	for i := range n {
		b := fmt.Appendf(nil, "entry %d", i)
		sum := sha256.Sum256(append([]byte{0}, b...))
		bodies, leaves = append(bodies, b), append(leaves, sum[:])
	}
	return bodies, leaves
}

func TestR1_4_EveryLeafOfSmallTrees(t *testing.T) {
	n := 0
	for size := 1; size <= 20; size++ {
		bodies, leaves := entries(size)
		for i := range size {
			root, proof := tree(i, leaves)
			if err := Verify(bodies[i], int64(i), int64(size), proof, root); err != nil {
				t.Errorf("leaf %d of %d: %v", i, size, err)
			}
			for j := range size { // every other position is refused
				if j == i {
					continue
				}
				n++
				if err := Verify(bodies[i], int64(j), int64(size), proof, root); check.Of(err) != check.Proof {
					t.Errorf("leaf %d of %d as %d: got %v, want check proof", i, size, j, err)
				}
			}
		}
	}
	if n != 2660 {
		t.Errorf("looked at %d wrong positions, want 2660", n)
	}
}

func TestR1_4_LM_5_Refusals(t *testing.T) {
	bodies, leaves := entries(7)
	root, proof := tree(3, leaves)
	bit := func(b []byte) []byte { c := slices.Clone(b); c[5] ^= 1; return c }
	with := func(i int, h []byte) [][]byte { c := slices.Clone(proof); c[i] = h; return c }
	hash := make([]byte, 32)
	for _, tt := range []struct {
		row, name   string
		body        []byte
		index, size int64
		hashes      [][]byte
		root        []byte
		want        check.Check
		rule        string
	}{
		{"E14", "hash byte flips", bodies[3], 3, 7, with(1, bit(proof[1])), root, check.Proof, "R1-4"},
		{"E15", "hash dropped", bodies[3], 3, 7, proof[:2], root, check.Proof, "R1-4"},
		{"E15", "hash added", bodies[3], 3, 7, append(slices.Clone(proof), hash), root, check.Proof, "R1-4"},
		{"E15", "hashes swapped", bodies[3], 3, 7, [][]byte{proof[1], proof[0], proof[2]}, root, check.Proof, "R1-4"},
		{"E15", "no hashes", bodies[3], 3, 7, nil, root, check.Proof, "R1-4"},
		{"E16", "hash of 31 bytes", bodies[3], 3, 7, with(0, proof[0][:31]), root, check.Proof, "LM-4"},
		{"E16", "hash of 33 bytes", bodies[3], 3, 7, with(0, append(slices.Clone(proof[0]), 0)), root, check.Proof, "LM-4"},
		{"E16", "hash of 0 bytes", bodies[3], 3, 7, with(0, nil), root, check.Proof, "LM-4"},
		{"E17", "index one more", bodies[3], 4, 7, proof, root, check.Proof, "R1-4"},
		{"E17", "index one less", bodies[3], 2, 7, proof, root, check.Proof, "R1-4"},
		{"E17", "index is size", bodies[3], 7, 7, proof, root, check.Proof, "LM-5"},
		{"LM-5", "index negative", bodies[3], -1, 7, proof, root, check.Proof, "LM-5"},
		{"E17", "size 0", bodies[3], 0, 0, nil, root, check.Proof, "LM-5"},
		{"LM-5", "size negative", bodies[3], 0, math.MinInt64, nil, root, check.Proof, "LM-5"},
		{"E17", "size so small that the proof is too long", bodies[3], 3, 4, proof, root, check.Proof, "R1-4"},
		{"E17", "size so large that the proof is too short", bodies[3], 3, 9, proof, root, check.Proof, "R1-4"},
		{"E18", "largest tree", bodies[3], math.MaxInt64 - 1, math.MaxInt64, slices.Repeat([][]byte{hash}, 63), root, check.Proof, "R1-4"},
		{"E19", "root differs", bodies[3], 3, 7, proof, bit(root), check.Proof, "R1-4"},
		{"E19", "root missing", bodies[3], 3, 7, proof, nil, check.Proof, "LM-4"},
		{"E20", "inner node as leaf", append(slices.Clone(leaves[2]), leaves[3]...), 1, 4, proof[1:], root, check.Proof, "R1-4"},
		{"E21", "tree of one with a hash", bodies[0], 0, 1, [][]byte{hash}, leaves[0], check.Proof, "R1-4"},
		{"E24", "proof of another entry", bodies[2], 3, 7, proof, root, check.Proof, "R1-4"},
		{"LM-4", "64 hashes", bodies[3], 3, 7, slices.Repeat([][]byte{hash}, 64), root, check.Limit, "LM-4"},
	} {
		t.Run(tt.row+" "+tt.name, func(t *testing.T) {
			err := Verify(tt.body, tt.index, tt.size, tt.hashes, tt.root)
			e, ok := err.(*check.Error)
			if !ok || e.Check != tt.want || e.Rule != tt.rule {
				t.Errorf("got %#v, want check %q by %s", err, tt.want, tt.rule)
			}
		})
	}
	t.Run("E21 tree of one without a hash", func(t *testing.T) {
		if err := Verify(bodies[0], 0, 1, nil, leaves[0]); err != nil {
			t.Error(err)
		}
	})
}

// FuzzVerify changes one thing of a good proof. What is accepted must be the
// proof itself.
func FuzzVerify(f *testing.F) {
	f.Add([]byte("entry 3"), int64(3), int64(7), uint16(0), byte(0))
	f.Add([]byte("entry 3"), int64(3), int64(7), uint16(9), byte(1))
	f.Add([]byte("entry 3"), int64(math.MaxInt64), int64(-1), uint16(95), byte(0x80))
	bodies, leaves := entries(7)
	root, proof := tree(3, leaves)
	f.Fuzz(func(t *testing.T, body []byte, index, size int64, at uint16, flip byte) {
		hashes := make([][]byte, len(proof))
		for i := range proof {
			hashes[i] = slices.Clone(proof[i])
		}
		i := int(at) % (len(hashes) * 32)
		hashes[i/32][i%32] ^= flip
		err := Verify(body, index, size, hashes, root)
		// Sizes with the same path as 3 in 7 are told apart by the checkpoint.
		same := string(body) == string(bodies[3]) && index == 3 && flip == 0
		if err == nil && !same {
			t.Errorf("accepted body %q index %d size %d flip %x", body, index, size, flip)
		}
		if same && size == 7 && err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := binary.BigEndian.AppendUint64(make([]byte, 1000), 1)
	hash := make([]byte, 32)
	hashes := slices.Repeat([][]byte{hash}, 30)
	for b.Loop() {
		_ = Verify(body, 0, 1<<30, hashes, hash)
	}
}
