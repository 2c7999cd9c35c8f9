package vectors

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"maps"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
)

const (
	workflow = "https://github.com/owner/repo/.github/workflows/release.yml@refs/heads/main"
	github   = "https://token.actions.githubusercontent.com"
)

// pipeline is signed by a workflow.
func pipeline(p *plan) {
	p.Who = &sigtest.Identity{Subject: workflow, Kind: "uri", Issuer: github, Claims: map[int]string{
		5: "owner/repo", 12: "https://github.com/owner/repo", 14: "refs/heads/main",
	}}
	p.policy = Policy{Identities: []Identity{{Issuer: github, Subject: workflow}}}
}

// wants asks for another subject.
func wants(subject string) fault {
	return func(p *plan) { p.policy.Identities[0].Subject = subject }
}

// matching asks for a subject by a pattern or a glob.
func matching(how, subject string) fault {
	return func(p *plan) { p.policy.Identities[0].Match, p.policy.Identities[0].Subject = how, subject }
}

// whom certifies somebody, and asks for somebody.
func whom(kind, subject, wanted string) fault {
	return func(p *plan) {
		p.Who = &sigtest.Identity{Subject: subject, Kind: kind, Issuer: sigtest.Alice().Issuer}
		p.policy.Identities[0].Subject = wanted
	}
}

// claim writes an extension of Fulcio as it is; nil removes it.
func claim(n int, value []byte) fault {
	id := sigtest.OIDFulcio(n)
	if value == nil {
		return extension(id, nil)
	}
	return extension(id, &pkix.Extension{Id: id, Value: value})
}

func utf8String(s string) []byte { return tsptest.TLV(0x0c, []byte(s)) }

