package vectors

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
)

// certificateFlips are the long rows of group B.
func certificateFlips() []job {
	// A changed byte is found by whichever check reads it first; whatever no check
	// reads is covered by the signature of the authority.
	any := is(check.CertChain, check.Parse, check.CertProfile, check.Identity, check.Alg, check.SCT, check.CertTime, check.Limit)
	return []job{
		{"B5", func(l *lab) {
			der := l.plan("v2").certificate()
			body, parts := len(elements(der)[0]), elements(der)
			signature := len(der) - len(parts[2]) + 4
			l.many(func() {
				for bit := bits(der[:signature]); bit < bits(der); bit++ {
					want := is(check.CertChain)
					l.bad("v2", name("bit %d of the signature", bit-bits(der[:signature])), want, leafByte(func(b []byte) []byte { return flip(b, bit) }))
				}
				for i := range body {
					l.bad("v1", name("byte %d of the certificate", i), any, leafByte(func(b []byte) []byte { return flipByte(b, 4+i) }))
				}
			})
		}},
	}
}

// certificate is the one that the plan would make.
func (p *plan) certificate() []byte { return p.lab.Make(*p.Maker).Certificate }

// leafByte changes the finished certificate of a bundle.
func leafByte(f func([]byte) []byte) fault {
	return bundled(func(b *bundle.Bundle) { b.Certificate = f(b.Certificate) })
}

