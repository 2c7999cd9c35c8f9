package vectors

import (
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
	"github.com/hallmarksign/hallmark/verify"
)

// demanding asks for more evidence, and adds operators that could give it.
func demanding(e verify.Evidence) fault {
	return func(p *plan) {
		p.evidence = e
		for _, generation := range []int{1, 2} {
			log := p.lab.NewLog(name("further%d", generation), generation)
			log.Operator = "another"
			p.logs = append(p.logs, log)
		}
		tsa := p.lab.NewTSA("further")
		tsa.Operator = "another"
		p.tsas = append(p.tsas, tsa)
	}
}

// timeFaults are rows of group I about times and thresholds.
func timeFaults() []job {
	late, few, usage := is(check.Time), is(check.Threshold), is(check.Usage)
	unstamped := bundled(func(b *bundle.Bundle) { b.Timestamps = nil })
	return []job{
		{"I1", func(l *lab) {
			long := func(p *plan) { p.now = sigtest.T0.AddDate(2, 0, 0) }
			l.each([]string{"v2", "v2 dsse", "v1 proof"}, "expired long ago", late, unstamped, long)
		}},
		{"I2", func(l *lab) {
			still := func(p *plan) { p.now = sigtest.T0.Add(time.Minute) }
			l.each([]string{"v2", "v2 dsse", "v1 proof", "v2 in 0.2"}, "valid now", late, unstamped, still)
			none := func(p *plan) { p.evidence = verify.Evidence{SCTs: 1, Logs: 1} }
			l.each([]string{"v2", "v1 proof"}, "valid now, no time demanded", late, unstamped, all(still, none))
		}},
		{"I3", func(l *lab) {
			l.each([]string{"v1 stamped"}, "promise alone", few, unstamped, func(p *plan) { p.evidence = verify.Evidence{SCTs: 1, Logs: 1, Times: 1, TSAs: 1} })
			l.each([]string{"v1 stamped"}, "promise alone, two times demanded", few, unstamped, func(p *plan) {
				p.evidence = verify.Evidence{SCTs: 1, Logs: 1, Times: 2}
				p.lab.TSA.Operator = "another"
			})
			l.bad("v1 stamped", "timestamp alone, two times demanded", few, entered(func(e *bundle.Entry) { e.Promise, e.IntegratedTime = nil, 0 }), func(p *plan) {
				p.evidence = verify.Evidence{SCTs: 1, Logs: 1, Times: 2}
				p.lab.TSA.Operator = "another"
			})
		}},
		{"I4", func(l *lab) {
			two := all(demanding(verify.Evidence{SCTs: 1, Logs: 2, Times: 1}), func(p *plan) { p.Logs = []*sigtest.Log{p.log(), p.logs[len(p.logs)-1]} })
			l.each([]string{"v1", "v2", "v2 dsse"}, "one entry twice", few, bundled(func(b *bundle.Bundle) { b.Entries[1] = b.Entries[0] }), two)
			l.each([]string{"v1", "v2", "v2 dsse"}, "two entries of one log", few, func(p *plan) { p.Logs = []*sigtest.Log{p.log(), p.log()} }, two)
			l.each([]string{"v1", "v2"}, "one entry", few, bundled(func(b *bundle.Bundle) { b.Entries = b.Entries[:1] }), two)
		}},
		{"I5", func(l *lab) {
			two := all(demanding(verify.Evidence{SCTs: 1, Logs: 2, Times: 1}), func(p *plan) { p.Logs = []*sigtest.Log{p.log(), p.logs[len(p.logs)-1]} })
			l.each([]string{"v1", "v2"}, "two logs of one operator", few, func(p *plan) {
				third := p.lab.NewLog("third", 2)
				p.logs, p.Logs = append(p.logs, third), []*sigtest.Log{p.log(), third}
			}, two)
		}},
		{"I6", func(l *lab) {
			one := all(demanding(verify.Evidence{SCTs: 1, Logs: 2, Times: 1}), func(p *plan) { p.Logs = []*sigtest.Log{p.log(), p.logs[len(p.logs)-1]} })
			l.each([]string{"v2", "v2 dsse"}, "two names of one key", few, func(p *plan) {
				third := p.lab.NewLog("third", 2)
				third.Key, third.Operator = p.log().Key, ""
				p.logs = append(p.logs, third)
				p.onRoot(func(doc map[string]any) { delete(instance(doc, "tlogs", 1), "operator") })
				p.Logs = []*sigtest.Log{p.log(), third}
			}, one)
		}},
		{"I7", func(l *lab) {
			for _, e := range []verify.Evidence{
				{SCTs: -1, Logs: 1, Times: 1}, {SCTs: 1, Logs: -1, Times: 1}, {SCTs: 1, Logs: 1, Times: -1}, {SCTs: 1, Logs: 1, Times: 1, TSAs: -1},
				{SCTs: 33, Logs: 1, Times: 1}, {SCTs: 1, Logs: 33, Times: 1}, {SCTs: 1, Logs: 1, Times: 33}, {SCTs: 1, Logs: 1, Times: 1, TSAs: 1 << 40},
				{SCTs: 2, Logs: 1, Times: 1}, {SCTs: 1, Logs: 2, Times: 1}, {SCTs: 1, Logs: 1, Times: 3}, {SCTs: 1, Logs: 1, Times: 1, TSAs: 2},
			} {
				l.each(both(), name("%+v", e), usage, func(p *plan) { p.evidence = e })
			}
			// Nothing demanded is said in the result, and still no time is no time.
			l.each([]string{"v2"}, "nothing demanded, no time", late, unstamped, func(p *plan) { p.evidence = verify.Evidence{} })
		}},
		{"I10", func(l *lab) {
			for i, shape := range both() {
				l.bad(shape, "starts after it ends", late, validFor("tlogs", i, sigtest.T0.AddDate(1, 0, 0), sigtest.T0.AddDate(-1, 0, 0)))
				l.bad(shape, "ended a year before", late, validFor("tlogs", i, sigtest.T0.AddDate(-2, 0, 0), sigtest.T0.AddDate(-1, 0, 0)))
			}
		}},
		{"I11", func(l *lab) {
			for i, shape := range both() {
				l.pass(shape, "end is the time", validFor("tlogs", i, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0))
				l.bad(shape, "a second later", late, validFor("tlogs", i, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0.Add(-time.Second)))
			}
		}},
		{"I12", func(l *lab) {
			for _, shape := range timed() {
				l.pass(shape, "end is the time", validFor("timestampAuthorities", 0, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0))
				l.bad(shape, "a second later", late, validFor("timestampAuthorities", 0, sigtest.T0.AddDate(-1, 0, 0), sigtest.T0.Add(-time.Second)))
			}
		}},
		{"I24", func(l *lab) {
			at := func(s string) fault {
				return func(p *plan) { p.Token = append(p.Token, func(t *tsptest.Token) { t.Info.Time = s }) }
			}
			end := sigtest.T0.Add(sigtest.LeafLife)
			l.each([]string{"v2", "key"}, "second 60", is(check.TSA), at("20260301120060Z"))
			l.each([]string{"v2", "v2 dsse"}, "half a second after the end", is(check.CertTime), at(end.Format("20060102150405")+".5Z"))
			l.each([]string{"v2", "v2 dsse"}, "half a second before the begin", is(check.CertTime), at(sigtest.T0.Add(-time.Second).Format("20060102150405")+".5Z"))
			for _, shape := range []string{"v2", "v2 dsse"} {
				l.pass(shape, "half a second before the end", at(end.Add(-time.Second).Format("20060102150405")+".5Z"))
			}
			l.bad("v2", "window of the root to the millisecond", late, validFor("timestampAuthorities", 0, sigtest.T0.Add(time.Millisecond), time.Time{}))
		}},
		{"I25", func(l *lab) {
			window := func(from, to time.Time) fault {
				return func(p *plan) { p.policy.Keys[0].Start, p.policy.Keys[0].End = from, to }
			}
			l.each([]string{"key", "key v1", "key dsse"}, "window of 1970", late, window(time.Unix(0, 0), time.Unix(1, 0)))
			l.each([]string{"key", "key v1"}, "ended a second before", late, window(sigtest.T0.AddDate(-1, 0, 0), sigtest.T0.Add(-time.Second)))
			l.each([]string{"key", "key v1"}, "begins a second later", late, window(sigtest.T0.Add(time.Second), time.Time{}))
			untimed := func(p *plan) {
				p.evidence = verify.Evidence{SCTs: 1, Logs: 1}
				unstamped(p)
			}
			l.bad("key", "no time, a window", late, window(sigtest.T0.AddDate(-1, 0, 0), sigtest.T0.AddDate(1, 0, 0)), untimed)
			assumed := func(p *plan) { p.policy.Keys[0].AssumeNow = true }
			l.bad("key", "no time, now is outside", late, window(sigtest.T0.AddDate(-1, 0, 0), sigtest.T0), all(untimed, assumed))
			for _, shape := range []string{"key", "key v1"} {
				l.pass(shape, "ends at the time", window(sigtest.T0.AddDate(-1, 0, 0), sigtest.T0))
			}
			l.pass("key", "no time, now is inside", all(untimed, assumed, window(sigtest.T0, sigtest.T0.AddDate(1, 0, 0))))
		}},
		{"I26", func(l *lab) {
			other := func(p *plan) { p.policy.Keys[0].PEM = publicPEM(p.lab.Log1.Key.Public()) }
			l.each([]string{"key", "key v1", "key dsse"}, "another key", is(check.Entry), other)
			unlogged := func(p *plan) {
				p.evidence = verify.Evidence{SCTs: 1, Times: 1}
				bundled(func(b *bundle.Bundle) { b.Entries = nil })(p)
			}
			l.each([]string{"key", "key dsse"}, "another key, not logged", is(check.Signature), other, unlogged)
			l.each([]string{"key"}, "no key", usage, func(p *plan) { p.policy.Keys = nil })
			for what, pem := range map[string]string{
				"empty": "", "text": "key", "two blocks": publicPEM(sigtest.Ed25519("x").Public()) + publicPEM(sigtest.Ed25519("x").Public()),
				"another type": string(pemOf("PRIVATE KEY", sigtest.SPKI(sigtest.Ed25519("x").Public()))), "garbage": string(pemOf("PUBLIC KEY", []byte("x"))),
				"text before": "x\n" + publicPEM(sigtest.Ed25519("x").Public()), "65 KiB": publicPEM(sigtest.Ed25519("x").Public()) + string(make([]byte, 65<<10)),
				"headers": "-----BEGIN PUBLIC KEY-----\nA: b\n\nAAAA\n-----END PUBLIC KEY-----\n",
			} {
				l.bad("key", "key file: "+what, usage, func(p *plan) { p.policy.Keys[0].PEM = pem })
			}
		}},
		{"I27", func(l *lab) {
			key := func(p *plan) { p.policy = p.lab.plan("key").policy }
			l.each([]string{"v1", "v2", "v2 dsse", "v1 in 0.1"}, "certificate, a key wanted", is(check.Content), key)
			l.each([]string{"key", "key v1", "key dsse"}, "key, an identity wanted", is(check.Content), func(p *plan) { p.policy = p.lab.plan("v2").policy })
		}},
	}
}
