package vectors

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/checkpoint"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
	"github.com/hallmarksign/hallmark/internal/logproof"
	"github.com/hallmarksign/hallmark/internal/sct"
	"github.com/hallmarksign/hallmark/internal/set"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tsp"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// furtherFaults are of no row of the catalogue: what a caller of the library can
// do wrong, keys of services, and the shape of everything in a timestamp.
func furtherFaults() []job {
	return []job{
		{"V4", arguments}, {"V5", serviceKeys}, {"V6", tokenShapes}, {"V7", twoAlgorithms}, {"V8", formats},
	}
}

// arguments are those of the library.
func arguments(l *lab) {
	c := l.twin("v2", nil)
	root := must(trustroot.Parse(c.Root))
	b := must(bundle.Parse(c.Bundle))
	p := must(c.Policy.policy())
	v := must(verify.New(root, c.Evidence))
	a := must(c.artifact(b))
	ask := func(v *verify.Verifier, b *bundle.Bundle, a verify.Artifact, p verify.Policy, now time.Time) func() error {
		return func() error { _, err := v.Verify(b, a, p, now); return err }
	}
	good := ask(v, b, a, p, c.Now)
	var none *verify.Verifier
	usage := map[string]func() error{
		"no verifier": ask(none, b, a, p, c.Now), "zero verifier": ask(&verify.Verifier{}, b, a, p, c.Now), "no bundle": ask(v, nil, a, p, c.Now),
		"zero artifact": ask(v, b, verify.Artifact{}, p, c.Now), "zero policy": ask(v, b, a, verify.Policy{}, c.Now), "no moment": ask(v, b, a, p, time.Time{}),
		"nil signer":                       func() error { return ask(v, b, a, verify.AnyOf(nil), c.Now)() },
		"no trusted root":                  func() error { _, err := verify.New(nil, c.Evidence); return err },
		"certificate asked of no verifier": func() error { _, _, err := none.Certificate(b.Certificate, c.Now); return err },
		"pattern nested as deep as it may be": func() error {
			_, err := verify.Pattern(strings.Repeat("(", 999) + "a" + strings.Repeat(")", 999))
			return err
		},
	}
	for what, f := range usage {
		l.call(what, check.Usage, f, good)
	}
	big256 := big.NewInt(1)
	for what, k := range map[string]crypto.PublicKey{
		"nil": nil, "ECDSA of nothing": (*ecdsa.PublicKey)(nil), "RSA of nothing": new(rsa.PublicKey), "31 bytes of Ed25519": make(ed25519.PublicKey, 31),
		"point off the curve": &ecdsa.PublicKey{Curve: elliptic.P256(), X: big256, Y: big256}, //lint:ignore SA1019 no other way to make such a key
		"P-224":               sigtest.ECDSA(elliptic.P224(), "x").Public(), "private key": sigtest.Ed25519("x"),
	} {
		l.call("key: "+what, check.Alg, func() error { return ask(v, b, a, verify.AnyOf(verify.Key{Public: k}), c.Now)() }, good)
	}
	certificate := func(der []byte, at time.Time) func() error {
		return func() error { _, _, err := v.Certificate(der, at); return err }
	}
	fine := certificate(b.Certificate, sigtest.T0)
	l.call("certificate asked about another moment", check.CertTime, certificate(b.Certificate, sigtest.T0.Add(time.Hour)), fine)
	l.call("certificate of garbage", check.Parse, certificate([]byte("x"), sigtest.T0), fine)
	l.bad("v1", "by value: neither proof nor version 0.1", is(check.Content), byValue(func(b *bundle.Bundle) { b.Entries[0].Proof = nil }))
	l.bad("v2", "null among the entries", is(check.Parse), treed(func(n *node) {
		list := n.at(material, "tlogEntries")
		list.items = append(list.items, raw("null"))
	}))
}