// chainFaults are rows of group B about the way to the anchor.
func chainFaults() []job {
	return []job{
		{"B1", func(l *lab) {
			l.each(keyless(), "leaf of another instance", is(check.CertChain), func(p *plan) { p.CA = sigtest.At(nil, "other.example").CA })
		}},
		{"B2", func(l *lab) {
			for _, shape := range both() {
				other := func(p *plan) []byte {
					m := p.Maker
					q := p.lab.plan(shape)
					q.Key = sigtest.Key{Signer: sigtest.ECDSA(elliptic.P256(), "another")}
					q.At = m.At
					return q.certificate()
				}
				l.bad(shape, "another leaf in the bundle", is(check.Entry), func(p *plan) {
					o := other(p)
					p.onBundle(func(b *bundle.Bundle) { b.Certificate = o })
				})
				l.bad(shape, "another leaf in bundle and log", is(check.Signature), func(p *plan) {
					o := other(p)
					replacedLeaf(func([]byte) []byte { return o })(p)
				})
			}
		}},
		{"B3", func(l *lab) {
			l.each(keyless(), "self-signed", is(check.CertChain), func(p *plan) {
				key := p.lab.SignerKey().Signer
				t := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: sigtest.T0, NotAfter: sigtest.T0.Add(time.Hour)}
				p.CA = &sigtest.CA{Issuer: issued(nil, t, key)}
				replacedLeaf(func(der []byte) []byte { return sealedBy(key, 256, elements(der)[0]) })(p)
			})
		}},
		{"B4", func(l *lab) {
			l.each(keyless(), "authority that copies names and numbers", is(check.CertChain), func(p *plan) {
				copied := func(old, parent *sigtest.Cert) sigtest.Cert {
					t := *old.Certificate
					t.SignatureAlgorithm = 0
					return issued(parent, &t, sigtest.ECDSA(elliptic.P384(), "attacker"))
				}
				root := copied(&p.lab.CA.Root, nil)
				p.CA = &sigtest.CA{Root: root, Issuer: copied(&p.lab.CA.Issuer, &root)}
			})
		}},
		{"B6", func(l *lab) {
			for _, more := range [][]byte{{0}, {0x30, 0}, {5, 0}} {
				l.each(keyless(), name("%x behind the certificate", more), is(check.Parse), replacedLeaf(func(b []byte) []byte { return append(b, more...) }))
			}
		}},
		{"B7", func(l *lab) { otherCertificateForms(l) }},
		{"B8", notCertificates},
		{"B9", func(l *lab) { signedAt(l, sigtest.T0.Add(-time.Second), is(check.CertTime)) }},
		{"B10", func(l *lab) {
			signedAt(l, sigtest.T0.Add(sigtest.LeafLife+time.Second), is(check.CertTime), "v1", "v1 dsse", "v1 in 0.1")
		}},
		{"B11", func(l *lab) {
			signedAt(l, sigtest.T0.Add(sigtest.LeafLife+time.Second), is(check.CertTime), "v2", "v2 dsse", "v1 proof")
		}},
		{"B12", func(l *lab) {
			signedAt(l, sigtest.T0, nil)
			signedAt(l, sigtest.T0.Add(sigtest.LeafLife), nil)
		}},
		{"B13", func(l *lab) {
			for name, f := range windows() {
				l.each(both(), "intermediate "+name, is(check.CertTime), certified(nil, f))
			}
		}},
		{"B14", func(l *lab) {
			for name, f := range windows() {
				l.each(both(), "root "+name, is(check.CertTime), certified(f, nil))
			}
			l.each(both(), "root ends before the intermediate begins", is(check.CertTime), certified(
				func(c *x509.Certificate) { c.NotAfter = sigtest.T0.AddDate(-1, 0, 0) },
				func(c *x509.Certificate) { c.NotBefore = sigtest.T0.AddDate(0, -1, 0) }))
		}},
		{"B15", func(l *lab) {
			l.each(both(), "window ended a second before", is(check.CertTime), validFor("certificateAuthorities", 0, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0.Add(-time.Second)))
			l.each(both(), "window begins a second later", is(check.CertTime), validFor("certificateAuthorities", 0, sigtest.T0.Add(time.Second), time.Time{}))
			for _, shape := range both() {
				l.pass(shape, "window ends at the time", validFor("certificateAuthorities", 0, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0))
				l.pass(shape, "window begins at the time", validFor("certificateAuthorities", 0, sigtest.T0, time.Time{}))
			}
		}},
		{"B16", func(l *lab) {
			f := func(c *x509.Certificate) { c.NotAfter = sigtest.T0.Add(-time.Minute) }
			l.each(both(), "authority listed for ever, certificates ended", is(check.CertTime), certified(f, f))
			l.each(both(), "authority listed for ever, leaf of an hour before", is(check.CertTime), template(func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = c.NotBefore.Add(-time.Hour), c.NotAfter.Add(-time.Hour)
			}))
		}},
		{"B21", broughtFaults},
		{"B22", nameConstraints},
		{"B26", weakSignatures},
		{"B35", chainOrder},
		{"B36", func(l *lab) {
			for _, shape := range both() {
				l.pass(shape, "intermediates of one name", func(p *plan) {
					twin := *p.lab.CA
					t := *twin.Issuer.Certificate
					t.SignatureAlgorithm, t.SubjectKeyId = 0, nil
					twin.Issuer = issued(&twin.Root, &t, sigtest.ECDSA(elliptic.P384(), "namesake"))
					p.cas = []*sigtest.CA{&twin, p.lab.CA}
				})
			}
		}},
		{"B37", meshes},
		{"B39", func(l *lab) {
			l.each(both(), "timestamp authority", is(check.CertChain), func(p *plan) {
				p.CA = &sigtest.CA{Root: p.lab.TSA.Root, Issuer: p.lab.TSA.Intermediate}
				replacedLeaf(func(der []byte) []byte { return sealedBy(p.lab.TSA.Intermediate.Key, 256, elements(der)[0]) })(p)
			})
			l.bad("v2", "authority for time stamping among those for code signing", is(check.TrustRoot), rooted(func(doc map[string]any) {
				doc["certificateAuthorities"] = doc["timestampAuthorities"]
			}))
		}},
	}
}

// each emits a fault in several shapes.
func (l *lab) each(shapes []string, what string, want []check.Check, f fault, needs ...fault) {
	for _, shape := range shapes {
		l.bad(shape, what, want, f, needs...)
	}
}

func windows() map[string]func(*x509.Certificate) {
	return map[string]func(*x509.Certificate){
		"ended a second before":     func(c *x509.Certificate) { c.NotAfter = sigtest.T0.Add(-time.Second) },
		"begins a second later":     func(c *x509.Certificate) { c.NotBefore = sigtest.T0.Add(time.Second) },
		"ended before the leaf was": func(c *x509.Certificate) { c.NotAfter = sigtest.T0.AddDate(-1, 0, 0) },
		"begins after the leaf":     func(c *x509.Certificate) { c.NotBefore = sigtest.T0.AddDate(1, 0, 0) },
	}
}

