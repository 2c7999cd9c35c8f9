package verify_test

import (
	"bytes"
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 a key that must be refused
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/sct/scttest"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// A row is one fault, or one harmless change when Check is "".
type row struct {
	name  string // rule, catalogue row and what is changed
	check check.Check
	edit  func(*plan)
}

func run(t *testing.T, generation int, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(fmt.Sprintf("%s/v%d", r.name, generation), func(t *testing.T) {
			p := newPlan(t, generation)
			r.edit(p)
			result, err := p.verify()
			if got := check.Of(err); got != r.check {
				t.Fatalf("check %q, want %q: %v", got, r.check, err)
			}
			if result.Verified() != (r.check == "") {
				t.Errorf("Verified() = %v", result.Verified())
			}
		})
	}
}

// statement is about the artifact of newPlan.
func statement() string {
	return fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"hello","digest":{"sha256":"%x"}}],"predicateType":"https://example.com/p"}`,
		sha256.Sum256([]byte("hello\n")))
}

func twoSubjects() string {
	return strings.Replace(statement(), `"subject":[`, `"subject":[{"name":"hello","digest":{"sha256":"`+strings.Repeat("ab", 32)+`"}},`, 1)
}

func TestBothGenerations(t *testing.T) {
	shift := func(d time.Duration) func(*plan) {
		return func(p *plan) {
			if p.generation == 1 {
				p.integrated = noon.Add(d)
			} else {
				p.stamps = []time.Time{noon.Add(d)}
			}
		}
	}
	ext := func(id ...int) pkix.Extension {
		return pkix.Extension{Id: id, Critical: true, Value: []byte{5, 0}}
	}
	rows := []row{
		{"good", "", func(p *plan) {}},
		{"good statement", "", func(p *plan) { p.statement = statement() }},
		{"BP-9 right messageDigest", "", func(p *plan) { p.digest = func() []byte { return hashed(crypto.SHA256, p.artifact) } }},
		{"BP-9 A33 messageDigest of something else", check.Digest, func(p *plan) { p.digest = func() []byte { return make([]byte, 32) } }},
		{"BP-9 A34 messageDigest by another algorithm", check.Digest, func(p *plan) {
			p.edit = func(b *bundle.Bundle) {
				b.Message.Digest = &bundle.Digest{Algorithm: "SHA2_512", Value: make([]byte, 64)}
			}
		}},
		{"J1 another artifact", check.Signature, func(p *plan) { p.asked, _ = verify.FromDigest(crypto.SHA256, make([]byte, 32)) }},
		{"J3 signature bit", check.Signature, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Message.Signature[10] ^= 1 } }},
		{"J12 envelope signature bit", check.Signature, func(p *plan) {
			p.statement = statement()
			p.edit = func(b *bundle.Bundle) { b.Envelope.Signature[10] ^= 1 }
		}},
		{"BP-8 J14 payload type", check.DSSE, func(p *plan) {
			p.statement = statement()
			p.edit = func(b *bundle.Bundle) { b.Envelope.PayloadType = "text/plain" }
		}},

		{"CC-1 B3 self-signed leaf", check.CertChain, func(p *plan) {
			p.issuer = tsptest.Cert{Certificate: &x509.Certificate{RawSubject: []byte{0x30, 0}, PublicKey: p.key.Public()}, Key: p.key}
			p.scts = nil
		}},
		{"CC-1 B4 CA that copies name and key id", check.CertChain, func(p *plan) {
			copied := *p.inter.Certificate
			p.issuer.Certificate = &copied
			p.issuer.Key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			copied.PublicKey = p.issuer.Key.Public()
		}},
		{"CC-1 B39 issued by the TSA's CA", check.CertChain, func(p *plan) { p.issuer = p.tsa.Intermediate }},
		{"CC-1 B36 two intermediates of one name", "", func(p *plan) {
			other := must[tsptest.Cert](p.t)(tsptest.Issue(p.root, tsptest.CATemplate("intermediate"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0)
				c.SubjectKeyId = p.inter.SubjectKeyId
			}))
			a := p.trust.Authorities[0]
			a.Chain = []*x509.Certificate{other.Certificate, p.root.Certificate}
			p.trust.Authorities = append([]trustroot.Authority{a}, p.trust.Authorities...)
		}},
		{"CC-1 anchor is an intermediate", "", func(p *plan) { p.trust.Authorities[0].Chain = p.trust.Authorities[0].Chain[:1] }},
		{"CC-9 intermediate brought by the bundle", "", func(p *plan) {
			p.trust.Authorities[0].Chain = p.trust.Authorities[0].Chain[1:]
			p.edit = func(b *bundle.Bundle) { b.Version, b.Chain = bundle.V02, [][]byte{p.inter.Raw} }
		}},
		{"CC-9 B37 intermediate brought that leads nowhere", check.CertChain, func(p *plan) {
			p.trust.Authorities[0].Chain = p.trust.Authorities[0].Chain[1:]
			p.edit = func(b *bundle.Bundle) { b.Version, b.Chain = bundle.V02, [][]byte{p.tsa.Intermediate.Raw} }
		}},
		{"BP-7 A23 root in a v0.2 chain", check.Content, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Version, b.Chain = bundle.V02, [][]byte{p.root.Raw} }
		}},
		{"BP-7 A23 anchor last in a v0.1 chain", "", func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Version, b.Chain = bundle.V01, [][]byte{p.inter.Raw, p.root.Raw} }
		}},
		{"BP-7 A23 anchor not last in a v0.1 chain", check.Content, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Version, b.Chain = bundle.V01, [][]byte{p.root.Raw, p.inter.Raw} }
		}},
		{"BP-7 A23 foreign root last in a v0.1 chain", check.Content, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Version, b.Chain = bundle.V01, [][]byte{p.tsa.Root.Raw} }
		}},
		{"LM-4 A24 chain of eleven", check.Limit, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Chain = slices.Repeat([][]byte{p.inter.Raw}, 11) }
		}},
		{"LM-4 certificate of 33 KiB", check.Limit, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Certificate = append(b.Certificate, make([]byte, 33<<10)...) }
		}},
		{"CC-6 B6 trailing byte", check.Parse, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Certificate = append(slices.Clip(b.Certificate), 0) }
		}},
		{"CC-6 B8 public key for a certificate", check.Parse, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Certificate, _ = x509.MarshalPKIXPublicKey(p.key.Public()) }
		}},
		{"CC-1 B5 signature of the certificate", check.CertChain, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Certificate[len(b.Certificate)-5] ^= 1 }
		}},

		{"CC-2 B12 signed at notBefore", "", shift(-5 * time.Minute)},
		{"CC-2 B12 signed at notAfter", "", shift(5 * time.Minute)},
		{"CC-2 B9 signed a second too early", check.CertTime, shift(-5*time.Minute - time.Second)},
		{"CC-2 B10 B11 signed a second too late", check.CertTime, shift(5*time.Minute + time.Second)},
		{"CC-2 B13 intermediate expired a minute before", check.CertTime, func(p *plan) {
			p.issuer = must[tsptest.Cert](p.t)(tsptest.Issue(p.root, tsptest.CATemplate("intermediate"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.Add(-time.Minute)
			}))
			p.trust.Authorities[0].Chain[0] = p.issuer.Certificate
		}},
		{"CC-2 B14 root expired a minute before", check.CertTime, func(p *plan) {
			root := must[tsptest.Cert](p.t)(tsptest.Issue(tsptest.Cert{}, tsptest.CATemplate("root"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.Add(-time.Minute)
			}))
			p.issuer = must[tsptest.Cert](p.t)(tsptest.Issue(root, tsptest.CATemplate("intermediate"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0)
			}))
			p.trust.Authorities[0].Chain = []*x509.Certificate{p.issuer.Certificate, root.Certificate}
		}},
		{"CC-3 B15 authority window ended", check.CertTime, func(p *plan) { p.trust.Authorities[0].Valid.End = noon.Add(-time.Second) }},
		{"CC-3 authority window ends at the time", "", func(p *plan) { p.trust.Authorities[0].Valid.End = noon }},
		{"CC-3 I17 one chain listed with two windows", "", func(p *plan) {
			a := p.trust.Authorities[0]
			a.Valid.End = noon.AddDate(0, -1, 0)
			p.trust.Authorities = append([]trustroot.Authority{a}, p.trust.Authorities...)
		}},
		{"CC-3 I13 instance of the future beside", "", func(p *plan) {
			a := p.trust.Authorities[0]
			a.Valid.Start = noon.AddDate(1, 0, 0)
			p.trust.Authorities = append(p.trust.Authorities, a)
		}},

		{"CC-1 authority's chain does not hold", check.CertChain, func(p *plan) {
			p.trust.Authorities[0].Chain[1] = p.tsa.Root.Certificate
		}},
		{"CC-2 authority's chain never valid as a whole", check.CertTime, func(p *plan) {
			old := *p.root.Certificate
			old.NotAfter = p.inter.NotBefore.Add(-time.Second)
			p.trust.Authorities[0].Chain[1] = &old
		}},
		{"CC-8 authority's key on P-224", check.Alg, func(p *plan) {
			k := must[*ecdsa.PrivateKey](p.t)(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
			odd := *p.root.Certificate
			odd.PublicKey = k.Public()
			p.trust.Authorities[0].Chain[1] = &odd
		}},
		{"CC-10 B26 authority signed with SHA-1", check.Alg, func(p *plan) {
			odd := *p.inter.Certificate
			odd.SignatureAlgorithm = x509.ECDSAWithSHA1
			p.trust.Authorities[0].Chain[0] = &odd
		}},
		{"CC-10 anchor signed with SHA-1", "", func(p *plan) {
			odd := *p.root.Certificate
			odd.SignatureAlgorithm = x509.ECDSAWithSHA1
			p.trust.Authorities[0].Chain[1] = &odd
		}},
		{"CC-10 B21 authority is not a CA", check.CertChain, func(p *plan) {
			odd := *p.inter.Certificate
			odd.IsCA = false
			p.trust.Authorities[0].Chain[0] = &odd
		}},
		{"CC-10 B26 leaf signed with SHA-1", check.Alg, func(p *plan) {
			p.template.SignatureAlgorithm, p.scts = x509.ECDSAWithSHA1, nil
		}},
		{"CC-6 certificate of version 2", check.CertProfile, func(p *plan) {
			p.edit = func(b *bundle.Bundle) {
				b.Certificate = bytes.Replace(b.Certificate, []byte{0xa0, 3, 2, 1, 2}, []byte{0xa0, 3, 2, 1, 1}, 1)
			}
		}},
		{"CC-8 B28 curve nobody knows", check.Alg, func(p *plan) {
			p.edit = func(b *bundle.Bundle) {
				p256 := []byte{0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}
				p192 := []byte{0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1}
				b.Certificate = bytes.Replace(b.Certificate, p256, p192, 1)
			}
		}},
		{"CC-9 chain has garbage", check.Parse, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Version, b.Chain = bundle.V02, [][]byte{[]byte("x")} }
		}},
		{"CC-9 intermediate brought has expired", check.CertTime, func(p *plan) {
			p.issuer = must[tsptest.Cert](p.t)(tsptest.Issue(p.root, tsptest.CATemplate("brought"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(0, -1, 0)
			}))
			p.trust.Authorities[0].Chain = p.trust.Authorities[0].Chain[1:]
			p.edit = func(b *bundle.Bundle) { b.Version, b.Chain = bundle.V02, [][]byte{p.issuer.Raw} }
		}},
		{"CC-9 B26 intermediate brought is signed with SHA-1", check.Alg, func(p *plan) {
			p.issuer = must[tsptest.Cert](p.t)(tsptest.Issue(p.root, tsptest.CATemplate("brought"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0)
				c.SignatureAlgorithm = x509.ECDSAWithSHA1
			}))
			p.edit = func(b *bundle.Bundle) { b.Version, b.Chain = bundle.V02, [][]byte{p.issuer.Raw} }
		}},
		{"CC-9 intermediate brought under a faulty authority", check.CertChain, func(p *plan) {
			p.issuer = must[tsptest.Cert](p.t)(tsptest.Issue(p.inter, tsptest.CATemplate("brought"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0)
			}))
			p.trust.Authorities[0].Chain[1] = p.tsa.Root.Certificate
			p.edit = func(b *bundle.Bundle) { b.Version, b.Chain = bundle.V02, [][]byte{p.issuer.Raw} }
		}},
		{"CC-9 intermediate brought is not a CA", check.CertChain, func(p *plan) {
			p.issuer = must[tsptest.Cert](p.t)(tsptest.Issue(p.root, tsptest.LeafTemplate("brought"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0)
			}))
			p.trust.Authorities[0].Chain = p.trust.Authorities[0].Chain[1:]
			p.edit = func(b *bundle.Bundle) { b.Version, b.Chain = bundle.V02, [][]byte{p.issuer.Raw} }
		}},
		{"CC-9 intermediate brought under one of the root", "", func(p *plan) {
			p.issuer = must[tsptest.Cert](p.t)(tsptest.Issue(p.inter, tsptest.CATemplate("brought"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0)
			}))
			p.edit = func(b *bundle.Bundle) { b.Version, b.Chain = bundle.V02, [][]byte{p.issuer.Raw} }
		}},
		{"CC-3 CC-9 intermediates brought around the one that is trusted", check.CertChain, func(p *plan) {
			year := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0) }
			heir := must[tsptest.Cert](p.t)(tsptest.Issue(p.root, tsptest.CATemplate("heir"), year))
			p.issuer = must[tsptest.Cert](p.t)(tsptest.Issue(p.inter, tsptest.CATemplate("brought"), year))
			// Anybody can write the name of an authority into a certificate.
			named := *heir.Certificate
			named.PublicKey = p.key.Public()
			lure := must[tsptest.Cert](p.t)(tsptest.Issue(tsptest.Cert{Certificate: &named, Key: p.key}, tsptest.CATemplate("lure"), year))
			open := p.trust.Authorities[0]
			open.Chain = []*x509.Certificate{heir.Certificate, p.root.Certificate}
			p.trust.Authorities[0].Valid.End = noon.AddDate(0, -1, 0)
			p.trust.Authorities = append(p.trust.Authorities, open)
			p.edit = func(b *bundle.Bundle) {
				b.Version, b.Chain = bundle.V02, [][]byte{p.issuer.Raw, p.inter.Raw, lure.Raw}
			}
		}},

		{"CC-4 B17 no code signing", check.CertProfile, func(p *plan) { p.template.ExtKeyUsage = nil }},
		{"CC-4 B17 server authentication", check.CertProfile, func(p *plan) { p.template.ExtKeyUsage[0] = x509.ExtKeyUsageServerAuth }},
		{"CC-4 B17 any usage", check.CertProfile, func(p *plan) { p.template.ExtKeyUsage[0] = x509.ExtKeyUsageAny }},
		{"CC-4 B18 time stamping too", check.CertProfile, func(p *plan) {
			p.template.ExtKeyUsage = append(p.template.ExtKeyUsage, x509.ExtKeyUsageTimeStamping)
		}},
		{"CC-4 unknown usage too", check.CertProfile, func(p *plan) {
			p.template.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3, 4}}
		}},
		{"CC-4 B19 no key usage", check.CertProfile, func(p *plan) { p.template.KeyUsage = 0 }},
		{"CC-4 B19 no digital signature", check.CertProfile, func(p *plan) { p.template.KeyUsage = x509.KeyUsageKeyEncipherment }},
		{"CC-4 B19 certificate signing", check.CertProfile, func(p *plan) { p.template.KeyUsage |= x509.KeyUsageCertSign }},
		{"CC-4 key usage not critical", check.CertProfile, func(p *plan) {
			p.template.KeyUsage = 0
			p.template.ExtraExtensions = append(p.template.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Value: []byte{3, 2, 7, 0x80}})
		}},
		{"CC-4 B20 a CA", check.CertProfile, func(p *plan) { p.template.IsCA, p.template.BasicConstraintsValid = true, true }},
		{"CC-6 B23 unknown critical extension", check.CertProfile, func(p *plan) {
			p.template.ExtraExtensions = append(p.template.ExtraExtensions, ext(1, 2, 3, 4))
		}},
		{"CC-6 B23 unknown critical extension of the intermediate", check.CertProfile, func(p *plan) {
			p.issuer = must[tsptest.Cert](p.t)(tsptest.Issue(p.root, tsptest.CATemplate("intermediate"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0)
				c.ExtraExtensions = []pkix.Extension{ext(1, 2, 3, 4)}
			}))
			p.trust.Authorities[0].Chain[0] = p.issuer.Certificate
		}},
		{"CC-6 B24 extension twice", check.CertProfile, func(p *plan) {
			p.scts = nil
			p.evidence.SCTs = 0
			p.template.ExtraExtensions = append(p.template.ExtraExtensions, fulcio(p.t, 12, "again"))
		}},
		{"CC-6 B41 precertificate", check.CertProfile, func(p *plan) {
			p.template.ExtraExtensions = append(p.template.ExtraExtensions, ext(1, 3, 6, 1, 4, 1, 11129, 2, 4, 3))
		}},
		{"CC-5 B25 two names", check.CertProfile, func(p *plan) { p.template.EmailAddresses = []string{"a@example.com"} }},
		{"CC-5 B25 subject", check.CertProfile, func(p *plan) { p.template.Subject.CommonName = "x" }},
		{"CC-10 B21 pathLen exceeded", check.CertChain, func(p *plan) {
			root := must[tsptest.Cert](p.t)(tsptest.Issue(tsptest.Cert{}, tsptest.CATemplate("root"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0)
				c.MaxPathLenZero = true
			}))
			p.issuer = must[tsptest.Cert](p.t)(tsptest.Issue(root, tsptest.CATemplate("intermediate"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0)
			}))
			p.trust.Authorities[0].Chain = []*x509.Certificate{p.issuer.Certificate, root.Certificate}
		}},
		{"CC-10 B21 intermediate not for signing certificates", check.CertChain, func(p *plan) {
			p.issuer = must[tsptest.Cert](p.t)(tsptest.Issue(p.root, tsptest.CATemplate("intermediate"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0)
				c.KeyUsage = x509.KeyUsageDigitalSignature
			}))
			p.trust.Authorities[0].Chain[0] = p.issuer.Certificate
		}},
		{"CC-10 B22 name constraint of the intermediate", check.CertChain, func(p *plan) { constrained(p, true, "gitlab.com") }},
		{"CC-10 B22 name constraint of the root", check.CertChain, func(p *plan) { constrained(p, false, "gitlab.com") }},
		{"CC-10 name constraint of the root that permits", "", func(p *plan) { constrained(p, false, "github.com") }},
		{"CC-7 B40 long-lived leaf", "", func(p *plan) { p.template.NotAfter = noon.AddDate(0, 6, 0) }},

		{"CC-8 P-521 with SHA-512", "", func(p *plan) { withKey(p, elliptic.P521(), crypto.SHA512) }},
		{"CC-8 P-384 with SHA-384", "", func(p *plan) { withKey(p, elliptic.P384(), crypto.SHA384) }},
		{"SG-3 J9 P-384 with SHA-256", "", func(p *plan) { withKey(p, elliptic.P384(), crypto.SHA256) }},
		{"CC-8 B28 P-224", check.Alg, func(p *plan) {
			weakLeaf(p, must[*ecdsa.PrivateKey](p.t)(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)).Public())
		}},
		{"CC-8 B27 RSA of 16384 bits", check.Alg, func(p *plan) { weakLeaf(p, hugeRSA(16384, 65537)) }},
		{"CC-8 B27 RSA of 1024 bits", check.Alg, func(p *plan) { weakLeaf(p, hugeRSA(1024, 65537)) }},
		{"CC-8 B27 RSA exponent 1", check.Alg, func(p *plan) { weakLeaf(p, hugeRSA(2048, 1)) }},
		{"CC-8 B27 RSA modulus even", check.Alg, func(p *plan) {
			k := hugeRSA(2048, 65537)
			k.N.SetBit(k.N, 0, 0)
			weakLeaf(p, k)
		}},
		{"CC-8 B30 Ed25519 point of small order", check.Alg, func(p *plan) { weakLeaf(p, ed25519.PublicKey(append([]byte{1}, make([]byte, 31)...))) }},

		{"CT-1 C1 no certificate timestamp", check.SCT, func(p *plan) { p.scts = nil }},
		{"CT-1 C2 empty list", check.SCT, func(p *plan) { p.scts = []scttest.SCT{} }},
		{"CT-1 TT-1 no certificate timestamp, none demanded", "", func(p *plan) { p.scts, p.evidence.SCTs = nil, 0 }},
		{"CT-7 C4 unknown log alone", check.SCT, func(p *plan) { p.scts = []scttest.SCT{foreignCT(p).SCT(noon)} }},
		{"CT-7 C5 unknown log beside a good one", "", func(p *plan) { p.scts = append(p.scts, foreignCT(p).SCT(noon)) }},
		{"CT-7 C19 broken one of a known log beside a good one", check.SCT, func(p *plan) {
			bad := p.ct.SCT(noon)
			bad.TBS = []byte("another certificate")
			p.scts = append(p.scts, bad)
		}},
		{"CT-2 C14 issuer key hash of another", check.SCT, func(p *plan) { p.scts[0].IssuerSPKI = p.root.RawSubjectPublicKeyInfo }},
		{"CT-4 C11 after the end of the log", check.SCT, func(p *plan) { p.trust.CTLogs[0].Valid.End = noon.Add(-6 * time.Minute) }},
		{"CT-4 C12 at the end of the log", "", func(p *plan) { p.trust.CTLogs[0].Valid.End = noon.Add(-5 * time.Minute) }},
		{"CT-4 C13 hours after the signature", check.SCT, func(p *plan) { p.scts = []scttest.SCT{p.ct.SCT(noon.Add(2 * time.Hour))} }},
		{"CT-6 C15 two of one log, two demanded", check.Threshold, func(p *plan) {
			p.scts = append(p.scts, p.ct.SCT(noon))
			secondCT(p, "")
			p.evidence.SCTs = 2
		}},
		{"CT-6 two logs, two demanded", "", func(p *plan) {
			p.scts = append(p.scts, secondCT(p, "").SCT(noon))
			p.evidence.SCTs = 2
		}},
		{"CT-6 C16 two logs of one operator, two demanded", check.Threshold, func(p *plan) {
			p.trust.CTLogs[0].Operator = "one"
			p.scts = append(p.scts, secondCT(p, "one").SCT(noon))
			l := secondLog(p, "two")
			p.trust.CTLogs = append(p.trust.CTLogs, l)
			p.evidence.SCTs = 2
		}},

		{"ID-1 D1 another subject", check.Identity, func(p *plan) {
			p.policy = verify.AnyOf(verify.Identity{Issuer: verify.Exactly(provider), Subject: verify.Exactly("https://example.com")})
		}},
		{"ID-1 D2 D21 another issuer", check.Identity, func(p *plan) {
			p.policy = verify.AnyOf(verify.Identity{Issuer: verify.Exactly(provider + "/"), Subject: verify.Exactly(workflow)})
		}},
		{"ID-1 D3 nobody", check.Usage, func(p *plan) { p.policy = verify.AnyOf() }},
		{"ID-1 D3 zero policy", check.Usage, func(p *plan) { p.policy = verify.Policy{} }},
		{"ID-1 D4 no subject", check.Usage, func(p *plan) { p.policy = verify.AnyOf(verify.Identity{Issuer: verify.Exactly(provider)}) }},
		{"ID-1 D4 no issuer", check.Usage, func(p *plan) { p.policy = verify.AnyOf(verify.Identity{Subject: verify.Exactly(workflow)}) }},
		{"ID-1 D25 halves of two identities", check.Identity, func(p *plan) {
			p.policy = verify.AnyOf(
				verify.Identity{Issuer: verify.Exactly(provider), Subject: verify.Exactly("https://example.com")},
				verify.Identity{Issuer: verify.Exactly("https://example.com"), Subject: verify.Exactly(workflow)})
		}},
		{"ID-1 one of two identities", "", func(p *plan) {
			p.policy = verify.AnyOf(verify.Identity{Issuer: verify.Exactly("https://example.com"), Subject: verify.Exactly(workflow)}, someone())
		}},
		{"ID-2 D5 prefix", check.Identity, func(p *plan) { p.policy = subject(verify.Exactly(workflow[:len(workflow)-1])) }},
		{"ID-2 D5 pattern of a part", check.Identity, func(p *plan) {
			p.policy = subject(must[verify.Match](p.t)(verify.Pattern("https://github.com/owner/repo")))
		}},
		{"ID-2 pattern of the whole", "", func(p *plan) {
			p.policy = subject(must[verify.Match](p.t)(verify.Pattern(`https://github\.com/owner/repo/.*@refs/heads/main`)))
		}},
		{"ID-2 glob", "", func(p *plan) { p.policy = subject(verify.Glob("https://github.com/owner/repo/*@refs/heads/*")) }},
		{"ID-2 D27 glob of another ref", check.Identity, func(p *plan) { p.policy = subject(verify.Glob("https://github.com/owner/repo/*@refs/tags/*")) }},
		{"ID-4 D11 kind", "", func(p *plan) { id := someone(); id.Kind = "uri"; p.policy = verify.AnyOf(id) }},
		{"ID-4 D11 another kind", check.Identity, func(p *plan) { id := someone(); id.Kind = "email"; p.policy = verify.AnyOf(id) }},
		{"ID-4 D14 URI is not normalised", check.Identity, func(p *plan) {
			p.template.URIs[0] = &url.URL{Scheme: "https", Opaque: "//GitHub.com" + strings.TrimPrefix(workflow, "https://github.com")}
		}},
		{"ID-4 D14 URI is taken as it is", "", func(p *plan) {
			raw := "https://GitHub.com:443" + strings.TrimPrefix(workflow, "https://github.com")
			p.template.URIs[0] = &url.URL{Scheme: "https", Opaque: strings.TrimPrefix(raw, "https:")}
			p.policy = subject(verify.Exactly(raw))
		}},
		{"ID-6 D24 claim", "", func(p *plan) { p.policy = claims("source_repository_uri", "https://github.com/owner/repo") }},
		{"ID-6 D24 claim differs", check.Identity, func(p *plan) { p.policy = claims("source_repository_uri", "https://github.com/owner/other") }},
		{"ID-6 D24 claim absent", check.Identity, func(p *plan) { p.policy = claims("source_repository_ref", "refs/heads/main") }},
		{"ID-6 claim nobody knows", check.Usage, func(p *plan) { p.policy = claims("colour", "red") }},

		{"BP-6 A25 public key, keyless policy", check.Content, func(p *plan) { p.managed = true }},
		{"I26 managed key", "", func(p *plan) { managed(p, verify.Key{}) }},
		{"I27 certificate, policy of a key", check.Content, func(p *plan) { managed(p, verify.Key{}); p.managed = false }},
		{"I26 another key", check.Entry, func(p *plan) {
			k := must[*ecdsa.PrivateKey](p.t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
			managed(p, verify.Key{Public: k.Public()})
		}},
		{"BP-10 A26 hint of another key", check.Identity, func(p *plan) {
			managed(p, verify.Key{})
			p.edit = func(b *bundle.Bundle) { b.PublicKey.Hint = "TLMsSDfG3ajPsWge+z/vX5T/zluXnmvbkTkwLIV68Tk=" }
		}},
		{"BP-10 A26 hint with path characters, named", "", func(p *plan) {
			managed(p, verify.Key{Hint: "../../etc/passwd"})
			p.edit = func(b *bundle.Bundle) { b.PublicKey.Hint = "../../etc/passwd" }
		}},
		{"BP-10 keyid is not the hint", check.DSSE, func(p *plan) {
			managed(p, verify.Key{})
			p.statement = statement()
			p.edit = func(b *bundle.Bundle) { b.Envelope.KeyID = "x" }
		}},
		{"I25 key window of 1970", check.Time, func(p *plan) {
			managed(p, verify.Key{Valid: trustroot.Window{Start: time.Unix(0, 0), End: time.Unix(1, 0)}})
		}},
		{"I25 key window ends at the time", "", func(p *plan) {
			managed(p, verify.Key{Valid: trustroot.Window{Start: noon.AddDate(-1, 0, 0), End: noon}})
		}},
		{"ID-7 nil signer", check.Usage, func(p *plan) { p.policy = verify.AnyOf(nil) }},
		{"I26 key of nobody", check.Alg, func(p *plan) { p.policy = verify.AnyOf(verify.Key{}) }},
		{"CC-8 B29 point off the curve", check.Alg, func(p *plan) {
			//lint:ignore SA1019 no other way to make such a key
			p.policy = verify.AnyOf(verify.Key{Public: &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}})
		}},
		{"CC-8 B30 Ed25519 key of 31 bytes", check.Alg, func(p *plan) { p.policy = verify.AnyOf(verify.Key{Public: make(ed25519.PublicKey, 31)}) }},
		{"CC-8 B27 RSA key of nothing", check.Alg, func(p *plan) { p.policy = verify.AnyOf(verify.Key{Public: new(rsa.PublicKey)}) }},
		{"CC-8 B28 DSA key of the caller", check.Alg, func(p *plan) { p.policy = verify.AnyOf(verify.Key{Public: &dsa.PublicKey{}}) }},

		{"TM-4 H28 E11 a minute ahead", "", func(p *plan) { p.now = noon.Add(-time.Minute) }},
		{"TM-4 H28 E11 61 seconds ahead", check.Time, func(p *plan) { p.now = noon.Add(-61 * time.Second) }},
		{"TM-4 no clock", check.Usage, func(p *plan) { p.now = time.Time{} }},
		{"R1-3 R2-9 E8 F41 I11 log key ended", check.Time, func(p *plan) {
			for i := range p.trust.Logs {
				p.trust.Logs[i].Valid.End = noon.Add(-time.Second)
			}
		}},
		{"R1-3 R2-9 I11 log key ends at the time", "", func(p *plan) {
			for i := range p.trust.Logs {
				p.trust.Logs[i].Valid.End = noon
			}
		}},
		{"R1-3 I10 log key starts after it ends", check.Time, func(p *plan) {
			for i := range p.trust.Logs {
				p.trust.Logs[i].Valid.Start = noon.AddDate(1, 0, 0)
				p.trust.Logs[i].Valid.End = noon.AddDate(0, 0, -1)
			}
		}},
		{"R1-3 I17 log listed twice", "", func(p *plan) {
			for _, l := range p.trust.Logs {
				l.Valid.End = noon.AddDate(0, -1, 0)
				p.trust.Logs = append([]trustroot.Log{l}, p.trust.Logs...)
			}
		}},

		{"R1-1 E5 unknown log", check.TlogUnknown, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].LogID = make([]byte, 32) } }},
		{"R1-1 E5 log id of 31 bytes", check.TlogUnknown, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].LogID = b.Entries[0].LogID[:31] } }},
		{"TT-1 A40 no entry", check.Threshold, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries = nil } }},
		{"LM-3 33 entries", check.Limit, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries = slices.Repeat(b.Entries, 33) } }},
		{"TT-2 A41 entry copied", "", func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries = slices.Repeat(b.Entries, 2) } }},
		{"TT-2 I4 entry copied, two demanded", check.Threshold, func(p *plan) {
			p.evidence.Logs = 2
			p.edit = func(b *bundle.Bundle) { b.Entries = slices.Repeat(b.Entries, 2) }
		}},
		{"EB-1 E22 unknown kind", check.Entry, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Kind = "rpm" } }},
		{"EB-1 F26 no kind", check.Entry, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Entries[0].Kind, b.Entries[0].Version = "", "" }
		}},
		{"EB-1 F26 F28 G20 another version", check.Entry, func(p *plan) {
			p.edit = func(b *bundle.Bundle) {
				b.Entries[0].Version = map[string]string{"0.0.1": "0.0.2", "0.0.2": "0.0.1"}[b.Entries[0].Version]
			}
		}},
		{"EB-6 G4 entry of another signature of the key", check.Entry, func(p *plan) {
			p.body = func(b *entry.Body) { b.Signature = must[[]byte](p.t)(p.key.Sign(rand.Reader, b.Digest, crypto.SHA256)) }
		}},
		{"EB-2 G2 entry of another artifact", check.Entry, func(p *plan) { p.body = func(b *entry.Body) { b.Digest = make([]byte, 32) } }},
		{"EB-6 G6 F34 entry of the key without certificate", check.Entry, func(p *plan) {
			p.body = func(b *entry.Body) {
				b.Certificate, b.PublicKey = nil, must[[]byte](p.t)(x509.MarshalPKIXPublicKey(p.key.Public()))
			}
		}},
		{"EB-6 G3 entry of another certificate", check.Entry, func(p *plan) { p.body = func(b *entry.Body) { b.Certificate = p.root.Raw } }},
		{"R2-4 G19 entry of the payload's hash", check.Entry, func(p *plan) {
			p.statement = statement()
			p.body = func(b *entry.Body) {
				if b.Digest = hashed(crypto.SHA256, []byte(p.statement)); p.generation == 1 {
					b.Digest[0] ^= 1
				}
			}
		}},
		{"WN-4 F1 checkpoint signature", check.Checkpoint, func(p *plan) {
			p.edit = func(b *bundle.Bundle) {
				c := []byte(b.Entries[0].Proof.Checkpoint)
				if i := len(c) - 12; c[i] == 'A' {
					c[i] = 'B'
				} else {
					c[i] = 'A'
				}
				b.Entries[0].Proof.Checkpoint = string(c)
			}
		}},
		{"WN-1 F5 checkpoint of nothing", check.Checkpoint, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Proof.Checkpoint = "x" } }},
		{"R1-5 R2-7 F8 origin of another log", check.Checkpoint, func(p *plan) { p.origin = "rekor.example.org - 42" }},
		{"R1-4 E14 proof hash", check.Proof, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Proof.Hashes[0][0] ^= 1 } }},
		{"R1-4 E15 proof hash dropped", check.Proof, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Entries[0].Proof.Hashes = b.Entries[0].Proof.Hashes[1:] }
		}},
		{"R1-5 E19 F24 root hash of the proof", check.Proof, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Proof.RootHash[0] ^= 1 } }},
		{"R1-5 E17 F24 tree size of the proof", check.Proof, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Proof.TreeSize++ } }},
		{"R1-4 E17 F24 index of the proof", check.Proof, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Proof.LogIndex-- } }},
		{"R1-7 proof index beyond the global one", check.Proof, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise, b.Entries[0].LogIndex = nil, 10 }
		}},

		{"J20 statement about another artifact", check.Statement, func(p *plan) {
			p.statement = strings.Replace(statement(), fmt.Sprintf("%x", sha256.Sum256(p.artifact)), strings.Repeat("ab", 32), 1)
		}},
		{"J26 predicate", "", func(p *plan) { p.statement, p.policy.Predicate = statement(), "https://example.com/p" }},
		{"J26 another predicate", check.Predicate, func(p *plan) { p.statement, p.policy.Predicate = statement(), "https://example.com/p/" }},
		{"J26 no predicate type", check.Predicate, func(p *plan) {
			p.statement = strings.Replace(statement(), `,"predicateType":"https://example.com/p"`, "", 1)
		}},
		{"J23 subject name", "", func(p *plan) { p.statement, p.policy.SubjectName = statement(), "hello" }},
		{"J23 another subject name", check.Statement, func(p *plan) { p.statement, p.policy.SubjectName = statement(), "bye" }},
		{"J33 attestation wanted", check.Content, func(p *plan) { p.policy.Content = verify.Attestation }},
		{"J33 signature wanted", check.Content, func(p *plan) { p.statement, p.policy.Content = statement(), verify.Message }},
		{"J33 predicate wanted of a signature", check.Content, func(p *plan) { p.policy.Predicate = "https://example.com/p" }},
		{"ID-7 signature wanted with a predicate", check.Usage, func(p *plan) { p.policy.Content, p.policy.Predicate = verify.Message, "x" }},
		{"ID-7 content of no kind", check.Usage, func(p *plan) { p.policy.Content = 7 }},

		{"R18 no artifact", check.Usage, func(p *plan) { p.asked = verify.Artifact{} }},
		{"LM-6 digest by another hash", check.Usage, func(p *plan) { p.asked, _ = verify.FromDigest(crypto.SHA512, make([]byte, 64)) }},
		{"BP-4 nothing signed", check.Content, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Message = nil } }},
		{"BP-4 certificate and key", check.Content, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.PublicKey = &bundle.PublicKey{} } }},
		{"BP-4 neither certificate nor key", check.Content, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Certificate = nil } }},
		{"TR-3 no authorities", check.TrustRoot, func(p *plan) { p.trust.Authorities = nil }},
		{"TR-3 no authorities, no SCT demanded", check.TrustRoot, func(p *plan) { p.trust.Authorities, p.evidence.SCTs = nil, 0 }},
		{"I9 no logs", check.TrustRoot, func(p *plan) { p.trust.Logs = nil }},
		{"I9 no certificate transparency logs", check.TrustRoot, func(p *plan) { p.trust.CTLogs = nil }},
		{"I7 TT-3 threshold -1", check.Usage, func(p *plan) { p.evidence.Logs = -1 }},
		{"I7 TT-3 threshold 33", check.Usage, func(p *plan) { p.evidence.SCTs = 33 }},
		{"TT-3 more than configured", check.Usage, func(p *plan) { p.evidence.Logs = 3 }},
	}
	run(t, 1, rows)
	run(t, 2, rows)
}

