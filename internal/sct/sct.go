// Package sct reads and verifies the signed certificate timestamps embedded in
// a certificate (RFC 6962 section 3).
//
// What is read is a claim of a log that the caller must still look up: Verify
// wants the key of the log with the SCT's LogID. That the SCT's time is inside
// the log's window (CT-4), that several SCTs are of different logs (CT-6) and
// that SCTs of unknown logs are skipped (CT-7) is for the caller. A
// precertificate offered as leaf (catalogue B41) is refused by the profile
// check in package fulcioext.
//
// An SCT keeps slices of the certificate. Treat both as read-only; an SCT is
// then safe for concurrent use.
package sct

import (
	"crypto/x509"
	"encoding/asn1"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Max is the number of SCTs that are read from one certificate (LM-4).
const Max = 16 // certificate timestamps in one certificate

// maxMillis is the last millisecond of the year 9999, the end of what X.509
// can say.
const maxMillis = 253402300799999

// An SCT is one signed certificate timestamp of a list.
type SCT struct {
	LogID      [32]byte
	Time       time.Time // millisecond resolution
	Extensions []byte
	hashAlg    byte
	sigAlg     byte
	signature  []byte
}

// isList reports whether id is that of the SCT list, 1.3.6.1.4.1.11129.2.4.2.
func isList(id asn1.ObjectIdentifier) bool {
	return id.Equal([]int{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2})
}

// FromCertificate returns the embedded SCTs, at most 16 (CT-5, LM-4). No
// extension or an empty list is an error of check sct, more than 16 one of
// check limit.
func FromCertificate(cert *x509.Certificate) ([]SCT, error) {
	var value []byte
	found := 0
	for _, e := range cert.Extensions {
		if isList(e.Id) {
			value = e.Value
			found++
		}
	}
	if found == 0 {
		return nil, check.Refuse("CT-1", check.SCT, "certificate has no signed certificate timestamps")
	}
	if found > 1 {
		// crypto/x509 refuses such a certificate when it is parsed.
		return nil, check.Refuse("CC-6", check.CertProfile, "certificate has %d lists of signed certificate timestamps, want one", found)
	}
	ext := cryptobyte.String(value)
	var list cryptobyte.String
	if !ext.ReadASN1(&list, cbasn1.OCTET_STRING) || !ext.Empty() {
		return nil, check.Refuse("CT-5", check.SCT, "extension is not exactly one OCTET STRING")
	}
	return parseList(list)
}

// parseList reads a SignedCertificateTimestampList (RFC 6962 section 3.3).
func parseList(s cryptobyte.String) ([]SCT, error) {
	var list cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&list) || !s.Empty() {
		return nil, check.Refuse("CT-5", check.SCT, "list does not have the length it says")
	}
	if list.Empty() {
		return nil, check.Refuse("CT-1", check.SCT, "list of signed certificate timestamps is empty")
	}
	n, ok := count(list)
	if !ok {
		return nil, check.Refuse("CT-5", check.SCT, "items do not fill the list")
	}
	if n > Max {
		return nil, check.Refuse("LM-4", check.Limit, "certificate has %d signed certificate timestamps, want at most %d", n, Max)
	}
	all := make([]SCT, n)
	for i := range all {
		var item cryptobyte.String
		if !list.ReadUint16LengthPrefixed(&item) || item.Empty() {
			return nil, check.Refuse("CT-5", check.SCT, "item %d of the list is empty", i)
		}
		if err := all[i].read(item); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func count(list cryptobyte.String) (n int, ok bool) {
	for !list.Empty() {
		var item cryptobyte.String
		if !list.ReadUint16LengthPrefixed(&item) {
			return n, false
		}
		n++
	}
	return n, true
}

// read reads one SignedCertificateTimestamp (RFC 6962 section 3.2).
func (s *SCT) read(b cryptobyte.String) error {
	var version uint8
	if !b.ReadUint8(&version) || version != 0 {
		return check.Refuse("CT-2", check.SCT, "version is %d, want 0", version)
	}
	var millis uint64
	var ext, signature cryptobyte.String
	if !b.CopyBytes(s.LogID[:]) || !b.ReadUint64(&millis) || !b.ReadUint16LengthPrefixed(&ext) ||
		!b.ReadUint8(&s.hashAlg) || !b.ReadUint8(&s.sigAlg) || !b.ReadUint16LengthPrefixed(&signature) {
		return check.Refuse("CT-5", check.SCT, "signed certificate timestamp is cut short")
	}
	if !b.Empty() {
		return check.Refuse("CT-5", check.SCT, "signed certificate timestamp has %d trailing bytes", len(b))
	}
	if millis > maxMillis {
		return check.Refuse("CT-5", check.SCT, "time is %d ms, want at most %d", millis, uint64(maxMillis))
	}
	if len(signature) == 0 {
		return check.Refuse("CT-5", check.SCT, "signature is empty")
	}
	s.Time = time.UnixMilli(int64(millis)).UTC()
	s.Extensions, s.signature = ext, signature
	return nil
}
