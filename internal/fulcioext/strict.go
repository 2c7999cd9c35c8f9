package fulcioext

import (
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

var oidRSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}

// Content of an object identifier of the certificate extensions, 2.5.29 (id-ce).
const idCE = "\x55\x1d"

// Strict refuses what package crypto/x509 reads over in a certificate that it
// accepts: parts behind the signature, times without seconds, a third time, and
// parts or bytes behind a key, an extension or its value (CC-6; RFC 5280 sections
// 4.1 and 4.1.2.5).
func Strict(raw []byte) error {
	input := cryptobyte.String(raw)
	var cert, tbs, validity, spki cryptobyte.String
	if !input.ReadASN1(&cert, tags.SEQUENCE) || !input.Empty() || !cert.ReadASN1(&tbs, tags.SEQUENCE) {
		return check.Refuse("CC-6", check.Parse, "certificate is not one DER sequence")
	}
	if !cert.SkipASN1(tags.SEQUENCE) || !cert.SkipASN1(tags.BIT_STRING) || !cert.Empty() {
		return check.Refuse("CC-6", check.Parse, "certificate has parts other than content, algorithm and signature")
	}
	if !tbs.SkipOptionalASN1(contextual(0)) || !tbs.SkipASN1(tags.INTEGER) ||
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
	if !validity.Empty() {
		return check.Refuse("CC-6", check.Parse, "certificate has more than two times of validity")
	}
	if err := strictKey(spki); err != nil {
		return err
	}
	return strictExtensions(tbs)
}

func contextual(n uint8) tags.Tag { return tags.Tag(n).ContextSpecific().Constructed() }

// strictKey checks that the algorithm of a key has one parameter at most and that
// an RSA key fills its bit string.
func strictKey(spki cryptobyte.String) error {
	var algorithm, bits, key, parameter cryptobyte.String
	var oid asn1.ObjectIdentifier
	var tag tags.Tag
	if !spki.ReadASN1(&algorithm, tags.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) || !spki.ReadASN1(&bits, tags.BIT_STRING) || !spki.Empty() {
		return check.Refuse("CC-6", check.Parse, "certificate has a malformed public key")
	}
	if !algorithm.Empty() && (!algorithm.ReadAnyASN1(&parameter, &tag) || !algorithm.Empty()) {
		return check.Refuse("CC-6", check.Parse, "certificate has parts behind the parameter of its key's algorithm")
	}
	if !oid.Equal(oidRSA) {
		return nil
	}
	if !bits.Skip(1) || !bits.ReadASN1(&key, tags.SEQUENCE) || !bits.Empty() {
		return check.Refuse("CC-6", check.Parse, "certificate has bytes behind its RSA key")
	}
	return nil
}

// strictExtensions checks that nothing follows an extension, its value, or what a
// value of RFC 5280 holds. rest is what a certificate has behind its key.
func strictExtensions(rest cryptobyte.String) error {
	var wrapped, list, extension cryptobyte.String
	var present bool
	if !rest.ReadOptionalASN1(&wrapped, &present, contextual(3)) || !rest.Empty() {
		return check.Refuse("CC-6", check.Parse, "certificate has parts behind its key that are not extensions")
	}
	if present && (!wrapped.ReadASN1(&list, tags.SEQUENCE) || !wrapped.Empty()) {
		return check.Refuse("CC-6", check.Parse, "certificate has parts behind its extensions")
	}
	for !list.Empty() {
		var id, value cryptobyte.String
		if !list.ReadASN1(&extension, tags.SEQUENCE) || !extension.ReadASN1(&id, tags.OBJECT_IDENTIFIER) ||
			!extension.SkipOptionalASN1(tags.BOOLEAN) || !extension.ReadASN1(&value, tags.OCTET_STRING) || !extension.Empty() {
			return check.Refuse("CC-6", check.Parse, "certificate has an extension that is not name, criticality and value")
		}
		if len(id) == 3 && string(id[:2]) == idCE && !one(value) {
			return check.Refuse("CC-6", check.Parse, "certificate has bytes behind the content of extension 2.5.29.%d", id[2])
		}
	}
	return nil
}

// one reports whether der is one element.
func one(der cryptobyte.String) bool {
	var content cryptobyte.String
	var tag tags.Tag
	return der.ReadAnyASN1(&content, &tag) && der.Empty()
}
