package tsptest

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A Row is one fault of group H of the catalogue of bad inputs that lies in the
// token itself, with the check that must refuse it.
type Row struct {
	ID, Name string
	Check    check.Check
	Fault    Fault
}

// Rows returns the faults that need nothing but the authority. other is a
// certificate that did not sign.
func Rows(other Cert) []Row {
	var all []Row
	for _, group := range [][]Row{statusRows(), shapeRows(), attributeRows(other), signerRows(other), infoRows(), boundRows(other)} {
		all = append(all, group...)
	}
	return all
}

func statusRows() []Row {
	var rows []Row
	for _, status := range []int64{2, 3, 4, 5, -128, -1, 1 << 31, 256} {
		rows = append(rows, Row{"H8", fmt.Sprintf("status %d", status), check.TSA, func(t *Token) { t.Status = big.NewInt(status) }})
	}
	return append(rows,
		Row{"H8", "status of 100 bytes", check.TSA, func(t *Token) { t.Status = new(big.Int).Lsh(big.NewInt(1), 800) }},
		Row{"H8", "status 2 with text", check.TSA, func(t *Token) { t.Status, t.StatusText = big.NewInt(2), "no\x1b[2J" }},
		Row{"TS-1", "granted with failure information", check.TSA, func(t *Token) { t.StatusRest = tlv(3, []byte{5, 0x20}) }},
		Row{"TS-1", "trailing data in the status", check.TSA, func(t *Token) { t.StatusRest = integer(big.NewInt(1)) }},
		Row{"TS-1", "status text is no sequence", check.TSA, func(t *Token) { t.StatusRest = tlv(0x0c, []byte("fine")) }},
		Row{"H9", "granted without token", check.TSA, func(t *Token) { t.NoToken = true }},
	)
}

func rewrite(f func([]byte) []byte) Fault { return func(t *Token) { t.Rewrite = f } }

func replace(old, replacement []byte) Fault {
	return rewrite(func(der []byte) []byte { return bytes.Replace(der, old, replacement, 1) })
}

func shapeRows() []Row {
	return []Row{
		{"H10", "empty", check.TSA, rewrite(func([]byte) []byte { return nil })},
		{"H10", "empty sequence", check.TSA, rewrite(func([]byte) []byte { return []byte{0x30, 0} })},
		{"H10", "trailing byte", check.TSA, rewrite(func(b []byte) []byte { return append(b, 0) })},
		{"H10", "cut", check.TSA, rewrite(func(b []byte) []byte { return b[:len(b)-1] })},
		{"H10", "trailing element inside", check.TSA, rewrite(func(b []byte) []byte { return tlv(0x30, b[4:], []byte{5, 0}) })},
		{"H13", "content type of the token", check.TSA, func(t *Token) { t.ContentInfo = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} }},
		{"H13", "type of the content", check.TSA, func(t *Token) { t.EContent = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} }},
		{"H20", "version of the signed data", check.TSA, func(t *Token) { t.Version = 1 }},
		{"H35", "indefinite length outside", check.TSA, rewrite(func(b []byte) []byte {
			return append(append([]byte{0x30, 0x80}, b[4:]...), 0, 0)
		})},
		{"H35", "indefinite length in the signed data", check.TSA, rewrite(func(b []byte) []byte {
			return append(bytes.Replace(b, oid(SignedData), append(oid(SignedData), 0xa0, 0x80, 0, 0), 1), 0, 0)
		})},
		{"H35", "overlong length", check.TSA, replace(oid(SignedData), append([]byte{6, 0x81, 9}, oid(SignedData)[2:]...))},
		{"TS-2", "revocation lists", check.TSA, func(t *Token) { t.CRLs = seq() }},
		{"TS-2", "unsigned attributes", check.TSA, func(t *Token) { t.Unsigned = seq(oid(SigningCert), tlv(0x31, tlv(4))) }},
		{"TS-2", "certificate of another kind", check.TSA, func(t *Token) { t.Certs = append(t.Certs, tlv(0xa1, seq())) }},
	}
}