func TestFirstGeneration(t *testing.T) {
	run(t, 1, []row{
		{"R1-5 F8 log signs under another name", "", func(p *plan) {
			p.origin, p.signs = "rekor.example.org - 42", "rekor.example.org"
		}},
		{"CC-8 key of the log", check.Alg, func(p *plan) {
			k := must[*ecdsa.PrivateKey](p.t)(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
			p.trust.Logs[0].Key = k.Public()
		}},
		{"CC-8 key of the certificate transparency log", check.Alg, func(p *plan) {
			k := must[*ecdsa.PrivateKey](p.t)(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
			p.trust.CTLogs[0].Key = k.Public()
		}},
		{"TT-1 no SCT demanded, list malformed", check.SCT, func(p *plan) { p.scts, p.evidence.SCTs = []scttest.SCT{}, 0 }},
		{"TT-4 entries of two algorithms", check.Entry, func(p *plan) {
			withKey(p, elliptic.P384(), crypto.SHA384)
			p.edit = func(b *bundle.Bundle) {
				body := &entry.Body{Kind: "hashedrekord", Hash: crypto.SHA256, Digest: hashed(crypto.SHA256, p.artifact), Signature: b.Message.Signature, Certificate: b.Certificate}
				b.Entries = append(b.Entries, p.first.logged(p, "hashedrekord", firstBody(body)))
			}
		}},
		{"SG-3 usual hash of P-384 in an envelope", "", func(p *plan) {
			p.statement = statement()
			withKey(p, elliptic.P384(), crypto.SHA384)
			p.asked, _ = verify.FromDigest(crypto.SHA256, hashed(crypto.SHA256, p.artifact))
		}},
		{"SG-3 usual hash of P-521 in an envelope", "", func(p *plan) {
			p.statement = statement()
			withKey(p, elliptic.P521(), crypto.SHA512)
			p.asked, _ = verify.FromDigest(crypto.SHA256, hashed(crypto.SHA256, p.artifact))
		}},
		{"SG-3 J8 pure Ed25519 in an envelope", "", func(p *plan) {
			_, p.key, _ = ed25519.GenerateKey(rand.Reader)
			p.statement, p.hash = statement(), 0
		}},
		{"SG-3 J8 Ed25519ph in an envelope of Rekor v1", check.Signature, func(p *plan) {
			_, p.key, _ = ed25519.GenerateKey(rand.Reader)
			p.statement, p.hash = statement(), crypto.SHA512
		}},
		{"J11 pure Ed25519 over an artifact", check.Usage, func(p *plan) {
			_, p.key, _ = ed25519.GenerateKey(rand.Reader)
			managed(p, verify.Key{})
			p.hash, p.evidence.Logs, p.evidence.Times = crypto.SHA512, 0, 0
			p.edit = func(b *bundle.Bundle) { b.Entries = nil }
		}},
		{"BP-10 two keys that fit", check.Usage, func(p *plan) {
			k := must[*ecdsa.PrivateKey](p.t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
			managed(p, verify.Key{})
			p.policy = verify.AnyOf(verify.Key{Public: p.key.Public()}, verify.Key{Public: k.Public()})
		}},
		{"BP-10 two keys, hint in hex tells", "", func(p *plan) {
			k := must[*ecdsa.PrivateKey](p.t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
			managed(p, verify.Key{})
			p.policy = verify.AnyOf(verify.Key{Public: k.Public()}, verify.Key{Public: p.key.Public()})
			p.edit = func(b *bundle.Bundle) {
				b.PublicKey.Hint = fmt.Sprintf("%x", sha256.Sum256(must[[]byte](p.t)(x509.MarshalPKIXPublicKey(p.key.Public()))))
			}
		}},
		{"BP-10 hint of no known form", "", func(p *plan) {
			managed(p, verify.Key{})
			p.edit = func(b *bundle.Bundle) { b.PublicKey.Hint = "release key" }
		}},
		{"ID-4 kind nobody knows", check.Usage, func(p *plan) { id := someone(); id.Kind = "dns"; p.policy = verify.AnyOf(id) }},
		{"ID-6 claim of any value", check.Usage, func(p *plan) { p.policy = claims("build_trigger", "") }},
		{"TS-1 H10 timestamp of nothing", check.TSA, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Timestamps = [][]byte{{0x30, 0}} } }},
		{"J17 statement is a list", check.Statement, func(p *plan) { p.statement = "[]" }},
		{"J23 two subjects of the name, one right", "", func(p *plan) { p.statement = twoSubjects() }},
		{"J23 two subjects of the name asked for, one right", check.Statement, func(p *plan) { p.statement, p.policy.SubjectName = twoSubjects(), "hello" }},
		{"J24 one digest right, one wrong", check.Statement, func(p *plan) {
			p.statement = strings.Replace(statement(), `{"sha256"`, `{"sha512":"`+strings.Repeat("ab", 64)+`","sha256"`, 1)
			p.asked = must[verify.Artifact](p.t)(verify.Hash(bytes.NewReader(p.artifact), crypto.SHA256, crypto.SHA512))
		}},
		{"R1-2 E1 promise bit", check.SET, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise[10] ^= 1 } }},
		{"R1-2 E2 integrated time", check.SET, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].IntegratedTime++ } }},
		{"R1-2 E3 global index", check.SET, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].LogIndex++ } }},
		{"R1-2 E4 id of another log of the root", check.SET, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].LogID = p.second.ID } }},
		{"R1-2 E6 E7 body", check.SET, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Body = append(b.Entries[0].Body, ' ') } }},
		{"R1-2 E12 empty promise", check.SET, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise = []byte{} } }},
		{"R1-2 E13 bad promise beside good proof and timestamp", check.SET, func(p *plan) {
			p.stamps = []time.Time{noon}
			p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise[10] ^= 1 }
		}},
		{"R1-6 no promise, but proof and timestamp", "", func(p *plan) {
			p.stamps = []time.Time{noon}
			p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise = nil }
		}},
		{"TM-1 E10 integrated time without promise", check.Time, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise = nil } }},
		{"R1-3 E11 integrated time 0", check.Time, func(p *plan) { p.integrated = time.Unix(0, 0) }},
		{"R1-6 A16 v0.1 proof without checkpoint", "", func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Version, b.Entries[0].Proof.Checkpoint = bundle.V01, "" }
		}},
		{"R1-6 promise alone", "", func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Version, b.Entries[0].Proof = bundle.V01, nil } }},
		{"R1-6 A16 v0.3 proof without checkpoint", check.Content, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Entries[0].Proof.Checkpoint = "" }
		}},
		{"R1-6 A15 v0.3 promise alone", check.Content, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Proof = nil } }},
		{"R1-6 neither promise nor proof", check.Content, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise, b.Entries[0].Proof = nil, nil }
		}},
		{"R1-2 no body", check.Content, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Body = nil } }},
		{"EB-4 G10 hashedrekord about an envelope", check.Entry, func(p *plan) {
			p.statement = statement()
			p.edit = func(b *bundle.Bundle) {
				body := &entry.Body{Kind: "hashedrekord", Hash: crypto.SHA256, Digest: make([]byte, 32), Signature: b.Envelope.Signature, Certificate: b.Certificate}
				b.Entries[0] = p.first.logged(p, "hashedrekord", firstBody(body))
			}
		}},
		{"EB-2 G10 dsse about a signature", check.Entry, func(p *plan) {
			p.edit = func(b *bundle.Bundle) {
				body := &entry.Body{Kind: "dsse", Hash: crypto.SHA256, Digest: hashed(crypto.SHA256, p.artifact), Signature: b.Message.Signature, Certificate: b.Certificate}
				b.Entries[0] = p.first.logged(p, "dsse", firstBody(body))
			}
		}},
		{"EB-4 G11 dsse of another payload", check.Entry, func(p *plan) {
			p.statement = statement()
			p.body = func(b *entry.Body) { b.Digest = make([]byte, 32) }
		}},
		{"SG-3 G7 entry says sha512 of a P-256 key", check.Alg, func(p *plan) {
			p.body = func(b *entry.Body) { b.Hash, b.Digest = crypto.SHA512, hashed(crypto.SHA512, p.artifact) }
		}},
		{"TT-4 G24 second entry of another signature", check.Entry, func(p *plan) {
			p.edit = func(b *bundle.Bundle) {
				body := &entry.Body{Kind: "hashedrekord", Hash: crypto.SHA256, Digest: hashed(crypto.SHA256, p.artifact), Signature: []byte("x"), Certificate: b.Certificate}
				b.Entries = append(b.Entries, p.first.logged(p, "hashedrekord", firstBody(body)))
			}
		}},
		{"EB-8 second entry broken", check.SET, func(p *plan) {
			p.edit = func(b *bundle.Bundle) {
				b.Entries = slices.Repeat(b.Entries, 2)
				b.Entries[1].LogIndex++
			}
		}},
		{"TT-1 I3 timestamp authority demanded, log gives time", check.Threshold, func(p *plan) { p.evidence.TSAs = 1 }},
		{"TT-2 times of log and authority, two demanded", "", func(p *plan) {
			p.stamps, p.evidence.Times = []time.Time{noon}, 2
		}},
		{"TT-2 times of one operator, two demanded", check.Threshold, func(p *plan) {
			p.stamps, p.evidence.Times = []time.Time{noon}, 2
			p.trust.TSAs[0].Operator, p.trust.Logs[0].Operator = "one", "one"
		}},
		{"TM-3 H31 one time inside, one outside", check.CertTime, func(p *plan) { p.stamps = []time.Time{noon.Add(time.Hour)} }},
		{"TM-2 key without time, none demanded", "", func(p *plan) {
			managed(p, verify.Key{})
			p.evidence.Times = 0
			p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise = nil }
		}},
		{"TM-2 key of a window without time", check.Time, func(p *plan) {
			managed(p, verify.Key{Valid: trustroot.Window{Start: noon}})
			p.evidence.Times = 0
			p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise = nil }
		}},
		{"TM-2 key of a window without time, now assumed", "", func(p *plan) {
			managed(p, verify.Key{Valid: trustroot.Window{Start: noon}, AssumeNow: true})
			p.evidence.Times = 0
			p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise = nil }
		}},
		{"TM-2 key past its window without time, now assumed", check.Time, func(p *plan) {
			managed(p, verify.Key{Valid: trustroot.Window{Start: noon, End: noon}, AssumeNow: true})
			p.evidence.Times = 0
			p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise = nil }
		}},
		{"TT-1 threshold 0 leaves a certificate its time", check.Time, func(p *plan) {
			p.evidence = verify.Evidence{SCTs: 1}
			p.edit = func(b *bundle.Bundle) { b.Entries = nil }
		}},
		{"TT-1 no log demanded, unknown log", "", func(p *plan) {
			p.evidence.Logs, p.stamps = 0, []time.Time{noon}
			p.edit = func(b *bundle.Bundle) { b.Entries[0].LogID = make([]byte, 32) }
		}},
	})
}

