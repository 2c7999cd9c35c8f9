package read

import (
	"crypto/sha256"
	"crypto/x509"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

const maxBody = 1 << 20 // bytes of the body of an entry

// A Content is what the body of an entry says, as far as it is understood. It
// says nothing about who vouches for it.
type Content struct {
	Kind, Version string              // "" if the body does not even say that
	Body          *entry.Body         // nil if the body is not of a kind that is read
	Certificate   *x509.Certificate   // nil if the verifier is a key
	Identity      *fulcioext.Identity // nil if there is no certificate, or not one of Fulcio's profile
	Key           [sha256.Size]byte   // SHA-256 of the DER of the public key; zero if there is none
	Unread        error               // why Body or Identity is missing; nil if nothing is
}

// Decode reads the body of an entry of either generation. It never fails: logs
// hold more kinds of entries than are read here, and anybody can log anything.
func Decode(body []byte) *Content {
	c := new(Content)
	c.Body = canonical2(body)
	if c.Body == nil {
		if c.Body, c.Unread = parse(body, c); c.Unread != nil {
			c.Body = nil
			return c
		}
	}
	c.Kind, c.Version = c.Body.Kind, c.Body.Version
	if c.Body.Certificate == nil {
		c.Key = sha256.Sum256(c.Body.PublicKey)
		return c
	}
	cert, err := x509.ParseCertificate(c.Body.Certificate)
	if err != nil {
		c.Unread = check.Refuse("EB-7", check.CertProfile, "certificate of the entry: %v", err)
		return c
	}
	c.Certificate = cert
	c.Key = sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	if c.Identity, c.Unread = fulcioext.Parse(cert); c.Unread != nil {
		c.Identity = nil
	}
	return c
}

// parse reads a body in the general way, by the kind that it names.
func parse(body []byte, c *Content) (*entry.Body, error) {
	if len(body) > maxBody {
		return nil, check.Refuse("LM-4", check.Limit, "body has %d bytes, want at most %d", len(body), maxBody)
	}
	var head struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
	}
	if err := strictjson.UnmarshalOpen(body, &head); err != nil {
		return nil, err
	}
	c.Kind, c.Version = strictjson.Clip(head.Kind), strictjson.Clip(head.APIVersion)
	return entry.Parse(head.Kind, head.APIVersion, body)
}
