package verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/trustroot"
)

// FuzzChain is target 5: whatever the certificates of a chain say of usage,
// constraints, lengths and windows, a leaf is issued for hallmark only if it is
// for crypto/x509 with the whole chain; and the other way round, unless a rule
// of ours refuses a certificate for what it is.
func FuzzChain(f *testing.F) {
	for _, shape := range []uint32{0, 1, 1 << 3, 1 << 6, 1 << 9, 1 << 12, 1 << 15, 1 << 18, 1 << 21, 1 << 24, 1<<14 | 1<<15, 1 << 16, 1 << 26, 1<<4 | 1<<5, 1 << 6, 0xffffffff} {
		f.Add(shape, byte(0), byte(0), false)
	}
	f.Add(uint32(0), byte(1), byte(7), true)
	var keys [3]*ecdsa.PrivateKey
	for i := range keys {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		keys[i] = key
	}
	f.Fuzz(func(t *testing.T, shape uint32, path, window byte, stranger bool) {
		root := chainCert(t, nil, nil, keys[0], "root", shape>>20, path>>4, window>>5)
		inter := chainCert(t, root, keys[0], keys[1], "intermediate", shape>>10, path, window>>2)
		signer := keys[1]
		if stranger {
			signer = keys[2]
		}
		leaf := chainCert(t, inter, signer, keys[2], "", shape, 0, window)
		if root == nil || inter == nil || leaf == nil || leaf.IsCA || len(leaf.UnhandledCriticalExtensions) > 0 || checkCodeSigning(leaf) != nil {
			return // the profile is another matter
		}
		a := newAuthority(&trustroot.Authority{Chain: []*x509.Certificate{inter, root}})
		ours := a.issued(leaf)
		anchor, below := pools([]*x509.Certificate{inter, root})
		first, last := commonWindow([]*x509.Certificate{leaf, inter, root})
		if first.After(last) {
			if ours == nil {
				t.Error("accepted, but at no moment are all certificates valid")
			}
			return
		}
		_, theirs := leaf.Verify(x509.VerifyOptions{Roots: anchor, Intermediates: below, CurrentTime: first,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}})
		if ours == nil && theirs != nil {
			t.Errorf("accepted, crypto/x509 says: %v", theirs)
		}
		if ours != nil && theirs == nil && check.Of(ours) == check.CertChain && checkCA(inter, 0) == nil && checkCA(root, 1) == nil {
			t.Errorf("refused, but crypto/x509 finds a path: %v", ours)
		}
	})
}

// checkCodeSigning is the part of the profile that paths depend on.
func checkCodeSigning(c *x509.Certificate) error {
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageCodeSigning {
		return check.Refuse("CC-4", check.CertProfile, "not for code signing alone")
	}
	return nil
}

// chainCert makes a certificate whose shape comes from bits; the leaf has no
// name. Nil: there is no such certificate.
func chainCert(t *testing.T, parent *x509.Certificate, signer, key *ecdsa.PrivateKey, name string, bits uint32, path, window byte) *x509.Certificate {
	t.Helper()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(int64(bits) + 1), Subject: pkix.Name{CommonName: name},
		NotBefore: at.Add(time.Duration(window&3) * time.Hour), NotAfter: at.Add(time.Duration(4-window&7/2) * time.Hour),
		BasicConstraintsValid: true, IsCA: name != "" && bits&1 == 0, KeyUsage: x509.KeyUsageCertSign,
		EmailAddresses: []string{"alice@example.com"},
	}
	usages := [][]x509.ExtKeyUsage{{x509.ExtKeyUsageCodeSigning}, nil, {x509.ExtKeyUsageAny}, {x509.ExtKeyUsageTimeStamping}}
	c.ExtKeyUsage = usages[bits>>1&3]
	if name == "" {
		c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageDigitalSignature, usages[0]
	}
	if bits&8 != 0 {
		c.KeyUsage = x509.KeyUsageDigitalSignature
	}
	if c.IsCA && path&8 != 0 {
		c.MaxPathLen, c.MaxPathLenZero = int(path&1), path&1 == 0
	}
	if c.IsCA && bits&16 != 0 {
		c.PermittedEmailAddresses, c.PermittedDNSDomainsCritical = []string{[]string{"example.com", "example.org"}[bits>>5&1]}, true
	}
	if bits&64 != 0 { // policy constraints: an explicit policy is required
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidPolicyConstraints, Critical: true, Value: []byte{0x30, 3, 0x80, 1, byte(bits >> 7 & 1)}})
	}
	if bits&256 != 0 {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: bits&512 != 0, Value: []byte{5, 0}})
	}
	if parent == nil {
		parent, signer = c, key
		if signer == nil {
			return nil
		}
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		return nil
	}
	made, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil
	}
	return made
}