// serviceKeys are keys that a service of the trusted root must not have.
func serviceKeys(l *lab) {
	small := number(1024, 65537)
	ct := func(k crypto.PublicKey) fault {
		return func(p *plan) { p.byRoot = func(r *trustroot.Root) { r.CTLogs[0].Key = k } }
	}
	log := func(k crypto.PublicKey) fault {
		return func(p *plan) {
			p.byRoot = func(r *trustroot.Root) {
				for i := range r.Logs {
					r.Logs[i].Key = k
				}
			}
		}
	}
	for what, k := range map[string]crypto.PublicKey{"P-384": sigtest.ECDSA(elliptic.P384(), "x").Public(), "P-224": sigtest.ECDSA(elliptic.P224(), "x").Public(), "RSA of 1024 bits": small, "nothing": nil, "short Ed25519": make(ed25519.PublicKey, 31)} {
		l.each(both(), "by value: certificate log with "+what, is(check.Alg), ct(k))
		if what != "P-384" {
			l.each(both(), "by value: log with "+what, is(check.Alg), log(k))
		}
	}
	for what, k := range map[string]crypto.PublicKey{"RSA": sigtest.RSA().Public(), "Ed25519": sigtest.Ed25519("x").Public()} {
		l.each(both(), "by value: certificate log with "+what+", timestamp by ECDSA", is(check.SCT), ct(k))
	}
	leaf := func(k crypto.Signer) fault {
		return authority(func(_ *plan, t *sigtest.TSA) {
			c := *t.Leaf.Certificate
			c.SignatureAlgorithm = 0
			c.ExtKeyUsage, c.ExtraExtensions = nil, []pkix.Extension{tsptest.EKU(true, tsptest.TimeStamping)}
			t.Leaf = issued(&t.Intermediate, &c, k)
		})
	}
	l.each(timed(), "timestamp authority on P-224", is(check.Alg), leaf(sigtest.ECDSA(elliptic.P224(), "x")))
	l.each(timed(), "timestamp authority signs with another kind of key", is(check.TSA), leaf(sigtest.Ed25519("x")))
	l.each(timed(), "root of the timestamp authority allows no intermediate", is(check.TSA), authority(func(_ *plan, t *sigtest.TSA) {
		reissued(t, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }, nil, nil)
	}))
	l.bad("v2", "token with a maze of certificates", is(check.Limit), token(maze), pinless)
	l.each(timed(), "token brings the certificate of another alone", is(check.TSA), token(func(t *tsptest.Token) {
		t.Certs = [][]byte{l.CA.Issuer.Raw}
	}))
	for what, f := range map[string]func([]byte) []byte{
		"response is a SET":   func(b []byte) []byte { return append([]byte{0x31}, b[1:]...) },
		"response has a NULL": func(b []byte) []byte { return append(slices.Clone(b), 5, 0) },
	} {
		l.each(timed(), what, is(check.TSA), token(func(t *tsptest.Token) { t.Rewrite = f }))
	}
	for what, f := range map[string]func([]byte) []byte{
		"TSTInfo is a SET":   func(b []byte) []byte { return append([]byte{0x31}, b[1:]...) },
		"TSTInfo has a NULL": func(b []byte) []byte { return append(slices.Clone(b), 5, 0) },
	} {
		l.each(timed(), what, is(check.TSA), token(func(t *tsptest.Token) {
			was := t.Info.DER()
			now := f(was)
			t.SetAttr(tsptest.MessageDigest, tsptest.TLV(4, sum256(now)))
			t.Rewrite = func(der []byte) []byte { return withInfo(der, was, now) }
		}))
	}
	l.bad("v2", "leaf on P-224", is(check.Alg), func(p *plan) {
		p.Logs = []*sigtest.Log{p.lab.Log1}
		by(sigtest.ECDSA(elliptic.P224(), "x"), crypto.SHA256)(p)
	})
}