// signedAt moves the time that the log or the timestamp says.
func signedAt(l *lab, at time.Time, want []check.Check, only ...string) {
	shift := func(p *plan) {
		p.Log.Promise = func(pr *sigtest.Promise) { pr.IntegratedTime = at.Unix() }
		p.Token = []tsptest.Fault{func(t *tsptest.Token) { t.Info.Time = at.Format("20060102150405Z") }}
		// The certificate is logged before all of it.
		p.Leaf.SCT = func(s *sigtest.SCT) { s.Time = sigtest.T0.Add(-time.Minute) }
	}
	if only == nil {
		only = []string{"v1", "v2", "v1 dsse", "v2 dsse", "v1 in 0.1", "v1 proof"}
	}
	for _, shape := range only {
		what := "signed " + at.Sub(sigtest.T0).String() + " after the certificate begins"
		if want == nil {
			l.pass(shape, what, shift)
		} else {
			l.bad(shape, what, want, shift)
		}
	}
}

func otherCertificateForms(l *lab) {
	for what, f := range map[string]func([]byte) []byte{
		"PEM":             func(b []byte) []byte { return pemOf("CERTIFICATE", b) },
		"base64":          func(b []byte) []byte { return []byte(base64Of(b)) },
		"its TBS":         func(b []byte) []byte { return elements(b)[0] },
		"in an OCTET":     func(b []byte) []byte { return tsptest.TLV(4, b) },
		"half of it":      func(b []byte) []byte { return b[:len(b)/2] },
		"one byte of it":  func(b []byte) []byte { return b[:1] },
		"two of them":     func(b []byte) []byte { return append(slices.Clone(b), b...) },
		"one byte of 0":   func([]byte) []byte { return []byte{0} },
		"33 KiB of zeros": func([]byte) []byte { return make([]byte, 33<<10) },
	} {
		want := is(check.Parse)
		if what == "33 KiB of zeros" {
			want = is(check.Limit)
			l.bad("v2", "by value: "+what, want, byValue(func(b *bundle.Bundle) { b.Certificate = f(nil) }))
		}
		l.bad("v1", what, want, leafByte(f))
		l.bad("v2 in 0.2", what, want, leafByte(f))
	}
}

func notCertificates(l *lab) {
	for what, f := range map[string]func(*plan) []byte{
		"public key": func(p *plan) []byte { return sigtest.SPKI(p.lab.SignerKey().Public()) },
		"request": func(p *plan) []byte {
			return must(x509.CreateCertificateRequest(nil, &x509.CertificateRequest{}, p.lab.SignerKey()))
		},
		"private key": func(*plan) []byte { return must(x509.MarshalPKCS8PrivateKey(sigtest.Ed25519("x"))) },
		"PKCS #7": func(p *plan) []byte {
			return tsptest.Seq(tsptest.OID(tsptest.SignedData), tsptest.TLV(0xa0, tsptest.Seq(p.certificate())))
		},
		"revocation list": func(p *plan) []byte {
			issuer := *p.lab.CA.Issuer.Certificate
			issuer.KeyUsage |= x509.KeyUsageCRLSign
			return must(x509.CreateRevocationList(nil, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: sigtest.T0, NextUpdate: sigtest.T0.AddDate(1, 0, 0)}, &issuer, p.lab.CA.Issuer.Key))
		},
	} {
		l.each([]string{"v1", "v2", "v1 in 0.1"}, what, is(check.Parse), func(p *plan) {
			der := f(p)
			p.onBundle(func(b *bundle.Bundle) { b.Certificate = der })
		})
	}
}

