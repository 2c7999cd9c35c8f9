package vectors

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"math/big"
	"slices"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
)

var (
	oidECDSA = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidP256  = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	oidRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
)

// keyFaults are rows of group B about the key in the certificate.
func keyFaults() []job {
	alg, parse := is(check.Alg), is(check.Parse)
	return []job{
		{"B27", func(l *lab) {
			for what, k := range map[string]*rsa.PublicKey{
				"1024 bits": number(1024, 65537), "2047 bits": number(2047, 65537), "8193 bits": number(8193, 65537), "16384 bits": number(16384, 65537),
				"exponent 1": number(2048, 1), "exponent 2": number(2048, 2), "even exponent": number(2048, 65536),
				"even modulus": even(number(2048, 65537)),
			} {
				l.keyed(what, alg, rsaSPKI(big.NewInt(int64(k.E)), k.N))
			}
			l.keyed("exponent of 33 bits", is(check.Alg, check.Parse), rsaSPKI(new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 32), big.NewInt(1)), number(2048, 3).N))
			l.keyed("exponent of 4096 bits", parse, rsaSPKI(number(4096, 3).N, number(2048, 3).N))
			l.keyed("exponent 0", parse, rsaSPKI(new(big.Int), number(2048, 3).N))
			l.keyed("negative modulus", parse, rsaSPKI(big.NewInt(65537), new(big.Int).Neg(number(2048, 3).N)))
		}},
		{"B28", func(l *lab) {
			l.keyed("P-224", alg, sigtest.SPKI(&ecdsa.PublicKey{Curve: elliptic.P224(), X: elliptic.P224().Params().Gx, Y: elliptic.P224().Params().Gy})) //lint:ignore SA1019 a key that must be refused
			g := elliptic.P256().Params()
			point := slices.Concat([]byte{4}, g.Gx.FillBytes(make([]byte, 32)), g.Gy.FillBytes(make([]byte, 32)))
			l.keyed("secp256k1", alg, ecSPKI(tsptest.OID(asn1.ObjectIdentifier{1, 3, 132, 0, 10}), point))
			l.keyed("unknown curve", alg, ecSPKI(tsptest.OID(asn1.ObjectIdentifier{1, 2, 3, 4}), point))
			one := tsptest.Integer(1)
			l.keyed("DSA", alg, tsptest.Seq(tsptest.Seq(tsptest.OID(asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}), tsptest.Seq(one, one, one)), bitString(one)))
			l.keyed("X25519", alg, tsptest.Seq(tsptest.Alg(asn1.ObjectIdentifier{1, 3, 101, 110}, false), bitString(make([]byte, 32))))
			l.keyed("Ed448", alg, tsptest.Seq(tsptest.Alg(asn1.ObjectIdentifier{1, 3, 101, 113}, false), bitString(make([]byte, 57))))
			l.keyed("unknown", alg, tsptest.Seq(tsptest.Alg(asn1.ObjectIdentifier{1, 2, 3, 4}, true), bitString(make([]byte, 32))))
		}},
		{"B29", func(l *lab) {
			g := elliptic.P256().Params()
			x, y := g.Gx.FillBytes(make([]byte, 32)), g.Gy.FillBytes(make([]byte, 32))
			for what, point := range map[string][]byte{
				"not on the curve":  slices.Concat([]byte{4}, x, x),
				"at infinity":       {0},
				"zeros":             slices.Concat([]byte{4}, make([]byte, 64)),
				"compressed":        slices.Concat([]byte{3}, x),
				"hybrid":            slices.Concat([]byte{7}, x, y),
				"a byte more":       slices.Concat([]byte{4}, x, y, []byte{0}),
				"a byte less":       slices.Concat([]byte{4}, x, y[:31]),
				"empty":             {},
				"beyond the field":  slices.Concat([]byte{4}, slices.Repeat([]byte{0xff}, 64)),
				"of another length": make([]byte, 97),
			} {
				l.keyed(what, parse, ecSPKI(tsptest.OID(oidP256), point))
			}
		}},
		{"B30", func(l *lab) {
			ed := func(k []byte) []byte {
				return tsptest.Seq(tsptest.Alg(asn1.ObjectIdentifier{1, 3, 101, 112}, false), bitString(k))
			}
			for _, n := range []int{0, 31, 33, 64} {
				l.keyed(name("%d bytes", n), parse, ed(make([]byte, n)))
			}
			for what, k := range smallOrder() {
				l.keyed("point of small order: "+what, alg, ed(k))
			}
			l.keyed("NULL parameters", parse, tsptest.Seq(tsptest.Alg(asn1.ObjectIdentifier{1, 3, 101, 112}, true), bitString(sigtest.SPKI(sigtest.Ed25519("x").Public())[12:])))
		}},
		{"B42", func(l *lab) {
			g := elliptic.P256().Params()
			point := slices.Concat([]byte{4}, g.Gx.FillBytes(make([]byte, 32)), g.Gy.FillBytes(make([]byte, 32)))
			prime := tsptest.Seq(tsptest.OID(asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 1}), must(asn1.Marshal(g.P)))
			explicit := tsptest.Seq(tsptest.Integer(1), prime, tsptest.Seq(tsptest.TLV(4, make([]byte, 32)), tsptest.TLV(4, g.B.Bytes())), tsptest.TLV(4, point), must(asn1.Marshal(g.N)))
			l.keyed("explicit curve", parse, ecSPKI(explicit, point))
			l.keyed("ECDSA without curve", parse, tsptest.Seq(tsptest.Alg(oidECDSA, false), bitString(point)))
			own := elements(sigtest.SPKI(l.SignerKey().Public()))
			l.keyed("ECDSA with a curve and NULL", parse, tsptest.Seq(tsptest.Seq(tsptest.OID(oidECDSA), tsptest.OID(oidP256), []byte{5, 0}), own[1]))
			l.keyed("ECDSA with NULL", parse, ecSPKI([]byte{5, 0}, point))
			k := number(2048, 65537)
			inner := tsptest.Seq(must(asn1.Marshal(k.N)), tsptest.Integer(65537))
			l.keyed("RSA without NULL", parse, tsptest.Seq(tsptest.Alg(oidRSA, false), bitString(inner)))
			key := sigtest.RSA()
			real := append(tsptest.Seq(must(asn1.Marshal(key.N)), tsptest.Integer(int64(key.E))), 0)
			behind := tbsField(tbsKey, func([]byte) []byte { return tsptest.Seq(tsptest.Alg(oidRSA, true), bitString(real)) })
			l.each([]string{"v1", "v2", "v2 in 0.2"}, "RSA with a byte behind", parse, behind, by(key, 0))
		}},
	}
}