// identityFaults are the rows of group D.
func identityFaults() []job {
	who, usage := is(check.Identity), is(check.Usage)
	alice := sigtest.Alice()
	return []job{
		{"D1", func(l *lab) {
			l.each(keyless(), "somebody else wanted", who, wants("bob@example.com"))
			l.each(keyless(), "somebody else signed", who, func(p *plan) { p.Who = &sigtest.Identity{Subject: "mallory@example.com", Issuer: alice.Issuer} })
		}},
		{"D2", func(l *lab) {
			l.each(keyless(), "another issuer", who, func(p *plan) { p.Who = &sigtest.Identity{Subject: alice.Subject, Issuer: "https://issuer.example"} })
		}},
		{"D3", func(l *lab) { l.each(keyless(), "nobody wanted", usage, func(p *plan) { p.policy = Policy{} }) }},
		{"D4", func(l *lab) {
			l.each(both(), "no issuer", usage, func(p *plan) { p.policy.Identities[0].Issuer = "" })
			l.each(both(), "no subject", usage, wants(""))
		}},
		{"D5", func(l *lab) {
			for _, s := range parts(alice.Subject) {
				l.each(both(), name("exactly %q", s), who, wants(s))
				l.each(both(), name("pattern %q", s), who, matching("pattern", strings.ReplaceAll(s, ".", `\.`)))
				l.each(both(), name("glob %q", s), who, matching("glob", s))
			}
			l.each(both(), "exactly more", who, wants(alice.Subject+"x"))
			l.each(both(), "pattern of alternatives", who, matching("pattern", `bob@example\.com|alice@example`))
		}},
		{"D6", func(l *lab) {
			l.each(both(), "URL behind a URL", who, func(p *plan) {
				p.Who.Subject = "https://evil.example/?https://github.com/owner/repo"
			}, pipeline, matching("pattern", `https://github\.com/owner/.*`))
			l.each(both(), "URL before a URL", who, func(p *plan) { p.Who.Subject = workflow + "/evil" }, pipeline, matching("pattern", `https://github\.com/.*/heads/main`))
			l.each(both(), "glob", who, func(p *plan) { p.Who.Subject = "https://evil.example/" + workflow }, pipeline, matching("glob", "https://github.com/*"))
		}},
		{"D7", func(l *lab) {
			l.each(both(), "exactly", who, func(p *plan) { p.Who.Subject = strings.Replace(workflow, ".com", "Xcom", 1) }, pipeline)
			for _, shape := range both() {
				l.warned(shape, "dot of a pattern", "stands for any character", all(pipeline, matching("pattern", "https://github.com/owner/.*")))
			}
		}},
		{"D8", func(l *lab) {
			for _, p := range []string{"(", "a{1000}{1000}", "", ".*", ".+", "(.*)", "a|.*", "(?m)^a$", "(?s)a.b", "a*", `\`, ")(", strings.Repeat("a", 5000)} {
				l.each(both(), name("pattern %.20q", p), usage, matching("pattern", p))
			}
			for _, g := range []string{"*", "**", ""} {
				l.each(both(), name("glob %q", g), usage, matching("glob", g))
			}
			l.each(both(), "kind of nobody", usage, func(p *plan) { p.policy.Identities[0].Kind = "dns" })
			l.each(both(), "claim nobody knows", usage, claims("colour", "red"))
			l.each(both(), "claim of any value", usage, claims("build_trigger", ""))
		}},
		{"D9", func(l *lab) {
			l.each(both(), "line break", who, func(p *plan) { p.Who.Subject = "evil\n" + alice.Subject + "\nevil" }, whom("username", alice.Subject, alice.Subject))
			l.each(both(), "line break, pattern", who, func(p *plan) { p.Who.Subject = "evil\n" + alice.Subject }, whom("username", alice.Subject, alice.Subject), matching("pattern", `alice@.*`))
		}},
		{"D10", func(l *lab) {
			for _, s := range []string{"Alice@example.com", "alice@Example.com", "alice+tag@example.com", "alice@example.com.", "ａlice@example.com", "alice@example.com "} {
				l.each(both(), name("%q wanted", s), who, wants(s))
			}
			l.each(both(), "decomposed letter", who, func(p *plan) { p.Who.Subject = "jose\u0301" }, whom("username", "jos\u00e9", "jos\u00e9"))
			l.each(both(), "letter that is not ASCII in an address", is(check.Identity, check.Parse), func(p *plan) { p.Who.Subject = "alic\u00e9@example.com" })
		}},
		{"D11", func(l *lab) {
			kinds := []string{"email", "uri", "username"}
			for _, kind := range kinds {
				for _, wanted := range kinds {
					asked := func(k string) fault { return func(p *plan) { p.policy.Identities[0].Kind = k } }
					if kind != wanted {
						l.each(both(), kind+" is no "+wanted, who, asked(wanted), whom(kind, "alice@example.com", "alice@example.com"), asked(kind))
					}
				}
			}
		}},
		{"D12", func(l *lab) {
			for what, n := range map[string][]byte{
				"DNS": tsptest.TLV(0x82, []byte("alice.example.com")), "IP": tsptest.TLV(0x87, []byte{127, 0, 0, 1}), "X.400": tsptest.TLV(0xa3, tsptest.Seq()),
				"directory": tsptest.TLV(0xa4, tsptest.Seq()), "EDI": tsptest.TLV(0xa5, tsptest.Seq()), "registered": tsptest.TLV(0x88, []byte{1, 2, 3}),
				"empty address": email(""), "empty URI": uri(""), "tag nobody knows": tsptest.TLV(0x89, []byte("x")),
			} {
				l.each(both(), what, is(check.Identity, check.Parse), san(true, n))
			}
		}},
		{"D13", func(l *lab) {
			l.each(both(), "URI before the address", is(check.CertProfile), san(true, uri(workflow), email(alice.Subject)))
			l.each(both(), "address before the URI", is(check.CertProfile), san(true, email(alice.Subject), uri(workflow)))
		}},
		{"D14", func(l *lab) {
			for _, s := range []string{
				"https://GitHub.com/owner/repo", "https://github.com:443/owner/repo", "https://github.com/owner%2frepo", "https://github.com//owner/repo",
				"https://github.com/x/../owner/repo", "https://github.com/owner/./repo", "https://github.com/owner/repo?", "https://github.com/owner/repo#", "HTTPS://github.com/owner/repo",
			} {
				l.each(both(), s, who, func(p *plan) { p.Who.Subject = s }, whom("uri", "https://github.com/owner/repo", "https://github.com/owner/repo"))
			}
		}},
		{"D15", func(l *lab) {
			l.each(both(), "type .8", who, otherName(sigtest.OIDFulcio(8), utf8String("alice")), whom("username", "alice", "alice"))
			l.each(both(), "type of a principal", who, otherName(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}, utf8String("alice")), whom("username", "alice", "alice"))
			l.each(both(), "no type", who, san(true, tsptest.TLV(0xa0, utf8String("alice"))), whom("username", "alice", "alice"))
		}},
		{"D16", func(l *lab) {
			for what, v := range map[string][]byte{
				"IA5String": tsptest.TLV(0x16, []byte("alice")), "PrintableString": tsptest.TLV(0x13, []byte("alice")), "OCTET STRING": tsptest.TLV(4, []byte("alice")),
				"two strings": append(utf8String("alice"), utf8String("bob")...), "nothing": nil, "byte behind": append(utf8String("alice"), 0), "empty": utf8String(""),
			} {
				l.each(both(), what, who, otherName(sigtest.OIDFulcio(7), v), whom("username", "alice", "alice"))
			}
		}},
		{"D17", func(l *lab) { l.each(keyless(), "raw text", who, claim(8, []byte(alice.Issuer))) }},
		{"D18", func(l *lab) {
			for what, v := range map[string][]byte{
				"byte behind": append(utf8String(alice.Issuer), 0), "BMPString": tsptest.TLV(0x1e, []byte(alice.Issuer)), "IA5String": tsptest.TLV(0x16, []byte(alice.Issuer)),
				"length longer than needed": append([]byte{0x0c, 0x81}, utf8String(alice.Issuer)[1:]...), "nothing": {}, "twice": append(utf8String(alice.Issuer), utf8String(alice.Issuer)...),
			} {
				l.each(both(), what, who, claim(8, v))
			}
		}},
		{"D19", func(l *lab) {
			l.each(keyless(), ".1.8 is another", who, claim(8, utf8String("https://issuer.example")))
			l.each(keyless(), ".1.1 is another", who, claim(1, []byte("https://issuer.example")))
			l.each(both(), "no issuer", who, all(claim(1, nil), claim(8, nil)))
			for _, shape := range both() {
				l.pass(shape, ".1.8 alone", claim(1, nil))
				l.pass(shape, ".1.1 alone", claim(8, nil))
			}
		}},
		{"D20", func(l *lab) {
			l.each(both(), "second is right", is(check.CertProfile), tbs(func(der []byte) []byte {
				return sigtest.AddExtension(der, sigtest.Claim(8, alice.Issuer))
			}))
		}},
		{"D21", func(l *lab) {
			for _, s := range []string{alice.Issuer + "/", strings.ToUpper(alice.Issuer), "http" + alice.Issuer[5:], alice.Issuer + " ", alice.Issuer[:len(alice.Issuer)-1]} {
				l.each(both(), name("%q", s), who, func(p *plan) { p.Who = &sigtest.Identity{Subject: alice.Subject, Issuer: s} })
			}
		}},
		{"D22", func(l *lab) {
			l.each(both(), "in the name", who, func(p *plan) { p.Who = &sigtest.Identity{Subject: alice.Subject + "\x00.evil", Issuer: alice.Issuer} })
			l.each(both(), "in the issuer", who, func(p *plan) { p.Who = &sigtest.Identity{Subject: alice.Subject, Issuer: alice.Issuer + "\x00.evil"} })
		}},
		{"D23", func(l *lab) {
			for _, r := range []string{"\u202e", "\u2066", "\u200b", "\ufeff", "\x1b[2J", "\x7f", "\u0085", "\u2028", "\u00ad", "\r", "\t", "\xff"} {
				l.each(both(), name("%+q in the name", r), who, func(p *plan) { p.Who.Subject += r }, whom("username", "alice", "alice"))
				l.each(both(), name("%+q in the name, wanted", r), who, func(p *plan) { p.Who.Subject += r; p.policy.Identities[0].Subject += r }, whom("username", "alice", "alice"))
				l.each(both(), name("%+q in the issuer", r), who, func(p *plan) { p.Who.Issuer += r; p.policy.Identities[0].Issuer += r }, whom("username", "alice", "alice"))
			}
			l.each(both(), "in a claim", who, claim(12, utf8String("a\u202eb")))
		}},
		{"D24", func(l *lab) {
			l.each(both(), "claim absent", who, claims("source_repository_digest", "x"), pipeline)
			l.each(both(), "claim differs", who, claims("source_repository_uri", "https://github.com/owner/other"), pipeline)
			l.each(both(), "claim is a part", who, claims("source_repository_uri", "https://github.com/owner"), pipeline)
			l.each(both(), "old claim differs", who, claims("github_workflow_repository", "owner/other"), pipeline)
			l.each(both(), "claim is not DER", who, claim(12, []byte("https://github.com/owner/repo")), pipeline)
			for _, shape := range both() {
				l.pass(shape, "claims as asked", all(pipeline, claims("source_repository_uri", "https://github.com/owner/repo", "github_workflow_repository", "owner/repo")))
			}
		}},
		{"D25", func(l *lab) {
			l.each(both(), "halves of two", who, func(p *plan) {
				p.policy.Identities = []Identity{{Issuer: alice.Issuer, Subject: "bob@example.com"}, {Issuer: "https://issuer.example", Subject: alice.Subject}}
			})
			for _, shape := range both() {
				l.pass(shape, "second of two", func(p *plan) {
					p.policy.Identities = append([]Identity{{Issuer: "https://issuer.example", Subject: "bob@example.com"}}, p.policy.Identities...)
				})
			}
		}},
		{"D27", func(l *lab) {
			for _, ref := range []string{"refs/tags/main", "refs/heads/main2", "refs/heads/mai", "refs/heads/Main", "refs/pull/1/merge"} {
				l.each(both(), ref, who, func(p *plan) { p.Who.Subject = strings.Replace(workflow, "refs/heads/main", ref, 1) }, pipeline)
			}
		}},
		{"D28", func(l *lab) {
			l.each(both(), "caller wanted", who, wants("https://github.com/caller/repo/.github/workflows/x.yml@refs/heads/main"), pipeline)
		}},
		{"D29", func(l *lab) {
			for _, n := range []int{9 << 10, 1 << 20} {
				l.each(both(), name("name of %d bytes", n), is(check.Limit), whom("email", strings.Repeat("a", n)+"@x.y", "alice@example.com"))
				l.each(both(), name("claim of %d bytes", n), is(check.Limit), claim(12, utf8String(strings.Repeat("a", n))))
			}
		}},
		{"D30", func(l *lab) {
			l.each(both(), "user@domain", who, wants("alice@example.com"), whom("username", "alice!example.com", "alice!example.com"))
		}},
	}
}

func otherName(id asn1.ObjectIdentifier, value []byte) fault {
	return san(true, tsptest.TLV(0xa0, tsptest.OID(id), tsptest.TLV(0xa0, value)))
}

func claims(pairs ...string) fault {
	return func(p *plan) {
		p.policy.Identities[0].Claims = map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			p.policy.Identities[0].Claims[pairs[i]] = pairs[i+1]
		}
	}
}

// parts are proper parts of a text: beginnings, ends, and what is between.
func parts(s string) []string {
	out := map[string]bool{}
	for n := 1; n < len(s); n += 3 {
		out[s[:n]], out[s[n:]], out[s[n:min(len(s), n+4)]] = true, true, true
	}
	return slices.Sorted(maps.Keys(out))
}
