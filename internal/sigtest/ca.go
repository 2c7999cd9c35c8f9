package sigtest

import (
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
	"github.com/hallmarksign/hallmark/trustroot"
)

// A Cert is a certificate with its key.
type Cert = tsptest.Cert

// LeafLife is how long certificates of signers live.
const LeafLife = 10 * time.Minute

// A CA certifies signers: root, intermediate, leaf.
type CA struct {
	Root, Issuer  Cert
	URI, Operator string // in the trusted root
	Valid         trustroot.Window
}

// NewCA makes a certificate authority that no trusted root lists yet. Authorities
// of one name are the same.
func (w *World) NewCA(name string) *CA {
	ca := &CA{URI: "https://" + w.Host + "/" + name, Operator: w.Host, Valid: w.window()}
	root := w.caTemplate(name + " root")
	ca.Root = issue(Cert{}, root, ECDSA(elliptic.P384(), w.Host+name+" root"))
	issuer := w.caTemplate(name + " intermediate")
	issuer.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	issuer.MaxPathLenZero = true
	ca.Issuer = issue(ca.Root, issuer, ECDSA(elliptic.P384(), w.Host+name+" intermediate"))
	return ca
}

// Chain is the chain as a trusted root has it.
func (ca *CA) Chain() []*x509.Certificate {
	return []*x509.Certificate{ca.Issuer.Certificate, ca.Root.Certificate}
}

func (w *World) caTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          serial(w.Host + name),
		Subject:               pkix.Name{Organization: []string{w.Host}, CommonName: name},
		NotBefore:             T0.AddDate(-5, 0, 0),
		NotAfter:              T0.AddDate(5, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// window is the window of everything in the trusted root.
func (w *World) window() trustroot.Window { return trustroot.Window{Start: T0.AddDate(-1, 0, 0)} }

func serial(label string) *big.Int { return new(big.Int).SetBytes(sum256([]byte(label))[:16]) }

// issue makes a certificate; without a parent it is self-signed.
func issue(parent Cert, t *x509.Certificate, key crypto.Signer) Cert {
	if parent.Certificate == nil {
		parent = Cert{Certificate: t, Key: key}
	}
	raw := must(x509.CreateCertificate(nil, t, parent.Certificate, key.Public(), parent.Key))
	return Cert{Certificate: must(x509.ParseCertificate(raw)), Key: key}
}

// LeafEdits change the certificate of a signer, stage by stage. The certificate
// timestamps and the authority sign what comes out.
type LeafEdits struct {
	Template func(*x509.Certificate)  // before it is written; the identity is in ExtraExtensions
	TBS      func(der []byte) []byte  // the TBSCertificate without timestamps
	SCT      func(*SCT)               // each timestamp before it is signed
	SCTs     func(list []byte) []byte // the finished SignedCertificateTimestampList
}

// Leaf certifies a key for an identity from a moment on, with a timestamp of
// each log.
func (w *World) Leaf(ca *CA, who Identity, key crypto.PublicKey, from time.Time, logs []*CT, e LeafEdits) []byte {
	t := &x509.Certificate{
		SerialNumber:    serial(who.Subject + from.String() + string(SPKI(key))),
		NotBefore:       from.Truncate(time.Second),
		NotAfter:        from.Truncate(time.Second).Add(LeafLife),
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtKeyUsage:     []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: who.extensions(),
	}
	if e.Template != nil {
		e.Template(t)
	}
	raw := must(x509.CreateCertificate(nil, t, ca.Issuer.Certificate, key, ca.Issuer.Key))
	tbs := part(raw, 0)
	if e.TBS != nil {
		tbs = e.TBS(tbs)
	}
	if len(logs) > 0 {
		tbs = AddExtension(tbs, timestamps(logs, ca, tbs, from, e))
	}
	return ca.Seal(tbs)
}

// Seal signs a TBSCertificate as it is.
func (ca *CA) Seal(tbs []byte) []byte {
	h, algorithm := crypto.SHA384, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	return der(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(tbs)
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(algorithm) })
			b.AddASN1BitString(SignMessage(ca.Issuer.Key, h, tbs))
		})
	})
}

// AddExtension appends an extension to a TBSCertificate.
func AddExtension(tbs []byte, e pkix.Extension) []byte {
	var all, list asn1.RawValue
	var fields []byte
	rest := content(tbs)
	for len(rest) > 0 {
		next := must(asn1.Unmarshal(rest, &all))
		if all.Class == asn1.ClassContextSpecific && all.Tag == 3 {
			break
		}
		fields, rest = append(fields, all.FullBytes...), next
	}
	must(asn1.Unmarshal(all.Bytes, &list))
	added := append(append([]byte{}, list.Bytes...), must(asn1.Marshal(e))...)
	return tsptest.Seq(fields, tsptest.TLV(0xa3, tsptest.Seq(added)))
}

// content returns what is inside a DER element, part its i-th element.
func content(raw []byte) []byte {
	var v asn1.RawValue
	must(asn1.Unmarshal(raw, &v))
	return v.Bytes
}

func part(raw []byte, i int) []byte {
	rest := content(raw)
	for {
		var v asn1.RawValue
		rest = must(asn1.Unmarshal(rest, &v))
		if i == 0 {
			return v.FullBytes
		}
		i--
	}
}