// keyed certifies an odd key. The log of certificates and the authority sign it.
func (l *lab) keyed(what string, want []check.Check, spki []byte) {
	l.each([]string{"v1", "v2", "v2 in 0.2"}, what, want, tbsField(tbsKey, func([]byte) []byte { return spki }))
}

func bitString(b []byte) []byte { return tsptest.TLV(3, []byte{0}, b) }

func ecSPKI(curve, point []byte) []byte {
	return tsptest.Seq(tsptest.Seq(tsptest.OID(oidECDSA), curve), bitString(point))
}

func rsaSPKI(e, n *big.Int) []byte {
	return tsptest.Seq(tsptest.Alg(oidRSA, true), bitString(tsptest.Seq(must(asn1.Marshal(n)), must(asn1.Marshal(e)))))
}

// number is what looks like an RSA key.
func number(bits, e int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(12345)), E: e}
}

func even(k *rsa.PublicKey) *rsa.PublicKey {
	k.N.SetBit(k.N, 0, 0)
	return k
}

// smallOrder lists points of Ed25519 that vanish when multiplied by eight.
func smallOrder() map[string][]byte {
	point := func(first, last byte) []byte {
		b := make([]byte, 32)
		b[0], b[31] = first, last
		return b
	}
	minusOne := slices.Concat([]byte{0xec}, slices.Repeat([]byte{0xff}, 30), []byte{0x7f})
	eighth := []byte{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05}
	return map[string][]byte{"order 1": point(1, 0), "order 2": minusOne, "order 4": point(0, 0), "order 8": eighth}
}
