package vectors

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing/iotest"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/verify"
)

// older writes the bundle of a shape as cosign did before there were bundles, or
// what f makes of it.
func older(f func(*node)) fault {
	return func(p *plan) {
		p.form = func(m *sigtest.Made, c *Case) {
			e := m.Bundle.Entries[0]
			payload := &node{kind: 'o'}
			payload.add("body", inBase64(e.Body))
			payload.add("integratedTime", raw(name("%d", e.IntegratedTime)))
			payload.add("logIndex", raw(name("%d", e.LogIndex)))
			payload.add("logID", str(hex.EncodeToString(e.LogID)))
			rekor := &node{kind: 'o', names: []string{"SignedEntryTimestamp", "Payload"}, items: []*node{inBase64(e.Promise), payload}}
			n := &node{kind: 'o'}
			n.add("base64Signature", inBase64(m.Signature))
			n.add("cert", inBase64(pemOf("CERTIFICATE", m.Certificate)))
			n.add("rekorBundle", rekor)
			if f != nil {
				f(n)
			}
			c.Form, c.Bundle = Legacy, n.bytes()
		}
	}
}

// detached splits the bundle of a shape into signature and certificate.
func detached(f func(sig, cert []byte) ([]byte, []byte)) fault {
	return func(p *plan) {
		p.evidence = verify.Evidence{SCTs: 1}
		p.policy = p.lab.plan("key").policy
		p.form = func(m *sigtest.Made, c *Case) {
			c.Form, c.Bundle, c.Certificate = Detached, m.Signature, nil
			if f != nil {
				c.Bundle, c.Certificate = f(m.Signature, m.Certificate)
			}
		}
	}
}

// legacyFaults are faults of older forms.
func legacyFaults() []job {
	return []job{{"V1", olderJSON}, {"V2", detachedFiles}, {"V3", readers}}
}

func olderJSON(l *lab) {
	parse, content := is(check.Parse), is(check.Content)
	bad := func(what string, want []check.Check, f func(*node)) { l.bad("v1", what, want, older(f), older(nil)) }
	member := func(path ...string) func(v string) func(*node) {
		return func(v string) func(*node) {
			return func(n *node) { n.at(path[:len(path)-1]...).set(path[len(path)-1], raw(v)) }
		}
	}
	bad("null", parse, func(n *node) { *n = *raw("null") })
	bad("17 MiB", is(check.Limit), func(n *node) { n.set("base64Signature", str(strings.Repeat("A", 17<<20))) })
	bad("unknown field", parse, func(n *node) { n.add("x", raw("1")) })
	bad("no signature", content, func(n *node) { n.drop("base64Signature") })
	bad("entry without promise", content, func(n *node) { n.at("rekorBundle").drop("SignedEntryTimestamp") })
	for _, f := range []string{"body", "logIndex", "logID"} {
		bad("entry without "+f, content, func(n *node) { n.at("rekorBundle", "Payload").drop(f) })
	}
	index, at, id := member("rekorBundle", "Payload", "logIndex"), member("rekorBundle", "Payload", "integratedTime"), member("rekorBundle", "Payload", "logID")
	for _, v := range []string{"-1", `"5"`, "5.5", "1e3", "9223372036854775808"} {
		bad("logIndex "+v, parse, index(v))
	}
	bad("integratedTime -1", is(check.Time), at("-1"))
	bad("integratedTime other", is(check.SET), at("5"))
	for _, v := range []string{`"ab"`, `"` + strings.Repeat("zz", 32) + `"`, `"` + strings.Repeat("AB", 32) + `"`} {
		bad("logID "+v, parse, id(v))
	}
	bad("kind of 5,000 bytes", is(check.Limit), func(n *node) {
		n.at("rekorBundle", "Payload").set("body", inBase64([]byte(`{"kind":"`+strings.Repeat("x", 5000)+`"}`)))
	})
	bad("body that is no JSON", parse, func(n *node) { n.at("rekorBundle", "Payload").set("body", inBase64([]byte("x"))) })
	certificate := func(b []byte) func(*node) { return func(n *node) { n.set("cert", inBase64(b)) } }
	bad("public key for certificate", parse, certificate([]byte(publicPEM(sigtest.Ed25519("x").Public()))))
	bad("key in DER for certificate", parse, certificate(sigtest.SPKI(sigtest.Ed25519("x").Public())))
	bad("two certificates", parse, certificate(bytes.Repeat(pemOf("CERTIFICATE", []byte{0x30, 0}), 2)))
	bad("certificate of 33 KiB", is(check.Limit), certificate(make([]byte, 33<<10)))
	l.pass("v1", "older form", older(nil))
}

