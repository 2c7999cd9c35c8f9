package vectors

import (
	"crypto/elliptic"
	"crypto/x509/pkix"
	"encoding/binary"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// sctFaults are the rows of group C.
func sctFaults() []job {
	bad := is(check.SCT)
	return []job{
		{"C1", func(l *lab) { l.each(keyless(), "no timestamp", bad, func(p *plan) { p.CTs = []*sigtest.CT{} }) }},
		{"C2", func(l *lab) { l.each(keyless(), "empty list", bad, list(func([]byte) []byte { return []byte{0, 0} })) }},
		{"C3", func(l *lab) {
			l.each(keyless(), "root has another key", bad, func(p *plan) { p.cts = []*sigtest.CT{p.lab.NewCT("other")} })
			l.each(both(), "log signs with another key", bad, stamped(func(s *sigtest.SCT) { s.Log = &sigtest.CT{Key: sigtest.ECDSA(elliptic.P256(), "x")} }))
		}},
		{"C4", func(l *lab) {
			l.each(both(), "unknown log", bad, func(p *plan) { p.CTs = []*sigtest.CT{p.lab.NewCT("stranger")} })
			l.each(both(), "two unknown logs", bad, func(p *plan) { p.CTs = []*sigtest.CT{p.lab.NewCT("stranger"), p.lab.NewCT("second")} })
			l.each(both(), "log id changed", bad, stamped(func(s *sigtest.SCT) { s.LogID = flip(s.LogID, 3) }))
		}},
		{"C5", func(l *lab) {
			for _, shape := range both() {
				l.pass(shape, "good one first", func(p *plan) { p.CTs = []*sigtest.CT{p.lab.CT, p.lab.NewCT("stranger")} })
				l.pass(shape, "good one last", func(p *plan) { p.CTs = []*sigtest.CT{p.lab.NewCT("stranger"), p.lab.CT} })
			}
		}},
		{"C6", sctFlips},
		{"C7", func(l *lab) {
			l.each(both(), "of another certificate", bad, func(p *plan) {
				stamped(func(s *sigtest.SCT) { s.TBS = flipByte(s.TBS, len(s.TBS)-1) })(p)
			})
		}},
		{"C8", func(l *lab) {
			for v := byte(1); v < 4; v++ {
				l.each(both(), name("version %d", v+1), bad, stamped(func(s *sigtest.SCT) { s.Version = v }))
			}
			l.each(both(), "entry of type x509", bad, stamped(func(s *sigtest.SCT) { s.EntryType = 0 }))
		}},
		{"C9", func(l *lab) {
			for _, a := range [][2]byte{{4, 0}, {4, 1}, {4, 2}, {4, 7}, {0, 3}, {1, 3}, {2, 3}, {3, 3}, {5, 3}, {6, 3}, {8, 7}} {
				l.each(both(), name("hash %d, signature %d", a[0], a[1]), bad, stamped(func(s *sigtest.SCT) { s.Hash, s.Alg = a[0], a[1] }))
			}
		}},
		{"C10", sctEncoding},
		{"C11", func(l *lab) {
			for _, shape := range both() {
				l.bad(shape, "before the log begins", bad, validFor("ctlogs", 0, sigtest.T0.Add(time.Millisecond), time.Time{}))
				l.bad(shape, "after the log ended", bad, validFor("ctlogs", 0, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0.Add(-time.Millisecond)))
			}
		}},
		{"C12", func(l *lab) {
			for _, shape := range both() {
				l.pass(shape, "when the log begins", validFor("ctlogs", 0, sigtest.T0, time.Time{}))
				l.pass(shape, "when the log ends", validFor("ctlogs", 0, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0))
			}
		}},
		{"C13", func(l *lab) {
			for _, d := range []time.Duration{5*time.Minute + time.Millisecond, time.Hour, 24 * time.Hour} {
				l.each(both(), d.String()+" after the signature", bad, stamped(func(s *sigtest.SCT) { s.Time = s.Time.Add(d) }))
			}
			for _, shape := range both() {
				l.pass(shape, "five minutes after the signature", stamped(func(s *sigtest.SCT) { s.Time = s.Time.Add(5 * time.Minute) }))
			}
		}},
		{"C14", func(l *lab) {
			l.each(both(), "key of a namesake", bad, stamped(func(s *sigtest.SCT) { s.IssuerKeyHash = sum256([]byte("namesake")) }))
			l.each(both(), "key of the root", bad, func(p *plan) {
				stamped(func(s *sigtest.SCT) { s.IssuerKeyHash = sum256(p.lab.CA.Root.RawSubjectPublicKeyInfo) })(p)
			})
		}},
		{"C15", func(l *lab) {
			l.each(both(), "two of one log", is(check.Threshold), func(p *plan) { p.CTs = []*sigtest.CT{p.lab.CT, p.lab.CT} }, twoSCTs("another"))
			l.each(both(), "one of two", is(check.Threshold), func(p *plan) { p.CTs = p.CTs[:1] }, twoSCTs("another"))
		}},
		{"C16", func(l *lab) {
			l.each(both(), "two logs of one operator", is(check.Threshold), func(p *plan) {
				third := p.lab.NewCT("third")
				third.Operator = p.lab.CT.Operator
				p.cts = append(p.cts, third)
				p.CTs = []*sigtest.CT{p.lab.CT, third}
			}, twoSCTs("another"))
		}},
		{"C17", func(l *lab) {
			many := func(n int) fault {
				return func(p *plan) { p.CTs = slices.Repeat([]*sigtest.CT{p.lab.CT}, n) }
			}
			l.each(both(), "17", is(check.Limit), many(17))
			l.each(both(), "500", is(check.Limit), many(500))
			for _, shape := range both() {
				l.pass(shape, "16", many(16))
			}
		}},
		{"C18", func(l *lab) {
			for _, shape := range both() {
				l.pass(shape, "extension data", stamped(func(s *sigtest.SCT) { s.Extensions = []byte{0, 0, 5, 0, 0, 0, 0, 7} }))
			}
		}},
		{"C19", func(l *lab) {
			l.each(both(), "broken one behind", bad, brokenBeside(1))
			l.each(both(), "broken one before", bad, brokenBeside(0))
		}},
		{"C20", func(l *lab) {
			l.each(both(), "list twice", is(check.CertProfile), tbs(func(der []byte) []byte {
				return sigtest.AddExtension(der, pkix.Extension{Id: sigtest.OIDSCTs, Value: []byte{4, 2, 0, 0}})
			}))
		}},
	}
}

// stamped is a fault in each certificate timestamp before it is signed.
func stamped(f func(*sigtest.SCT)) fault {
	return func(p *plan) { p.Leaf.SCT = then(p.Leaf.SCT, f) }
}

// list is a fault in the finished list, which the authority signs.
func list(f func([]byte) []byte) fault { return func(p *plan) { p.Leaf.SCTs = f } }

// item is a fault in the only timestamp of the list.
func item(f func([]byte) []byte) fault {
	return list(func(b []byte) []byte { return sigtest.SCTList(f(slices.Clone(b[4:]))) })
}

// twoSCTs demands timestamps of two logs, and there are.
func twoSCTs(operator string) fault {
	return func(p *plan) {
		other := p.lab.NewCT("ct2")
		other.Operator = operator
		p.cts = append(p.cts, other)
		p.CTs = []*sigtest.CT{p.lab.CT, other}
		p.evidence.SCTs = 2
	}
}

func brokenBeside(i int) fault {
	return func(p *plan) {
		other := p.lab.NewCT("ct2")
		p.cts = append(p.cts, other)
		p.CTs = []*sigtest.CT{p.lab.CT, other}
		n := 0
		stamped(func(s *sigtest.SCT) {
			if n == i {
				s.EntryType = 0
			}
			n++
		})(p)
	}
}

func sctFlips(l *lab) {
	sct := func(i int) string {
		switch {
		case i < 33:
			return "log id"
		case i < 41:
			return "time"
		case i < 43:
			return "extensions"
		case i < 47:
			return "algorithms"
		}
		return "signature"
	}
	l.many(func() {
		for i := 1; i < 117; i++ {
			for _, bit := range []int{0, 7} {
				l.bad("v2", name("%s: bit %d of byte %d", sct(i), bit, i), is(check.SCT), item(func(b []byte) []byte {
					return flip(b, 8*min(i, len(b)-1)+bit)
				}))
			}
		}
	})
	for _, ms := range []int{-1, 1} {
		l.each(both(), name("%d ms", ms), is(check.SCT), item(func(b []byte) []byte {
			binary.BigEndian.PutUint64(b[33:], binary.BigEndian.Uint64(b[33:])+uint64(ms))
			return b
		}))
	}
	l.each(both(), "extensions added", is(check.SCT), item(func(b []byte) []byte { return slices.Concat(b[:41], []byte{0, 1, 7}, b[43:]) }))
	l.each(both(), "time beyond the year 9999", is(check.SCT), item(func(b []byte) []byte { b[33] = 0xff; return b }))
}

func sctEncoding(l *lab) {
	add := func(at, n int) func([]byte) []byte {
		return func(b []byte) []byte {
			b = slices.Clone(b)
			binary.BigEndian.PutUint16(b[at:], uint16(int(binary.BigEndian.Uint16(b[at:]))+n))
			return b
		}
	}
	for what, f := range map[string]func([]byte) []byte{
		"list shorter by 1":        add(0, -1),
		"list longer by 1":         add(0, 1),
		"item shorter by 1":        add(2, -1),
		"item longer by 1":         add(2, 1),
		"item of length 0":         func(b []byte) []byte { return add(0, 2)(append(slices.Clone(b), 0, 0)) },
		"item of length 0 first":   func(b []byte) []byte { return add(0, 2)(slices.Concat(b[:2], []byte{0, 0}, b[2:])) },
		"byte behind the list":     func(b []byte) []byte { return append(slices.Clone(b), 0) },
		"no list":                  func([]byte) []byte { return nil },
		"one byte":                 func([]byte) []byte { return []byte{0} },
		"length of an item cut":    func([]byte) []byte { return []byte{0, 1, 0} },
		"item without list length": func(b []byte) []byte { return b[2:] },
	} {
		l.each(both(), what, is(check.SCT), list(f))
	}
	for what, f := range map[string]func([]byte) []byte{
		"byte behind the signature": func(b []byte) []byte { return append(b, 0) },
		"cut in the log id":         func(b []byte) []byte { return b[:20] },
		"cut in the time":           func(b []byte) []byte { return b[:36] },
		"cut in the signature":      func(b []byte) []byte { return b[:len(b)-1] },
		"version alone":             func(b []byte) []byte { return b[:1] },
		"no signature":              func(b []byte) []byte { return append(b[:45:45], 0, 0) },
	} {
		l.each(both(), what, is(check.SCT), item(f))
	}
	for what, value := range map[string]func([]byte) []byte{
		"byte behind the extension": func(v []byte) []byte { return append(slices.Clone(v), 0) },
		"no inner OCTET STRING":     func(v []byte) []byte { return v[2:] },
		"nothing":                   func([]byte) []byte { return nil },
		"NULL":                      func([]byte) []byte { return []byte{5, 0} },
	} {
		l.each(both(), what, is(check.SCT), func(p *plan) {
			parts := elements(must(extensionOf(p.certificate(), sigtest.OIDSCTs)))
			inner := content(parts[len(parts)-1])
			p.CTs = []*sigtest.CT{}
			tbs(func(der []byte) []byte {
				return sigtest.AddExtension(der, pkix.Extension{Id: sigtest.OIDSCTs, Value: value(inner)})
			})(p)
		})
	}
}
