package vectors

import (
	"crypto"
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
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// timed are the shapes with a timestamp.
func timed() []string { return []string{"v2", "v1 stamped"} }

// token is a fault in the timestamp, which the authority signs.
func token(f ...tsptest.Fault) fault {
	return func(p *plan) { p.Token = append(p.Token, f...) }
}

// authority replaces the timestamp authority; the trusted root lists chain of it.
func authority(f func(p *plan, t *sigtest.TSA)) fault {
	return func(p *plan) {
		t := p.lab.NewTSA("tsa")
		f(p, t)
		p.TSAs, p.tsas = []*sigtest.TSA{t}, []*sigtest.TSA{t}
	}
}

// reissued makes the certificates of an authority again, below one that changed.
func reissued(t *sigtest.TSA, root, middle, leaf func(*x509.Certificate)) {
	again := func(old sigtest.Cert, parent *sigtest.Cert, f func(*x509.Certificate)) sigtest.Cert {
		c := *old.Certificate
		c.SignatureAlgorithm = 0
		if c.ExtraExtensions = nil; !c.IsCA {
			c.ExtKeyUsage, c.ExtraExtensions = nil, []pkix.Extension{tsptest.EKU(true, tsptest.TimeStamping)}
		}
		if f != nil {
			f(&c)
		}
		return issued(parent, &c, old.Key)
	}
	t.Root = again(t.Root, nil, root)
	t.Intermediate = again(t.Intermediate, &t.Root, middle)
	t.Leaf = again(t.Leaf, &t.Intermediate, leaf)
}

func purposes(critical bool, all ...asn1.ObjectIdentifier) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{tsptest.EKU(critical, all...)} }
}

// pinless lists the CAs of the authority alone, so that tokens bring the leaf.
func pinless(p *plan) {
	p.onRoot(func(doc map[string]any) {
		chain := doc["timestampAuthorities"].([]any)[0].(map[string]any)["certChain"].(map[string]any)
		chain["certificates"] = chain["certificates"].([]any)[1:]
	})
}

