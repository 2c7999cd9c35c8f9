// Package hashname knows the names of the hash functions that may be used. There are
// three.
package hashname

import "crypto"

var known = [...]struct {
	hash         crypto.Hash
	plain, proto string
}{
	{crypto.SHA256, "sha256", "SHA2_256"},
	{crypto.SHA384, "sha384", "SHA2_384"},
	{crypto.SHA512, "sha512", "SHA2_512"},
}

// Of returns the hash function of a name as digests in text, in-toto statements and
// Rekor v1 have it, 0 if it is none that may be used.
func Of(name string) crypto.Hash {
	for _, k := range known {
		if k.plain == name {
			return k.hash
		}
	}
	return 0
}

// Name is the inverse of Of; "" for other hash functions.
func Name(h crypto.Hash) string {
	for _, k := range known {
		if k.hash == h {
			return k.plain
		}
	}
	return ""
}

// OfProto is Of for the names of protobuf-specs (HashAlgorithm of
// sigstore_common.proto).
func OfProto(name string) crypto.Hash {
	for _, k := range known {
		if k.proto == name {
			return k.hash
		}
	}
	return 0
}

// ProtoName is the inverse of OfProto; "" for other hash functions.
func ProtoName(h crypto.Hash) string {
	for _, k := range known {
		if k.hash == h {
			return k.proto
		}
	}
	return ""
}
