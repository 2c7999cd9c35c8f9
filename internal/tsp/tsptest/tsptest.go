// Package tsptest is a timestamp authority for tests: it makes good tokens and
// tokens with one fault, each signed anew so that nothing else is wrong.
package tsptest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// A Cert is a certificate with its key.
type Cert struct {
	*x509.Certificate
	Key crypto.Signer
}

// An Authority is a TSA under an intermediate and a root.
type Authority struct{ Leaf, Intermediate, Root Cert }

// New returns an authority whose certificates are valid for the given time
// before and after now.
func New(now time.Time, around time.Duration) (*Authority, error) {
	a := new(Authority)
	window := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(-around), now.Add(around) }
	var err error
	if a.Root, err = Issue(Cert{}, CATemplate("tsa root"), window); err != nil {
		return nil, err
	}
	if a.Intermediate, err = Issue(a.Root, CATemplate("tsa intermediate"), window); err != nil {
		return nil, err
	}
	if a.Leaf, err = Issue(a.Intermediate, LeafTemplate("tsa"), window); err != nil {
		return nil, err
	}
	return a, nil
}

// Chain is the chain as a trusted root has it: leaf, intermediate, root.
func (a *Authority) Chain() []*x509.Certificate {
	return []*x509.Certificate{a.Leaf.Certificate, a.Intermediate.Certificate, a.Root.Certificate}
}

// Issue returns a DER response that timestamps message, with the faults that
// edit makes.
func (a *Authority) Issue(message []byte, at time.Time, edit ...Fault) ([]byte, error) {
	return a.Token(message, at).With(edit...).DER()
}

// Issue makes a certificate with a fresh P-256 key unless the template has a
// PublicKey that is a crypto.Signer. A zero parent makes it self-signed.
func Issue(parent Cert, template *x509.Certificate, edit ...func(*x509.Certificate)) (Cert, error) {
	t := *template
	t.ExtraExtensions = slices.Clone(t.ExtraExtensions)
	for _, f := range edit {
		f(&t)
	}
	key, ok := t.PublicKey.(crypto.Signer)
	if !ok {
		fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return Cert{}, fmt.Errorf("key: %w", err)
		}
		key = fresh
	}
	if t.SerialNumber == nil {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
		if err != nil {
			return Cert{}, fmt.Errorf("serial number: %w", err)
		}
		t.SerialNumber = serial.Add(serial, big.NewInt(1))
	}
	if parent.Certificate == nil {
		parent = Cert{&t, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, &t, parent.Certificate, key.Public(), parent.Key)
	if err != nil {
		return Cert{}, fmt.Errorf("certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return Cert{}, fmt.Errorf("certificate: %w", err)
	}
	return Cert{cert, key}, nil
}

// CATemplate describes a CA; its window is left to the caller.
func CATemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name, Organization: []string{"hallmark test"}},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
}

// LeafTemplate describes a TSA certificate; its window is left to the caller.
func LeafTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name, Organization: []string{"hallmark test"}},
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		SubjectKeyId:          []byte(name + " key"),
		ExtraExtensions:       []pkix.Extension{EKU(true, TimeStamping)},
	}
}

// Key purposes.
var (
	TimeStamping = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	CodeSigning  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 3}
	AnyPurpose   = asn1.ObjectIdentifier{2, 5, 29, 37, 0}
)

// EKU returns an extended key usage extension, which crypto/x509 itself never
// makes critical.
func EKU(critical bool, purposes ...asn1.ObjectIdentifier) pkix.Extension {
	value, err := asn1.Marshal(purposes)
	if err != nil {
		panic("purposes are constants: " + err.Error())
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: value}
}
