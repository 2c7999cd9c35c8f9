// Package entry reads and writes the bodies of transparency log entries.
package entry

import (
	"crypto"
	"errors"
)

// A Body is what a log entry says was signed, by which key.
type Body struct {
	Kind, Version string
	Hash          crypto.Hash // of Digest
	Digest        []byte      // hashedrekord: of the artifact or of the PAE; dsse, intoto: of the payload
	Signature     []byte
	Certificate   []byte // DER; nil when the verifier is a public key
	PublicKey     []byte // SPKI DER; nil when the verifier is a certificate
	KeyDetails    string // hashedrekord 0.0.2 only, such as "PKIX_ECDSA_P256_SHA_256"
}

// Parse reads the body of an entry of the given kind and version:
// hashedrekord 0.0.1 and 0.0.2, dsse 0.0.1, intoto 0.0.2 (R2-1, EB-1..EB-7).
// Errors are *check.Error of check entry, parse or limit.
func Parse(kind, version string, body []byte) (*Body, error) { return nil, errors.New("not yet") }

// HashedRekord2 returns the canonical hashedrekord 0.0.2 body (R2-2).
func HashedRekord2(b *Body) ([]byte, error) { return nil, errors.New("not yet") }