// maze embeds certificates of one name, so that many keys must be tried to find
// out who issued whom.
func maze(t *tsptest.Token) {
	var cas []sigtest.Cert
	for i := range 8 {
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i) + 1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
			RawSubject: t.Issuer, NotBefore: sigtest.T0, NotAfter: sigtest.T0.AddDate(1, 0, 0)}
		key := sigtest.ECDSA(elliptic.P256(), name("maze %d", i))
		if i == 0 {
			cas = append(cas, issued(nil, c, key))
		} else {
			cas = append(cas, issued(&cas[i-1], c, key))
		}
	}
	t.Certs = nil
	for _, c := range cas {
		t.Certs = append(t.Certs, c.Raw)
	}
	for i := range 2 {
		leaf := &x509.Certificate{SerialNumber: big.NewInt(int64(i) + 100), Subject: pkix.Name{CommonName: "leaf"}, NotBefore: sigtest.T0, NotAfter: sigtest.T0.AddDate(1, 0, 0)}
		t.Certs = append(t.Certs, issued(&cas[7], leaf, sigtest.ECDSA(elliptic.P256(), "maze leaf")).Raw)
	}
	t.Serial = big.NewInt(100)
}

// tokenShapes changes every element of a timestamp.
func tokenShapes(l *lab) {
	good := must(l.TSA.Issue([]byte("x"), sigtest.T0, func(t *tsptest.Token) { t.Certs = nil; t.Info.Nonce = big.NewInt(77); fullInfo(t) }))
	shaped := func(t *tsptest.Token) { t.Certs = nil; t.Info.Nonce = big.NewInt(77); fullInfo(t) }
	want := is(check.TSA, check.Alg, check.Time, check.Limit, check.Parse)
	count := len(parseDER(good).all())
	for i := range count {
		for _, how := range derChanges() {
			f := all(token(shaped), token(func(t *tsptest.Token) {
				t.Rewrite = func(der []byte) []byte { return changed(der, i, how) }
			}))
			if slices.Contains(harmlessOutside()[how.name], i) {
				l.pass("v2", name("element %d %s", i, how.name), f)
				continue
			}
			l.bad("v2", name("element %d %s", i, how.name), want, f)
		}
	}
	info := must(infoOf(good))
	for i := range len(parseDER(info).all()) {
		for _, how := range derChanges() {
			f := all(token(shaped), token(func(t *tsptest.Token) {
				was := t.Info.DER()
				now := changed(was, i, how)
				t.SetAttr(tsptest.MessageDigest, tsptest.TLV(4, sum256(now)))
				t.Rewrite = func(der []byte) []byte { return withInfo(der, was, now) }
			}))
			if slices.Contains(harmlessInside()[how.name], i) {
				l.pass("v2", name("element %d of the TSTInfo %s", i, how.name), f)
				continue
			}
			l.bad("v2", name("element %d of the TSTInfo %s", i, how.name), want, f)
		}
	}
}

// harmlessOutside are elements of the CMS that nobody signs and that say the same
// after the change: NULL parameters of a hash, a hash announced twice.
func harmlessOutside() map[string][]int {
	return map[string][]int{"twice": {8}, "with NULL inside": {8, 28}, "with NULL behind": {9, 29}}
}

// harmlessInside are elements of the TSTInfo that an authority may write in that
// way when it signs it: optional parts left out, other identifiers and numbers.
func harmlessInside() map[string][]int {
	return map[string][]int{"with NULL inside": {1, 7, 10, 11, 12, 14, 28, 29}, "deleted": {5, 9, 10, 11, 12, 13, 14, 15, 26, 27}, "replaced by NULL": {5}, "empty": {5, 9, 26, 29}, "twice": {27}}
}

// fullInfo has every optional part of a TSTInfo.
func fullInfo(t *tsptest.Token) {
	t.Info.Accuracy = tsptest.Seq(tsptest.Integer(1), tsptest.TLV(0x80, []byte{1}), tsptest.TLV(0x81, []byte{1}))
	t.Info.Ordering = tsptest.TLV(1, []byte{0xff})
	t.Info.Name = tsptest.TLV(0xa4, t.Signer.RawSubject)
	t.Info.Extensions = tsptest.Seq(tsptest.OID(tsptest.SHA1), tsptest.TLV(4))
}

