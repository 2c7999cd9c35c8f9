package scttest

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A Row is one fault of group C of the catalogue of bad inputs that lies in the
// certificate itself, with the check that must refuse it. The certificate has
// exactly one good SCT before Fault.
type Row struct {
	ID, Name string
	Check    check.Check
	Fault    func(*Certificate)
}

// Rows returns the faults that need nothing but a certificate. otherSPKI and
// otherTBS are of another CA and another certificate.
func Rows(otherSPKI, otherTBS []byte) []Row {
	rows := []Row{
		{"C1", "no extension", check.SCT, func(c *Certificate) { c.SCTs = nil }},
		{"C2", "empty list", check.SCT, func(c *Certificate) { c.SCTs = []SCT{} }},
		{"C7", "of another certificate", check.SCT, first(func(s *SCT) { s.TBS = otherTBS })},
		{"C8", "version 1", check.SCT, first(func(s *SCT) { s.Version = 1 })},
		{"C8", "entry type x509", check.SCT, first(func(s *SCT) { s.EntryType = 0 })},
		{"C14", "issuer key hash of another CA", check.SCT, first(func(s *SCT) { s.IssuerSPKI = otherSPKI })},
		{"C17", "17 SCTs", check.Limit, func(c *Certificate) { c.SCTs = slices.Repeat(c.SCTs, 17) }},
		{"C17", "500 SCTs", check.Limit, func(c *Certificate) { c.SCTs = slices.Repeat(c.SCTs, 500) }},
	}
	return append(append(rows, signatureRows()...), encodingRows()...)
}

func first(edit func(*SCT)) func(*Certificate) {
	return func(c *Certificate) {
		c.SCTs = slices.Clone(c.SCTs)
		edit(&c.SCTs[0])
	}
}

// written changes the bytes of the only SCT.
func written(edit func([]byte) []byte) func(*Certificate) {
	return first(func(s *SCT) { s.Edit = edit })
}

func signatureRows() []Row {
	later := func(d time.Duration) func(*Certificate) {
		return written(func(b []byte) []byte {
			millis := binary.BigEndian.Uint64(b[33:])
			binary.BigEndian.PutUint64(b[33:], millis+uint64(d.Milliseconds()))
			return b
		})
	}
	algs := func(hash, sig byte) func(*Certificate) {
		return first(func(s *SCT) { s.Hash, s.Sig = hash, sig })
	}
	return []Row{
		{"C6", "signature bit", check.SCT, written(func(b []byte) []byte { b[len(b)-1] ^= 1; return b })},
		{"C6", "1 ms later", check.SCT, later(time.Millisecond)},
		{"C6", "1 ms earlier", check.SCT, later(-time.Millisecond)},
		{"C6", "extensions added", check.SCT, written(func(b []byte) []byte {
			return slices.Concat(b[:41], []byte{0, 1, 7}, b[43:])
		})},
		{"C9", "anonymous", check.SCT, algs(4, 0)},
		{"C9", "dsa", check.SCT, algs(4, 2)},
		{"C9", "rsa with an ECDSA key", check.SCT, algs(4, 1)},
		{"C9", "ed25519 with an ECDSA key", check.SCT, algs(8, 7)},
		{"C9", "sha1", check.SCT, algs(2, 3)},
		{"C9", "sha384", check.SCT, algs(5, 3)},
		{"C9", "no hash", check.SCT, algs(0, 3)},
	}
}

func encodingRows() []Row {
	list := func(edit func([]byte) []byte) func(*Certificate) { return func(c *Certificate) { c.EditList = edit } }
	value := func(edit func([]byte) []byte) func(*Certificate) { return func(c *Certificate) { c.EditValue = edit } }
	add := func(at int, n int) func([]byte) []byte {
		return func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[at:], uint16(int(binary.BigEndian.Uint16(b[at:]))+n))
			return b
		}
	}
	return []Row{
		{"C10", "list length short by 1", check.SCT, list(add(0, -1))},
		{"C10", "list length long by 1", check.SCT, list(add(0, 1))},
		{"C10", "item length short by 1", check.SCT, list(add(2, -1))},
		{"C10", "item length long by 1", check.SCT, list(add(2, 1))},
		{"C10", "item of length 0", check.SCT, list(func(b []byte) []byte { return add(0, 2)(append(b, 0, 0)) })},
		{"C10", "trailing byte in the list", check.SCT, list(func(b []byte) []byte { return append(b, 0) })},
		{"C10", "trailing byte in the item", check.SCT, written(func(b []byte) []byte { return append(b, 0) })},
		{"C10", "item cut", check.SCT, written(func(b []byte) []byte { return b[:40] })},
		{"C10", "signature empty", check.SCT, written(func(b []byte) []byte { return append(b[:45:45], 0, 0) })},
		{"C10", "trailing byte in the extension", check.SCT, value(func(b []byte) []byte { return append(b, 0) })},
		{"C10", "no inner OCTET STRING", check.SCT, value(func(b []byte) []byte { return append([]byte{}, b[2:]...) })},
		{"C10", "extension empty", check.SCT, value(func([]byte) []byte { return nil })},
		{"CT-5", "time beyond the year 9999", check.SCT, written(func(b []byte) []byte { b[33] = 0xff; return b })},
	}
}
