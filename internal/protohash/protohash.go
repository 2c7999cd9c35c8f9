// Package protohash knows the names that protobuf-specs gives to hash functions
// (HashAlgorithm of sigstore_common.proto). There are three that may be used.
package protohash

import "crypto"

// Of returns the hash function of a name, 0 if it is none that may be used.
func Of(name string) crypto.Hash {
	switch name {
	case "SHA2_256":
		return crypto.SHA256
	case "SHA2_384":
		return crypto.SHA384
	case "SHA2_512":
		return crypto.SHA512
	}
	return 0
}

// Name is the inverse of Of; "" for other hash functions.
func Name(h crypto.Hash) string {
	switch h {
	case crypto.SHA256:
		return "SHA2_256"
	case crypto.SHA384:
		return "SHA2_384"
	case crypto.SHA512:
		return "SHA2_512"
	}
	return ""
}