// stampFaults are the rows of group H.
func stampFaults() []job {
	tsa, late := is(check.TSA), is(check.Time)
	out := []job{
		{"H2", func(l *lab) {
			l.each(timed(), "over the artifact's digest", tsa, token(func(t *tsptest.Token) { t.Info.Imprint = sum256(artifact()) }))
			l.each(timed(), "over the signature's digest, hashed again", tsa, token(func(t *tsptest.Token) { t.Info.Imprint = sum256(t.Info.Imprint) }))
		}},
		{"H3", func(l *lab) {
			l.each([]string{"v2", "v2 dsse", "key"}, "with its certificate", late, func(p *plan) { p.TSAs = []*sigtest.TSA{sigtest.At(nil, "other.example").TSA} })
			l.warned("v1 stamped", "beside a promise", "was not examined", func(p *plan) { p.TSAs = []*sigtest.TSA{sigtest.At(nil, "other.example").TSA} })
		}},
		{"H4", func(l *lab) {
			l.each([]string{"v2", "v2 dsse", "key"}, "without", late, func(p *plan) {
				p.TSAs = []*sigtest.TSA{sigtest.At(nil, "other.example").TSA}
				token(func(t *tsptest.Token) { t.Certs = nil })(p)
			})
			for _, shape := range timed() {
				l.pass(shape, "pinned certificate left out", token(func(t *tsptest.Token) { t.Certs = nil }))
			}
		}},
		{"H5", func(l *lab) {
			for what, f := range map[string]func(*x509.Certificate){
				"ended a second before": func(c *x509.Certificate) { c.NotAfter = sigtest.T0.Add(-time.Second) },
				"begins a second later": func(c *x509.Certificate) { c.NotBefore = sigtest.T0.Add(time.Second) },
			} {
				l.each(timed(), "leaf "+what, late, authority(func(_ *plan, t *sigtest.TSA) { reissued(t, nil, nil, f) }))
				l.each(timed(), "intermediate "+what, late, authority(func(_ *plan, t *sigtest.TSA) { reissued(t, nil, f, nil) }))
				l.each(timed(), "root "+what, late, authority(func(_ *plan, t *sigtest.TSA) { reissued(t, f, nil, nil) }))
			}
		}},
		{"H6", func(l *lab) {
			l.each(timed(), "window ended a second before", late, validFor("timestampAuthorities", 0, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0.Add(-time.Second)))
			l.each(timed(), "window begins a second later", late, validFor("timestampAuthorities", 0, sigtest.T0.Add(time.Second), time.Time{}))
		}},
		{"H7", func(l *lab) {
			l.each(timed(), "inside the window of another authority", late, func(p *plan) {
				p.tsas = append(p.tsas, p.lab.NewTSA("tsa2"))
				validFor("timestampAuthorities", 0, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0.Add(-time.Second))(p)
			})
		}},
		{"H11", stampFlips},
		{"H17", func(l *lab) {
			forged := func(before bool) tsptest.Fault {
				return func(t *tsptest.Token) {
					c := *t.Signer.Certificate
					c.SignatureAlgorithm = 0
					f := issued(nil, &c, sigtest.ECDSA(elliptic.P256(), "forged")).Raw
					if t.Certs = append(t.Certs, f); before {
						slices.Reverse(t.Certs)
					}
				}
			}
			for _, shape := range timed() {
				l.pass(shape, "forged certificate behind", token(forged(false)))
				l.pass(shape, "forged certificate before", token(forged(true)))
			}
			l.each(timed(), "forged certificate signed", tsa, token(forged(true), func(t *tsptest.Token) {
				t.Signer.Key = sigtest.ECDSA(elliptic.P256(), "forged")
			}))
			l.each(timed(), "forged certificate signed, nothing pinned", is(check.TSA, check.Time), token(forged(true), func(t *tsptest.Token) {
				t.Signer.Key = sigtest.ECDSA(elliptic.P256(), "forged")
			}), pinless)
		}},
		{"H22", func(l *lab) {
			l.each(timed(), "signed by the intermediate", tsa, authority(func(p *plan, t *sigtest.TSA) {
				token(func(k *tsptest.Token) { k.By(t.Intermediate) })(p)
			}), pinless)
			l.each(timed(), "leaf is a CA", tsa, authority(func(p *plan, t *sigtest.TSA) {
				reissued(t, nil, nil, func(c *x509.Certificate) { c.IsCA = true })
			}), pinless)
		}},
		{"H23", func(l *lab) {
			unknown := asn1.ObjectIdentifier{1, 2, 3, 4}
			for what, f := range map[string]func(*x509.Certificate){
				"missing": func(c *x509.Certificate) { c.ExtraExtensions = nil }, "not critical": purposes(false, tsptest.TimeStamping),
				"code signing too": purposes(true, tsptest.TimeStamping, tsptest.CodeSigning), "unknown too": purposes(true, tsptest.TimeStamping, unknown),
				"any": purposes(true, tsptest.AnyPurpose), "code signing": purposes(true, tsptest.CodeSigning), "twice": purposes(true, tsptest.TimeStamping, tsptest.TimeStamping),
			} {
				l.each(timed(), what, tsa, authority(func(_ *plan, t *sigtest.TSA) { reissued(t, nil, nil, f) }), pinless)
			}
			l.each(timed(), "not critical, pinned", tsa, authority(func(_ *plan, t *sigtest.TSA) { reissued(t, nil, nil, purposes(false, tsptest.TimeStamping)) }))
		}},
		{"H24", func(l *lab) {
			f := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }
			l.each(timed(), "intermediate for code signing", is(check.TrustRoot), authority(func(_ *plan, t *sigtest.TSA) { reissued(t, nil, f, nil) }))
			l.each(timed(), "by value: intermediate for code signing", tsa, func(p *plan) {
				p.byRoot = func(r *trustroot.Root) {
					c := *r.TSAs[0].Chain[1]
					c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
					r.TSAs[0].Chain[1] = &c
				}
			})
			l.each(timed(), "brought intermediate for code signing", tsa, broughtStamp(f), broughtStamp(nil))
		}},
		{"H25", func(l *lab) {
			l.each([]string{"v2"}, "leaf by the authority for signers", is(check.TSA, check.Time), authority(func(p *plan, t *sigtest.TSA) {
				t.Leaf = issued(&p.lab.CA.Issuer, t.Leaf.Certificate, t.Leaf.Key)
				p.onRoot(func(doc map[string]any) { doc["timestampAuthorities"] = p.authorities(p.lab.TSA.Chain()[1:]) })
			}), pinless)
			l.each([]string{"v2"}, "brought intermediate missing", is(check.TSA, check.Time), token(func(t *tsptest.Token) { t.Certs = t.Certs[:1] }), broughtStamp(nil))
			l.each(timed(), "certificate of garbage", tsa, token(func(t *tsptest.Token) { t.Certs = [][]byte{tsptest.Seq()} }), pinless)
			l.each(timed(), "by value: no chain", is(check.TSA, check.Time), func(p *plan) { p.byRoot = func(r *trustroot.Root) { r.TSAs[0].Chain = nil } })
		}},
		{"H26", func(l *lab) {
			l.each(timed(), "another leaf of the same CA", tsa, func(p *plan) {
				other := p.lab.NewTSA("tsa")
				c := *other.Leaf.Certificate
				c.SignatureAlgorithm, c.SerialNumber = 0, big.NewInt(99)
				other.Leaf = issued(&other.Intermediate, &c, sigtest.ECDSA(elliptic.P256(), "second leaf"))
				p.TSAs = []*sigtest.TSA{other}
			})
		}},
		{"H28", func(l *lab) {
			l.each(timed(), "61 seconds ahead", late, func(p *plan) { p.now = sigtest.T0.Add(-61 * time.Second) })
			for _, shape := range timed() {
				l.pass(shape, "60 seconds ahead", func(p *plan) { p.now = sigtest.T0.Add(-time.Minute) })
			}
		}},
		{"H31", func(l *lab) {
			after := func(d time.Duration) fault {
				return bundled2(func(p *plan, b *bundle.Bundle) {
					sig := b.Message.Signature
					b.Timestamps = append(b.Timestamps, p.lab.TSA.Stamp(sig, sigtest.T0.Add(d)))
				})
			}
			l.each(timed(), "second after the certificate", is(check.CertTime), after(sigtest.LeafLife+time.Second))
			l.each(timed(), "second before the certificate", is(check.CertTime), after(-time.Second))
			for _, shape := range timed() {
				l.pass(shape, "second inside", after(time.Minute))
			}
		}},
		{"H32", func(l *lab) {
			two := func(p *plan) {
				other := p.lab.NewTSA("tsa2")
				other.Operator = "another"
				p.tsas, p.TSAs = append(p.tsas, other), []*sigtest.TSA{p.lab.TSA, other}
				p.evidence = verify.Evidence{SCTs: 1, Logs: 1, Times: 2, TSAs: 2}
			}
			l.each(timed(), "two of one", is(check.Threshold), func(p *plan) {
				p.TSAs = []*sigtest.TSA{p.lab.TSA}
				bundled2(func(p *plan, b *bundle.Bundle) {
					b.Timestamps = append(b.Timestamps, p.lab.TSA.Stamp(b.Message.Signature, sigtest.T0.Add(time.Second)))
				})(p)
			}, two)
			l.each(timed(), "two of one operator", is(check.Threshold), func(p *plan) {
				third := p.lab.NewTSA("tsa3")
				p.tsas, p.TSAs = append(p.tsas, third), []*sigtest.TSA{p.lab.TSA, third}
			}, two)
		}},
		{"H33", func(l *lab) {
			bad := bundled2(func(p *plan, b *bundle.Bundle) {
				b.Timestamps = append(b.Timestamps, p.lab.TSA.Stamp([]byte("another"), sigtest.T0))
			})
			l.each(timed(), "broken one behind", tsa, bad)
			l.each(timed(), "broken one before", tsa, all(bad, bundled(func(b *bundle.Bundle) { slices.Reverse(b.Timestamps) })))
			l.each(timed(), "garbage behind", tsa, bundled(func(b *bundle.Bundle) { b.Timestamps = append(b.Timestamps, []byte("garbage")) }))
		}},
		{"H34", func(l *lab) {
			for _, n := range []int{33, 100_000} {
				l.each(timed(), name("%d", n), is(check.Limit), treed(func(doc *node) {
					list := doc.at(material, "timestampVerificationData", "rfc3161Timestamps")
					list.items = slices.Repeat(list.items, n)
				}))
			}
			l.each(timed(), "by value: 65 KiB", is(check.Limit), byValue(func(b *bundle.Bundle) { b.Timestamps[0] = make([]byte, 65<<10) }))
		}},
	}
	return append(out, tokenRows()...)
}

