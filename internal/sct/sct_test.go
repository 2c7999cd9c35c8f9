package sct

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sct/scttest"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 123_000_000, time.UTC)

// A world is a CA, a log and a certificate with one good SCT.
type world struct {
	ca    *x509.Certificate
	caKey crypto.Signer
	log   scttest.Log
	good  scttest.Certificate
}

func newWorld(tb testing.TB, logKey crypto.Signer) *world {
	w := new(world)
	w.ca, w.caKey = newCA(tb)
	var err error
	if w.log, err = scttest.NewLog(logKey); err != nil {
		tb.Fatal(err)
	}
	leafKey := newKey(tb)
	w.good = scttest.Certificate{
		Template: &x509.Certificate{
			SerialNumber:    big.NewInt(7),
			NotBefore:       now.Truncate(time.Second),
			NotAfter:        now.Add(10 * time.Minute).Truncate(time.Second),
			KeyUsage:        x509.KeyUsageDigitalSignature,
			EmailAddresses:  []string{"alice@example.com"},
			ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: []byte("x")}},
		},
		Issuer: w.ca, IssuerKey: w.caKey, Key: leafKey.Public(),
		SCTs: []scttest.SCT{w.log.SCT(now)},
	}
	return w
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func newCA(tb testing.TB) (*x509.Certificate, crypto.Signer) {
	key := newKey(tb)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return parse(tb, der), key
}

func parse(tb testing.TB, der []byte) *x509.Certificate {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func (w *world) cert(tb testing.TB, fault func(*scttest.Certificate)) *x509.Certificate {
	c := w.good
	if fault != nil {
		fault(&c)
	}
	der, err := c.DER()
	if err != nil {
		tb.Fatal(err)
	}
	return parse(tb, der)
}

// judge reads the certificate and verifies every SCT with the key.
func (w *world) judge(cert *x509.Certificate, key crypto.PublicKey) error {
	all, err := FromCertificate(cert)
	if err != nil {
		return err
	}
	for i := range all {
		if err := all[i].Verify(cert, w.ca, key); err != nil {
			return err
		}
	}
	return nil
}

func TestCatalogueC_Certificates(t *testing.T) {
	w := newWorld(t, nil)
	otherCA, _ := newCA(t)
	other := w.cert(t, func(c *scttest.Certificate) {
		template := *c.Template
		template.SerialNumber = big.NewInt(8)
		c.Template, c.SCTs = &template, nil
	})
	ran := 0
	for _, r := range scttest.Rows(otherCA.RawSubjectPublicKeyInfo, other.RawTBSCertificate) {
		t.Run(r.ID+" "+r.Name, func(t *testing.T) {
			err := w.judge(w.cert(t, r.Fault), w.log.Key.Public())
			if got := check.Of(err); got != r.Check {
				t.Errorf("got %q (%v), want check %s", got, err, r.Check)
			}
		})
		ran++
	}
	if ran < 30 {
		t.Errorf("ran %d rows, want at least 30", ran)
	}
	if err := w.judge(w.cert(t, nil), w.log.Key.Public()); err != nil {
		t.Errorf("repair twin: %v", err)
	}
}

func TestCT2_GoodSCTsVerify(t *testing.T) {
	w := newWorld(t, nil)
	for name, fault := range map[string]func(*scttest.Certificate){
		"as it is":                     nil,
		"C18 extensions":               func(c *scttest.Certificate) { c.SCTs[0].Extensions = []byte{0, 0, 5, 0, 0, 0, 0, 9} },
		"16 SCTs":                      func(c *scttest.Certificate) { c.SCTs = bytes16(c.SCTs[0]) },
		"list before other extensions": func(c *scttest.Certificate) { c.First = true },
	} {
		t.Run(name, func(t *testing.T) {
			w.good.SCTs = []scttest.SCT{w.log.SCT(now)}
			cert := w.cert(t, fault)
			if err := w.judge(cert, w.log.Key.Public()); err != nil {
				t.Fatal(err)
			}
			all, err := FromCertificate(cert)
			if err != nil {
				t.Fatal(err)
			}
			if !all[0].Time.Equal(now) || all[0].LogID != w.log.ID {
				t.Errorf("got %v by %x, want %v by %x", all[0].Time, all[0].LogID, now, w.log.ID)
			}
		})
	}
}

func bytes16(s scttest.SCT) []scttest.SCT {
	all := make([]scttest.SCT, 16)
	for i := range all {
		all[i] = s
	}
	return all
}

func TestCT3_Keys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecKey := newKey(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
	for _, test := range []struct {
		name string
		log  crypto.Signer
		key  crypto.PublicKey
		want check.Check
	}{
		{"ECDSA", ecKey, ecKey.Public(), ""},
		{"RSA", rsaKey, rsaKey.Public(), ""},
		{"Ed25519", edKey, edKey.Public(), ""},
		{"C3 another key", ecKey, newKey(t).Public(), check.SCT},
		{"C9 ECDSA by RSA key", ecKey, rsaKey.Public(), check.SCT},
		{"C9 RSA by ECDSA key", rsaKey, ecKey.Public(), check.SCT},
		{"C9 RSA by Ed25519 key", rsaKey, edKey.Public(), check.SCT},
		{"P-384", p384, p384.Public(), check.Alg},
		{"RSA 1024", rsaKey, small, check.Alg},
		{"Ed25519 of 31 bytes", edKey, ed25519.PublicKey(make([]byte, 31)), check.Alg},
		{"no key", ecKey, nil, check.Alg},
		{"RSA 8193", rsaKey, &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 8192, 1), E: 65537}, check.Alg},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.log)
			err := w.judge(w.cert(t, nil), test.key)
			if got := check.Of(err); got != test.want {
				t.Errorf("got %q (%v), want check %q", got, err, test.want)
			}
		})
	}
}

