// Package fulcio asks a Fulcio certificate authority (REST, v2) for a
// certificate and believes nothing of the answer: only a certificate that a
// verifier would accept now, for our key and for the identity of the token, is
// handed on (SG-7). The chain that comes with it is not looked at; paths are
// built from the trusted root.
package fulcio

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/service"
	"github.com/hallmarksign/hallmark/oidc"
	"github.com/hallmarksign/hallmark/sign"
)

// Bounds of an answer (LM-4): ten certificates of 32 KiB in PEM, in JSON.
const (
	maxBody  = 512 << 10 // bytes of the answer of the certificate authority
	maxChain = 10        // certificates in the answer of the certificate authority
	maxCert  = 32 << 10  // bytes of one certificate in the answer of the certificate authority
)

// Bounds of a new certificate.
const (
	minLife = sign.MinLife     // still left (SG-7)
	maxLife = 24 * time.Hour   // in all (CC-7, K17)
	skew    = 60 * time.Second // how far our clock may be behind the authority's (TM-4)
)

// Config is what a client needs. Doer and Verify are needed.
type Config struct {
	Doer fetch.Doer // bound to the base URL of the authority

	// Verify checks a leaf as a verifier would if it had signed at that moment:
	// path to the trusted root, certificate timestamp, profile (CC-*, CT-*, ID-*).
	// It returns who the certificate is for and who vouched for them.
	Verify func(leaf []byte, at time.Time) (subject, issuer string, err error)

	Now func() time.Time // time.Now if nil
}

// A Client asks one authority. It is safe for concurrent use.
type Client struct{ config Config }

var _ sign.CertificateAuthority = (*Client)(nil)

// New returns a client. A config that could not check answers is an error.
func New(c Config) (*Client, error) {
	if c.Doer == nil || c.Verify == nil {
		return nil, check.Refuse("SG-7", check.Internal, "want a connection and a check of certificates")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{c}, nil
}

// Certify returns a certificate for key and the identity of token, in DER. One
// that is about to run out is asked for again once. What the authority answers
// wrongly is an error of check server; the token is in no error.
func (c *Client) Certify(ctx context.Context, key crypto.Signer, token oidc.Token) ([]byte, error) {
	csr, err := request(key)
	if err != nil {
		return nil, err
	}
	leaf, left, err := c.once(ctx, csr, key, token)
	if err == nil && left <= minLife {
		leaf, left, err = c.once(ctx, csr, key, token)
	}
	if err != nil {
		return nil, err
	}
	if left <= minLife {
		return nil, check.Refuse("SG-7", check.Server, "certificate has %v left by the clock here, want more than %v", left, minLife).
			WithNext(clock)
	}
	return leaf, nil
}

const clock = "compare the clock of this machine with the time of day"

// once asks for a certificate, checks it and says how long it has left.
func (c *Client) once(ctx context.Context, csr []byte, key crypto.Signer, token oidc.Token) ([]byte, time.Duration, error) {
	body, err := json.Marshal(signingRequest{
		Credentials: credentials{Token: token.Reveal()},
		CSR:         csr,
	})
	if err != nil {
		return nil, 0, check.Refuse("SG-6", check.Internal, "certificate request: %v", err)
	}
	res, err := service.Ask(ctx, c.config.Doer, fetch.Request{
		Method:      "POST",
		Path:        "/api/v2/signingCert",
		Body:        body,
		ContentType: "application/json",
		Accept:      "application/json",
		MaxBody:     maxBody,
		Secrets:     []string{token.Reveal()},
	}, 200, 201)
	if err != nil {
		return nil, 0, err
	}
	leaf, err := parse(res.Body)
	if err != nil {
		return nil, 0, err
	}
	left, err := c.check(leaf, key, token)
	return leaf, left, err
}

// request returns a PKCS #10 request in PEM (SG-6). It has no subject: the
// authority takes the name from the token.
func request(key crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, check.Refuse("SG-6", check.Internal, "certificate request: %v", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// A signingRequest is CreateSigningCertificateRequest of Fulcio's API v2.
type signingRequest struct {
	Credentials credentials `json:"credentials"`
	CSR         []byte      `json:"certificateSigningRequest"`
}

type credentials struct {
	Token string `json:"oidcIdentityToken"`
}
