package fulcioext

import (
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

var oidRSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}

// Strict refuses what package crypto/x509 reads over in a certificate that it
// accepts: parts behind the signature, times without seconds, bytes behind an RSA
// key (CC-6; RFC 5280 sections 4.1 and 4.1.2.5).
func Strict(raw []byte) error {
	input := cryptobyte.String(raw)
	var cert, tbs, validity, spki cryptobyte.String
	if !input.ReadASN1(&cert, tags.SEQUENCE) || !input.Empty() || !cert.ReadASN1(&tbs, tags.SEQUENCE) {
		return check.Refuse("CC-6", check.Parse, "certificate is not one DER sequence")
	}
	if !cert.SkipASN1(tags.SEQUENCE) || !cert.SkipASN1(tags.BIT_STRING) || !cert.Empty() {
		return check.Refuse("CC-6", check.Parse, "certificate has parts other than content, algorithm and signature")
	}
	if !tbs.SkipOptionalASN1(tags.Tag(0).ContextSpecific().Constructed()) || !tbs.SkipASN1(tags.INTEGER) ||
		!tbs.SkipASN1(tags.SEQUENCE) || !tbs.SkipASN1(tags.SEQUENCE) || !tbs.ReadASN1(&validity, tags.SEQUENCE) ||
		!tbs.SkipASN1(tags.SEQUENCE) || !tbs.ReadASN1(&spki, tags.SEQUENCE) {
		return check.Refuse("CC-6", check.Parse, "certificate has not the fields of X.509")
	}
	for range 2 {
		var text cryptobyte.String
		var tag tags.Tag
		if !validity.ReadAnyASN1(&text, &tag) || !(tag == tags.UTCTime && len(text) == 13 || tag == tags.GeneralizedTime && len(text) == 15) {
			return check.Refuse("CC-6", check.Parse, "certificate has a time of validity that is not in UTC with seconds")
		}
	}
	return strictKey(spki)
}

// strictKey checks that an RSA key fills its bit string.
func strictKey(spki cryptobyte.String) error {
	var algorithm, bits, key cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !spki.ReadASN1(&algorithm, tags.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) || !spki.ReadASN1(&bits, tags.BIT_STRING) || !spki.Empty() {
		return check.Refuse("CC-6", check.Parse, "certificate has a malformed public key")
	}
	if !oid.Equal(oidRSA) {
		return nil
	}
	if !bits.Skip(1) || !bits.ReadASN1(&key, tags.SEQUENCE) || !bits.Empty() {
		return check.Refuse("CC-6", check.Parse, "certificate has bytes behind its RSA key")
	}
	return nil
}
