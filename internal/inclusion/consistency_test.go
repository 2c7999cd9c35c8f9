package inclusion

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// consistent is PROOF(m, leaves) of RFC 6962 section 2.1.2, straight from its
// definition.
func consistent(m int, leaves [][]byte, whole bool) [][]byte {
	root := func(l [][]byte) []byte { r, _ := tree(0, l); return r }
	if m == len(leaves) {
		if whole {
			return nil
		}
		return [][]byte{root(leaves)}
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	if m <= k {
		return append(consistent(m, leaves[:k], whole), root(leaves[k:]))
	}
	return append(consistent(m-k, leaves[k:], false), root(leaves[:k]))
}

func TestLG1_Consistent(t *testing.T) {
	const most = 40
	_, leaves := entries(most)
	for n := 1; n <= most; n++ {
		now, _ := tree(0, leaves[:n])
		for m := 1; m <= n; m++ {
			old, _ := tree(0, leaves[:m])
			proof := consistent(m, leaves[:n], true)
			if err := Consistent(uint64(m), old, uint64(n), now, proof); err != nil {
				t.Fatalf("%d to %d: %v", m, n, err)
			}
			other := append([]byte{}, old...)
			other[0] ^= 1
			for name, err := range map[string]error{
				"other old root": Consistent(uint64(m), other, uint64(n), now, proof),
				"other new root": Consistent(uint64(m), old, uint64(n), other, proof),
				"one hash more":  Consistent(uint64(m), old, uint64(n), now, append(proof[:len(proof):len(proof)], other)),
			} {
				if check.Of(err) != check.Proof {
					t.Fatalf("%d to %d: %s: got %v, want check proof", m, n, name, err)
				}
			}
			if len(proof) > 0 {
				if err := Consistent(uint64(m), old, uint64(n), now, proof[1:]); check.Of(err) != check.Proof {
					t.Fatalf("%d to %d: one hash less: got %v, want check proof", m, n, err)
				}
			}
		}
	}
}

func TestLG1_LM4_ConsistentBounds(t *testing.T) {
	_, leaves := entries(3)
	old, _ := tree(0, leaves[:2])
	now, _ := tree(0, leaves)
	proof := consistent(2, leaves, true)
	for name, tt := range map[string]struct {
		err  error
		want check.Check
		text string
	}{
		"LG-1 size 0":             {Consistent(0, old, 3, now, nil), check.Proof, "sizes are 0 and 3"},
		"LG-1 larger":             {Consistent(3, now, 2, old, proof), check.Proof, "sizes are 3 and 2"},
		"LG-1 two roots":          {Consistent(3, now, 3, old, nil), check.Proof, "two trees of size 3"},
		"LG-1 one root, a hash":   {Consistent(3, now, 3, now, proof), check.Proof, "not the beginning"},
		"LM-4 short root":         {Consistent(2, old[1:], 3, now, proof), check.Proof, "31 and 32 bytes"},
		"LM-4 long root":          {Consistent(2, old, 3, append(now[:32:32], 0), proof), check.Proof, "32 and 33 bytes"},
		"LM-4 no roots":           {Consistent(3, nil, 3, nil, nil), check.Proof, "0 and 0 bytes"},
		"LM-4 short hash":         {Consistent(2, old, 3, now, [][]byte{proof[0][1:]}), check.Proof, "hash 0 has 31 bytes"},
		"LM-4 too many hashes":    {Consistent(2, old, 3, now, make([][]byte, MaxConsistency+1)), check.Limit, "at most"},
		"LG-1 sizes of 2^64 - 1":  {Consistent(1<<64-2, old, 1<<64-1, now, proof), check.Proof, "not the beginning"},
		"LG-1 a fork, no hashes":  {Consistent(2, old, 3, now, nil), check.Proof, "not the beginning"},
		"LG-1 proof of other two": {Consistent(1, leaves[0], 3, now, proof), check.Proof, "not the beginning"},
	} {
		if check.Of(tt.err) != tt.want || !strings.Contains(tt.err.Error(), tt.text) {
			t.Errorf("%s: got %v, want check %s with %q", name, tt.err, tt.want, tt.text)
		}
	}
}

func TestLM4_LM5_R1_4_FrontierBounds(t *testing.T) {
	_, leaves := entries(6)
	_, err := NewFrontier(2, [][]byte{leaves[0][1:]})
	_, noLeaf := FrontierOf(0, leaves[5], nil)
	_, short := FrontierOf(4, leaves[3], [][]byte{leaves[2]})
	for text, err := range map[string]error{"hash 0 has 31 bytes": err, "size 0": noLeaf, "proof has 1 hashes, want at least 2": short} {
		if check.Of(err) != check.Proof || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want check proof with %q", err, text)
		}
	}
	// The frontier of every size can be appended to.
	for size := 1; size < len(leaves); size++ {
		_, path := tree(size-1, leaves[:size])
		f, err := FrontierOf(uint64(size), leaves[size-1], path)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range leaves[size:] {
			if err := f.Append(l); err != nil {
				t.Fatal(err)
			}
		}
		want, _ := tree(0, leaves)
		if root, err := f.Root(); err != nil || !bytes.Equal(root, want) {
			t.Errorf("%d: got root %x, %v, want %x", size, root, err, want)
		}
	}
}
