package sct

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

// oidList is the SCT list, 1.3.6.1.4.1.11129.2.4.2, as in DER.
const oidList = "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02"

// A precert is a TBSCertificate with the SCT list removed and nothing else
// changed (RFC 6962 section 3.2), in parts of the certificate. The poison
// extension was only ever in the precertificate, so there is none to remove.
type precert struct{ head, before, after cryptobyte.String }

// withoutList finds the parts of a TBSCertificate around its SCT list.
func withoutList(der []byte) (p precert, err error) {
	input := cryptobyte.String(der)
	var tbs cryptobyte.String
	if !input.ReadASN1(&tbs, asn1.SEQUENCE) || !input.Empty() {
		return p, check.Refuse("CT-2", check.SCT, "certificate is not exactly one SEQUENCE")
	}
	rest := tbs
	for !rest.Empty() && !rest.PeekASN1Tag(extensionsTag) {
		var field cryptobyte.String
		var tag asn1.Tag
		if !rest.ReadAnyASN1Element(&field, &tag) {
			return p, check.Refuse("CT-2", check.SCT, "certificate is not DER")
		}
	}
	p.head = tbs[:len(tbs)-len(rest)]
	var explicit, list cryptobyte.String
	if !rest.ReadASN1(&explicit, extensionsTag) || !rest.Empty() ||
		!explicit.ReadASN1(&list, asn1.SEQUENCE) || !explicit.Empty() {
		return p, check.Refuse("CT-2", check.SCT, "certificate does not end with its extensions")
	}
	p.before, p.after, err = around(list)
	return p, err
}

const extensionsTag = asn1.Tag(3 | 0x80 | 0x20) // context-specific, constructed

// add writes the TBSCertificate.
func (p precert) add(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(p.head)
		if len(p.before)+len(p.after) == 0 {
			return // Extensions is SIZE (1..MAX)
		}
		b.AddASN1(extensionsTag, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(p.before)
				b.AddBytes(p.after)
			})
		})
	})
}

// around returns the extensions before and after the SCT list, of which there
// must be exactly one.
func around(list cryptobyte.String) (before, after cryptobyte.String, err error) {
	all := list
	removed := 0
	for !list.Empty() {
		var element, extension, oid cryptobyte.String
		start := len(all) - len(list)
		if !list.ReadASN1Element(&element, asn1.SEQUENCE) {
			return nil, nil, check.Refuse("CT-2", check.SCT, "extension of the certificate is not DER")
		}
		if !element.ReadASN1(&extension, asn1.SEQUENCE) || !extension.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			return nil, nil, check.Refuse("CT-2", check.SCT, "extension of the certificate has no object identifier")
		}
		if string(oid) == oidList {
			removed++
			before, after = all[:start], list
		}
	}
	if removed != 1 {
		return nil, nil, check.Refuse("CT-2", check.SCT, "certificate has %d lists of signed certificate timestamps, want one", removed)
	}
	return before, after, nil
}
