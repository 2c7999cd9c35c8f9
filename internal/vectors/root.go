package vectors

import (
	"bytes"
	"crypto/elliptic"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

func instance(doc map[string]any, list string, i int) map[string]any {
	return doc[list].([]any)[i].(map[string]any)
}

func windowOf(from, to time.Time) map[string]any {
	w := map[string]any{"start": from.Format(time.RFC3339)}
	if !to.IsZero() {
		w["end"] = to.Format(time.RFC3339)
	}
	return w
}

// rootText is a fault in the bytes of the trusted root.
func rootText(f func([]byte) []byte) fault {
	return func(p *plan) { p.rootText = f }
}

// rootFaults are rows of group I about the trusted root.
func rootFaults() []job {
	bad := is(check.TrustRoot)
	lists := []string{"tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"}
	return []job{
		{"I8", func(l *lab) {
			for _, s := range []string{"", "{}", "[]", "null", "x"} {
				l.bad("v2", name("%q", s), bad, rootText(func([]byte) []byte { return []byte(s) }))
			}
			for _, m := range []string{"", "application/json", "application/vnd.dev.sigstore.trustedroot.v0.9+json", "application/vnd.dev.sigstore.trustedroot+json;version=0.2"} {
				l.bad("v2", name("mediaType %q", m), bad, rooted(func(doc map[string]any) { doc["mediaType"] = m }))
			}
			for _, m := range []string{"application/vnd.dev.sigstore.trustedroot.v0.1+json", "application/vnd.dev.sigstore.trustedroot.v0.2+json"} {
				l.pass("v2", m, rooted(func(doc map[string]any) { doc["mediaType"] = m }))
			}
			l.bad("v2", "5 MiB", bad, rootText(func(b []byte) []byte { return append(b, make([]byte, 5<<20)...) }))
		}},
		{"I9", func(l *lab) {
			for _, list := range []string{"tlogs", "ctlogs", "certificateAuthorities"} {
				l.each(both(), "no "+list, bad, rooted(func(doc map[string]any) { delete(doc, list) }))
				l.each(both(), "empty "+list, bad, rooted(func(doc map[string]any) { doc[list] = []any{} }))
			}
			l.bad("v2", "no timestamp authority, one demanded", bad, rooted(func(doc map[string]any) { delete(doc, "timestampAuthorities") }), func(p *plan) { p.evidence.TSAs = 1 })
			l.bad("v2", "no authority, no certificate timestamp demanded", bad, rooted(func(doc map[string]any) { delete(doc, "certificateAuthorities") }), func(p *plan) { p.evidence.SCTs = 0 })
		}},
		{"I13", func(l *lab) {
			for _, list := range lists {
				for _, shape := range both() {
					l.pass(shape, list, rooted(func(doc map[string]any) {
						later := inWindow(instance(doc, list, 0), windowOf(sigtest.T0.AddDate(1, 0, 0), time.Time{}))
						doc[list] = append([]any{later}, doc[list].([]any)...)
					}))
				}
			}
		}},
		{"I14", func(l *lab) {
			for _, list := range []string{"tlogs", "ctlogs"} {
				for _, shape := range both() {
					l.pass(shape, "key of a kind nobody knows in "+list, rooted(func(doc map[string]any) {
						odd := map[string]any{"baseUrl": "https://x", "hashAlgorithm": "SHA2_256", "publicKey": map[string]any{
							"rawBytes": []byte("x"), "keyDetails": "PKIX_FUTURE", "validFor": windowOf(sigtest.T0, time.Time{})}, "logId": map[string]any{"keyId": make([]byte, 32)}}
						doc[list] = append([]any{odd}, doc[list].([]any)...)
					}))
				}
			}
		}},
		{"I15", func(l *lab) {
			for _, list := range []string{"tlogs", "ctlogs"} {
				l.each(both(), list, bad, rooted(func(doc map[string]any) {
					i := instance(doc, list, 0)
					i["logId"] = map[string]any{"keyId": flip(i["logId"].(map[string]any)["keyId"].([]byte), 5)}
				}))
				l.each(both(), list+": 31 bytes", bad, rooted(func(doc map[string]any) { instance(doc, list, 0)["logId"] = map[string]any{"keyId": make([]byte, 31)} }))
			}
			l.bad("v2", "checkpointKeyId", bad, rooted(func(doc map[string]any) {
				instance(doc, "tlogs", 1)["checkpointKeyId"] = map[string]any{"keyId": []byte{1, 2, 3, 4}}
			}))
		}},
		{"I16", func(l *lab) {
			for _, list := range []string{"tlogs", "ctlogs"} {
				l.each(both(), list, bad, rooted(func(doc map[string]any) {
					old := instance(doc, list, 0)
					key := map[string]any{"rawBytes": sigtest.SPKI(sigtest.ECDSA(elliptic.P256(), "other").Public()), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": windowOf(sigtest.T0.AddDate(-1, 0, 0), time.Time{})}
					doc[list] = append(doc[list].([]any), map[string]any{"baseUrl": old["baseUrl"], "hashAlgorithm": "SHA2_256", "publicKey": key, "logId": old["logId"]})
				}))
			}
		}},
		{"I17", func(l *lab) {
			for _, list := range lists {
				for _, first := range []bool{true, false} {
					for i, shape := range both() {
						l.pass(shape, name("%s, first %v", list, first), twoWindows(list, min(i, 1), first))
					}
				}
			}
		}},
		{"I18", func(l *lab) {
			for _, h := range []string{"", "SHA2_512", "sha256", "HASH_ALGORITHM_UNSPECIFIED"} {
				for _, list := range []string{"tlogs", "ctlogs"} {
					l.bad("v1", name("%q in %s", h, list), bad, rooted(func(doc map[string]any) { instance(doc, list, 0)["hashAlgorithm"] = h }))
				}
			}
		}},
		{"I19", func(l *lab) {
			chain := func(list string, f func(p *plan, certs []any) []any) fault {
				return func(p *plan) {
					p.onRoot(func(doc map[string]any) {
						c := instance(doc, list, 0)["certChain"].(map[string]any)
						c["certificates"] = f(p, slices.Clone(c["certificates"].([]any)))
					})
				}
			}
			for _, list := range lists[2:] {
				l.each(both(), list+": empty", bad, chain(list, func(*plan, []any) []any { return []any{} }))
				l.each(both(), list+": unordered", bad, chain(list, func(_ *plan, c []any) []any { slices.Reverse(c); return c }))
				l.each(both(), list+": two roots", bad, chain(list, func(_ *plan, c []any) []any { return append(c, c[len(c)-1]) }))
				l.each(both(), list+": garbage", bad, chain(list, func(_ *plan, c []any) []any { c[0] = map[string]any{"rawBytes": []byte("x")}; return c }))
				l.each(both(), list+": 11 certificates", bad, chain(list, func(_ *plan, c []any) []any { return slices.Repeat(c[:1], 11) }))
				l.each(both(), list+": root of another", bad, chain(list, func(p *plan, c []any) []any {
					c[len(c)-1] = map[string]any{"rawBytes": p.lab.NewCA("x").Root.Raw}
					return c
				}))
			}
			l.each(both(), "leaf as anchor", bad, chain("certificateAuthorities", func(p *plan, c []any) []any { return []any{map[string]any{"rawBytes": p.certificate()}} }))
			l.each(timed(), "leaf of the timestamp authority as anchor", bad, chain("timestampAuthorities", func(_ *plan, c []any) []any { return c[:1] }))
		}},
		{"I20", func(l *lab) {
			l.each(both(), "authority for signers among those for timestamps", is(check.TrustRoot), func(p *plan) {
				p.onRoot(func(doc map[string]any) {
					doc["timestampAuthorities"] = doc["certificateAuthorities"]
					doc["certificateAuthorities"] = []any{}
				})
			})
			l.each(both(), "for any use, among those for timestamps", is(check.CertChain), func(p *plan) {
				p.CA = p.ca(nil, nil)
				other := p.lab.NewCA("other")
				p.cas = []*sigtest.CA{other}
				p.onRoot(func(doc map[string]any) {
					doc["timestampAuthorities"] = append(doc["timestampAuthorities"].([]any), p.authorities(p.lab.TSA.Chain()[1:])...)
				})
			})
		}},
		{"I21", func(l *lab) {
			l.bad("v2", "key twice", bad, rootText(func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"mediaType"`), []byte(`"tlogs":[],"mediaType"`), 1)
			}))
			l.bad("v2", "window twice", bad, rootText(func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"validFor":`), []byte(`"validFor":{},"validFor":`), 1)
			}))
			l.bad("v2", "URL alphabet", bad, rootText(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("+"), []byte("-")) }))
			l.bad("v2", "number for a time", bad, rooted(func(doc map[string]any) {
				instance(doc, "tlogs", 0)["publicKey"].(map[string]any)["validFor"] = map[string]any{"start": 5}
			}))
			for _, s := range []string{"", "yesterday", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "0001-01-01T00:00:00Z"} {
				l.bad("v2", name("start %q", s), bad, rooted(func(doc map[string]any) {
					instance(doc, "tlogs", 0)["publicKey"].(map[string]any)["validFor"] = map[string]any{"start": s}
				}))
			}
			l.bad("v2", "key of another kind", bad, rooted(func(doc map[string]any) {
				instance(doc, "tlogs", 0)["publicKey"].(map[string]any)["keyDetails"] = "PKIX_ED25519"
			}))
			l.bad("v2", "key of garbage", bad, rooted(func(doc map[string]any) {
				instance(doc, "tlogs", 0)["publicKey"].(map[string]any)["rawBytes"] = []byte("x")
			}))
			l.bad("v2", "129 logs", bad, rooted(func(doc map[string]any) { doc["tlogs"] = slices.Repeat(doc["tlogs"].([]any)[:1], 129) }))
			l.pass("v2", "field of the future", rooted(func(doc map[string]any) { doc["future"] = strings.Repeat("x", 10) }))
		}},
		{"I22", func(l *lab) {
			l.each([]string{"v1", "v1 dsse"}, "root lacks the log", is(check.TlogUnknown), func(p *plan) { p.logs = []*sigtest.Log{p.lab.Log2} })
			l.each([]string{"v2", "v2 dsse"}, "root lacks the log", is(check.TlogUnknown), func(p *plan) { p.logs = []*sigtest.Log{p.lab.Log1} })
		}},
	}
}

// twoWindows lists an instance twice, with windows that do not meet; the time of
// signing is in the first or the last.
func twoWindows(list string, i int, first bool) fault {
	return rooted(func(doc map[string]any) {
		if list != "tlogs" {
			i = 0
		}
		past, now := windowOf(sigtest.T0.AddDate(-2, 0, 0), sigtest.T0.AddDate(-1, 0, 0)), windowOf(sigtest.T0.AddDate(0, -1, 0), time.Time{})
		a, b := inWindow(instance(doc, list, i), past), inWindow(instance(doc, list, i), now)
		if first {
			a, b = b, a
		}
		all := slices.Delete(slices.Clone(doc[list].([]any)), i, i+1)
		doc[list] = append(all, a, b)
	})
}

// inWindow copies an instance with another window.
func inWindow(instance, w map[string]any) map[string]any {
	out := maps.Clone(instance)
	key, ok := out["publicKey"].(map[string]any)
	if !ok {
		out["validFor"] = w
		return out
	}
	key = maps.Clone(key)
	key["validFor"], out["publicKey"] = w, key
	return out
}