func detachedFiles(l *lab) {
	keyed := func(f func(sig, cert []byte) ([]byte, []byte)) fault { return detached(f) }
	with := func(f func(sig, cert []byte) ([]byte, []byte)) fault { // with a certificate, which has no time
		return all(detached(f), func(p *plan) { p.policy = p.lab.plan("v2").policy })
	}
	bad := func(what string, want []check.Check, f func(sig, cert []byte) ([]byte, []byte)) {
		l.bad("key", what, want, keyed(f), detached(nil))
	}
	bad("no signature", is(check.Content), func(_, c []byte) ([]byte, []byte) { return nil, c })
	bad("signature of 17 MiB", is(check.Limit), func(_, c []byte) ([]byte, []byte) { return make([]byte, 17<<20), c })
	bad("empty certificate", is(check.Parse), func(s, _ []byte) ([]byte, []byte) { return s, []byte("\n") })
	bad("certificate of garbage", is(check.Parse), func(s, _ []byte) ([]byte, []byte) { return s, []byte("garbage") })
	bad("certificate of 65 KiB", is(check.Limit), func(s, _ []byte) ([]byte, []byte) { return s, make([]byte, 65<<10) })
	bad("public key for certificate", is(check.Parse), func(s, _ []byte) ([]byte, []byte) {
		return s, []byte(publicPEM(sigtest.Ed25519("x").Public()))
	})
	bad("signature changed", is(check.Signature), func(s, c []byte) ([]byte, []byte) { return flip(s, bits(s)-1), nil })
	bad("envelope without payload", is(check.DSSE), func(_, c []byte) ([]byte, []byte) {
		return []byte(`{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[{"sig":"AAAA"}]}`), nil
	})
	bad("envelope that is no JSON", is(check.Parse), func(_, c []byte) ([]byte, []byte) { return []byte("{x"), nil })
	l.bad("v2", "certificate and no time", is(check.Time), with(func(s, c []byte) ([]byte, []byte) { return s, c }))
	for what, f := range map[string]func(sig, cert []byte) ([]byte, []byte){
		"as it is":  func(s, _ []byte) ([]byte, []byte) { return s, nil },
		"in base64": func(s, _ []byte) ([]byte, []byte) { return []byte(base64Of(s) + "\n"), nil },
	} {
		l.pass("key", "signature "+what, detached(f))
	}
}

// readers are about what is read from elsewhere, and written.
func readers(l *lab) {
	good := l.twin("v2", nil).Bundle
	from := func(r func() io.Reader) func() error { return func() error { _, err := bundle.Read(r()); return err } }
	fine := from(func() io.Reader { return bytes.NewReader(good) })
	l.call("reader fails", check.FS, from(func() io.Reader { return iotest.ErrReader(errors.New("disk")) }), fine)
	l.call("reader of 16 MiB and a byte", check.Limit, from(func() io.Reader { return bytes.NewReader(make([]byte, 16<<20+1)) }), fine)
	line := func(text string) func() error {
		return func() error {
			for _, err := range bundle.ParseLines(strings.NewReader(text)) {
				return err
			}
			return nil
		}
	}
	l.call("line of 17 MiB", check.Limit, line(strings.Repeat("x", 17<<20)), line(string(good)))
	last := func(text string) func() error {
		return func() (last error) {
			for _, last = range bundle.ParseLines(strings.NewReader(text)) {
			}
			return last
		}
	}
	l.call("100,001 lines", check.Limit, last(strings.Repeat("\n", 100_000)+string(good)), last(strings.Repeat("\n", 99_999)+string(good)))
	l.call("lines of 64 MiB and a byte", check.Limit, last(strings.Repeat(strings.Repeat(" ", 1<<20-1)+"\n", 64)+string(good)), last(string(good)))
	write := func(f func(*bundle.Bundle)) func() error {
		return func() error {
			b := must(bundle.Parse(good))
			f(b)
			_, err := b.Marshal()
			return err
		}
	}
	same := write(func(*bundle.Bundle) {})
	l.call("written with a chain", check.Content, write(func(b *bundle.Bundle) { b.Chain = [][]byte{b.Certificate} }), same)
	l.call("written with text that is not UTF-8", check.Parse, write(func(b *bundle.Bundle) { b.Entries[0].Kind = "\xff" }), same)
	l.call("written without certificate", check.Content, write(func(b *bundle.Bundle) { b.Certificate = nil }), same)
}
