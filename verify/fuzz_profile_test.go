package verify

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// FuzzProfile is target 4: what has the profile of a signer's certificate has it
// too for a reader that knows nothing but the DER, and the other way round.
func FuzzProfile(f *testing.F) {
	w := sigtest.At(nil, "sigstore.example")
	key := sigtest.ECDSA(elliptic.P256(), "leaf").Public()
	make := func(edit func(*x509.Certificate)) []byte {
		return w.Leaf(w.CA, sigtest.Alice(), key, sigtest.T0, nil, sigtest.LeafEdits{Template: edit})
	}
	f.Add(make(nil), uint16(0), byte(0))
	f.Add(make(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), uint16(3), byte(1))
	f.Add(make(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }), uint16(9), byte(2))
	f.Add(make(func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageAny) }), uint16(9), byte(2))
	f.Add(make(func(c *x509.Certificate) { c.ExtKeyUsage = nil }), uint16(9), byte(2))
	f.Add(make(func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}})
	}), uint16(9), byte(2))
	f.Fuzz(func(t *testing.T, der []byte, at uint16, flip byte) {
		der = bytes.Clone(der)
		if len(der) > 0 {
			der[int(at)%len(der)] ^= flip
		}
		cert, err := parseCertificate(der)
		if err != nil {
			return
		}
		err = checkProfile(cert)
		slow, read := slowProfile(der)
		if !read {
			return
		}
		if err == nil && slow != "" {
			t.Errorf("accepted, but %s", slow)
		}
		if err != nil && slow == "" && check.Of(err) == check.CertProfile {
			// crypto/x509 handles some critical extensions that are none of a signer's.
			if len(fulcioext.HandledCritical(cert).UnhandledCriticalExtensions) == 0 {
				t.Errorf("refused for no reason in the DER: %v", err)
			}
		}
	})
}

// slowProfile says what is wrong with a certificate, "" if nothing is. Some that
// crypto/x509 reads it can't.
func slowProfile(der []byte) (fault string, read bool) {
	var c struct {
		TBS struct {
			Version    int `asn1:"optional,explicit,default:0,tag:0"`
			Serial     asn1.RawValue
			Algorithm  asn1.RawValue
			Issuer     asn1.RawValue
			Validity   asn1.RawValue
			Subject    asn1.RawValue
			Key        asn1.RawValue
			IssuerID   asn1.BitString   `asn1:"optional,tag:1"`
			SubjectID  asn1.BitString   `asn1:"optional,tag:2"`
			Extensions []pkix.Extension `asn1:"omitempty,optional,explicit,tag:3"`
		}
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if rest, err := asn1.Unmarshal(der, &c); err != nil || len(rest) > 0 {
		return "", false
	}
	find := func(oid ...int) *pkix.Extension {
		for i := range c.TBS.Extensions {
			if c.TBS.Extensions[i].Id.Equal(oid) {
				return &c.TBS.Extensions[i]
			}
		}
		return nil
	}
	if c.TBS.Version != 2 {
		return "it is not of version 3", true
	}
	var constraints struct {
		CA     bool `asn1:"optional"`
		Length int  `asn1:"optional,default:-1"`
	}
	if e := find(2, 5, 29, 19); e != nil {
		if _, err := asn1.Unmarshal(e.Value, &constraints); err == nil && constraints.CA {
			return "it is a CA", true
		}
	}
	var usage asn1.BitString
	if e := find(2, 5, 29, 15); e == nil || !e.Critical {
		return "its key usage is not critical", true
	} else if _, err := asn1.Unmarshal(e.Value, &usage); err != nil || usage.At(0) == 0 || usage.At(5) == 1 {
		return "its key usage is not digitalSignature, or is keyCertSign", true
	}
	var extended []asn1.ObjectIdentifier
	if e := find(2, 5, 29, 37); e == nil {
		return "it has no extended key usage", true
	} else if _, err := asn1.Unmarshal(e.Value, &extended); err != nil || len(extended) != 1 || !extended[0].Equal([]int{1, 3, 6, 1, 5, 5, 7, 3, 3}) {
		return "its extended key usage is not codeSigning alone", true
	}
	handled := []asn1.ObjectIdentifier{{2, 5, 29, 15}, {2, 5, 29, 17}, {2, 5, 29, 19}, {2, 5, 29, 37}, {2, 5, 29, 30}, {2, 5, 29, 32}, {2, 5, 29, 33}, {2, 5, 29, 36}, {2, 5, 29, 54}, {2, 5, 29, 14}, {2, 5, 29, 35}, {2, 5, 29, 31}}
	for _, e := range c.TBS.Extensions {
		if e.Critical && !slices.ContainsFunc(handled, e.Id.Equal) {
			return "it has the critical extension " + e.Id.String(), true
		}
	}
	return "", true
}