func TestSecondGeneration(t *testing.T) {
	run(t, 2, []row{
		{"R2-5 F31 I1 I2 no timestamp", check.Time, func(p *plan) { p.stamps = nil }},
		{"R2-5 I2 no timestamp, certificate still valid", check.Time, func(p *plan) { p.stamps, p.now = nil, noon }},
		{"R2-5 F29 integrated time", check.Content, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].IntegratedTime = noon.Unix() } }},
		{"R2-5 F30 promise", check.Content, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Promise = []byte("x") } }},
		{"R2-6 no proof", check.Content, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Proof = nil } }},
		{"R2-6 F23 index", check.Proof, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].LogIndex-- } }},
		{"R2-3 F25 body of an empty object", check.Entry, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].Body = []byte("{}") } }},
		{"R2-3 F25 body in another form", check.Entry, func(p *plan) {
			p.rawBody = func(b []byte) []byte { return bytes.Replace(b, []byte(":"), []byte(": "), 1) }
		}},
		{"R2-1 F27 dsse 0.0.2", check.Entry, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Entries[0].Kind, b.Entries[0].Version = "dsse", "0.0.2" }
		}},
		{"R2-7 F32 log id of another log", check.TlogUnknown, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Entries[0].LogID = p.first.ID } }},
		{"R2-7 origin with a tree id", check.Checkpoint, func(p *plan) { p.origin = p.second.Origin + " - 42" }},
		{"EB-3 F33 keyDetails of another key", check.Entry, func(p *plan) { p.body = func(b *entry.Body) { b.KeyDetails = "PKIX_ECDSA_P384_SHA_256" } }},
		{"SG-3 Ed25519ph", "", func(p *plan) {
			_, p.key, _ = ed25519.GenerateKey(rand.Reader)
			p.hash = crypto.SHA512
			p.asked, _ = verify.FromDigest(crypto.SHA512, hashed(crypto.SHA512, p.artifact))
		}},
		{"SG-3 J7 RSA-PSS", "", func(p *plan) {
			p.key = pssSigner{must[*rsa.PrivateKey](p.t)(rsa.GenerateKey(rand.Reader, 2048))}
			p.body = func(b *entry.Body) { b.KeyDetails = "PKIX_RSA_PSS_2048_SHA256" }
		}},
		{"SG-3 J7 RSA-PSS declared as PKCS #1", check.Signature, func(p *plan) {
			p.key = pssSigner{must[*rsa.PrivateKey](p.t)(rsa.GenerateKey(rand.Reader, 2048))}
		}},
		{"CC-8 key of the log", check.Alg, func(p *plan) {
			k := must[*ecdsa.PrivateKey](p.t)(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
			p.trust.Logs[1].Key = k.Public()
		}},
		{"SG-3 RSA of a size nobody registered", check.Alg, func(p *plan) {
			p.key = must[*rsa.PrivateKey](p.t)(rsa.GenerateKey(rand.Reader, 2304))
			p.body = func(b *entry.Body) { b.KeyDetails = "PKIX_RSA_PKCS1V15_2048_SHA256" }
		}},
		{"SG-3 RSA", "", func(p *plan) { p.key = must[*rsa.PrivateKey](p.t)(rsa.GenerateKey(rand.Reader, 2048)) }},
		{"SG-3 J7 PKCS #1 signature declared as PSS", check.Signature, func(p *plan) {
			p.key = must[*rsa.PrivateKey](p.t)(rsa.GenerateKey(rand.Reader, 2048))
			p.body = func(b *entry.Body) { b.KeyDetails = "PKIX_RSA_PSS_2048_SHA256" }
		}},
		{"TS-8 H3 timestamp of an unknown authority", check.Time, func(p *plan) { p.tsa = must[*tsptest.Authority](p.t)(tsptest.New(noon, time.Hour)) }},
		{"TS-6 H6 I12 authority window ended", check.Time, func(p *plan) { p.trust.TSAs[0].Valid.End = noon.Add(-time.Second) }},
		{"TS-6 I12 authority window ends at the time", "", func(p *plan) { p.trust.TSAs[0].Valid.End = noon }},
		{"TS-6 H7 time inside the window of another authority only", check.Time, func(p *plan) {
			p.trust.TSAs[0].Valid.End = noon.Add(-time.Second)
			other := must[*tsptest.Authority](p.t)(tsptest.New(noon, time.Hour))
			p.trust.TSAs = append(p.trust.TSAs, trustroot.Authority{Chain: other.Chain(), Valid: trustroot.Window{Start: noon.AddDate(-1, 0, 0)}})
		}},
		{"TS-6 H7 time inside the window of another authority of the same root only", check.Time, func(p *plan) {
			heir := must[tsptest.Cert](p.t)(tsptest.Issue(p.tsa.Root, tsptest.CATemplate("heir"), func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.AddDate(0, 0, -1), noon.AddDate(0, 0, 1)
			}))
			old := p.trust.TSAs[0]
			old.Chain, old.Valid.End = p.tsa.Chain()[1:], noon.Add(-time.Second)
			p.trust.TSAs[0].Chain = []*x509.Certificate{heir.Certificate, p.tsa.Root.Certificate}
			p.trust.TSAs = append(p.trust.TSAs, old)
			p.edit = func(b *bundle.Bundle) {
				b.Timestamps = [][]byte{must[[]byte](p.t)(p.tsa.Issue(b.Message.Signature, noon, func(t *tsptest.Token) {
					t.Certs = [][]byte{p.tsa.Leaf.Raw, p.tsa.Intermediate.Raw}
				}))}
			}
		}},
		{"TS-6 I17 authority listed twice", "", func(p *plan) {
			a := p.trust.TSAs[0]
			a.Valid.End = noon.AddDate(0, -1, 0)
			p.trust.TSAs = append([]trustroot.Authority{a}, p.trust.TSAs...)
		}},
		{"TS-8 H33 broken timestamp of a known authority beside a good one", check.TSA, func(p *plan) {
			p.edit = func(b *bundle.Bundle) {
				b.Timestamps = append(b.Timestamps, must[[]byte](p.t)(p.tsa.Issue([]byte("another"), noon)))
			}
		}},
		{"TS-3 H1 timestamp of another signature", check.TSA, func(p *plan) {
			p.edit = func(b *bundle.Bundle) { b.Timestamps[0] = must[[]byte](p.t)(p.tsa.Issue([]byte("another"), noon)) }
		}},
		{"TT-2 H32 two timestamps of one authority, two demanded", check.Threshold, func(p *plan) {
			p.stamps, p.evidence.Times = []time.Time{noon, noon.Add(time.Second)}, 2
		}},
		{"TM-3 H31 two timestamps, one outside", check.CertTime, func(p *plan) { p.stamps = []time.Time{noon, noon.Add(time.Hour)} }},
		{"A39 timestamp copied", "", func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Timestamps = slices.Repeat(b.Timestamps, 2) } }},
		{"LM-3 H34 33 timestamps", check.Limit, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Timestamps = slices.Repeat(b.Timestamps, 33) } }},
		{"LM-4 timestamp of 65 KiB", check.Limit, func(p *plan) { p.edit = func(b *bundle.Bundle) { b.Timestamps[0] = make([]byte, 65<<10) } }},
		{"TR-3 no timestamp authority, one demanded", check.TrustRoot, func(p *plan) { p.trust.TSAs, p.evidence.TSAs = nil, 1 }},
	})
}

