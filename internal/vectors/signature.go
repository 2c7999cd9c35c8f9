package vectors

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/verify"
)

// signed is a fault in the signature before it is stamped and logged.
func signed(f func([]byte) []byte) fault { return func(p *plan) { p.Signature = f } }

// by signs with another key.
func by(key crypto.Signer, h crypto.Hash) fault {
	return func(p *plan) { p.Key = sigtest.Key{Signer: key, Hash: h} }
}

// every is a bundle of every way to sign and log.
func every() []string {
	return []string{"v1", "v1 dsse", "v1 intoto", "v1 in 0.1", "v2", "v2 dsse", "key", "key dsse", "key v1"}
}

// signatureFaults are rows of group J about the signature and the artifact.
func signatureFaults() []job {
	bad := is(check.Signature)
	return []job{
		{"J1", func(l *lab) {
			for what, a := range map[string]string{"bit changed": "artifacu\n", "cut": "artifact", "byte behind": "artifact\n\n", "empty": ""} {
				unclaimed := bundled(func(b *bundle.Bundle) {
					if b.Message != nil {
						b.Message.Digest = nil
					}
				})
				l.each([]string{"v1", "v2", "key", "v1 in 0.1"}, what, bad, func(p *plan) { p.artifact = []byte(a) }, unclaimed)
				l.each([]string{"v1", "v2", "key", "v1 in 0.1"}, what+", known by its digest", bad, all(func(p *plan) { p.artifact = []byte(a) }, byDigest), unclaimed, byDigest)
				l.each([]string{"v1", "v2", "key"}, what+", bundle claims a digest", is(check.Digest), func(p *plan) { p.artifact = []byte(a) })
			}
		}},
		{"J2", func(l *lab) {
			l.each(every(), "by another key", bad, func(p *plan) {
				message := p.Maker.Artifact
				if p.Statement != nil {
					message = paeOf(p.Statement)
				}
				other := sigtest.SignMessage(sigtest.ECDSA(elliptic.P256(), "another"), crypto.SHA256, message)
				p.Signature = func([]byte) []byte { return other }
			})
		}},
		{"J3", func(l *lab) {
			n := len(l.Make(*l.plan("v2").Maker).Signature)
			l.many(func() {
				for _, shape := range []string{"v1", "v2", "v2 dsse"} {
					for bit := range 8 * n {
						l.bad(shape, name("bit %d", bit), bad, signed(func(b []byte) []byte { return flip(b, min(bit, bits(b)-1)) }))
					}
				}
			})
		}},
		{"J4", ecdsaNumbers},
		{"J5", edwards},
		{"J6", rsaPadding},
		{"J7", func(l *lab) {
			key := sigtest.RSA()
			pss := func(b []byte) []byte {
				return must(rsa.SignPSS(zeros{}, key, crypto.SHA256, sum256(artifact()), &rsa.PSSOptions{SaltLength: 32}))
			}
			l.each([]string{"v1", "v2"}, "PSS for PKCS #1", bad, signed(pss), by(key, 0))
			asPSS := logged(func(b []byte) []byte {
				n := parse(b)
				n.at("spec", "hashedRekordV002", "signature", "verifier").set("keyDetails", str("PKIX_RSA_PSS_2048_SHA256"))
				return n.bytes()
			})
			l.bad("v2", "PKCS #1 for PSS", bad, asPSS, by(key, 0))
			l.bad("v2", "PSS with a salt of 20 bytes", bad, signed(func([]byte) []byte {
				return must(rsa.SignPSS(zeros{}, key, crypto.SHA256, sum256(artifact()), &rsa.PSSOptions{SaltLength: 20}))
			}), by(key, 0), asPSS, signed(pss))
			l.pass("v2", "PSS declared", all(by(key, 0), asPSS, signed(pss)))
		}},
		{"J8", func(l *lab) {
			key := sigtest.Ed25519("signer")
			pure := func([]byte) []byte { return sigtest.SignMessage(key, 0, artifact()) }
			l.bad("v2", "pure for Ed25519ph", bad, signed(pure), by(key, crypto.SHA512))
			l.bad("v2", "pure over the digest for Ed25519ph", bad, signed(func([]byte) []byte { return sigtest.SignMessage(key, 0, sum512(artifact())) }), by(key, crypto.SHA512))
			l.bad("v1 dsse", "Ed25519ph for pure", bad, func(p *plan) { p.Signature = nil }, by(key, crypto.SHA512), func(p *plan) {
				p.Signature = func([]byte) []byte { return sigtest.SignMessage(key, 0, paeOf(p.Statement)) }
			})
		}},
		{"J9", func(l *lab) {
			for bits, c := range map[string]elliptic.Curve{"384": elliptic.P384(), "521": elliptic.P521()} {
				own := map[string]crypto.Hash{"384": crypto.SHA384, "521": crypto.SHA512}[bits]
				key := sigtest.ECDSA(c, "signer "+bits)
				over := func(h crypto.Hash) fault {
					return signed(func([]byte) []byte { return sigtest.SignMessage(key, h, artifact()) })
				}
				for _, shape := range []string{"v1", "v2"} {
					l.bad(shape, "P-"+bits+" signs SHA-256, another is logged", bad, over(crypto.SHA256), by(key, own))
					l.bad(shape, "P-"+bits+" signs its own, SHA-256 is logged", bad, over(own), by(key, crypto.SHA256))
					l.warned(shape, "P-"+bits+" with SHA-256", "deprecated", by(key, crypto.SHA256))
					l.pass(shape, "P-"+bits+" with its own", by(key, own))
				}
			}
		}},
		{"J10", func(l *lab) {
			good := "sha256:" + strings.Repeat("ab", 32)
			for _, s := range []string{"", "sha256", "sha256:", "sha256:" + strings.Repeat("ab", 31), "sha256:" + strings.Repeat("ab", 33), "sha1:" + strings.Repeat("ab", 20), "md5:" + strings.Repeat("ab", 16),
				"sha256:" + strings.Repeat("AB", 32), "SHA256:" + strings.Repeat("ab", 32), "sha512:" + strings.Repeat("ab", 32), "sha256:" + strings.Repeat("zz", 32), strings.Repeat("ab", 32), good + " ", " " + good, "sha256:a" + strings.Repeat("ab", 31) + "a "} {
				l.each([]string{"v2"}, name("%.30q", s), is(check.Usage), func(p *plan) {
					if p.digest = s; s == "" {
						p.digest = ":"
					}
				})
			}
			l.call("by number: SHA-1", check.Usage, fromDigest(crypto.SHA1, 20), fromDigest(crypto.SHA256, 32))
			l.call("by number: 31 bytes", check.Usage, fromDigest(crypto.SHA256, 31), fromDigest(crypto.SHA256, 32))
			l.call("hashed with MD5", check.Usage, hashed(crypto.MD5), hashed(crypto.SHA384))
			l.bad("v2", "digest by another hash", is(check.Usage), func(p *plan) { p.digest = "sha512:" + strings.Repeat("ab", 64) })
		}},
		{"J11", func(l *lab) {
			key := sigtest.Ed25519("signer")
			unlogged := func(p *plan) {
				p.evidence = verify.Evidence{SCTs: 1, Times: 1}
				bundled(func(b *bundle.Bundle) { b.Entries = nil })(p)
			}
			l.bad("v2", "pure Ed25519 over an artifact", is(check.Usage), by(key, crypto.SHA512), unlogged)
			l.bad("v2", "Ed25519 logged with SHA-256", is(check.Alg), logged(func(b []byte) []byte {
				n := parse(b)
				n.at("spec", "hashedRekordV002", "data").set("algorithm", str("SHA2_256"))
				n.at("spec", "hashedRekordV002", "data").set("digest", inBase64(sum256(artifact())))
				n.at("spec", "hashedRekordV002", "signature", "verifier").set("keyDetails", str("PKIX_ECDSA_P256_SHA_256"))
				return n.bytes()
			}), by(key, crypto.SHA512))
			l.bad("v1", "RSA logged with SHA-512", is(check.Alg), bodied(func(b *entry.Body) { b.Hash, b.Digest = crypto.SHA512, sum512(artifact()) }), by(sigtest.RSA(), 0))
		}},
		{"J29", func(l *lab) {
			for _, shape := range []string{"v1", "v2", "key", "v1 in 0.1"} {
				l.pass(shape, "empty artifact", func(p *plan) { p.Maker.Artifact, p.artifact = []byte{}, nil })
			}
		}},
	}
}

