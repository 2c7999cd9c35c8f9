package trustroot

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func service(url string, version int, operator, start, end string) object {
	valid := object{"start": start}
	if end != "" {
		valid["end"] = end
	}
	return object{"url": url, "majorApiVersion": version, "operator": operator, "validFor": valid}
}

func goodConfig() object {
	return object{
		"mediaType": SigningConfigMediaType,
		"caUrls":    []any{service("https://ca.test", 1, "a", "2025-01-01T00:00:00Z", "")},
		"oidcUrls":  []any{service("https://oidc.test/auth", 1, "a", "2025-01-01T00:00:00Z", "")},
		"rekorTlogUrls": []any{
			service("https://log1.test", 1, "a", "2021-01-01T00:00:00Z", ""),
			service("https://log2.test", 2, "a", "2025-01-01T00:00:00Z", ""),
			service("https://log3.test", 2, "b", "2025-06-01T00:00:00Z", ""),
			service("https://log4.test", 2, "a", "2025-03-01T00:00:00Z", ""),
		},
		"tsaUrls":         []any{service("https://tsa.test/api/v1/timestamp", 1, "a", "2025-01-01T00:00:00Z", "")},
		"rekorTlogConfig": object{"selector": "ANY"},
		"tsaConfig":       object{"selector": "ALL"},
	}
}

func choose(t *testing.T, o object, now time.Time) (*Services, error) {
	t.Helper()
	c, err := ParseSigningConfig(encode(t, o))
	if err != nil {
		t.Fatal(err)
	}
	return c.Select(rootOf(c), now)
}

// rootOf is a trusted root that knows every service of a configuration.
func rootOf(c *SigningConfig) *Root {
	always := Window{Start: time.Unix(0, 0)}
	r := &Root{Authorities: []Authority{{Valid: always}}, TSAs: []Authority{{Valid: always}}}
	for _, s := range c.Logs {
		r.Logs = append(r.Logs, Log{BaseURL: s.URL, Valid: always})
	}
	return r
}

func urls(list []Service) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.URL)
	}
	return out
}

func TestSC1_MediaType(t *testing.T) {
	for _, m := range []any{nil, "", "application/vnd.dev.sigstore.signingconfig.v0.1+json", SigningConfigMediaType + " "} { // K1
		o := goodConfig()
		o["mediaType"] = m
		_, err := ParseSigningConfig(encode(t, o))
		refused(t, err, check.Version, "SC-1", "mediaType")
	}
	if _, err := ParseSigningConfig(encode(t, goodConfig())); err != nil {
		t.Fatal(err)
	}
}

