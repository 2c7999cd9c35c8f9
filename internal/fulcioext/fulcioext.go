// Package fulcioext reads who a Fulcio certificate is about: the subject
// alternative name, the issuer and the other extensions under 1.3.6.1.4.1.57264.1.
package fulcioext

import (
	"crypto/x509"
	"errors"
)

// An Identity is what a certificate says about its subject.
type Identity struct {
	Subject string            // SAN value, as in the certificate
	Kind    string            // "email", "uri" or "username"
	Issuer  string            // from .1.8, else .1.1 (ID-3)
	Claims  map[string]string // the other extensions by name, such as "source_repository_uri" (ID-6)
}

// Parse reads the identity of a leaf (CC-5, ID-3..ID-6). Errors are
// *check.Error of check cert_profile, identity or limit.
func Parse(cert *x509.Certificate) (*Identity, error) { return nil, errors.New("not yet") }

// Names returns the names of all claims that Parse can return, in OID order.
func Names() []string { return nil }