func fromDigest(h crypto.Hash, n int) func() error {
	return func() error { _, err := verify.FromDigest(h, make([]byte, n)); return err }
}

func hashed(h crypto.Hash) func() error {
	return func() error { _, err := verify.Hash(strings.NewReader("x"), h); return err }
}

// zeros is a source of randomness without any.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// ecdsaNumbers writes signatures that only careless verifiers take.
func ecdsaNumbers(l *lab) {
	n := elliptic.P256().Params().N
	zero, one := new(big.Int), big.NewInt(1)
	for what, f := range map[string]func(r, s *big.Int) []byte{
		"r 0":        func(r, s *big.Int) []byte { return fromRS(zero, s) },
		"s 0":        func(r, s *big.Int) []byte { return fromRS(r, zero) },
		"both 0":     func(r, s *big.Int) []byte { return fromRS(zero, zero) },
		"both 1":     func(r, s *big.Int) []byte { return fromRS(one, one) },
		"r n":        func(r, s *big.Int) []byte { return fromRS(n, s) },
		"s n":        func(r, s *big.Int) []byte { return fromRS(r, n) },
		"r n+1":      func(r, s *big.Int) []byte { return fromRS(new(big.Int).Add(n, one), s) },
		"r plus n":   func(r, s *big.Int) []byte { return fromRS(new(big.Int).Add(r, n), s) },
		"s plus n":   func(r, s *big.Int) []byte { return fromRS(r, new(big.Int).Add(s, n)) },
		"r negative": func(r, s *big.Int) []byte { return fromRS(new(big.Int).Neg(r), s) },
		"s negative": func(r, s *big.Int) []byte { return fromRS(r, new(big.Int).Neg(s)) },
		"exchanged":  func(r, s *big.Int) []byte { return fromRS(s, r) },
		"leading zero": func(r, s *big.Int) []byte {
			b := fromRS(r, s)
			return slices.Concat([]byte{0x30, b[1] + 1, 2, b[3] + 1, 0}, b[4:])
		},
		"byte behind": func(r, s *big.Int) []byte { return append(fromRS(r, s), 0) },
		"byte inside": func(r, s *big.Int) []byte { b := append(fromRS(r, s), 0); b[1]++; return b },
		"long length": func(r, s *big.Int) []byte { b := fromRS(r, s); return slices.Concat([]byte{0x30, 0x81}, b[1:]) },
		"indefinite": func(r, s *big.Int) []byte {
			b := fromRS(r, s)
			return slices.Concat([]byte{0x30, 0x80}, b[2:], []byte{0, 0})
		},
		"raw": func(r, s *big.Int) []byte {
			return slices.Concat(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32)))
		},
		"r alone":  func(r, s *big.Int) []byte { b := fromRS(r, s); return b[:4+b[3]] },
		"a SET":    func(r, s *big.Int) []byte { b := fromRS(r, s); b[0] = 0x31; return b },
		"one byte": func(r, s *big.Int) []byte { return []byte{0} },
		"huge":     func(r, s *big.Int) []byte { return fromRS(new(big.Int).Lsh(one, 9000), s) },
	} {
		l.each(every(), what, is(check.Signature), signed(func(b []byte) []byte { return f(rs(b)) }))
	}
}

