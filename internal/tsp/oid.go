package tsp

import "crypto"

// Object identifiers as the content bytes of their DER encoding, so that they
// are compared without being decoded: an OID from outside never allocates.
const (
	oidSignedData    = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"         // 1.2.840.113549.1.7.2
	oidTSTInfo       = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04" // 1.2.840.113549.1.9.16.1.4
	oidContentType   = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"         // 1.2.840.113549.1.9.3
	oidMessageDigest = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"         // 1.2.840.113549.1.9.4
	oidSigningCertV2 = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2f" // 1.2.840.113549.1.9.16.2.47

	oidSHA256 = "\x60\x86\x48\x01\x65\x03\x04\x02\x01" // 2.16.840.1.101.3.4.2.1
	oidSHA384 = "\x60\x86\x48\x01\x65\x03\x04\x02\x02"
	oidSHA512 = "\x60\x86\x48\x01\x65\x03\x04\x02\x03"

	oidRSA         = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" // rsaEncryption, 1.2.840.113549.1.1.1
	oidRSASHA256   = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"
	oidRSASHA384   = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"
	oidRSASHA512   = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"
	oidECDSASHA256 = "\x2a\x86\x48\xce\x3d\x04\x03\x02" // 1.2.840.10045.4.3.2
	oidECDSASHA384 = "\x2a\x86\x48\xce\x3d\x04\x03\x03"
	oidECDSASHA512 = "\x2a\x86\x48\xce\x3d\x04\x03\x04"
	oidEd25519     = "\x2b\x65\x70" // 1.3.101.112
)

// hashOf returns the hash function of an OID, 0 if it is not one of the three
// that are accepted (TS-3).
func hashOf(oid []byte) crypto.Hash {
	switch string(oid) {
	case oidSHA256:
		return crypto.SHA256
	case oidSHA384:
		return crypto.SHA384
	case oidSHA512:
		return crypto.SHA512
	}
	return 0
}

// A family is a kind of signature key.
type family int

const (
	rsaKey family = iota + 1
	ecdsaKey
	ed25519Key
)

// A sigAlg is a signature algorithm of a SignerInfo. A zero hash goes with any
// digest algorithm (rsaEncryption, RFC 3370 section 3.2).
type sigAlg struct {
	family family
	hash   crypto.Hash
}

// sigAlgOf returns the signature algorithm of an OID.
func sigAlgOf(oid []byte) (sigAlg, bool) {
	switch string(oid) {
	case oidRSA:
		return sigAlg{rsaKey, 0}, true
	case oidRSASHA256:
		return sigAlg{rsaKey, crypto.SHA256}, true
	case oidRSASHA384:
		return sigAlg{rsaKey, crypto.SHA384}, true
	case oidRSASHA512:
		return sigAlg{rsaKey, crypto.SHA512}, true
	case oidECDSASHA256:
		return sigAlg{ecdsaKey, crypto.SHA256}, true
	case oidECDSASHA384:
		return sigAlg{ecdsaKey, crypto.SHA384}, true
	case oidECDSASHA512:
		return sigAlg{ecdsaKey, crypto.SHA512}, true
	case oidEd25519:
		return sigAlg{ed25519Key, crypto.SHA512}, true // RFC 8419 section 3.1
	}
	return sigAlg{}, false
}
