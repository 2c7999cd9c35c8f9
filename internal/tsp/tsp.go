// Package tsp reads RFC 3161 timestamp responses strictly and makes requests.
//
// Parse believes nothing: it only says that a response is DER, was granted and
// has the one shape that is accepted, a CMS SignedData with exactly one
// SignerInfo over one TSTInfo. Verify turns such a token into a fact about one
// authority. What RFC 5652 allows and no timestamp authority needs (several
// signers, unsigned attributes, revocation lists, BER) is refused.
//
// A Token keeps slices of the bytes it was read from. Treat both as read-only;
// a Token is then safe for concurrent use.
package tsp

import (
	"crypto"
	"crypto/x509"
	"errors"
	"math/big"
	"time"
)

// Limits of what is read (LM-4, catalogue H38).
const (
	MaxSize  = 64 << 10 // bytes of a timestamp response
	MaxCerts = 10       // certificates embedded in one token
	MaxCert  = 32 << 10 // bytes of a certificate in a token
)

// A Request is a timestamp request.
type Request struct {
	DER   []byte
	Nonce *big.Int
}

// A Token is a well-formed timestamp token of a granted response; nothing in
// it is believed until Verify.
type Token struct {
	Time     time.Time // genTime
	Accuracy time.Duration
	Nonce    *big.Int // nil if absent
	Hash     crypto.Hash
	Hashed   []byte // messageImprint

	tsaName []byte   // GeneralName as encoded; nil if absent
	content []byte   // TSTInfo, DER
	certs   [][]byte // embedded certificates, DER, not yet parsed
	signer  signerInfo
}

// ErrUnknown says that a token was not made by the authority of a chain (TS-8).
var ErrUnknown = errors.New("token of another authority")

// Verify checks the token over message against one authority's chain (from the
// issuing end, anchor last; when the first is not a CA it is the pinned TSA
// certificate) at genTime, TS-2..TS-7, and returns the signer's certificate.
//
// It returns ErrUnknown when the signer does not belong to this chain: it is
// neither the pinned certificate nor an embedded one that leads by signatures
// to a CA of the chain. It returns a *check.Error when it does belong but the
// token is wrong: tsa, alg, limit, or time when a certificate of the path was
// not valid at genTime. The window of the authority itself (validFor) is for
// the caller to check.
//
// A trusted root may list two certificates of one CA as two authorities. A
// token of the second is then refused by the first, so a caller with several
// chains must try all of them before it believes a refusal.
func (t *Token) Verify(message []byte, chain []*x509.Certificate) (*x509.Certificate, error) {
	path, err := t.path(chain)
	if err != nil {
		return nil, err
	}
	signer := path[0]
	if err := t.checkImprint(message); err != nil {
		return nil, err
	}
	if err := t.signer.checkBinding(signer); err != nil {
		return nil, err
	}
	if err := t.checkSignature(signer); err != nil {
		return nil, err
	}
	if err := checkProfile(signer); err != nil {
		return nil, err
	}
	if err := t.checkName(signer); err != nil {
		return nil, err
	}
	if err := checkPath(path, t.Time); err != nil {
		return nil, err
	}
	return signer, nil
}