func edwards(l *lab) {
	key := sigtest.Ed25519("signer")
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	for what, f := range map[string]func([]byte) []byte{
		"s plus the order": func(b []byte) []byte {
			b = slices.Clone(b)
			s := slices.Clone(b[32:])
			slices.Reverse(s)
			sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
			slices.Reverse(sum)
			return append(b[:32], sum...)
		},
		"63 bytes": func(b []byte) []byte { return b[:63] }, "65 bytes": func(b []byte) []byte { return append(b, 0) }, "zeros": func([]byte) []byte { return make([]byte, 64) },
		"s 0": func(b []byte) []byte { return append(b[:32:32], make([]byte, 32)...) }, "R of small order": func(b []byte) []byte { return append(smallOrder()["order 1"], b[32:]...) },
		"exchanged": func(b []byte) []byte { return append(b[32:64:64], b[:32]...) }, "last bit": func(b []byte) []byte { return flip(b, 511) },
	} {
		l.bad("v2", "Ed25519ph: "+what, is(check.Signature), signed(f), by(key, crypto.SHA512))
		l.bad("v1 dsse", "pure: "+what, is(check.Signature), func(p *plan) {
			before := p.Signature
			p.Signature = func(b []byte) []byte { return f(before(b)) }
		}, by(key, crypto.SHA512), func(p *plan) {
			p.Signature = func([]byte) []byte { return sigtest.SignMessage(key, 0, paeOf(p.Statement)) }
		})
	}
}