// logged makes the entry of a body in a Rekor v1 log.
func (l log) logged(p *plan, kind string, body []byte) bundle.Entry {
	q := *p
	q.generation, q.body, q.edit = 1, nil, nil
	q.rawBody = func([]byte) []byte { return body }
	e := q.entry(&bundle.Bundle{Certificate: []byte("x")}, nil, nil)
	e.Kind = kind
	return e
}

func subject(m verify.Match) verify.Policy {
	return verify.AnyOf(verify.Identity{Issuer: verify.Exactly(provider), Subject: m})
}

func claims(name, value string) verify.Policy {
	id := someone()
	id.Claims = map[string]verify.Match{name: verify.Exactly(value)}
	return verify.AnyOf(id)
}

// managed signs with a key without certificate, and accepts it.
func managed(p *plan, k verify.Key) {
	if k.Public == nil {
		k.Public = p.key.Public()
	}
	p.managed, p.policy = true, verify.AnyOf(k)
}

func withKey(p *plan, c elliptic.Curve, h crypto.Hash) {
	p.key = must[*ecdsa.PrivateKey](p.t)(ecdsa.GenerateKey(c, rand.Reader))
	p.hash = h
	p.asked = must[verify.Artifact](p.t)(verify.FromDigest(h, hashed(h, p.artifact)))
}