// authorities writes a list with one authority.
func (p *plan) authorities(chain []*x509.Certificate) []any {
	var certs []any
	for _, c := range chain {
		certs = append(certs, map[string]any{"rawBytes": c.Raw})
	}
	return []any{map[string]any{"uri": "https://x", "certChain": map[string]any{"certificates": certs}, "validFor": map[string]any{"start": "2020-01-01T00:00:00Z"}}}
}

// broughtStamp has the token bring leaf and intermediate; the root lists the root.
func broughtStamp(middle func(*x509.Certificate)) fault {
	return authority(func(p *plan, t *sigtest.TSA) {
		reissued(t, nil, middle, nil)
		chain := t.Chain()[2:]
		p.root = func(doc map[string]any) { doc["timestampAuthorities"] = p.authorities(chain) }
		p.Token = nil
		token(func(k *tsptest.Token) { k.Certs = [][]byte{t.Leaf.Raw, t.Intermediate.Raw} })(p)
	})
}

// tokenRows are the faults that lie in the token itself.
func tokenRows() []job {
	var out []job
	seen := map[string]bool{}
	for _, r := range tsptest.Rows(sigtest.At(nil, "other.example").TSA.Leaf) {
		row := r.ID
		if row[0] != 'H' {
			row = "H37" // shape of CMS and TSTInfo that no row names
		}
		if !seen[row] {
			seen[row] = true
			out = append(out, job{row, func(l *lab) { ownRows(l, row) }})
		}
	}
	return append(out,
		job{"H12", func(l *lab) {}},
		job{"H18", func(l *lab) {
			for _, h := range []crypto.Hash{crypto.SHA384, crypto.SHA512} {
				for _, shape := range timed() {
					l.pass(shape, "signing certificate by "+h.String(), token(func(t *tsptest.Token) {
						oid := map[crypto.Hash]asn1.ObjectIdentifier{crypto.SHA384: tsptest.SHA384, crypto.SHA512: tsptest.SHA512}[h]
						t.SetAttr(tsptest.SigningCertV2, tsptest.Seq(tsptest.Seq(tsptest.Seq(tsptest.Alg(oid, false), tsptest.TLV(4, tsptest.Sum(h, t.Signer.Raw))))))
					}))
				}
			}
		}})
}

