package sigtest

// A tree is a Merkle tree in memory (RFC 6962 section 2.1). It is made for few
// leaves, and on purpose of nothing but the definitions.
type tree struct{ leaves [][]byte }

// LeafHash returns SHA-256(0x00 ‖ body).
func LeafHash(body []byte) []byte { return sum256([]byte{0}, body) }

func (t *tree) add(body []byte) { t.leaves = append(t.leaves, LeafHash(body)) }

// root is MTH of leaf hashes.
func root(leaves [][]byte) []byte {
	switch len(leaves) {
	case 0:
		return sum256()
	case 1:
		return leaves[0]
	}
	k := half(len(leaves))
	return sum256([]byte{1}, root(leaves[:k]), root(leaves[k:]))
}

// path is PATH(i, leaves), from the leaf to the root.
func path(i int, leaves [][]byte) [][]byte {
	if len(leaves) < 2 {
		return nil
	}
	k := half(len(leaves))
	if i < k {
		return append(path(i, leaves[:k]), root(leaves[k:]))
	}
	return append(path(i-k, leaves[k:]), root(leaves[:k]))
}

// half is the largest power of two below n.
func half(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}
