package tsp

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// NewRequest asks for a timestamp over the SHA-256 hash of message, with a
// fresh nonce of at least 64 bits from rand, and for the TSA's certificate
// (SG-8, RFC 3161 section 2.4.1).
func NewRequest(message []byte, rand io.Reader) (*Request, error) {
	var random [16]byte
	if _, err := io.ReadFull(rand, random[:]); err != nil {
		return nil, fmt.Errorf("nonce: %w", err)
	}
	nonce := new(big.Int).SetBytes(random[:])
	sum := sha256.Sum256(message)

	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(oidSHA256)) })
				b.AddASN1NULL()
			})
			b.AddASN1OctetString(sum[:])
		})
		b.AddASN1BigInt(nonce)
		b.AddASN1Boolean(true)
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("timestamp request: %w", err)
	}
	return &Request{DER: der, Nonce: nonce}, nil
}