func TestSC_Selection(t *testing.T) {
	s, err := choose(t, goodConfig(), noon)
	if err != nil {
		t.Fatal(err)
	}
	// SC-3 and K5: only v2; SC-6 and K6: the newest of each operator; SC-4 and K7: newest first.
	if got, want := urls(s.Logs.Candidates), []string{"https://log3.test", "https://log4.test"}; !slices.Equal(got, want) || s.Logs.Need != 1 {
		t.Errorf("got %q, need %d; want %q, need 1", got, s.Logs.Need, want)
	}
	if s.CA.URL != "https://ca.test" || s.OIDC.URL != "https://oidc.test/auth" || s.TSAs.Need != 1 || len(s.TSAs.Candidates) != 1 {
		t.Errorf("got %+v", s)
	}

	for _, c := range []struct {
		name   string
		change func(o object)
		want   []string
		need   int
	}{
		{"SC-7 ALL", func(o object) { o["rekorTlogConfig"] = object{"selector": "ALL"} }, []string{"https://log3.test", "https://log4.test"}, 2},
		{"SC-7 EXACT 1", func(o object) { o["rekorTlogConfig"] = object{"selector": "EXACT", "count": 1} }, []string{"https://log3.test", "https://log4.test"}, 1},
		{"SC-7 EXACT 2", func(o object) { o["rekorTlogConfig"] = object{"selector": "EXACT", "count": 2} }, []string{"https://log3.test", "https://log4.test"}, 2},
		{"K7 equal starts: order of the file", func(o object) {
			o["rekorTlogUrls"] = []any{service("https://x.test", 1, "x", "2025-01-01T00:00:00Z", ""), service("https://y.test", 1, "y", "2025-01-01T01:00:00+01:00", "")}
		}, []string{"https://x.test", "https://y.test"}, 1},
		{"SC-2 unreleased and unknown versions do not count", func(o object) {
			o["rekorTlogUrls"] = []any{service("https://x.test", 0, "x", "2025-01-01T00:00:00Z", ""), service("https://y.test", 3, "y", "2025-01-01T00:00:00Z", ""),
				service("https://z.test", 1, "z", "2025-01-01T00:00:00Z", "")}
		}, []string{"https://z.test"}, 1},
		{"K3 start and end are now", func(o object) {
			o["rekorTlogUrls"] = []any{service("https://x.test", 2, "x", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z")}
		}, []string{"https://x.test"}, 1},
		{"SC-2 a future v2 does not hide v1", func(o object) {
			o["rekorTlogUrls"] = []any{service("https://x.test", 2, "x", "2026-03-01T12:00:01Z", ""), service("https://y.test", 1, "y", "2021-01-01T00:00:00Z", "")}
		}, []string{"https://y.test"}, 1},
		{"SC-3 K5 v1 of another operator, and newer", func(o object) {
			o["rekorTlogUrls"] = []any{service("https://x.test", 2, "x", "2025-01-01T00:00:00Z", ""), service("https://y.test", 1, "y", "2026-01-01T00:00:00Z", "")}
		}, []string{"https://x.test"}, 1},
		{"SC-10 no operator is one operator", func(o object) {
			o["rekorTlogUrls"] = []any{service("https://x.test", 2, "", "2025-01-01T00:00:00Z", ""), service("https://y.test", 2, "", "2025-02-01T00:00:00Z", "")}
			o["rekorTlogConfig"] = object{"selector": "ALL"}
		}, []string{"https://y.test"}, 1},
		{"SC-8 v1 needs no TSA", func(o object) {
			o["rekorTlogUrls"] = []any{service("https://y.test", 1, "y", "2021-01-01T00:00:00Z", "")}
			o["tsaUrls"], o["tsaConfig"] = nil, nil
		}, []string{"https://y.test"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := goodConfig()
			c.change(o)
			s, err := choose(t, o, noon)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, urls(s.Logs.Candidates)); diff != "" || s.Logs.Need != c.need {
				t.Errorf("need %d, want %d; %s", s.Logs.Need, c.need, diff)
			}
		})
	}
}

func TestSC_Refusals(t *testing.T) {
	for _, c := range []struct {
		name, rule, field string
		change            func(o object)
	}{
		{"K1 unknown selector", "SC-6", "rekorTlogUrls", func(o object) { o["rekorTlogConfig"] = object{"selector": "SOME"} }},
		{"K1 UNDEFINED", "SC-6", "tsaUrls", func(o object) { o["tsaConfig"] = object{"selector": "SERVICE_SELECTOR_UNDEFINED"} }},
		{"K1 no selector", "SC-6", "rekorTlogUrls", func(o object) { delete(o, "rekorTlogConfig") }},
		{"K2 EXACT 0", "SC-6", "rekorTlogUrls", func(o object) { o["rekorTlogConfig"] = object{"selector": "EXACT", "count": 0} }},
		{"K2 EXACT without count", "SC-6", "rekorTlogUrls", func(o object) { o["rekorTlogConfig"] = object{"selector": "EXACT"} }},
		{"K2 EXACT too many", "SC-6", "rekorTlogUrls", func(o object) { o["rekorTlogConfig"] = object{"selector": "EXACT", "count": 3} }},
		{"K3 expired", "SC-2", "caUrls", func(o object) {
			o["caUrls"] = []any{service("https://ca.test", 1, "a", "2025-01-01T00:00:00Z", "2026-03-01T11:59:59.999Z")}
		}},
		{"K3 future", "SC-2", "oidcUrls", func(o object) {
			o["oidcUrls"] = []any{service("https://ca.test", 1, "a", "2026-03-01T12:00:00.001Z", "")}
		}},
		{"K3 all TSAs expired", "SC-2", "tsaUrls", func(o object) {
			o["tsaUrls"] = []any{service("https://tsa.test", 1, "a", "2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z")}
		}},
		{"SC-5 no CA", "SC-2", "caUrls", func(o object) { o["caUrls"] = nil }},
		{"SC-8 no log", "SC-2", "rekorTlogUrls", func(o object) { o["rekorTlogUrls"] = []any{} }},
		{"K4 version 0", "SC-2", "rekorTlogUrls", func(o object) {
			o["rekorTlogUrls"] = []any{service("https://x.test", 0, "x", "2025-01-01T00:00:00Z", "")}
		}},
		{"K4 version 3", "SC-2", "rekorTlogUrls", func(o object) {
			o["rekorTlogUrls"] = []any{service("https://x.test", 3, "x", "2025-01-01T00:00:00Z", "")}
		}},
		{"K4 CA version 2", "SC-2", "caUrls", func(o object) { o["caUrls"] = []any{service("https://x.test", 2, "x", "2025-01-01T00:00:00Z", "")} }},
		{"K4 version 2^32-1", "SC-2", "rekorTlogUrls", func(o object) {
			o["rekorTlogUrls"] = []any{service("https://x.test", 4294967295, "x", "2025-01-01T00:00:00Z", "")}
		}},
		{"K9 v2 without TSA", "SC-8", "tsaUrls", func(o object) { o["tsaUrls"] = []any{} }},
		{"K8 http at loopback is not asked for", "SC-9", "caUrls", func(o object) {
			o["caUrls"] = []any{service("http://127.0.0.1:8080", 1, "a", "2025-01-01T00:00:00Z", "")}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := goodConfig()
			c.change(o)
			_, err := choose(t, o, noon)
			refused(t, err, check.SignCfg, c.rule, c.field)
		})
	}
}

func TestSC9_URLs(t *testing.T) {
	for _, u := range []string{ // K8
		"", "http://ca.test", "HTTP://ca.test", "file:///etc/passwd", "https://user@ca.test", "https://u:p@ca.test", "https://ca.test?q", "https://ca.test/?",
		"https://ca.test#f", "https://ca.test/#", "//ca.test", "https://", "https:///x", "https:ca.test", "https://c\u0430.test", "https://xn--c-7sb.test",
		"https://a.xn--c-7sb.test", "https://ca.test:0", "https://ca.test:65536", "https://ca.test:", "https://ca.test/../x", "https://ca.test/./x",
		"https://ca.test/%2e%2e/x", "https://ca.test/a b", "https://ca.test\\x", "https://ca.test/\n", "http://localhost:80", "http://127.0.0.1.ca.test", "http://10.0.0.1", "ftp://127.0.0.1", "https://[::1", "https://ca.test:x",
	} {
		o := goodConfig()
		at(o, "caUrls")["url"] = u
		_, err := ParseSigningConfig(encode(t, o))
		refused(t, err, check.SignCfg, "SC-9", "caUrls[0].url")
	}
	for _, u := range []string{"https://ca.test", "https://ca.test:8443/a/b/", "https://[2001:db8::1]:1/x"} {
		o := goodConfig()
		at(o, "caUrls")["url"] = u
		if s, err := choose(t, o, noon); err != nil || s.CA.URL != u {
			t.Errorf("%s: %v", u, err)
		}
	}
	for _, u := range []string{"http://127.0.0.1:8080", "http://[::1]:8080/x", "http://127.3.2.1"} {
		o := goodConfig()
		at(o, "caUrls")["url"] = u
		c, err := ParseSigningConfig(encode(t, o))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Select(rootOf(c), noon)
		refused(t, err, check.SignCfg, "SC-9", "caUrls")
		if s, err := c.AllowLoopback().Select(rootOf(c), noon); err != nil || s.CA.URL != u {
			t.Errorf("%s: %v", u, err)
		}
	}
}

func TestSC_ParseRefusals(t *testing.T) {
	for _, c := range []struct {
		name, rule, field string
		change            func(o object)
	}{
		{"no start", "TR-4", "caUrls[0].validFor.start", func(o object) { delete(at(o, "caUrls"), "validFor") }},
		{"many", "LM-1", "tsaUrls", func(o object) { o["tsaUrls"] = slices.Repeat(o["tsaUrls"].([]any), MaxInstances+1) }},
		{"version is a string", "BP-2", "caUrls[0].majorApiVersion", func(o object) { at(o, "caUrls")["majorApiVersion"] = "1" }},
		{"version 2^32", "BP-2", "caUrls[0].majorApiVersion", func(o object) { at(o, "caUrls")["majorApiVersion"] = 4294967296 }},
		{"version -1", "BP-2", "caUrls[0].majorApiVersion", func(o object) { at(o, "caUrls")["majorApiVersion"] = -1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := goodConfig()
			c.change(o)
			_, err := ParseSigningConfig(encode(t, o))
			want := check.SignCfg
			if c.rule == "LM-1" {
				want = check.Limit
			}
			refused(t, err, want, c.rule, c.field)
		})
	}
	_, err := ParseSigningConfig([]byte(strings.Repeat(" ", MaxSize+1)))
	refused(t, err, check.Limit, "LM-1", "")
	_, err = ParseSigningConfig([]byte(strings.Repeat("[", 65)))
	refused(t, err, check.Limit, "LM-2", "")
}

func TestSC_PublicConfigurations(t *testing.T) {
	dir := vectors(t)
	for file, want := range map[string]string{
		"signing_config.v0.2.json":          "https://rekor.sigstore.dev",
		"signing_config_rekor_v2.v0.2.json": "https://log2025-1.rekor.sigstore.dev",
	} {
		data, err := os.ReadFile(filepath.Join(dir, "public-good", file))
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseSigningConfig(data)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.Select(rootOf(c), noon)
		if err != nil || s.Logs.Candidates[0].URL != want || len(s.Logs.Candidates) != 1 {
			t.Errorf("%s: got %+v, %v", file, s, err)
		}
	}
}

// FuzzSigningConfig checks the properties SC-1..SC-10 of every selection.
func FuzzSigningConfig(f *testing.F) {
	data, err := json.Marshal(goodConfig())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, int64(0))
	f.Add([]byte(`{"mediaType":"`+SigningConfigMediaType+`"}`), int64(1))
	f.Fuzz(func(t *testing.T, data []byte, offset int64) {
		c, err := ParseSigningConfig(data)
		if err != nil {
			if k := check.Of(err); k != check.SignCfg && k != check.Version && k != check.Limit {
				t.Fatalf("refused by %s: %v", k, err)
			}
			return
		}
		now := noon.Add(time.Duration(offset))
		s, err := c.Select(rootOf(c), now)
		if err != nil {
			if check.Of(err) != check.SignCfg {
				t.Fatalf("refused by %s: %v", check.Of(err), err)
			}
			return
		}
		one := Selection{[]Service{s.CA}, 1}
		for _, k := range []struct {
			sel     Selection
			all     []Service
			highest int
		}{{one, c.CAs, 1}, {Selection{[]Service{s.OIDC}, 1}, c.OIDCs, 1}, {s.Logs, c.Logs, 2}, {s.TSAs, c.TSAs, 1}} {
			if k.sel.Need > len(k.sel.Candidates) || k.sel.Need < 1 && len(k.all) > 0 {
				t.Fatalf("needs %d of %d", k.sel.Need, len(k.sel.Candidates))
			}
			seen := map[string]bool{}
			for i, got := range k.sel.Candidates {
				first := k.sel.Candidates[0]
				if seen[got.Operator] || got.Version != first.Version || got.Version < 1 || got.Version > k.highest ||
					!got.Valid.Contains(now) || !strings.HasPrefix(got.URL, "https://") || i > 0 && got.Valid.Start.After(k.sel.Candidates[i-1].Valid.Start) {
					t.Fatalf("candidate %+v among %+v", got, k.sel.Candidates)
				}
				seen[got.Operator] = true
				for _, other := range k.all { // nothing better was passed over
					usable := other.Version >= 1 && other.Version <= k.highest && other.Valid.Contains(now)
					if usable && (other.Version > got.Version || other.Version == got.Version && other.Operator == got.Operator && other.Valid.Start.After(got.Valid.Start)) && len(k.sel.Candidates) > 1 {
						t.Fatalf("%+v was chosen before %+v", got, other)
					}
				}
			}
		}
		if s.Logs.Candidates[0].Version == 2 && s.TSAs.Need == 0 {
			t.Fatal("log v2 without a timestamp authority")
		}
	})
}
