package vectors

import (
	"bytes"
	"crypto"
	"slices"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// first are the shapes with a promise.
func first() []string {
	return []string{"v1", "v1 dsse", "v1 intoto", "v1 in 0.1", "v1 in 0.2", "key v1"}
}

// promiseFaults are rows of group E about what a Rekor v1 log promised.
func promiseFaults() []job {
	set := is(check.SET)
	promise := func(f func(*sigtest.Promise)) fault { return func(p *plan) { p.Log.Promise = f } }
	return []job{
		{"E1", func(l *lab) {
			n := len(l.plan("v1").made().promise())
			l.many(func() {
				for bit := range 8 * n {
					l.bad("v1", name("bit %d", bit), set, entered(func(e *bundle.Entry) { e.Promise = flip(e.Promise, min(bit, bits(e.Promise)-1)) }))
				}
			})
			l.each(first(), "byte behind", set, entered(func(e *bundle.Entry) { e.Promise = append(e.Promise, 0) }))
			l.each(first(), "cut", set, entered(func(e *bundle.Entry) { e.Promise = e.Promise[:len(e.Promise)-1] }))
			l.each(first(), "by another log", set, func(p *plan) {
				other := p.lab.NewLog("other1", 1)
				p.onEntry(func(e *bundle.Entry) {
					e.Promise = sigtest.SignMessage(other.Key, crypto.SHA256, setMessage(e))
				})
			})
		}},
		{"E2", func(l *lab) {
			for _, d := range []int64{-1, 1, 60} {
				l.each(first(), name("time %+d", d), set, entered(func(e *bundle.Entry) { e.IntegratedTime += d }))
			}
			l.each(first(), "time 0", set, entered(func(e *bundle.Entry) { e.IntegratedTime = 0 }))
		}},
		{"E3", func(l *lab) {
			for _, d := range []int64{-1, 1, -sigtest.ShardOffset} {
				l.each(first(), name("index %+d", d), set, entered(func(e *bundle.Entry) { e.LogIndex += d }))
			}
			l.each(first(), "index 2^62", set, promise(func(p *sigtest.Promise) { p.LogIndex = 1 << 62 }))
			l.bad("v1", "by value: index -1", set, byValue(func(b *bundle.Bundle) { b.Entries[0].LogIndex = -1 }))
		}},
		{"E4", func(l *lab) {
			l.each(first(), "log id of another v1 log", set, func(p *plan) {
				other := p.lab.NewLog("other1", 1)
				p.logs = append(p.logs, other)
				p.onEntry(func(e *bundle.Entry) { e.LogID = other.ID() })
			})
			l.each(first(), "log id of the v2 log", set, entered2(func(p *plan, e *bundle.Entry) { e.LogID = p.lab.Log2.ID() }))
		}},
		{"E5", func(l *lab) {
			l.each(append(first(), "v2", "v2 dsse"), "unknown", is(check.TlogUnknown), entered(func(e *bundle.Entry) { e.LogID = flip(e.LogID, 0) }))
			for _, n := range []int{0, 4, 31, 33, 64} {
				l.each(both(), name("%d bytes", n), is(check.Parse), entered(func(e *bundle.Entry) { e.LogID = make([]byte, n) }))
			}
			l.each(both(), "by value: 31 bytes", is(check.TlogUnknown), byValue(func(b *bundle.Bundle) { b.Entries[0].LogID = make([]byte, 31) }))
		}},
		{"E6", func(l *lab) {
			n := len(l.plan("v1").made().body())
			l.many(func() {
				for i := range n {
					change := entered(func(e *bundle.Entry) { e.Body = flipByte(e.Body, min(i, len(e.Body)-1)) })
					l.bad("v1", name("byte %d", i), set, change)
					l.bad("v1 proof", name("byte %d", i), is(check.Proof), change)
				}
			})
		}},
		{"E7", func(l *lab) {
			for what, f := range rewritten() {
				l.each([]string{"v1", "v1 dsse", "v1 intoto"}, what, set, entered(func(e *bundle.Entry) { e.Body = f(e.Body) }))
				l.bad("v1 proof", what, is(check.Proof), entered(func(e *bundle.Entry) { e.Body = f(e.Body) }))
			}
		}},
		{"E8", func(l *lab) {
			l.each(first(), "window ended a second before", is(check.Time), validFor("tlogs", 0, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0.Add(-time.Second)))
			l.each(first(), "window begins a second later", is(check.Time), validFor("tlogs", 0, sigtest.T0.Add(time.Second), time.Time{}))
		}},
		{"E9", func(l *lab) {
			l.each([]string{"v1", "v2"}, "tlogs", is(check.TrustRoot), validFor("tlogs", 0, time.Time{}, time.Time{}))
			for _, list := range []string{"ctlogs", "certificateAuthorities", "timestampAuthorities"} {
				l.each(both(), list, is(check.TrustRoot), validFor(list, 0, time.Time{}, time.Time{}))
			}
		}},
		{"E10", func(l *lab) {
			l.each([]string{"v1", "v1 dsse", "v1 intoto", "v1 in 0.2", "key v1"}, "promise removed", is(check.Time), entered(func(e *bundle.Entry) { e.Promise = nil }))
			l.bad("v1 in 0.1", "by value: neither promise nor checkpoint", is(check.Content), byValue(func(b *bundle.Bundle) {
				b.Entries[0].Promise, b.Entries[0].Proof = nil, nil
			}))
		}},
		{"E11", func(l *lab) {
			at := func(n int64) fault { return promise(func(p *sigtest.Promise) { p.IntegratedTime = n }) }
			l.each(first(), "0", is(check.Time), at(0))
			l.each(first(), "negative", is(check.Time), at(-1))
			l.each(first(), "2^62", set, at(1<<62))
			l.each(first(), "61 seconds ahead", is(check.Time), func(p *plan) { p.now = sigtest.T0.Add(-61 * time.Second) })
			for _, shape := range first() {
				l.pass(shape, "60 seconds ahead", func(p *plan) { p.now = sigtest.T0.Add(-60 * time.Second) })
			}
			l.bad("v1", "by value: negative", set, byValue(func(b *bundle.Bundle) { b.Entries[0].IntegratedTime = -1 }))
		}},
		{"E12", func(l *lab) {
			for _, s := range []string{`""`, "null"} {
				l.each(first(), "promise of "+s, set, treed(func(n *node) {
					n.at(material, "tlogEntries", "0", "inclusionPromise", "signedEntryTimestamp").text = s
				}))
			}
			l.each(first(), "promise of one zero", set, entered(func(e *bundle.Entry) { e.Promise = []byte{0} }))
			l.each(first(), "empty promise", set, treed(func(n *node) { *n.at(material, "tlogEntries", "0", "inclusionPromise") = node{kind: 'o'} }))
		}},
		{"E13", func(l *lab) {
			bad := entered(func(e *bundle.Entry) { e.Promise = flip(e.Promise, bits(e.Promise)-1) })
			l.bad("v1 stamped", "bad promise", set, bad)
			l.bad("v1 in 0.2", "bad promise", set, all(bad, func(p *plan) { p.TSAs = []*sigtest.TSA{p.lab.TSA} }))
		}},
		{"E22", func(l *lab) {
			for _, kind := range []string{"rpm", "jar", "tuf", "alpine", "helm", "cose", "rekord", "rfc3161", "", "Hashedrekord", "hashedrekord "} {
				l.each([]string{"v1", "v1 dsse"}, name("%q", kind), is(check.Entry), func(p *plan) {
					p.Log.Body = func(b []byte) []byte { return renamed(b, "kind", str(kind)) }
					p.onEntry(func(e *bundle.Entry) { e.Kind = kind })
				})
			}
		}},
		{"E23", func(l *lab) {
			message := func(f func([]byte) []byte) fault { return func(p *plan) { p.Log.Message = f } }
			l.each(first(), "other order", set, message(func(m []byte) []byte {
				n := parse(m)
				slices.Reverse(n.names)
				slices.Reverse(n.items)
				return n.bytes()
			}))
			l.each(first(), "integer as float", set, message(func(m []byte) []byte {
				n := parse(m)
				n.at("logIndex").text += ".0"
				return n.bytes()
			}))
			l.each(first(), "integer in a string", set, message(func(m []byte) []byte {
				n := parse(m)
				n.set("integratedTime", str(n.at("integratedTime").text))
				return n.bytes()
			}))
			l.each(first(), "white space", set, message(func(m []byte) []byte { return bytes.ReplaceAll(m, []byte(":"), []byte(": ")) }))
			l.each(first(), "log id in capitals", set, message(func(m []byte) []byte {
				n := parse(m)
				n.set("logID", str(strings.ToUpper(n.at("logID").string())))
				return n.bytes()
			}))
			l.each(first(), "index in the shard", set, func(p *plan) {
				var index int64
				p.Log.Proof = func(pr *bundle.InclusionProof) { index = pr.LogIndex }
				p.Log.Message = func(m []byte) []byte {
					n := parse(m)
					n.set("logIndex", raw(name("%d", index)))
					return n.bytes()
				}
			})
		}},
		{"E25", func(l *lab) {
			other := func(l *lab) bundle.Entry {
				q := l.plan("v1")
				q.Maker.Artifact = []byte("another")
				return l.Make(*q.Maker).Bundle.Entries[0]
			}
			l.each([]string{"v1", "v1 stamped"}, "promise of another entry", set, entered2(func(p *plan, e *bundle.Entry) { e.Promise = other(p.lab).Promise }))
			l.each([]string{"v1", "v1 stamped", "v1 proof"}, "proof of another entry", is(check.Proof), entered2(func(p *plan, e *bundle.Entry) { e.Proof = other(p.lab).Proof }))
			l.each([]string{"v1", "v1 stamped"}, "promise, time and index of another entry", set, entered2(func(p *plan, e *bundle.Entry) {
				o := other(p.lab)
				e.Promise, e.IntegratedTime, e.LogIndex = o.Promise, o.IntegratedTime, o.LogIndex
			}))
		}},
		{"E26", func(l *lab) {
			l.each([]string{"v1", "v1 stamped", "v1 in 0.1"}, "log of another instance", is(check.TlogUnknown), func(p *plan) { p.Logs = []*sigtest.Log{sigtest.At(nil, "staging.example").Log1} })
			l.each([]string{"v2", "v2 dsse"}, "log of another instance", is(check.TlogUnknown), func(p *plan) { p.Logs = []*sigtest.Log{sigtest.At(nil, "staging.example").Log2} })
		}},
	}
}

// entered2 is entered with the plan at hand.
func entered2(f func(*plan, *bundle.Entry)) fault {
	return func(p *plan) { p.onEntry(func(e *bundle.Entry) { f(p, e) }) }
}

func (c *Case) entry(field ...string) []byte {
	return parse(c.Bundle).at(append([]string{material, "tlogEntries", "0"}, field...)...).decoded()
}

func (c *Case) promise() []byte { return c.entry("inclusionPromise", "signedEntryTimestamp") }
func (c *Case) body() []byte    { return c.entry("canonicalizedBody") }

// rewritten are other ways to write the same JSON.
func rewritten() map[string]func([]byte) []byte {
	return map[string]func([]byte) []byte{
		"other order": func(b []byte) []byte {
			n := parse(b)
			slices.Reverse(n.names)
			slices.Reverse(n.items)
			return n.bytes()
		},
		"white space before": func(b []byte) []byte { return append([]byte(" "), b...) },
		"line break behind":  func(b []byte) []byte { return append(slices.Clone(b), '\n') },
		"white space inside": func(b []byte) []byte { return bytes.Replace(b, []byte(":"), []byte(": "), 1) },
		"escaped letter":     func(b []byte) []byte { return bytes.Replace(b, []byte("kind"), []byte(`k\u0069nd`), 1) },
	}
}

// renamed changes a member at the top of a body.
func renamed(b []byte, member string, v *node) []byte {
	n := parse(b)
	n.set(member, v)
	return n.bytes()
}
