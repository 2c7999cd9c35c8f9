package fulcioext

import (
	"crypto/x509"
	"crypto/x509/pkix"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

// oidUsername is the type of the otherName, 1.3.6.1.4.1.57264.1.7, as in DER.
const oidUsername = "\x2b\x06\x01\x04\x01\x83\xbf\x30\x01\x07"

// readSAN reads the subject alternative name (RFC 5280 section 4.2.1.6, CC-5,
// ID-4).
func (id *Identity) readSAN(cert *x509.Certificate) error {
	var san *pkix.Extension
	for i := range cert.Extensions {
		if cert.Extensions[i].Id.Equal(oidSAN()) {
			san = &cert.Extensions[i]
		}
	}
	if san == nil {
		return check.Refuse("CC-5", check.CertProfile, "certificate has no subject alternative name")
	}
	if !san.Critical {
		return check.Refuse("CC-5", check.CertProfile, "subject alternative name is not critical, and the subject is empty")
	}
	if len(san.Value) > MaxText {
		return check.Refuse("LM-4", check.Limit, "subject alternative name has %d bytes, want at most %d", len(san.Value), MaxText)
	}
	value := cryptobyte.String(san.Value)
	var names, name cryptobyte.String
	var tag asn1.Tag
	if !value.ReadASN1(&names, asn1.SEQUENCE) || !value.Empty() {
		return check.Refuse("CC-6", check.CertProfile, "subject alternative name is not exactly one SEQUENCE")
	}
	if !names.ReadAnyASN1(&name, &tag) {
		return check.Refuse("CC-5", check.CertProfile, "subject alternative name holds no name, want one")
	}
	if !names.Empty() {
		return check.Refuse("CC-5", check.CertProfile, "certificate has several names, want one")
	}
	return id.readName(name, tag)
}

// readName reads a GeneralName.
func (id *Identity) readName(name cryptobyte.String, tag asn1.Tag) error {
	switch tag {
	case asn1.Tag(1).ContextSpecific():
		id.Kind = Email
	case asn1.Tag(6).ContextSpecific():
		id.Kind = URI
	case asn1.Tag(0).ContextSpecific().Constructed():
		id.Kind = Username
		var err error
		if name, err = readUsername(name); err != nil {
			return err
		}
	default:
		return check.Refuse("ID-4", check.Identity, "subject alternative name is %s, want email, URI or username", kindName(tag))
	}
	if len(name) == 0 {
		return check.Refuse("ID-4", check.Identity, "subject alternative name is an empty %s", id.Kind)
	}
	if !isASCII(name) && id.Kind != Username {
		return check.Refuse("ID-4", check.Identity, "%s %q is not ASCII", id.Kind, cut(string(name)))
	}
	if err := checkText("subject alternative name", name, true); err != nil {
		return err
	}
	id.Subject = string(name)
	return nil
}

// readUsername reads the value of an OtherName: an object identifier and an
// explicitly tagged value.
func readUsername(s cryptobyte.String) (cryptobyte.String, error) {
	var oid, explicit, value cryptobyte.String
	if !s.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		return nil, check.Refuse("ID-4", check.Identity, "other name has no type")
	}
	if string(oid) != oidUsername {
		return nil, check.Refuse("ID-4", check.Identity, "other name has type %s, want %v.7", oidText(oid), arc())
	}
	if !s.ReadASN1(&explicit, asn1.Tag(0).ContextSpecific().Constructed()) || !s.Empty() ||
		!explicit.ReadASN1(&value, asn1.UTF8String) || !explicit.Empty() {
		return nil, check.Refuse("ID-4", check.Identity, "username is not exactly one UTF8String")
	}
	return value, nil
}

// kindName names a GeneralName by its tag.
func kindName(tag asn1.Tag) string {
	const class = 0xe0
	names := []string{"another name", "an email", "a DNS name", "an X.400 address", "a directory name", "an EDI name", "a URI", "an IP address", "a registered ID"}
	if n := int(tag &^ class); tag&0xc0 == 0x80 && n < len(names) {
		return names[n]
	}
	return "of an unknown kind"
}
