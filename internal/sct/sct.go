// Package sct reads and verifies the signed certificate timestamps embedded in
// a certificate (RFC 6962 section 3).
package sct

import (
	"crypto"
	"crypto/x509"
	"errors"
	"time"
)

// An SCT is one signed certificate timestamp of a list.
type SCT struct {
	LogID      [32]byte
	Time       time.Time // millisecond resolution
	Extensions []byte
	hashAlg    byte
	sigAlg     byte
	signature  []byte
}

// FromCertificate returns the embedded SCTs, at most 16 (CT-5, LM-4). No
// extension or an empty list is an error of check sct.
func FromCertificate(cert *x509.Certificate) ([]SCT, error) { return nil, errors.New("not yet") }

// Verify checks the signature of a log's key over the precertificate of cert
// as issued by issuer (CT-2, CT-3).
func (s *SCT) Verify(cert, issuer *x509.Certificate, key crypto.PublicKey) error {
	return errors.New("not yet")
}