// twoAlgorithms logs one signature as made with two hashes.
func twoAlgorithms(l *lab) {
	key := sigtest.ECDSA(elliptic.P384(), "signer 384")
	l.bad("v1", "entries of two algorithms", is(check.Entry), bundled2(func(p *plan, b *bundle.Bundle) {
		body := &entry.Body{Kind: "hashedrekord", Version: "0.0.1", Hash: crypto.SHA256, Digest: sum256(artifact()), Signature: b.Message.Signature, Certificate: b.Certificate}
		b.Entries = append(b.Entries, p.lab.Log1.Add(body.Kind, body.Version, must(sigtest.WriteBody(body)), sigtest.LogEdits{}))
	}), by(key, crypto.SHA384))
}

// formats are arguments of the format packages that no bundle can bring them.
func formats(l *lab) {
	key := sigtest.Ed25519("x").Public()
	id := func(k crypto.PublicKey) func() error {
		return func() error { _, err := checkpoint.KeyID("x", k); return err }
	}
	l.call("key id of 31 bytes", check.Alg, id(make(ed25519.PublicKey, 31)), id(key))
	l.call("key id of nothing", check.Alg, id(nil), id(key))
	l.call("key id of a key off the curve", check.Alg, id(&ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}), id(key)) //lint:ignore SA1019 no other way
	log := l.Log2
	note := must(checkpoint.Parse(log.Checkpoint()))
	signed := func(id []byte) func() error {
		return func() error { return note.Verify(checkpoint.Key{Name: log.Name, ID: id, Public: log.Key.Public()}) }
	}
	l.call("key id of 3 bytes", check.Checkpoint, signed([]byte{1, 2, 3}), signed(nil))
	details := func(k crypto.PublicKey, h crypto.Hash) func() error {
		return func() error { _, err := entry.KeyDetailsOf(k, h); return err }
	}
	l.call("no key details", check.Alg, details(key, crypto.SHA256), details(key, crypto.SHA512))
	body := &entry.Body{Kind: "hashedrekord", Version: "0.0.2", Hash: crypto.SHA256, Digest: sum256(nil), Signature: []byte{1}, PublicKey: []byte{1}, KeyDetails: "PKIX_ECDSA_P256_SHA_256"}
	written := func(f func(*entry.Body)) func() error {
		return func() error { b := *body; f(&b); _, err := entry.HashedRekord2(&b); return err }
	}
	l.call("body of no hash", check.Entry, written(func(b *entry.Body) { b.Hash = 0 }), written(func(*entry.Body) {}))
	st := must(dsse.ParseStatement(sigtest.Statement("a", artifact(), predicateType)))
	match := func(m map[string]string) func() error { return func() error { _, err := st.Match(m); return err } }
	fine := match(map[string]string{"sha256": name("%x", sum256(artifact()))})
	l.call("statement matched with nothing", check.Usage, match(nil), fine)
	l.call("statement matched by SHA-1", check.Usage, match(map[string]string{"sha1": "ab"}), fine)
	l.call("statement matched by half a digest", check.Digest, match(map[string]string{"sha256": "ab"}), fine)
	message := set.Message([]byte("x"), 1, 1, log.ID())
	promise := sigtest.SignMessage(sigtest.Ed25519("x"), 0, message)
	promised := func(k crypto.PublicKey) func() error {
		return func() error { return set.Verify([]byte("x"), 1, 1, log.ID(), promise, k) }
	}
	l.call("promise by a key of no kind", check.Alg, promised(nil), promised(key))
	l.call("response of 65 KiB", check.Limit, func() error { _, err := tsp.Parse(make([]byte, 65<<10)); return err }, func() error {
		_, err := tsp.Parse(must(l.TSA.Issue([]byte("x"), sigtest.T0)))
		return err
	})
	l.call("entry without proof", check.Proof, func() error { _, err := logproof.Included(&bundle.Entry{}, &trustroot.Log{}); return err }, func() error { return nil })
	certificates(l)
}

