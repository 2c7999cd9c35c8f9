package tsptest

import (
	"encoding/asn1"
	"math/big"
	"slices"
)

// TLV writes one DER element with a low tag.
func TLV(tag byte, parts ...[]byte) []byte { return tlv(tag, parts...) }

// Seq writes a SEQUENCE.
func Seq(parts ...[]byte) []byte { return seq(parts...) }

// OID writes an object identifier.
func OID(o asn1.ObjectIdentifier) []byte { return oid(o) }

// Integer writes an INTEGER.
func Integer(n int64) []byte { return integer(big.NewInt(n)) }

// Alg writes an AlgorithmIdentifier, with NULL parameters or none.
func Alg(o asn1.ObjectIdentifier, null bool) []byte { return alg(o, null) }

func tlv(tag byte, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	out := []byte{tag}
	switch n := len(body); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	case n < 0x10000:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, body...)
}

func seq(parts ...[]byte) []byte { return tlv(0x30, parts...) }

func oid(o asn1.ObjectIdentifier) []byte {
	der, err := asn1.Marshal(o)
	if err != nil {
		panic("object identifier of a test: " + err.Error())
	}
	return der
}

func integer(n *big.Int) []byte {
	der, err := asn1.Marshal(n)
	if err != nil {
		panic("integer of a test: " + err.Error())
	}
	return der
}

func alg(o asn1.ObjectIdentifier, null bool) []byte {
	if null {
		return seq(oid(o), []byte{5, 0})
	}
	return seq(oid(o))
}