// brought makes the leaf under an intermediate that only the bundle brings, below
// the authority of the trusted root, whose certificates above may change too.
func brought(anchor, issuer func(*x509.Certificate)) fault {
	return func(p *plan) {
		base := p.ca(anchor, nil)
		t := *base.Issuer.Certificate
		t.SignatureAlgorithm, t.SubjectKeyId, t.RawSubject = 0, nil, nil
		t.Subject = pkix.Name{CommonName: "brought"}
		t.SerialNumber = big.NewInt(77)
		if issuer != nil {
			issuer(&t)
		}
		p.CA = &sigtest.CA{Root: base.Root, Issuer: issued(&base.Root, &t, sigtest.ECDSA(elliptic.P384(), "brought"))}
		p.cas = nil
		p.onRoot(func(doc map[string]any) {
			chain := []any{map[string]any{"rawBytes": base.Root.Raw}}
			doc["certificateAuthorities"] = []any{map[string]any{"uri": "https://x", "certChain": map[string]any{"certificates": chain},
				"validFor": map[string]any{"start": "2020-01-01T00:00:00Z"}}}
		})
		p.onBundle(func(b *bundle.Bundle) { b.Chain = [][]byte{p.CA.Issuer.Raw} })
	}
}

func broughtFaults(l *lab) {
	for _, shape := range []string{"v2 in 0.2", "v1 in 0.1"} {
		good := brought(nil, nil)
		l.bad(shape, "intermediate is no CA", is(check.CertChain), brought(nil, func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero, c.MaxPathLen = false, false, 0 }), good)
		l.bad(shape, "intermediate is not for signing certificates", is(check.CertChain), brought(nil, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }), good)
		l.bad(shape, "root allows no intermediate", is(check.CertChain), brought(func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }, nil), good)
		l.bad(shape, "intermediate is for time stamping", is(check.CertChain), brought(nil, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
		}), good)
		l.bad(shape, "intermediate ended", is(check.CertTime), brought(nil, func(c *x509.Certificate) { c.NotAfter = sigtest.T0.AddDate(0, -1, 0) }), good)
		l.bad(shape, "intermediate ended a second before", is(check.CertTime), brought(nil, func(c *x509.Certificate) { c.NotAfter = sigtest.T0.Add(-time.Second) }), good)
		l.bad(shape, "intermediate missing", is(check.CertChain), bundled(func(b *bundle.Bundle) { b.Chain = nil }), good)
		l.bad(shape, "intermediate of garbage", is(check.Parse), bundled(func(b *bundle.Bundle) { b.Chain = [][]byte{[]byte("garbage")} }), good)
		l.bad(shape, "intermediate changed", is(check.CertChain), bundled(func(b *bundle.Bundle) {
			b.Chain[0] = flip(b.Chain[0], bits(b.Chain[0])-9)
		}), good)
		l.bad(shape, "intermediate has an unknown critical extension", is(check.CertProfile), brought(nil, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		}), good)
	}
	for _, shape := range both() {
		l.bad(shape, "by value: authority is no CA", is(check.CertChain), caByValue(0, func(c *x509.Certificate) { c.IsCA = false }))
		l.bad(shape, "by value: authority is not for signing certificates", is(check.CertChain), caByValue(0, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }))
		l.bad(shape, "root of the authority allows no intermediate", is(check.TrustRoot, check.CertChain), certified(func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }, nil))
		l.bad(shape, "authority is no CA", is(check.TrustRoot), certified(nil, func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero, c.MaxPathLen = false, false, 0 }))
		l.bad(shape, "authority is for time stamping", is(check.TrustRoot), certified(nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping} }))
	}
}

func nameConstraints(l *lab) {
	only := func(c *x509.Certificate) {
		c.PermittedEmailAddresses, c.PermittedDNSDomainsCritical = []string{"other.example"}, true
	}
	not := func(c *x509.Certificate) {
		c.ExcludedEmailAddresses, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
	}
	right := func(c *x509.Certificate) {
		c.PermittedEmailAddresses, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
	}
	for _, shape := range both() {
		l.bad(shape, "intermediate permits another host", is(check.CertChain), certified(nil, only))
		l.bad(shape, "intermediate excludes the host", is(check.CertChain), certified(nil, not))
		l.bad(shape, "root permits another host", is(check.CertChain), certified(only, nil))
		l.pass(shape, "intermediate permits the host", certified(nil, right))
		l.pass(shape, "root permits the host", certified(right, nil))
	}
	l.bad("v2 in 0.2", "brought intermediate permits another host", is(check.CertChain), brought(nil, only), brought(nil, nil))
}

