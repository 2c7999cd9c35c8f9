package vectors

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
)

// profileFaults are rows of group B about the shape of the certificate.
func profileFaults() []job {
	profile := is(check.CertProfile)
	usage := func(all ...x509.ExtKeyUsage) fault {
		return template(func(c *x509.Certificate) { c.ExtKeyUsage = all })
	}
	return []job{
		{"B17", func(l *lab) {
			l.each(keyless(), "no purpose", profile, usage())
			l.each(both(), "server authentication", profile, usage(x509.ExtKeyUsageServerAuth))
			l.each(both(), "any purpose", profile, usage(x509.ExtKeyUsageAny))
			l.each(both(), "time stamping", profile, usage(x509.ExtKeyUsageTimeStamping))
			l.each(both(), "unknown purpose", profile, template(func(c *x509.Certificate) {
				c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 2, 3, 4}}
			}))
		}},
		{"B18", func(l *lab) {
			l.each(keyless(), "time stamping too", profile, usage(x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageTimeStamping))
			l.each(both(), "any purpose too", profile, usage(x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageAny))
			l.each(both(), "unknown purpose too", profile, template(func(c *x509.Certificate) {
				c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3, 4}}
			}))
		}},
		{"B19", func(l *lab) {
			for what, u := range map[string]x509.KeyUsage{
				"none": 0, "key encipherment": x509.KeyUsageKeyEncipherment, "certificate signing too": x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
				"certificate signing": x509.KeyUsageCertSign, "content commitment": x509.KeyUsageContentCommitment,
			} {
				l.each(both(), "key usage: "+what, profile, template(func(c *x509.Certificate) { c.KeyUsage = u }))
			}
			l.each(keyless(), "key usage not critical", profile, template(func(c *x509.Certificate) {
				c.KeyUsage = 0
				c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Value: []byte{3, 2, 7, 0x80}})
			}))
		}},
		{"B20", func(l *lab) {
			l.each(keyless(), "a CA", profile, template(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }))
		}},
		{"B23", criticalExtensions},
		{"B24", doubleExtensions},
		{"B25", names},
		{"B31", func(l *lab) {
			l.each(keyless(), "algorithm inside is SHA-256, outside SHA-384", is(check.Parse), tbsField(tbsAlgorithm, func([]byte) []byte {
				return tsptest.Alg(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, false)
			}))
		}},
		{"B32", func(l *lab) {
			serial := func(n *big.Int) fault {
				return tbsField(tbsSerial, func([]byte) []byte { return must(asn1.Marshal(n)) })
			}
			l.each(both(), "negative", is(check.Parse), serial(big.NewInt(-5)))
			for _, shape := range both() {
				l.pass(shape, "zero", serial(new(big.Int)))
				l.pass(shape, "of 21 bytes", serial(new(big.Int).Lsh(big.NewInt(1), 165)))
			}
			l.each(both(), "not minimal", is(check.Parse), tbsField(tbsSerial, func([]byte) []byte { return []byte{2, 2, 0, 1} }))
			l.each(both(), "empty", is(check.Parse), tbsField(tbsSerial, func([]byte) []byte { return []byte{2, 0} }))
		}},
		{"B33", validities},
		{"B34", notDER},
		{"B38", func(l *lab) {
			for _, shape := range both() {
				l.pass(shape, "URLs to fetch", template(func(c *x509.Certificate) {
					const url = "http://127.0.0.1:1/x"
					c.OCSPServer, c.IssuingCertificateURL, c.CRLDistributionPoints = []string{url}, []string{url}, []string{url}
				}))
			}
		}},
		{"B40", func(l *lab) {
			for _, shape := range both() {
				l.warned(shape, "ten years", "certificate is valid for", template(func(c *x509.Certificate) { c.NotAfter = c.NotAfter.AddDate(4, 0, 0) }))
				l.warned(shape, "a day and a second", "certificate is valid for", template(func(c *x509.Certificate) {
					c.NotAfter = c.NotBefore.Add(24*time.Hour + time.Second)
				}))
			}
		}},
		{"B41", func(l *lab) {
			l.each(keyless(), "poison", profile, template(func(c *x509.Certificate) {
				c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: sigtest.OIDPoison, Critical: true, Value: []byte{5, 0}})
			}))
			l.each(both(), "poison that is not critical", profile, template(func(c *x509.Certificate) {
				c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: sigtest.OIDPoison, Value: []byte{5, 0}})
			}))
		}},
	}
}

func criticalExtensions(l *lab) {
	odd := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}
	add := func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, odd) }
	l.each(keyless(), "leaf", is(check.CertProfile), template(add))
	l.each(both(), "intermediate", is(check.CertProfile), certified(nil, add))
	l.each(both(), "root", is(check.CertProfile), certified(add, nil))
	odd.Critical = false
	for _, shape := range both() {
		l.pass(shape, "unknown extension that is not critical", template(func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, odd) }))
	}
	l.each(both(), "Fulcio extension of the future, critical", is(check.CertProfile), template(func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: sigtest.OIDFulcio(99), Critical: true, Value: []byte{5, 0}})
	}))
}