// CT-3: the bytes that name the algorithms are not signed, and are compared all the
// same.
func TestCT3_AlgorithmBytes(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"ECDSA": newKey(t), "RSA": rsaKey, "Ed25519": edKey} {
		w := newWorld(t, key)
		cert := w.cert(t, nil)
		all, err := FromCertificate(cert)
		if err != nil {
			t.Fatal(err)
		}
		if err := all[0].Verify(cert, w.ca, key.Public()); err != nil {
			t.Fatal(err)
		}
		hash, sig := all[0], all[0]
		hash.hashAlg ^= 1
		sig.sigAlg ^= 8
		for _, s := range []SCT{hash, sig} {
			if err := s.Verify(cert, w.ca, key.Public()); check.Of(err) != check.SCT || !strings.Contains(err.Error(), "do not fit the log's "+name) {
				t.Errorf("%s by %d %d: got %v", name, s.hashAlg, s.sigAlg, err)
			}
		}
	}
}

// crypto/x509 parses no certificate with an extension twice, so it is put
// together by hand.
func TestCC6_TwoLists(t *testing.T) {
	w := newWorld(t, nil)
	cert := w.cert(t, nil)
	cert.Extensions = append(cert.Extensions, cert.Extensions[len(cert.Extensions)-1])
	if _, err := FromCertificate(cert); check.Of(err) != check.CertProfile {
		t.Errorf("C20: got %v, want check cert_profile", err)
	}
	der, err := func() ([]byte, error) { c := w.good; c.Twice = true; return c.DER() }()
	if err != nil {
		t.Skipf("crypto/x509 does not make one: %v", err)
	}
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Error("C20: crypto/x509 parses a certificate with two lists")
	}
}

// unlisted returns a TBSCertificate as the log saw it.
func unlisted(der []byte) ([]byte, error) {
	p, err := withoutList(der)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	p.add(&b)
	return b.Bytes()
}

func TestCT2_OnlyTheListIsRemoved(t *testing.T) {
	w := newWorld(t, nil)
	plain := w.cert(t, func(c *scttest.Certificate) { c.SCTs = nil })
	for _, first := range []bool{false, true} {
		cert := w.cert(t, func(c *scttest.Certificate) { c.First = first })
		got, err := unlisted(cert.RawTBSCertificate)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, plain.RawTBSCertificate) {
			t.Errorf("got\n%x\nwant\n%x", got, plain.RawTBSCertificate)
		}
	}
	for _, bad := range [][]byte{nil, {0x30, 0}, plain.RawTBSCertificate, append(bytes.Clone(plain.RawTBSCertificate), 0)} {
		if _, err := unlisted(bad); check.Of(err) != check.SCT {
			t.Errorf("%x: got %v, want check sct", bad, err)
		}
	}
}

