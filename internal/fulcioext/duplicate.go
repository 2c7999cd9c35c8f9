package fulcioext

import (
	"crypto/x509"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Duplicate looks for an extension that a certificate has twice and returns a
// *check.Error of check cert_profile for it, nil if it finds none (CC-6).
//
// crypto/x509 refuses such a certificate as malformed, so that Parse never sees
// it. A caller whose x509.ParseCertificate failed asks here whether this was
// the reason. Duplicate says nothing else about der: nil does not mean that it
// is a certificate.
func Duplicate(der []byte) error {
	input := cryptobyte.String(der)
	var cert, tbs, explicit, list cryptobyte.String
	tag := asn1.Tag(3).ContextSpecific().Constructed()
	if !input.ReadASN1(&cert, asn1.SEQUENCE) || !cert.ReadASN1(&tbs, asn1.SEQUENCE) {
		return nil
	}
	for !tbs.Empty() && !tbs.PeekASN1Tag(tag) {
		var field cryptobyte.String
		var fieldTag asn1.Tag
		if !tbs.ReadAnyASN1(&field, &fieldTag) {
			return nil
		}
	}
	if !tbs.ReadASN1(&explicit, tag) || !explicit.ReadASN1(&list, asn1.SEQUENCE) {
		return nil
	}
	seen := make(map[string]bool)
	for !list.Empty() {
		var extension, oid cryptobyte.String
		if !list.ReadASN1(&extension, asn1.SEQUENCE) || !extension.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			return nil
		}
		if seen[string(oid)] {
			return check.Refuse("CC-6", check.CertProfile, "certificate has extension %s twice", oidText(oid))
		}
		seen[string(oid)] = true
	}
	return nil
}

// oidText writes the content of an OID for an error message.
func oidText(der []byte) string {
	var o x509.OID
	if len(der) > 64 || o.UnmarshalBinary(der) != nil {
		return "(unreadable)"
	}
	return o.String()
}