// weakLeaf certifies another key than the one that signs.
func weakLeaf(p *plan, key crypto.PublicKey) {
	p.edit = func(b *bundle.Bundle) {
		b.Certificate = must[[]byte](p.t)(x509.CreateCertificate(rand.Reader, &p.template, p.issuer.Certificate, key, p.issuer.Key))
	}
}

// hugeRSA returns a number that looks like a key.
func hugeRSA(bits int, e int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(12345)), E: e}
}

func foreignCT(p *plan) scttest.Log { return must[scttest.Log](p.t)(scttest.NewLog(nil)) }

// secondCT adds a certificate transparency log to the root.
func secondCT(p *plan, operator string) scttest.Log {
	l := foreignCT(p)
	key := l.Key.Public()
	p.trust.CTLogs = append(p.trust.CTLogs, trustroot.Log{BaseURL: "https://ct2.example.com", Operator: operator, ID: l.ID[:], Key: key,
		SPKI: must[[]byte](p.t)(x509.MarshalPKIXPublicKey(key)), Valid: trustroot.Window{Start: noon.AddDate(-1, 0, 0)}})
	return l
}

func secondLog(p *plan, operator string) trustroot.Log {
	l := newLog(p.t, "https://ct3.example.com", must[*ecdsa.PrivateKey](p.t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))).Log
	l.Operator = operator
	return l
}

// constrained gives the intermediate, or the root, a constraint on URI hosts.
func constrained(p *plan, below bool, host string) {
	year := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0) }
	limit := func(c *x509.Certificate) { c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{host}, true }
	none := func(*x509.Certificate) {}
	top, mid := limit, none
	if below {
		top, mid = none, limit
	}
	root := must[tsptest.Cert](p.t)(tsptest.Issue(tsptest.Cert{}, tsptest.CATemplate("root"), year, top))
	p.issuer = must[tsptest.Cert](p.t)(tsptest.Issue(root, tsptest.CATemplate("intermediate"), year, mid))
	p.trust.Authorities[0].Chain = []*x509.Certificate{p.issuer.Certificate, root.Certificate}
}

// A pssSigner signs with PSS what others sign with PKCS #1 v1.5.
type pssSigner struct{ *rsa.PrivateKey }

func (s pssSigner) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return rsa.SignPSS(r, s.PrivateKey, opts.HashFunc(), digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
}
