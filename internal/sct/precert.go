package sct

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

// oidList is the SCT list, 1.3.6.1.4.1.11129.2.4.2, as in DER.
const oidList = "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02"

// withoutList returns a TBSCertificate with the SCT list removed and nothing
// else changed (RFC 6962 section 3.2). The poison extension was only ever in
// the precertificate, so there is none to remove.
func withoutList(der []byte) ([]byte, error) {
	input := cryptobyte.String(der)
	var tbs cryptobyte.String
	if !input.ReadASN1(&tbs, asn1.SEQUENCE) || !input.Empty() {
		return nil, check.Refuse("CT-2", check.SCT, "certificate is not exactly one SEQUENCE")
	}
	extensionsTag := asn1.Tag(3).ContextSpecific().Constructed()
	rest := tbs
	for !rest.Empty() && !rest.PeekASN1Tag(extensionsTag) {
		var field cryptobyte.String
		var tag asn1.Tag
		if !rest.ReadAnyASN1Element(&field, &tag) {
			return nil, check.Refuse("CT-2", check.SCT, "certificate is not DER")
		}
	}
	head := tbs[:len(tbs)-len(rest)]
	var explicit, list cryptobyte.String
	if !rest.ReadASN1(&explicit, extensionsTag) || !rest.Empty() ||
		!explicit.ReadASN1(&list, asn1.SEQUENCE) || !explicit.Empty() {
		return nil, check.Refuse("CT-2", check.SCT, "certificate does not end with its extensions")
	}
	kept, err := keep(list)
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, len(der)))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(head)
		if len(kept) == 0 {
			return // Extensions is SIZE (1..MAX)
		}
		b.AddASN1(extensionsTag, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(kept) })
		})
	})
	// A Builder refuses only lengths of 4 GiB, and the result is shorter than der.
	return b.BytesOrPanic(), nil
}

// keep returns the extensions other than the SCT list, of which there must be
// exactly one.
func keep(list cryptobyte.String) ([]byte, error) {
	kept := make([]byte, 0, len(list))
	removed := 0
	for !list.Empty() {
		var element, extension, oid cryptobyte.String
		if !list.ReadASN1Element(&element, asn1.SEQUENCE) {
			return nil, check.Refuse("CT-2", check.SCT, "extension of the certificate is not DER")
		}
		whole := element
		if !element.ReadASN1(&extension, asn1.SEQUENCE) || !extension.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			return nil, check.Refuse("CT-2", check.SCT, "extension of the certificate has no object identifier")
		}
		if string(oid) == oidList {
			removed++
			continue
		}
		kept = append(kept, whole...)
	}
	if removed != 1 {
		return nil, check.Refuse("CT-2", check.SCT, "certificate has %d lists of signed certificate timestamps, want one", removed)
	}
	return kept, nil
}