func chainOrder(l *lab) {
	for _, shape := range []string{"v2 in 0.2", "v1 in 0.1"} {
		swap := bundled(func(b *bundle.Bundle) { b.Certificate, b.Chain[0] = b.Chain[0], b.Certificate })
		l.bad(shape, "reversed", is(check.CertProfile), swap, brought(nil, nil))
		l.bad(shape, "unrelated CA first", is(check.CertProfile), func(p *plan) {
			other := sigtest.At(nil, "other.example").CA.Issuer.Raw
			p.onBundle(func(b *bundle.Bundle) { b.Certificate, b.Chain = other, [][]byte{b.Certificate} })
		})
		l.bad(shape, "unrelated leaf first", is(check.CertChain), func(p *plan) {
			w := sigtest.At(nil, "other.example")
			other := w.Make(sigtest.Maker{Artifact: artifact()}).Certificate
			p.onBundle(func(b *bundle.Bundle) { b.Certificate, b.Chain = other, [][]byte{b.Certificate} })
		})
	}
}

// meshes are chains in which every CA certifies every other.
func meshes(l *lab) {
	loop := func(n int) fault {
		return func(p *plan) {
			var all [][]byte
			certs := make([]sigtest.Cert, n)
			for i := range n {
				t := *p.lab.CA.Issuer.Certificate
				t.SignatureAlgorithm, t.SubjectKeyId, t.AuthorityKeyId, t.RawSubject, t.MaxPathLen, t.MaxPathLenZero = 0, nil, nil, nil, -1, false
				t.Subject = pkix.Name{CommonName: string(rune('a' + i))}
				certs[i] = sigtest.Cert{Certificate: &t, Key: sigtest.ECDSA(elliptic.P256(), string(rune('a'+i)))}
			}
			for i := range n {
				parent := issued(nil, certs[(i+1)%n].Certificate, certs[(i+1)%n].Key)
				certs[i] = issued(&parent, certs[i].Certificate, certs[i].Key)
				all = append(all, certs[i].Raw)
			}
			p.CA = &sigtest.CA{Issuer: certs[0]}
			replacedLeaf(func(der []byte) []byte { return sealedBy(certs[0].Key, 256, elements(der)[0]) })(p)
			p.onBundle(func(b *bundle.Bundle) { b.Chain = all })
		}
	}
	for _, n := range []int{2, 3, 5, 9} {
		l.bad("v2 in 0.2", name("%d CAs in a circle", n), is(check.CertChain), loop(n))
	}
}

func weakSignatures(l *lab) {
	sha1 := asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}
	withSHA1 := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}
	withMD5 := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 4}
	for _, oid := range []asn1.ObjectIdentifier{sha1, withSHA1, withMD5, {1, 2, 3, 4}} {
		l.each([]string{"v1", "v2", "v2 in 0.2"}, "leaf signed with "+oid.String(), is(check.Alg), func(p *plan) {
			tbsField(tbsAlgorithm, func([]byte) []byte { return tsptest.Alg(oid, false) })(p)
			replacedLeaf(func(der []byte) []byte {
				parts := elements(der)
				return tsptest.Seq(parts[0], tsptest.Alg(oid, false), parts[2])
			})(p)
		})
	}
	weak := func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }
	for _, shape := range both() {
		l.bad(shape, "intermediate signed with SHA-1, which leaves no authority", is(check.TrustRoot), certified(nil, weak))
		l.pass(shape, "root signed by itself with SHA-1", certified(weak, nil))
		l.bad(shape, "by value: intermediate signed with SHA-1", is(check.Alg), caByValue(0, weak))
	}
	for _, shape := range []string{"v2 in 0.2", "v1 in 0.1"} {
		l.bad(shape, "brought intermediate signed with SHA-1", is(check.Alg), brought(nil, weak), brought(nil, nil))
	}
}

// caByValue changes a certificate of the authority in the parsed trusted root.
func caByValue(i int, f func(*x509.Certificate)) fault {
	return func(p *plan) {
		p.byRoot = rootCertificate(i, f)
	}
}
