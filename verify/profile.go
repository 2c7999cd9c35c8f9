package verify

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
)

var (
	oidKeyUsage          = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidNameConstraints   = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidPolicyConstraints = asn1.ObjectIdentifier{2, 5, 29, 36}
	oidInhibitAnyPolicy  = asn1.ObjectIdentifier{2, 5, 29, 54}
)

// parseCertificate reads one certificate in strict DER.
func parseCertificate(der []byte) (*x509.Certificate, error) {
	if len(der) > bundle.MaxCert {
		return nil, check.Refuse("LM-4", check.Limit, "certificate has %d bytes, want at most %d", len(der), bundle.MaxCert)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, certificateRefusal(der, err)
	}
	if err := fulcioext.Strict(der); err != nil {
		return nil, err
	}
	return cert, nil
}

// certificateRefusal finds out why a certificate was not read: package x509
// refuses duplicate extensions and unknown curves like broken DER.
func certificateRefusal(der []byte, err error) error {
	if duplicate := fulcioext.Duplicate(der); duplicate != nil {
		return duplicate
	}
	if strings.HasSuffix(err.Error(), "unsupported elliptic curve") {
		return check.Refuse("CC-8", check.Alg, "certificate: %v", err)
	}
	return check.Refuse("CC-6", check.Parse, "certificate: %v", err)
}

// checkProfile checks that a certificate has the shape of a code-signing leaf
// (CC-4, CC-6, CC-8, CC-10). Its name is for fulcioext to check.
func checkProfile(c *x509.Certificate) error {
	if err := checkKey(c.PublicKey); err != nil {
		return err
	}
	if err := checkSigned(c); err != nil {
		return err
	}
	if c.Version != 3 {
		return check.Refuse("CC-6", check.CertProfile, "certificate has version %d, want 3", c.Version)
	}
	if c.IsCA {
		return check.Refuse("CC-4", check.CertProfile, "certificate is a CA, want a signer's")
	}
	if !critical(c, oidKeyUsage) {
		return check.Refuse("CC-4", check.CertProfile, "certificate has no critical key usage")
	}
	if c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return check.Refuse("CC-4", check.CertProfile, "certificate is not for digital signatures")
	}
	if c.KeyUsage&x509.KeyUsageCertSign != 0 {
		return check.Refuse("CC-4", check.CertProfile, "certificate is for signing certificates")
	}
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) != 1 || !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageCodeSigning) {
		return check.Refuse("CC-4", check.CertProfile, "certificate is not for code signing alone")
	}
	// The name was handled by fulcioext, nothing else may be left unhandled.
	for _, oid := range fulcioext.HandledCritical(c).UnhandledCriticalExtensions {
		return check.Refuse("CC-6", check.CertProfile, "certificate has unknown critical extension %s", oid)
	}
	return nil
}

func critical(c *x509.Certificate, oid asn1.ObjectIdentifier) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(oid) {
			return e.Critical
		}
	}
	return false
}

// weak reports whether certificates are not to be signed like this (CC-10).
func weak(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519,
		x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		return false
	}
	return true
}
