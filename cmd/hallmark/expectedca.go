package main

import (
	"context"
	"crypto"
	"crypto/x509"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
	"github.com/hallmarksign/hallmark/oidc"
	"github.com/hallmarksign/hallmark/sign"
)

// An expectedCA hands on certificates of whom --expect names. A token of a private
// issuer leaves open which of two names the authority writes, so the certificate
// is asked before anything is logged.
type expectedCA struct {
	sign.CertificateAuthority
	login *loginFlags
}

func (c expectedCA) Certify(ctx context.Context, key crypto.Signer, token oidc.Token) ([]byte, error) {
	leaf, err := c.CertificateAuthority.Certify(ctx, key, token)
	if err != nil || c.login.expect == "" {
		return leaf, err
	}
	cert, err := x509.ParseCertificate(leaf)
	if err != nil {
		return nil, check.Refuse("SG-7", check.Server, "certificate: %v", err)
	}
	who, err := fulcioext.Parse(cert)
	if err != nil {
		return nil, err
	}
	if err := c.login.expected(oidc.Token{Subject: who.Subject, Issuer: who.Issuer}); err != nil {
		return nil, check.Refuse("SG-7", check.Identity, "certificate is for %q of %q, expected %q", who.Subject, who.Issuer, c.login.expect).
			WithNext("expect that name, or log in as another signer; nothing was signed")
	}
	return leaf, nil
}
