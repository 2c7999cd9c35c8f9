// Package fulcioext reads who a Fulcio certificate is about: the subject
// alternative name, the issuer and the other extensions under 1.3.6.1.4.1.57264.1.
//
// It checks the part of the profile that says who: exactly one name, in a
// critical extension, no subject, no extension twice, no precertificate. That
// the certificate may sign code and was issued by an authority is for the
// caller. All texts it returns passed the text check of rule ID-5; they are
// what the certificate says, byte for byte, never normalised.
package fulcioext

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"

	"github.com/hallmarksign/hallmark/internal/check"
)

// MaxText is the largest name, issuer or claim that is read, in bytes.
const MaxText = 8 << 10 // bytes of a name or a claim in a certificate

// An Identity is what a certificate says about its subject.
type Identity struct {
	Subject string            // SAN value, as in the certificate
	Kind    string            // "email", "uri" or "username"
	Issuer  string            // from .1.8, else .1.1 (ID-3)
	Claims  map[string]string // the other extensions by name, such as "source_repository_uri" (ID-6)
}

// The kinds of names.
const (
	Email    = "email"    // rfc822Name
	URI      = "uri"      // workflow, SPIFFE ID, service
	Username = "username" // otherName .1.7, such as "name!domain"
)

// arc is 1.3.6.1.4.1.57264.1, under which Fulcio's extensions are.
func arc() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1} }

func oidSAN() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 17} }
func oidPoison() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 3}
}

// Parse reads the identity of a leaf (CC-5, ID-3..ID-6). Errors are
// *check.Error of check cert_profile, identity or limit.
func Parse(cert *x509.Certificate) (*Identity, error) {
	if err := checkProfile(cert); err != nil {
		return nil, err
	}
	id := new(Identity)
	if err := id.readSAN(cert); err != nil {
		return nil, err
	}
	if err := id.readClaims(cert); err != nil {
		return nil, err
	}
	return id, nil
}

// checkProfile checks what can be seen without reading a value.
func checkProfile(cert *x509.Certificate) error {
	for i, e := range cert.Extensions {
		for _, f := range cert.Extensions[:i] {
			if e.Id.Equal(f.Id) {
				return check.Refuse("CC-6", check.CertProfile, "certificate has extension %v twice", e.Id)
			}
		}
		if e.Id.Equal(oidPoison()) {
			return check.Refuse("CT-2", check.CertProfile, "certificate is a precertificate")
		}
	}
	if len(cert.RawSubject) != 2 || cert.RawSubject[0] != 0x30 || cert.RawSubject[1] != 0 {
		return check.Refuse("CC-5", check.CertProfile, "subject is %q, want it empty", cut(cert.Subject.String()))
	}
	return nil
}

// HandledCritical returns cert with the subject alternative name removed from
// the critical extensions that crypto/x509 did not handle, and nothing else:
// it does not know a name that is only an otherName (CC-6). It returns cert
// itself when there is nothing to remove, else a shallow copy. Call it with a
// certificate that Parse accepted, because Parse is what handles the name.
func HandledCritical(cert *x509.Certificate) *x509.Certificate {
	isSAN := func(id asn1.ObjectIdentifier) bool { return id.Equal(oidSAN()) }
	if !slices.ContainsFunc(cert.UnhandledCriticalExtensions, isSAN) {
		return cert
	}
	c := *cert
	c.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(c.UnhandledCriticalExtensions), isSAN)
	return &c
}
