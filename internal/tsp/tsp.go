// Package tsp reads RFC 3161 timestamp responses strictly and makes requests.
package tsp

import (
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"time"
)

// A Request is a timestamp request.
type Request struct {
	DER   []byte
	Nonce *big.Int
}

// NewRequest asks for a timestamp over the SHA-256 hash of message, with a
// fresh nonce of at least 64 bits from rand (SG-8).
func NewRequest(message []byte, rand io.Reader) (*Request, error) { return nil, errors.New("not yet") }

// A Token is a well-formed timestamp token of a granted response; nothing in
// it is believed until Verify.
type Token struct {
	Time     time.Time // genTime
	Accuracy time.Duration
	Nonce    *big.Int // nil if absent
	Hash     crypto.Hash
	Hashed   []byte // messageImprint
}

// Parse reads a TimeStampResp in DER (TS-1..TS-3, TS-7). Errors are
// *check.Error of check tsa, alg or limit.
func Parse(der []byte) (*Token, error) { return nil, errors.New("not yet") }

// ErrUnknown says that a token was not made by the authority of a chain (TS-8).
var ErrUnknown = errors.New("token of another authority")

// Verify checks the token over message against one authority's chain (from the
// issuing end, anchor last; when the first is not a CA it is the pinned TSA
// certificate) at genTime, TS-2..TS-7, and returns the signer's certificate.
// It returns ErrUnknown when the signer does not belong to this chain, and a
// *check.Error (tsa, alg, time) when it does but the token is wrong.
func (t *Token) Verify(message []byte, chain []*x509.Certificate) (*x509.Certificate, error) {
	return nil, errors.New("not yet")
}
