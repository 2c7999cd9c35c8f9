package tsp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// checkImprint checks that the token is about message (TS-3).
func (t *Token) checkImprint(message []byte) error {
	if want := sum(t.Hash, message); !bytes.Equal(t.Hashed, want) {
		return check.Refuse("TS-3", check.TSA, "token is about %x, signature has %x", t.Hashed, want)
	}
	return nil
}

// checkSignature checks the signature over the signed attributes, which are
// hashed with the tag of a SET (RFC 5652 section 5.4).
func (t *Token) checkSignature(c *x509.Certificate) error {
	if !usable(c) {
		return check.Refuse("TS-2", check.Alg, "key of the signer is %v, want P-256, P-384, P-521, RSA of 2048 to 8192 bits or Ed25519", c.PublicKeyAlgorithm)
	}
	i := &t.signer
	signed := append([]byte{0x31}, i.attrs[1:]...)
	var alg family
	var good bool
	switch key := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		alg = ecdsaKey
		good = ecdsa.VerifyASN1(key, sum(i.hash, signed), i.signature)
	case *rsa.PublicKey:
		alg = rsaKey
		good = rsa.VerifyPKCS1v15(key, i.hash, sum(i.hash, signed), i.signature) == nil
	case ed25519.PublicKey:
		alg = ed25519Key
		good = ed25519.Verify(key, signed, i.signature)
	}
	if alg != i.alg.family {
		return check.Refuse("TS-2", check.TSA, "signature algorithm of the signer does not fit its %v key", c.PublicKeyAlgorithm)
	}
	if !good {
		return check.Refuse("TS-2", check.TSA, "signature of the token does not verify")
	}
	return nil
}

// checkProfile checks that c may do nothing but timestamping (RFC 3161 section
// 2.3, TS-5).
func checkProfile(c *x509.Certificate) error {
	if c.IsCA {
		return check.Refuse("TS-5", check.TSA, "signer %q is a CA", c.Subject.String())
	}
	if len(c.ExtKeyUsage) != 1 || len(c.UnknownExtKeyUsage) != 0 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping {
		return check.Refuse("TS-5", check.TSA, "signer %q has %d extended key usages, want timeStamping alone",
			c.Subject.String(), len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage))
	}
	for _, e := range c.Extensions {
		if e.Id.Equal([]int{2, 5, 29, 37}) && !e.Critical {
			return check.Refuse("TS-5", check.TSA, "extended key usage of signer %q is not critical", c.Subject.String())
		}
	}
	return nil
}

// checkPath checks the path, signer first and anchor last, at one moment (TS-6,
// CC-1, CC-2). The windows come first, because crypto/x509 does not always say
// that a window was the reason.
func checkPath(path []*x509.Certificate, at time.Time) error {
	for _, c := range path {
		if at.Before(c.NotBefore) || at.After(c.NotAfter) {
			return check.Refuse("TS-6", check.Time, "timestamp is of %s, certificate %q is valid from %s to %s",
				stamp(at), c.Subject.String(), stamp(c.NotBefore), stamp(c.NotAfter))
		}
	}
	for _, ca := range path[1:] {
		if len(ca.ExtKeyUsage)+len(ca.UnknownExtKeyUsage) > 0 && !slices.Contains(ca.ExtKeyUsage, x509.ExtKeyUsageTimeStamping) {
			return check.Refuse("TS-5", check.TSA, "CA %q may not issue for timeStamping", ca.Subject.String())
		}
	}
	if len(path) == 1 && len(path[0].UnhandledCriticalExtensions) == 0 {
		return nil // the anchor itself: there is no path to look for
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(path[len(path)-1])
	for i := 1; i < len(path)-1; i++ {
		between.AddCert(path[i])
	}
	_, err := path[0].Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: between,
		CurrentTime:   at,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return check.Refuse("TS-6", check.TSA, "no path from signer %q to its authority: %v", path[0].Subject.String(), err)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