func attributeRows(other Cert) []Row {
	hash := func(h crypto.Hash, c Cert) []byte { return tlv(4, Sum(h, c.Raw)) }
	ess := func(id ...[]byte) Fault { return func(t *Token) { t.SetAttr(SigningCertV2, seq(seq(seq(id...)))) } }
	set := func(o asn1.ObjectIdentifier, value []byte) Fault { return func(t *Token) { t.SetAttr(o, value) } }
	return []Row{
		{"H12", "message digest missing", check.TSA, set(MessageDigest, nil)},
		{"H12", "message digest other", check.TSA, set(MessageDigest, tlv(4, make([]byte, 32)))},
		{"H12", "message digest empty", check.TSA, set(MessageDigest, tlv(4))},
		{"H12", "message digest twice in one", check.TSA, set(MessageDigest, append(tlv(4), tlv(4)...))},
		{"H13", "content type attribute missing", check.TSA, set(ContentType, nil)},
		{"H13", "content type attribute other", check.TSA, set(ContentType, oid(SignedData))},
		{"H13", "content type attribute twice", check.TSA, func(t *Token) {
			t.Attrs(func(a []Attribute) []Attribute { return append(a, Attribute{ContentType, oid(SignedData)}) })
		}},
		{"H14", "no signed attributes", check.TSA, func(t *Token) { t.NoAttributes = true }},
		{"TS-1", "attributes out of order", check.TSA, func(t *Token) {
			t.Unsorted = true
			t.Attrs(func(a []Attribute) []Attribute { a[0], a[2] = a[2], a[0]; return a })
		}},
		{"H18", "signing certificate missing", check.TSA, set(SigningCertV2, nil)},
		{"H18", "signing certificate is another", check.TSA, ess(hash(crypto.SHA256, other))},
		{"H18", "signing certificate by SHA-1", check.TSA, ess(alg(SHA1, false), tlv(4, make([]byte, 20)))},
		{"H18", "signing certificate of RFC 2634", check.TSA, func(t *Token) {
			t.SetAttr(SigningCertV2, nil)
			t.SetAttr(SigningCert, seq(seq(seq(tlv(4, make([]byte, 20))))))
		}},
		{"H18", "signing certificate hash cut", check.TSA, ess(tlv(4, make([]byte, 31)))},
		{"H18", "signing certificate names another serial number", check.TSA, func(t *Token) {
			issuer := seq(tlv(0xa4, t.Issuer))
			ess(hash(crypto.SHA256, t.Signer), seq(issuer, integer(big.NewInt(5))))(t)
		}},
		{"H18", "signing certificate spells out SHA-256", check.TSA, func(t *Token) {
			ess(alg(SHA256, false), hash(crypto.SHA256, t.Signer))(t)
		}},
		{"H18", "signing certificate empty", check.TSA, set(SigningCertV2, seq(seq()))},
	}
}

func signerRows(other Cert) []Row {
	return []Row{
		{"H15", "two signer infos, first good", check.TSA, func(t *Token) {
			t.Infos = func(good []byte) [][]byte { return [][]byte{good, seq(good)} }
		}},
		{"H15", "two signer infos, second good", check.TSA, func(t *Token) {
			t.Infos = func(good []byte) [][]byte { return [][]byte{seq(good), good} }
		}},
		{"H15", "two equal signer infos", check.TSA, func(t *Token) {
			t.Infos = func(good []byte) [][]byte { return [][]byte{good, good} }
		}},
		{"H16", "no signer info", check.TSA, func(t *Token) { t.Infos = func([]byte) [][]byte { return nil } }},
		{"H11", "signature by another key", check.TSA, func(t *Token) { t.Signer.Key = other.Key }},
		{"H19", "another serial number", check.TSA, func(t *Token) { t.Serial = big.NewInt(5) }},
		{"H19", "another issuer", check.TSA, func(t *Token) { t.Issuer = other.RawSubject }},
		{"H19", "another key identifier", check.TSA, func(t *Token) { t.KeyID, t.SignerVersion = []byte{1, 2, 3}, 3 }},
		{"H19", "version does not fit issuer and serial number", check.TSA, func(t *Token) { t.SignerVersion = 3 }},
		{"H19", "version does not fit key identifier", check.TSA, func(t *Token) { t.KeyID = t.Signer.SubjectKeyId }},
		{"H20", "digest algorithm SHA-1", check.Alg, func(t *Token) { t.Digest = SHA1 }},
		{"H20", "digest algorithm MD5", check.Alg, func(t *Token) { t.Digest = MD5 }},
		{"H20", "digest algorithm not in the set", check.TSA, func(t *Token) { t.DigestSet = []asn1.ObjectIdentifier{SHA512} }},
		{"H20", "malformed set of digest algorithms", check.TSA, func(t *Token) { t.DigestRest = tlv(0x30) }},
		{"H20", "empty set of digest algorithms", check.TSA, func(t *Token) { t.DigestSet = nil }},
		{"H20", "signature hashes otherwise", check.TSA, func(t *Token) { t.SignatureAlg = ECDSASHA512 }},
		{"H20", "signature algorithm of another kind of key", check.TSA, func(t *Token) { t.SignatureAlg = RSASHA256 }},
		{"H20", "signature algorithm unknown", check.Alg, func(t *Token) { t.SignatureAlg = SHA256 }},
		{"H20", "NULL parameters with ECDSA", check.TSA, func(t *Token) { t.AlgNull = true }},
	}
}