// ownRows emits the rows of package tsptest that belong to a row.
func ownRows(l *lab, row string) {
	for _, r := range tsptest.Rows(sigtest.At(nil, "other.example").TSA.Leaf) {
		if r.ID != row && !(row == "H37" && r.ID[0] != 'H') {
			continue
		}
		want := is(r.Check)
		switch {
		case row == "H10" && r.Name == "empty":
			want = is(check.Parse) // an empty timestamp is no timestamp of a bundle
		case row == "H19":
			want = is(check.TSA, check.Time) // who signed is not known then
		case r.Name == "response of 65 KiB":
			want = is(check.Limit)
		}
		l.each(timed(), r.Name, want, token(r.Fault))
	}
}

// stampFlips change the finished response.
func stampFlips(l *lab) {
	der := must(l.TSA.Issue([]byte("x"), sigtest.T0))
	l.many(func() {
		for i := range der {
			want := is(check.TSA, check.Alg, check.Time, check.Limit)
			l.bad("v2", name("byte %d", i), want, bundled(func(b *bundle.Bundle) {
				t := b.Timestamps[0]
				b.Timestamps[0] = flipByte(t, min(i, len(t)-1))
			}), func(p *plan) {
				p.Token = append(p.Token, func(t *tsptest.Token) { t.Certs = nil })
			})
		}
		for bit := range 8 * 64 {
			l.bad("v2", name("bit %d of the signature", bit), is(check.TSA), bundled(func(b *bundle.Bundle) {
				t := b.Timestamps[0]
				b.Timestamps[0] = flip(t, bits(t)-1-bit)
			}))
		}
	})
}
