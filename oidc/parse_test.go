package oidc

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/hallmarksign/hallmark/internal/check"
)

func es256(claims map[string]any) string { return signed(jose.ES256, nil, claims) }

func TestOI4_Parse(t *testing.T) {
	set := func(name string, value any) string { return es256(with(func(m map[string]any) { m[name] = value })) }
	drop := func(names ...string) string {
		return es256(with(func(m map[string]any) {
			for _, n := range names {
				delete(m, n)
			}
		}))
	}
	at := func(name string, offset time.Duration) string { return set(name, testTime.Add(offset).Unix()) }
	good := es256(goodClaims())
	parts := strings.Split(good, ".")
	payload := func(text string) string { return unsigned(`{"alg":"RS256"}`, text) }
	// The signature is not looked at: it makes a token that is as long as one may be.
	atBound := parts[0] + "." + parts[1] + "."
	atBound += strings.Repeat("A", maxToken-len(atBound))
	const head = `{"iss":"https://i.example","sub":"s","aud":"sigstore",`
	for _, tt := range []struct {
		name, raw string
		want      check.Check
		text      string
	}{
		{"SG-2 good", good, "", ""},
		{"SG-2 without e-mail", drop("email", "email_verified"), "", ""},
		{"SG-2 of 65536 bytes", atBound, "", ""},
		{"SG-2 of 65537 bytes", atBound + "A", check.OIDCToken, "at most 65536 bytes, got 65537"},
		{"SG-1 aud in a list", set("aud", []string{"other", "sigstore"}), "", ""},
		{"L39 aud other", set("aud", "https://vault.example"), check.OIDCAud, `want a token for audience "sigstore", got one for ["https://vault.example"]`},
		{"L39 aud prefix", set("aud", "sigstore2"), check.OIDCAud, "sigstore2"},
		{"L7 aud missing", drop("aud"), check.OIDCAud, "aud"},
		{"L7 aud empty list", set("aud", []string{}), check.OIDCAud, "aud"},
		{"L7 aud number", set("aud", 1), check.OIDCAud, "aud"},
		{"L7 aud list of numbers", set("aud", []any{"sigstore", 1}), check.OIDCAud, "aud"},
		{"L7 aud of 32", set("aud", strings.Split(strings.Repeat("sigstore,", 31)+"sigstore", ",")), "", ""},
		{"L7 aud of 33", set("aud", strings.Split(strings.Repeat("sigstore,", 33), ",")), check.OIDCAud, "aud"},
		{"L42 exp 60 s ago", at("exp", -60*time.Second), "", ""},
		{"L42 exp 61 s ago", at("exp", -61*time.Second), check.OIDCToken, "token expired at 2026-08-01T11:58:59Z"},
		{"L42 iat in 60 s", at("iat", 60*time.Second), "", ""},
		{"L42 iat in 61 s", at("iat", 61*time.Second), check.OIDCToken, "iat: token begins at"},
		{"L42 nbf in 60 s", at("nbf", 60*time.Second), "", ""},
		{"L42 nbf in 61 s", at("nbf", 61*time.Second), check.OIDCToken, "nbf: token begins at"},
		{"L14 exp missing", drop("exp"), check.OIDCToken, "want an expiry"},
		{"L14 exp null", set("exp", nil), check.OIDCToken, "whole seconds"},
		{"L14 exp float", payload(head + `"exp":1999999999.5}`), check.OIDCToken, "whole seconds"},
		{"L14 exp exponent", payload(head + `"exp":2e9}`), check.OIDCToken, "whole seconds"},
		{"L14 exp string", set("exp", "1999999999"), check.OIDCToken, "whole seconds"},
		{"L14 exp 2^63", payload(head + `"exp":9223372036854775808}`), check.OIDCToken, "whole seconds"},
		{"L14 exp 2^63-1", payload(head + `"exp":9223372036854775807}`), check.OIDCToken, "whole seconds"},
		{"L14 exp 2^38", set("exp", 1<<38), "", ""},
		{"L14 iat 0", set("iat", 0), "", ""},
		{"L14 exp negative", set("exp", -1), check.OIDCToken, "whole seconds"},
		{"L14 iat float", set("iat", 1.5), check.OIDCToken, "iat"},
		{"L14 nbf string", set("nbf", "1"), check.OIDCToken, "nbf"},
		{"L15 email_verified false", set("email_verified", false), check.OIDCToken, `want true, got "false"`},
		{"L15 email_verified text", set("email_verified", "true"), check.OIDCToken, `want true, got "\"true\""`},
		{"L15 email_verified number", set("email_verified", 1), check.OIDCToken, `want true, got "1"`},
		{"L15 email_verified missing", drop("email_verified"), check.OIDCToken, `want true, got ""`},
		{"SG-2 email not a string", set("email", []string{"a@b"}), check.OIDCToken, "email"},
		{"SG-2 email without at", set("email", "alice"), check.OIDCToken, "want an e-mail address"},
		{"SG-2 email null", set("email", nil), check.OIDCToken, `email: want a string, got a JSON value of kind "null"`},
		{"SG-2 email without local part", set("email", "@example.com"), check.OIDCToken, "want an e-mail address"},
		{"SG-2 email without domain", set("email", "alice@"), check.OIDCToken, "want an e-mail address"},
		{"SG-2 email with replacement character", set("email", "a\ufffd@example.com"), check.OIDCToken, "printable"},
		{"SG-2 email with space", set("email", "a b@example.com"), check.OIDCToken, "want an e-mail address"},
		{"SG-2 email with control", set("email", "a\x00@example.com"), check.OIDCToken, "printable"},
		{"SG-2 email with bidi override", set("email", "a\u202e@example.com"), check.OIDCToken, "printable"},
		{"L16 sub empty", set("sub", ""), check.OIDCToken, "sub"},
		{"L16 sub missing", drop("sub"), check.OIDCToken, "sub"},
		{"L16 sub null", set("sub", nil), check.OIDCToken, "sub"},
		{"L16 sub with control", set("sub", "a\x1b[31m"), check.OIDCToken, `"a\x1b[31m"`},
		{"L16 sub of 1024", set("sub", strings.Repeat("x", 1024)), "", ""},
		{"L16 sub of 1025", set("sub", strings.Repeat("x", 1025)), check.OIDCToken, "1025"},
		{"L16 sub of 1 MiB", set("sub", strings.Repeat("x", 1<<20)), check.OIDCToken, "65536"},
		{"SG-2 iss missing", drop("iss"), check.OIDCToken, "iss"},
		{"SG-2 iss number", set("iss", 1), check.OIDCToken, "iss"},
		{"L17 empty", "", check.OIDCToken, "got 1"},
		{"L17 0 dots", parts[0], check.OIDCToken, "got 1"},
		{"L17 1 dot", parts[0] + "." + parts[1], check.OIDCToken, "got 2"},
		{"L17 3 dots", good + ".x", check.OIDCToken, "got 4"},
		{"L17 JWE with 5 parts", good + ".x.y", check.OIDCToken, "got 5"},
		{"L17 60,000 dots", strings.Repeat(".", 60000), check.OIDCToken, "got 60001"},
		{"L17 10^6 dots", strings.Repeat(".", 1000000), check.OIDCToken, "at most 65536 bytes, got 1000000"},
		{"L17 65 KiB", parts[0] + "." + strings.Repeat("A", 65<<10) + "." + parts[2], check.OIDCToken, "at most 65536"},
		{"L17 only dots", "..", check.OIDCToken, "header"},
		{"L17 padding", parts[0] + "=." + parts[1] + "." + parts[2], check.OIDCToken, "header in base64url"},
		{"L17 line break in payload", parts[0] + "." + parts[1][:8] + "\n" + parts[1][8:] + "." + parts[2], check.OIDCToken, "payload in base64url"},
		{"L17 signature empty", parts[0] + "." + parts[1] + ".", check.OIDCToken, "signature"},
		{"L17 signature not base64url", parts[0] + "." + parts[1] + ".@@", check.OIDCToken, "signature"},
		{"SG-2 payload not an object", payload(`[]`), check.OIDCToken, "payload that is a JSON object"},
		{"SG-2 payload null", payload(`null`), check.OIDCToken, "payload that is a JSON object"},
		{"SG-2 claim doubled", payload(head + `"sub":"t","exp":1999999999}`), check.OIDCToken, "payload that is a JSON object"},
		{"SG-2 nested claim doubled", payload(head + `"x":{"a":1,"a":2},"exp":1999999999}`), check.OIDCToken, "payload that is a JSON object"},
		{"SG-2 text after payload", payload(`{}{}`), check.OIDCToken, "payload that is a JSON object"},
		{"SG-2 deep payload", payload(`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`), check.OIDCToken, "payload that is a JSON object"},
		{"SG-2 not UTF-8", payload("{\"a\":\"\xff\"}"), check.OIDCToken, "payload that is a JSON object"},
		{"L12 alg none", unsigned(`{"alg":"none"}`, `{}`), check.OIDCToken, `"none"`},
		{"L12 alg None", unsigned(`{"alg":"None"}`, `{}`), check.OIDCToken, `"None"`},
		{"L12 alg HS256", unsigned(`{"alg":"HS256"}`, `{}`), check.OIDCToken, `"HS256"`},
		{"L12 alg missing", unsigned(`{}`, `{}`), check.OIDCToken, `got ""`},
		{"L12 alg doubled", unsigned(`{"alg":"RS256","alg":"none"}`, `{}`), check.OIDCToken, "header"},
		{"L12 alg list", unsigned(`{"alg":["RS256"]}`, `{}`), check.OIDCToken, "alg"},
		{"L12 crit", unsigned(`{"alg":"RS256","crit":["x"]}`, `{}`), check.OIDCToken, `"crit"`},
		{"L12 jwk", unsigned(`{"alg":"RS256","jwk":{}}`, `{}`), check.OIDCToken, `"jwk"`},
		{"L12 x5c", unsigned(`{"alg":"RS256","x5c":[]}`, `{}`), check.OIDCToken, `"x5c"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.raw, "sigstore", testTime)
			if tt.want != "" {
				wantCheck(t, err, tt.want, tt.text)
				if err != nil && len(err.Error()) > 1024 {
					t.Errorf("error of %d bytes", len(err.Error()))
				}
				if got != (Token{}) {
					t.Errorf("got a token with the error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Reveal() != tt.raw {
				t.Error("Reveal gives another token")
			}
		})
	}
	_, err := Parse(good, "", testTime)
	wantCheck(t, err, check.Internal, "audience")
}

// L17 also says how much a bad token may cost.
func TestL17_Cost(t *testing.T) {
	dots := strings.Repeat(".", 60000)
	const runs = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took := time.Hour // of the fastest: the machine may be busy with something else
	for range runs {
		start := time.Now()
		Parse(dots, "sigstore", testTime)
		took = min(took, time.Since(start))
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / runs; each > 64<<10 || took > time.Millisecond {
		t.Errorf("got %d bytes and %v, want less than 64 KiB and 1 ms", each, took)
	}
}

func TestSG7_ExpectedSAN(t *testing.T) {
	type m = map[string]any
	const github = "https://token.actions.githubusercontent.com"
	ref := "o/r/.github/workflows/x.yml@refs/heads/main"
	for _, tt := range []struct {
		name   string
		iss    string
		claims m
		san    string
		known  bool
	}{
		{"e-mail", "https://accounts.google.com", m{"email": "a@example.com", "email_verified": true}, "a@example.com", true},
		{"GitHub", github, m{"job_workflow_ref": ref}, "https://github.com/" + ref, true},
		{"GitHub enterprise", github + "/acme", m{"job_workflow_ref": ref}, "https://github.com/" + ref, true},
		{"GitHub ignores e-mail", github, m{"job_workflow_ref": ref, "email": "a@example.com"}, "https://github.com/" + ref, true},
		{"GitHub, branch with accent", github, m{"job_workflow_ref": "o/r/x.yml@refs/heads/é"}, "https://github.com/o/r/x.yml@refs/heads/%C3%A9", true},
		{"GitHub without the claim", github, m{}, "", false},
		{"not GitHub", github + ".evil.example", m{"job_workflow_ref": ref}, "", false},
		{"GitLab", "https://gitlab.com", m{"ci_config_ref_uri": "gitlab.com/g/p//.gitlab-ci.yml@refs/heads/main"}, "https://gitlab.com/g/p//.gitlab-ci.yml@refs/heads/main", true},
		{"Buildkite", "https://agent.buildkite.com", m{"organization_slug": "acme", "pipeline_slug": "app"}, "https://buildkite.com/acme/app", true},
		{"Codefresh", "https://oidc.codefresh.io", m{"account_name": "a", "pipeline_name": "p/q", "account_id": "1", "pipeline_id": "2"}, "https://g.codefresh.io/a/p/q:1/2", true},
		{"Codefresh elsewhere", "https://oidc.codefresh.io", m{"platform_url": "https://cf.example", "account_name": "a", "pipeline_name": "p", "account_id": "1", "pipeline_id": "2"}, "https://cf.example/a/p:1/2", true},
		{"CircleCI", "https://oidc.circleci.com/org/1", m{"oidc.circleci.com/project-id": "p", "oidc.circleci.com/pipeline-definition-id": "d"}, "https://circleci.com/api/v2/projects/p/pipeline-definitions/d", true},
		{"Buddy", "https://eu-oidc.buddyusercontent.com", m{"workspace_domain": "w", "project_name": "p", "pipeline_id": 7}, "https://app.buddy.works/w/p/pipelines/pipeline/7", true},
		{"Chainguard", "https://issuer.enforce.dev", m{}, "https://issuer.enforce.dev/subject", true},
		{"EKS", "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC", m{"kubernetes.io": m{"namespace": "n", "serviceaccount": m{"name": "s"}}}, "https://kubernetes.io/namespaces/n/serviceaccounts/s", true},
		{"GKE", "https://container.googleapis.com/v1/projects/p/locations/l/clusters/c", m{"kubernetes.io": m{"namespace": "n", "serviceaccount": m{"name": "s"}}}, "https://kubernetes.io/namespaces/n/serviceaccounts/s", true},
		{"AKS", "https://westus.oic.prod-aks.azure.com/t/r/", m{"kubernetes.io": m{"namespace": "n", "serviceaccount": m{"name": "s"}}}, "https://kubernetes.io/namespaces/n/serviceaccounts/s", true},
		{"cluster without names", "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC", m{"kubernetes.io": m{}}, "", false},
		{"cluster without namespace", "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC", m{"kubernetes.io": m{"serviceaccount": m{"name": "s"}}}, "", false},
		{"cluster without account", "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC", m{"kubernetes.io": m{"namespace": "n"}}, "", false},
		{"not EKS", "https://oidc.eks.x/y.amazonaws.com/id/ABC", m{}, "", false},
		{"unknown", "https://ci.example", m{"job_workflow_ref": ref}, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := es256(with(func(c map[string]any) {
				delete(c, "email")
				delete(c, "email_verified")
				c["iss"], c["sub"] = tt.iss, "subject"
				for k, v := range tt.claims {
					c[k] = v
				}
			}))
			token, err := Parse(raw, "sigstore", testTime)
			if err != nil {
				t.Fatal(err)
			}
			if san, known := token.ExpectedSAN(); san != tt.san || known != tt.known {
				t.Errorf("got %q, %v, want %q, %v", san, known, tt.san, tt.known)
			}
			if !token.IsEmail && token.Subject != "subject" {
				t.Errorf("got subject %q", token.Subject)
			}
		})
	}
}

func TestSG7_FederatedIssuer(t *testing.T) {
	for connector, want := range map[any]string{
		"https://accounts.google.com": "https://accounts.google.com", "https://github.com/login/oauth": "https://github.com/login/oauth",
		"local": "", "": "", "javascript:alert(1)": "", "https://": "", 7: "", "https://a\x00b": "", "https://a.example/\u202e": "",
	} {
		raw := es256(with(func(m map[string]any) {
			m["federated_claims"] = map[string]any{"connector_id": connector, "user_id": "x"}
		}))
		token, err := Parse(raw, "sigstore", testTime)
		if err != nil {
			t.Fatalf("%v: %v", connector, err)
		}
		if token.FederatedIssuer != want {
			t.Errorf("%v: got %q, want %q", connector, token.FederatedIssuer, want)
		}
		if iss := token.CertificateIssuer(); want == "" && iss != "https://issuer.example" {
			t.Errorf("%v: certificate issuer %q", connector, iss)
		}
	}
}

// TestOI9_TokensDoNotPrint looks for the token in every usual form of output,
// also where fmt sees an unexported field.
func TestOI9_TokensDoNotPrint(t *testing.T) {
	raw := unsigned(`{"alg":"RS256"}`, `{"iss":"https://i.example","sub":"s","aud":"sigstore","exp":1999999999}`)
	token, err := Parse(raw, "sigstore", testTime)
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		Shown  Token
		hidden Token
		secret secret
	}
	h := holder{token, token, newSecret(raw)}
	var logged strings.Builder
	for _, l := range []*slog.Logger{slog.New(slog.NewTextHandler(&logged, nil)), slog.New(slog.NewJSONHandler(&logged, nil))} {
		l.Info("x", "token", token, "holder", h, "pointer", &h, "secret", h.secret, "provider", Static(raw, nil))
	}
	encoded, err := json.Marshal([]any{token, &token, h, h.secret, map[string]any{"t": token}})
	if err != nil {
		t.Fatal(err)
	}
	all := logged.String() + string(encoded)
	for _, v := range []any{token, &token, h, &h, []Token{token}, map[string]Token{"x": token}, h.secret, Static(raw, nil), fmt.Errorf("%v", token)} {
		all += fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v, v, v)
	}
	parts := strings.Split(raw, ".")
	for _, secret := range []string{raw, parts[1], parts[2], fmt.Sprintf("%x", parts[2])} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is in the output", secret)
		}
	}
	if got := fmt.Sprint(token); got != "s (https://i.example)" {
		t.Errorf("got %q", got)
	}
	if got := fmt.Sprintf("%v %#v", h.secret, h.secret); got != "[redacted] [redacted]" {
		t.Errorf("got %q", got)
	}
	if (Token{}).Reveal() != "" {
		t.Error("the zero token reveals something")
	}
}

// FuzzParse: a token that is accepted keeps every promise of Token.
func FuzzParse(f *testing.F) {
	f.Add(es256(goodClaims()))
	f.Add(unsigned(`{"alg":"RS256"}`, `{"iss":"https://i.example","sub":"s","aud":["sigstore"],"exp":1999999999}`))
	f.Add("a.b.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		token, err := Parse(raw, "sigstore", testTime)
		if err != nil {
			if c := check.Of(err); c != check.OIDCToken && c != check.OIDCAud {
				t.Fatalf("check %q: %v", c, err)
			}
			return
		}
		if token.Reveal() != raw || strings.Count(raw, ".") != 2 || len(raw) > 64<<10 {
			t.Fatalf("accepted %q as %q", raw, token.Reveal())
		}
		if token.Subject == "" || token.Sub == "" || token.Issuer == "" || !printable(token.String()) {
			t.Fatalf("accepted %+v", token)
		}
		if token.Expiry.Before(testTime.Add(-skew)) {
			t.Fatalf("accepted one that expired at %v", token.Expiry)
		}
		if _, err := Parse(raw, "another", testTime); err == nil && !strings.Contains(payloadOf(raw), "another") {
			t.Fatalf("accepted for two audiences: %q", raw)
		}
		parts := strings.Split(raw, ".")
		again := unsignedParts(parts[0], payloadOf(raw), parts[2])
		if again != raw {
			t.Fatalf("two spellings: %q and %q", raw, again)
		}
	})
}

// FuzzKeys: nothing that can sign is ever kept.
func FuzzKeys(f *testing.F) {
	for _, k := range []any{jose.JSONWebKey{Key: testEC().Public(), KeyID: "a"}, jose.JSONWebKey{Key: testRSA().Public()}, jose.JSONWebKey{Key: testEC()}} {
		data, err := json.Marshal(map[string]any{"keys": []any{k}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parseKeys(data)
		if err != nil {
			return
		}
		for _, k := range list {
			if !k.IsPublic() || !k.Valid() {
				t.Fatalf("kept a key of type %T", k.Key)
			}
		}
	})
}