func infoRows() []Row {
	rows := []Row{
		{"H21", "imprint SHA-1", check.TSA, func(t *Token) { t.Info.ImprintAlg, t.Info.Imprint = SHA1, make([]byte, 20) }},
		{"H21", "imprint MD5", check.TSA, func(t *Token) { t.Info.ImprintAlg, t.Info.Imprint = MD5, make([]byte, 16) }},
		{"H21", "imprint SHA-256 of 64 bytes", check.TSA, func(t *Token) { t.Info.Imprint = append(t.Info.Imprint, t.Info.Imprint...) }},
		{"H1", "token over another signature", check.TSA, func(t *Token) { t.Info.Imprint = Sum(crypto.SHA256, []byte("another")) }},
		{"H37", "TSTInfo version 2", check.TSA, func(t *Token) { t.Info.Version = 2 }},
		{"H37", "critical extension", check.TSA, func(t *Token) {
			t.Info.Extensions = seq(oid(SHA1), tlv(1, []byte{0xff}), tlv(4))
		}},
		{"TS-7", "serial number of 161 bits", check.TSA, func(t *Token) { t.Info.Serial = new(big.Int).Lsh(big.NewInt(1), 160) }},
		{"TS-7", "name of another authority", check.TSA, func(t *Token) { t.Info.Name = tlv(0xa4, seq()) }},
		{"TS-7", "two names", check.TSA, func(t *Token) { n := tlv(0xa4, t.Signer.RawSubject); t.Info.Name = append(n, n...) }},
		{"TS-1", "ordering FALSE spelled out", check.TSA, func(t *Token) { t.Info.Ordering = tlv(1, []byte{0}) }},
		{"TS-1", "ordering TRUE as 1", check.TSA, func(t *Token) { t.Info.Ordering = tlv(1, []byte{1}) }},
	}
	for _, s := range []string{"20250101120000+0100", "202501011200Z", "20250101120000,5Z", "20250230120000Z", "00000101120000Z",
		"20250101120000.50Z", "20250101120000.Z", "20250101120060Z", "20250101240000Z", "20250101120000", "20250101120000.1234567891Z",
		"2025010112000 Z", "20250101120000.5xZ", "", "+0250101120000Z"} {
		rows = append(rows, Row{"H27", fmt.Sprintf("time %q", s), check.TSA, func(t *Token) { t.Info.Time = s }})
	}
	for _, a := range []struct {
		name  string
		parts [][]byte
	}{
		{"negative", [][]byte{integer(big.NewInt(-1))}},
		{"68 years and more", [][]byte{integer(big.NewInt(1 << 31))}},
		{"2^63 s", [][]byte{integer(new(big.Int).Lsh(big.NewInt(1), 63))}},
		{"1000 ms", [][]byte{tlv(0x80, []byte{3, 0xe8})}},
		{"0 ms", [][]byte{tlv(0x80, []byte{0})}},
		{"1000 µs", [][]byte{tlv(0x81, []byte{3, 0xe8})}},
		{"-1 µs", [][]byte{tlv(0x81, []byte{0xff})}},
		{"µs before ms", [][]byte{tlv(0x81, []byte{1}), tlv(0x80, []byte{1})}},
	} {
		rows = append(rows, Row{"H29", "accuracy " + a.name, check.TSA, func(t *Token) { t.Info.Accuracy = seq(a.parts...) }})
	}
	return rows
}

func boundRows(other Cert) []Row {
	deep := []byte{5, 0}
	for range 5000 {
		deep = tlv(0x30, deep)
	}
	arcs := tlv(6, bytes.Repeat([]byte{1}, 1_000_000))
	longArc := tlv(6, append(bytes.Repeat([]byte{0xff}, 60_000), 1))
	return []Row{
		{"H36", "OID of 10^6 arcs", check.Limit, rewrite(func(b []byte) []byte { return seq(b[4:], arcs) })},
		{"H36", "OID with an arc of 60,000 bytes", check.TSA, rewrite(func(b []byte) []byte { return bytes.Replace(b, b[4:9], append(seq(longArc), b[4:9]...), 1) })},
		{"H36", "nested 5,000 deep", check.TSA, func(t *Token) { t.Certs = [][]byte{deep} }},
		{"H38", "1,000 certificates", check.Limit, func(t *Token) { t.Certs = bytes.SplitAfter(bytes.Repeat(seq(), 1000), seq())[:1000] }},
		{"H38", "11 certificates", check.Limit, func(t *Token) {
			t.Certs = nil
			for range 11 {
				t.Certs = append(t.Certs, other.Raw)
			}
		}},
		{"LM-4", "certificate of 33 KiB", check.Limit, func(t *Token) { t.Certs = [][]byte{seq(tlv(4, []byte(strings.Repeat("x", 33<<10))))} }},
		{"LM-4", "response of 65 KiB", check.Limit, func(t *Token) { t.Info.Name = tlv(0x81, []byte(strings.Repeat("x", 65<<10))) }},
	}
}