// rsaPadding signs with paddings that only careless verifiers take.
func rsaPadding(l *lab) {
	key := sigtest.RSA()
	size := key.Size()
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	power := func(em []byte) []byte {
		return new(big.Int).Exp(new(big.Int).SetBytes(em), key.D, key.N).FillBytes(make([]byte, size))
	}
	padded := func(typ byte, fill byte, info ...byte) []byte {
		em := append([]byte{0, typ}, bytes.Repeat([]byte{fill}, size-3-len(info))...)
		return append(append(em, 0), info...)
	}
	digest := sum256(artifact())
	good := slices.Concat(prefix, digest)
	null := slices.Concat([]byte{0x30, 0x2f, 0x30, 0x0b}, prefix[4:15], []byte{0x04, 0x20}, digest)
	sha512 := slices.Clone(good)
	sha512[14] = 3
	for what, em := range map[string][]byte{
		"type 2": padded(2, 0xff, good...), "type 0": padded(0, 0, good...), "padding of zeros": padded(1, 0, good...), "NULL missing": padded(1, 0xff, null...),
		"another hash named": padded(1, 0xff, sha512...), "digest alone": padded(1, 0xff, digest...), "garbage behind": append(padded(1, 0xff, good...)[8:], make([]byte, 8)...),
		"short padding, garbage behind": append(append([]byte{0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}, good...), make([]byte, size-11-len(good))...),
		"no padding":                    append(make([]byte, size-len(good)), good...), "byte of the padding": func() []byte { b := padded(1, 0xff, good...); b[9] = 0xfe; return b }(),
	} {
		l.each([]string{"v1", "v2"}, what, is(check.Signature), signed(func([]byte) []byte { return power(em) }), by(key, 0))
	}
	for what, f := range map[string]func([]byte) []byte{
		"byte more": func(b []byte) []byte { return append([]byte{0}, b...) }, "byte less": func(b []byte) []byte { return b[1:] }, "zero": func([]byte) []byte { return make([]byte, size) },
		"one": func([]byte) []byte { return append(make([]byte, size-1), 1) }, "plus the modulus": func(b []byte) []byte { return new(big.Int).Add(new(big.Int).SetBytes(b), key.N).Bytes() },
		"modulus": func([]byte) []byte { return key.N.Bytes() }, "bit": func(b []byte) []byte { return flip(b, 77) },
	} {
		l.each([]string{"v1", "v2"}, what, is(check.Signature), signed(f), by(key, 0))
	}
}