// doubleExtensions are written by hand: crypto/x509 would refuse to.
func doubleExtensions(l *lab) {
	for what, e := range map[string]pkix.Extension{
		"name":                    sigtest.SAN("email", sigtest.Alice().Subject),
		"another name":            sigtest.SAN("email", "mallory@example.com"),
		"issuer":                  sigtest.Claim(8, sigtest.Alice().Issuer),
		"another issuer":          sigtest.Claim(8, "https://issuer.example"),
		"old issuer":              sigtest.Claim(1, sigtest.Alice().Issuer),
		"key usage":               {Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: []byte{3, 2, 7, 0x80}},
		"unknown extension twice": {Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: []byte{5, 0}},
	} {
		add := func(der []byte) []byte { return sigtest.AddExtension(der, e) }
		if strings.HasPrefix(what, "unknown") {
			l.each(both(), what, is(check.CertProfile), tbs(add), tbs(add))
		} else {
			l.each(both(), what, is(check.CertProfile), tbs(add))
		}
	}
}

// extension replaces an extension of the certificate; nil removes it.
func extension(id asn1.ObjectIdentifier, e *pkix.Extension) fault {
	return template(func(c *x509.Certificate) {
		c.ExtraExtensions = slices.DeleteFunc(slices.Clone(c.ExtraExtensions), func(old pkix.Extension) bool { return old.Id.Equal(id) })
		if e != nil {
			c.ExtraExtensions = append(c.ExtraExtensions, *e)
		}
	})
}

// san replaces the subject alternative name by names as they are.
func san(critical bool, names ...[]byte) fault {
	return extension(sigtest.OIDSAN, &pkix.Extension{Id: sigtest.OIDSAN, Critical: critical, Value: tsptest.Seq(names...)})
}

func email(s string) []byte { return tsptest.TLV(0x81, []byte(s)) }
func uri(s string) []byte   { return tsptest.TLV(0x86, []byte(s)) }

func names(l *lab) {
	alice := sigtest.Alice().Subject
	l.each(keyless(), "no name", is(check.CertProfile), extension(sigtest.OIDSAN, nil))
	l.each(both(), "two names", is(check.CertProfile), san(true, email(alice), email("bob@example.com")))
	l.each(both(), "no name in the extension", is(check.CertProfile), san(true))
	l.each(keyless(), "name not critical", is(check.CertProfile), san(false, email(alice)))
	l.each(both(), "trailing bytes", is(check.CertProfile, check.Parse), extension(sigtest.OIDSAN, &pkix.Extension{
		Id: sigtest.OIDSAN, Critical: true, Value: append(tsptest.Seq(email(alice)), 0),
	}))
	l.each(both(), "name of indefinite length", is(check.CertProfile, check.Parse), san(true, []byte{0x81, 0x80, 'x', 0, 0}))
	l.each(keyless(), "subject", is(check.CertProfile), template(func(c *x509.Certificate) { c.Subject.CommonName = "x" }))
	l.each(both(), "version 1", is(check.Parse, check.CertProfile), tbsField(tbsVersion, func([]byte) []byte { return []byte{0xa0, 3, 2, 1, 0} }))
	l.each(both(), "version 2", is(check.Parse, check.CertProfile), tbsField(tbsVersion, func([]byte) []byte { return []byte{0xa0, 3, 2, 1, 1} }))
}

func validities(l *lab) {
	utc := func(s string) []byte { return tsptest.TLV(0x17, []byte(s)) }
	general := func(s string) []byte { return tsptest.TLV(0x18, []byte(s)) }
	from, to := utc("260301120000Z"), utc("260301121000Z")
	validity := func(a, b []byte) fault {
		return tbsField(tbsValidity, func([]byte) []byte { return tsptest.Seq(a, b) })
	}
	for what, v := range map[string][2][]byte{
		"fraction of a second":        {from, general("20260301121000.5Z")},
		"offset":                      {from, utc("260301121000+0000")},
		"no seconds":                  {from, utc("2603011210Z")},
		"no zone":                     {from, utc("260301121000")},
		"month 13":                    {from, utc("261301121000Z")},
		"30 February":                 {from, utc("260230121000Z")},
		"second 60":                   {from, utc("260301121060Z")},
		"text":                        {from, tsptest.TLV(0x0c, []byte("260301121000Z"))},
		"years of 4 digits in UTC":    {from, utc("20260301121000Z")},
		"years of 2 digits elsewhere": {from, general("260301121000Z")},
	} {
		l.each(both(), what, is(check.Parse), validity(v[0], v[1]))
	}
	l.each(both(), "three times", is(check.Parse), tbsField(tbsValidity, func([]byte) []byte { return tsptest.Seq(from, to, to) }))
	for what, v := range map[string][2][]byte{
		"ends before it begins": {to, from},
		"ended in 1900":         {general("18990101000000Z"), general("19000101000000Z")},
		"begins in 9999":        {general("99990101000000Z"), general("99991231235959Z")},
	} {
		l.each(both(), what, is(check.CertTime), validity(v[0], v[1]))
	}
	for _, shape := range both() {
		l.pass(shape, "for ever", validity(from, general("99991231235959Z")))
	}
}