func TestCT1_NoListIsNamed(t *testing.T) {
	w := newWorld(t, nil)
	_, err := FromCertificate(w.cert(t, func(c *scttest.Certificate) { c.SCTs = nil }))
	var refusal *check.Error
	if !errors.As(err, &refusal) || refusal.Rule != "CT-1" {
		t.Errorf("C1: got %v, want a refusal by CT-1", err)
	}
}

func TestCT5_Items(t *testing.T) {
	last := time.UnixMilli(maxMillis)
	for _, test := range []struct {
		name string
		sct  SCT
		want check.Check
	}{
		{"good", SCT{Time: now, signature: []byte{1}}, ""},
		{"end of the year 9999", SCT{Time: last, signature: []byte{1}}, ""},
		{"start of the year 10000", SCT{Time: last.Add(time.Millisecond), signature: []byte{1}}, check.SCT},
		{"signature empty", SCT{Time: now}, check.SCT},
	} {
		if _, err := parseList(encodeList([]SCT{test.sct})); check.Of(err) != test.want {
			t.Errorf("%s: got %v, want check %q", test.name, err, test.want)
		}
	}
}

func TestLM4_CertificateTooLargeToBeLogged(t *testing.T) {
	element := func(tag cbasn1.Tag, parts ...[]byte) []byte {
		var b cryptobyte.Builder
		b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(parts, nil)) })
		return b.BytesOrPanic()
	}
	extension := func(oid string, value []byte) []byte {
		return element(cbasn1.SEQUENCE, element(cbasn1.OBJECT_IDENTIFIER, []byte(oid)), element(cbasn1.OCTET_STRING, value))
	}
	exts := element(cbasn1.SEQUENCE, extension(oidList, nil), extension("\x2a", make([]byte, 1<<24)))
	cert := &x509.Certificate{RawTBSCertificate: element(cbasn1.SEQUENCE, element(cbasn1.Tag(3).ContextSpecific().Constructed(), exts))}
	s := SCT{Time: now, signature: []byte{1}}
	if err := s.Verify(cert, cert, newKey(t).Public()); check.Of(err) != check.Limit {
		t.Errorf("got %v, want check limit", err)
	}
}

// encodeList writes SCTs as RFC 6962 section 3.3 says.
func encodeList(all []SCT) []byte {
	var b cryptobyte.Builder
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, s := range all {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				b.AddUint8(0)
				b.AddBytes(s.LogID[:])
				b.AddUint64(uint64(s.Time.UnixMilli()))
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s.Extensions) })
				b.AddUint8(s.hashAlg)
				b.AddUint8(s.sigAlg)
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s.signature) })
			})
		}
	})
	return b.BytesOrPanic()
}

// FuzzList is target 6: what is accepted is exactly what would be written.
func FuzzList(f *testing.F) {
	id := sha256.Sum256([]byte("log"))
	f.Add(encodeList([]SCT{{LogID: id, Time: now, hashAlg: 4, sigAlg: 3, signature: []byte{1, 2, 3}}}))
	f.Add(encodeList([]SCT{{Time: now, Extensions: []byte{1}, signature: []byte{1}}, {Time: time.UnixMilli(0), signature: []byte{2}}}))
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseList(b)
		if err != nil {
			if c := check.Of(err); c != check.SCT && c != check.Limit {
				t.Fatalf("refused by check %s: %v", c, err)
			}
			return
		}
		if got := encodeList(all); !bytes.Equal(got, b) {
			t.Fatalf("read and written:\n%x\nwas\n%x", got, b)
		}
		if len(all) == 0 || len(all) > Max {
			t.Fatalf("accepted %d SCTs", len(all))
		}
	})
}

// FuzzWithoutList: putting the list back gives the certificate again.
func FuzzWithoutList(f *testing.F) {
	w := newWorld(f, nil)
	f.Add(w.cert(f, nil).RawTBSCertificate)
	f.Add(w.cert(f, func(c *scttest.Certificate) { c.First = true }).RawTBSCertificate)
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := unlisted(b)
		if err != nil {
			return
		}
		if len(out) >= len(b) {
			t.Fatalf("got %d bytes of %d, want fewer", len(out), len(b))
		}
		if again, err := unlisted(out); err == nil {
			t.Fatalf("a second list was removed: %x", again)
		}
	})
}
