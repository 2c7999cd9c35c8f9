package fulcio

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/oidc"
)

// An answer is SigningCertificate of Fulcio's API v2.
type answer struct {
	Embedded *chained `json:"signedCertificateEmbeddedSct"`
	Detached *chained `json:"signedCertificateDetachedSct"`
}

type chained struct {
	Chain struct {
		Certificates []string `json:"certificates"`
	} `json:"chain"`
}

// parse returns the leaf of an answer, in DER. Nothing in it is believed.
func parse(body []byte) ([]byte, error) {
	var a answer
	if err := strictjson.UnmarshalOpen(body, &a); err != nil {
		return nil, check.Refuse("SG-7", check.Server, "answer of the certificate authority: %w", err)
	}
	if a.Detached != nil {
		return nil, check.Refuse("CT-1", check.Server, "certificate timestamp is detached, want it in the certificate")
	}
	if a.Embedded == nil || len(a.Embedded.Chain.Certificates) == 0 {
		return nil, check.Refuse("SG-7", check.Server, "answer has no certificate")
	}
	if n := len(a.Embedded.Chain.Certificates); n > maxChain {
		return nil, check.Refuse("LM-4", check.Limit, "answer has %d certificates, at most %d are read", n, maxChain)
	}
	text := a.Embedded.Chain.Certificates[0]
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(block.Headers) != 0 || strings.TrimSpace(string(rest)) != "" ||
		!strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN CERTIFICATE-----") {
		return nil, check.Refuse("SG-7", check.Server, "first certificate of the answer is not one PEM block")
	}
	if len(block.Bytes) > maxCert {
		return nil, check.Refuse("LM-4", check.Limit, "certificate has %d bytes, at most %d are read", len(block.Bytes), maxCert)
	}
	return block.Bytes, nil
}

// check refuses a certificate that does not do what was asked for (SG-7) and
// says how long a good one has left by the clock here.
func (c *Client) check(leaf []byte, key crypto.Signer, token oidc.Token) (time.Duration, error) {
	cert, err := x509.ParseCertificate(leaf)
	if err != nil {
		return 0, check.Refuse("SG-7", check.Server, "certificate: %w", err)
	}
	if !sameKey(cert.PublicKey, key.Public()) {
		return 0, check.Refuse("SG-7", check.Server, "certificate is for another key")
	}
	at, err := c.moment(cert)
	if err != nil {
		return 0, err
	}
	subject, issuer, err := c.config.Verify(leaf, at)
	if err != nil {
		return 0, check.Refuse("SG-7", check.Server, "certificate: %w", err)
	}
	if err := sameIdentity(subject, issuer, token); err != nil {
		return 0, err
	}
	return cert.NotAfter.Sub(at), nil
}

// moment returns when the certificate is to be verified: now, or its start if
// the clock here is a little behind the authority's.
func (c *Client) moment(cert *x509.Certificate) (time.Time, error) {
	now := c.config.Now()
	if life := cert.NotAfter.Sub(cert.NotBefore); life > maxLife {
		return now, check.Refuse("CC-7", check.Server, "certificate is valid for %v, want at most %v", life, maxLife)
	}
	if now.Add(skew).Before(cert.NotBefore) {
		return now, check.Refuse("SG-7", check.Server, "certificate is valid from %s, the clock here says %s",
			stamp(cert.NotBefore), stamp(now)).WithNext(clock)
	}
	if now.After(cert.NotAfter) {
		return now, check.Refuse("SG-7", check.Server, "certificate was valid until %s, the clock here says %s",
			stamp(cert.NotAfter), stamp(now)).WithNext(clock)
	}
	if now.Before(cert.NotBefore) {
		return cert.NotBefore, nil
	}
	return now, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// sameIdentity compares the certificate with what the token says.
func sameIdentity(subject, issuer string, token oidc.Token) error {
	if names := token.Names(); !slices.Contains(names, subject) {
		return check.Refuse("SG-7", check.Server, "certificate is for %q, want %q", subject, names[0])
	}
	if want := token.CertificateIssuer(); issuer != want {
		return check.Refuse("SG-7", check.Server, "certificate names issuer %q, want %q", issuer, want)
	}
	return nil
}

// sameKey compares public keys of the standard library.
func sameKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
