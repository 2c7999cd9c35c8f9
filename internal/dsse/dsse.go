// Package dsse knows DSSE's pre-authentication encoding and in-toto statements.
package dsse

import "fmt"

// PayloadType is the only payload type that is accepted (BP-8).
const PayloadType = "application/vnd.in-toto+json"

// PAE returns the pre-authentication encoding of a payload (DSSE v1): what is
// signed. Lengths are in bytes, so that no two inputs have one encoding (R2-4).
func PAE(payloadType string, payload []byte) []byte {
	return append(Prefix(payloadType, len(payload)), payload...)
}

// Prefix returns what comes before a payload of a length in that encoding, for those
// who hash it without a copy.
func Prefix(payloadType string, length int) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, length)
}