// notDER writes the certificate in BER.
func notDER(l *lab) {
	long := func(b []byte) []byte { // the length in one byte more
		return append([]byte{b[0], 0x83, 0}, b[2:]...)
	}
	for what, f := range map[string]func([]byte) []byte{
		"length longer than needed": long,
		"indefinite length":         func(b []byte) []byte { return append(append([]byte{b[0], 0x80}, b[4:]...), 0, 0) },
		"indefinite length inside":  func(b []byte) []byte { return tsptest.Seq(indefinite(elements(b)[0]), elements(b)[1], elements(b)[2]) },
		"TBS longer than needed":    func(b []byte) []byte { return tsptest.Seq(long(elements(b)[0]), elements(b)[1], elements(b)[2]) },
		"signature in parts": func(b []byte) []byte {
			return tsptest.Seq(elements(b)[0], elements(b)[1], tsptest.TLV(0x23, elements(b)[2]))
		},
		"unused bits": func(b []byte) []byte {
			b = slices.Clone(b)
			b[len(b)-len(elements(b)[2])+2] = 1
			return b
		},
		"certificate has a part more": func(b []byte) []byte { return tsptest.Seq(append(elements(b), []byte{5, 0})...) },
	} {
		want := is(check.Parse)
		if what == "unused bits" { // which are DER if they are 0
			want = is(check.Parse, check.CertChain)
		}
		l.each([]string{"v1", "v2", "v2 in 0.2"}, what, want, replacedLeaf(f))
	}
	for what, f := range map[string]func(fields [][]byte) [][]byte{
		"TBS ends early": func(f [][]byte) [][]byte { return f[:4] },
		"TBS has more":   func(f [][]byte) [][]byte { return append(f, []byte{5, 0}) },
		"TBS with an id": func(f [][]byte) [][]byte { return slices.Insert(f, tbsExtensions, []byte{0x81, 1, 0}) },
		"no extensions":  func(f [][]byte) [][]byte { return f[:tbsExtensions] },
		"empty extension": func(f [][]byte) [][]byte {
			return append(f[:tbsExtensions:tbsExtensions], tsptest.TLV(0xa3, tsptest.Seq()))
		},
		"byte behind the extensions": func(f [][]byte) [][]byte {
			return append(f[:tbsExtensions:tbsExtensions], tsptest.TLV(0xa3, content(f[tbsExtensions]), []byte{5, 0}))
		},
	} {
		l.each(both(), what, is(check.Parse, check.CertProfile, check.SCT), resealed(func(tbs []byte) []byte { return tsptest.Seq(f(elements(tbs))...) }))
	}
	l.each(both(), "subject of indefinite length", is(check.Parse), resealed(func(tbs []byte) []byte {
		fields := elements(tbs)
		fields[tbsSubject] = []byte{0x30, 0x80, 0, 0}
		return tsptest.Seq(fields...)
	}))
	usage := asn1.ObjectIdentifier{2, 5, 29, 15}
	purpose := asn1.ObjectIdentifier{2, 5, 29, 37}
	for what, id := range map[string]asn1.ObjectIdentifier{"key usage": usage, "purposes": purpose, "issuer": sigtest.OIDFulcio(8)} {
		l.each(both(), "part behind the value of the extension "+what, is(check.Parse, check.Identity), inExtension(id, func(parts [][]byte) [][]byte {
			return append(parts, []byte{5, 0})
		}))
		l.each(both(), "byte behind the content of the extension "+what, is(check.Parse, check.Identity), inExtension(id, func(parts [][]byte) [][]byte {
			last := len(parts) - 1
			return append(parts[:last:last], tsptest.TLV(4, content(parts[last]), []byte{0}))
		}))
	}
	l.each(both(), "Boolean of 1", is(check.Parse), tbs(func(der []byte) []byte {
		return sigtest.AddExtension(der, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 1}})
	}))
}

// inExtension rewrites the parts of an extension, which log and authority sign.
func inExtension(id asn1.ObjectIdentifier, f func(parts [][]byte) [][]byte) fault {
	return tbsField(tbsExtensions, func(old []byte) []byte {
		var out [][]byte
		for _, e := range elements(elements(old)[0]) {
			if parts := elements(e); string(parts[0]) == string(tsptest.OID(id)) {
				e = tsptest.Seq(f(parts)...)
			}
			out = append(out, e)
		}
		return tsptest.TLV(0xa3, tsptest.Seq(out...))
	})
}

func indefinite(b []byte) []byte { return append(append([]byte{b[0], 0x80}, b[4:]...), 0, 0) }