// certificates are those that crypto/x509 would not parse.
func certificates(l *lab) {
	der := l.plan("v2").certificate()
	twice := func(c *x509.Certificate) { c.Extensions = append(slices.Clone(c.Extensions), c.Extensions...) }
	nothing := func(*x509.Certificate) {}
	identity := func(f func(*x509.Certificate)) func() error {
		return func() error {
			c := must(x509.ParseCertificate(der))
			f(c)
			_, err := fulcioext.Parse(c)
			return err
		}
	}
	l.call("extensions twice", check.CertProfile, identity(twice), identity(nothing))
	l.call("address that is not ASCII", check.Identity, identity(func(c *x509.Certificate) {
		for i, e := range c.Extensions {
			if e.Id.Equal(sigtest.OIDSAN) {
				c.Extensions[i].Value = tsptest.Seq(email("alic\u00e9@example.com"))
			}
		}
	}), identity(nothing))
	stamps := func(f func(*x509.Certificate)) func() error {
		return func() error {
			c := must(x509.ParseCertificate(der))
			f(c)
			_, err := sct.FromCertificate(c)
			return err
		}
	}
	l.call("list of timestamps twice", check.CertProfile, stamps(twice), stamps(nothing))
	verified := func(f func(*x509.Certificate), k crypto.PublicKey) func() error {
		return func() error {
			c := must(x509.ParseCertificate(der))
			list := must(sct.FromCertificate(c))
			f(c)
			return list[0].Verify(c, l.CA.Issuer.Certificate, k)
		}
	}
	ct := l.CT.Key.Public()
	good := verified(nothing, ct)
	for what, k := range map[string]crypto.PublicKey{"RSA of 1024 bits": number(1024, 65537), "31 bytes": make(ed25519.PublicKey, 31), "nothing": nil} {
		l.call("timestamp by a key of "+what, check.Alg, verified(nothing, k), good)
	}
	for what, tbs := range map[string][]byte{
		"nothing": nil, "a field that is cut": tsptest.Seq([]byte{2, 9}), "no extensions": tsptest.Seq(tsptest.Integer(1)),
		"extensions that are no list": tsptest.Seq(tsptest.TLV(0xa3, tsptest.Integer(1))), "an extension that is none": tsptest.Seq(tsptest.TLV(0xa3, tsptest.Seq(tsptest.Integer(1)))),
		"an extension without id": tsptest.Seq(tsptest.TLV(0xa3, tsptest.Seq(tsptest.Seq()))), "extensions without list": tsptest.Seq(tsptest.TLV(0xa3, tsptest.Seq(tsptest.Seq(tsptest.OID(sigtest.OIDPoison))))),
		"a byte behind": append(tsptest.Seq(), 0),
	} {
		l.call("precertificate of "+what, check.SCT, verified(func(c *x509.Certificate) { c.RawTBSCertificate = tbs }, ct), good)
	}
	strict := func(der []byte) func() error { return func() error { return fulcioext.Strict(der) } }
	fields := elements(elements(der)[0])
	fields[tbsKey] = tsptest.Seq(tsptest.Seq())
	for what, raw := range map[string][]byte{
		"nothing": nil, "a byte behind": append(slices.Clone(der), 0), "no fields": tsptest.Seq(tsptest.Seq(), tsptest.Seq(), tsptest.TLV(3, []byte{0})),
		"a key without algorithm": tsptest.Seq(tsptest.Seq(fields...), elements(der)[1], elements(der)[2]),
	} {
		l.call("certificate of "+what, check.Parse, strict(raw), strict(der))
	}
	huge := bytes.Repeat([]byte{0}, 1<<24)
	l.call("precertificate of 16 MiB", check.Limit, verified(func(c *x509.Certificate) {
		list := tsptest.Seq(tsptest.OID(sigtest.OIDSCTs), tsptest.TLV(4))
		c.RawTBSCertificate = derLong(0x30, derLong(4, huge), tsptest.TLV(0xa3, tsptest.Seq(list)))
	}, ct), good)
}
