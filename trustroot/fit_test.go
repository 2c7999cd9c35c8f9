package trustroot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
)

var (
	open  = Window{Start: noon.Add(-time.Hour)}
	ended = Window{Start: noon.Add(-time.Hour), End: noon.Add(-time.Minute)}
)

func newLog(url string, w Window) Log { return Log{BaseURL: url, Valid: w} }

func unusable(url string, w Window) Skipped {
	return Skipped{List: "tlogs", URL: url, Algorithm: `"ML_DSA_44"`, Valid: w}
}

func TestTR3_WhatIsSkipped(t *testing.T) {
	o := good(t)
	ml := func(url string, valid object) object {
		return logObject(url, object{"rawBytes": []byte("ml"), "keyDetails": "ML_DSA_44", "validFor": valid})
	}
	o["tlogs"] = []any{
		ml("https://a.test", object{"start": "2024-01-01T00:00:00Z", "end": "2025-01-01T00:00:00Z"}),
		ml("https://b.test", object{}), // whatever it means, it may be in use
	}
	o["ctlogs"] = []any{ml("https://c.test", object{"start": "2024-01-01T00:00:00Z"})}
	r, err := Parse(encode(t, o))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	want := []Skipped{
		{"tlogs", "https://a.test", `"ML_DSA_44"`, Window{start, start.AddDate(1, 0, 0)}},
		{"tlogs", "https://b.test", `"ML_DSA_44"`, Window{Start: time.Unix(0, 0)}},
		{"ctlogs", "https://c.test", `"ML_DSA_44"`, Window{Start: start}},
	}
	if diff := cmp.Diff(want, r.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

func TestR1_1_K12_LogsAt(t *testing.T) {
	for _, tt := range []struct {
		name    string
		logs    []Log
		skipped []Skipped
		service string
		want    []string // base URLs
		rule    string   // of the refusal
	}{
		{"its own", []Log{newLog("https://a.test", open)}, nil, "https://a.test/", []string{"https://a.test"}, ""},
		{"two keys", []Log{newLog("https://a.test", open), newLog("https://a.test/", open)}, nil, "https://a.test", []string{"https://a.test", "https://a.test/"}, ""},
		{"named with its port before one without", []Log{newLog("http://127.0.0.1", open), newLog("http://127.0.0.1:1", open)}, nil,
			"http://127.0.0.1:1", []string{"http://127.0.0.1:1"}, ""},
		{"named without its port", []Log{newLog("http://127.0.0.1", open)}, nil, "http://127.0.0.1:1", []string{"http://127.0.0.1"}, ""},
		{"ended", []Log{newLog("https://a.test", ended)}, nil, "https://a.test", nil, "R1-1"},
		{"unknown", []Log{newLog("https://a.test", open)}, nil, "https://b.test", nil, "R1-1"},
		{"not a URL", nil, nil, "https://a b", nil, "SC-9"},
		{"key of an unknown kind", nil, []Skipped{unusable("https://a.test", open)}, "https://a.test", nil, "TR-3"},
		{"another log of the host is not taken for it", []Log{newLog("http://127.0.0.1", open)}, []Skipped{unusable("http://127.0.0.1:1", open)},
			"http://127.0.0.1:1", nil, "TR-3"},
		{"two logs of a host, one of them unusable", []Log{newLog("http://127.0.0.1", open)}, []Skipped{unusable("http://127.0.0.1", open)},
			"http://127.0.0.1:1", nil, "TR-3"},
		{"two keys, one of them unusable", []Log{newLog("https://a.test", open)}, []Skipped{unusable("https://a.test", open)}, "https://a.test", nil, "TR-3"},
		{"named with its port before an unusable one without", []Log{newLog("http://127.0.0.1:1", open)}, []Skipped{unusable("http://127.0.0.1", open)},
			"http://127.0.0.1:1", []string{"http://127.0.0.1:1"}, ""},
		{"unusable key that is not used any more", []Log{newLog("https://a.test", open)}, []Skipped{unusable("https://a.test", ended)},
			"https://a.test", []string{"https://a.test"}, ""},
		{"unusable key of another path", []Log{newLog("https://a.test/1", open)}, []Skipped{unusable("https://a.test/2", open)},
			"https://a.test/1", []string{"https://a.test/1"}, ""},
		{"unusable certificate transparency log", []Log{newLog("https://a.test", open)}, []Skipped{{"ctlogs", "https://a.test", "x", open}},
			"https://a.test", []string{"https://a.test"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &Root{Logs: tt.logs, Skipped: tt.skipped}
			got, err := r.LogsAt(tt.service, noon)
			if tt.rule != "" {
				want := check.TlogUnknown
				if tt.rule == "SC-9" {
					want = check.SignCfg
				}
				refused(t, err, want, tt.rule, "")
				if tt.rule == "TR-3" && (!strings.Contains(err.Error(), "ML_DSA_44") || !strings.Contains(err.Error(), tt.service)) {
					t.Errorf("got %v, want the algorithm and the log in it", err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			var urls []string
			for _, l := range got {
				urls = append(urls, l.BaseURL)
			}
			if diff := cmp.Diff(tt.want, urls); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A log whose key can't be used is passed over where another may take its place.
func TestSC6_LogsThatFit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		demand object
		drop   []string // logs of the configuration whose keys are unusable
		want   []string
		need   int
	}{
		{"all fit", object{"selector": "ANY"}, nil, []string{"https://log3.test", "https://log4.test"}, 1},
		{"older of the same operator", object{"selector": "ALL"}, []string{"log4"}, []string{"https://log3.test", "https://log2.test"}, 2},
		{"any: the other operator", object{"selector": "ANY"}, []string{"log3"}, []string{"https://log4.test"}, 1},
		{"one: the other operator", object{"selector": "EXACT", "count": 1}, []string{"log3"}, []string{"https://log4.test"}, 1},
		{"all: an operator without any", object{"selector": "ALL"}, []string{"log3"}, nil, 0},
		{"two: an operator without any", object{"selector": "EXACT", "count": 2}, []string{"log3"}, nil, 0},
		{"none of the second generation", object{"selector": "ALL"}, []string{"log2", "log3", "log4"}, []string{"https://log1.test"}, 1},
		{"none", object{"selector": "ANY"}, []string{"log1", "log2", "log3", "log4"}, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := goodConfig()
			o["rekorTlogConfig"] = tt.demand
			c, err := ParseSigningConfig(encode(t, o))
			if err != nil {
				t.Fatal(err)
			}
			root := rootOf(c)
			var logs []Log
			for _, l := range root.Logs {
				drop := false
				for _, name := range tt.drop {
					drop = drop || strings.Contains(l.BaseURL, name)
				}
				if drop {
					root.Skipped = append(root.Skipped, unusable(l.BaseURL, open))
				} else {
					logs = append(logs, l)
				}
			}
			root.Logs = logs
			s, err := c.Select(root, noon)
			if tt.want == nil {
				refused(t, err, check.TlogUnknown, "TR-3", "")
				for _, name := range tt.drop {
					if !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "ML_DSA_44") {
						t.Errorf("got %v, want %s and its algorithm in it", err, name)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, urls(s.Logs.Candidates)); diff != "" || s.Logs.Need != tt.need {
				t.Errorf("need %d, want %d; %s", s.Logs.Need, tt.need, diff)
			}
		})
	}
}

func TestSC5_SC6_AuthoritiesThatFit(t *testing.T) {
	for _, tt := range []struct {
		name    string
		inRoot  []Authority
		skipped []string // URIs
		check   check.Check
	}{
		{"named", []Authority{{URI: "https://ca.test", Valid: open}}, nil, ""},
		{"named otherwise", []Authority{{URI: "example.com", Valid: open}}, nil, ""},
		{"not named", []Authority{{Valid: open}}, nil, ""},
		{"named twice, once unusable", []Authority{{URI: "https://ca.test/x", Valid: open}}, []string{"https://ca.test"}, ""},
		{"another is unusable", []Authority{{URI: "https://other.test", Valid: open}}, []string{"https://third.test"}, ""},
		{"unusable", []Authority{{URI: "https://other.test", Valid: open}}, []string{"https://ca.test"}, check.SignCfg},
		{"unusable, the usable one has ended", []Authority{{URI: "https://ca.test", Valid: ended}}, []string{"https://ca.test"}, check.SignCfg},
		{"ended", []Authority{{URI: "https://ca.test", Valid: ended}}, nil, check.TrustRoot},
		{"none", nil, nil, check.TrustRoot},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, list := range []string{"certificateAuthorities", "timestampAuthorities"} {
				o := goodConfig()
				o["tsaUrls"] = []any{service("https://ca.test/api/v1/timestamp", 1, "a", "2025-01-01T00:00:00Z", "")}
				c, err := ParseSigningConfig(encode(t, o))
				if err != nil {
					t.Fatal(err)
				}
				root := rootOf(c)
				if list == "certificateAuthorities" {
					root.Authorities = tt.inRoot
				} else {
					root.TSAs = tt.inRoot
				}
				for _, uri := range tt.skipped {
					root.Skipped = append(root.Skipped, Skipped{list, uri, "certificate 0 has a key of an unknown type", open})
				}
				_, err = c.Select(root, noon)
				if check.Of(err) != tt.check {
					t.Errorf("%s: got %v, want check %q", list, err, tt.check)
				}
				if tt.check == check.SignCfg && (!strings.Contains(err.Error(), "unknown type") || !strings.Contains(err.Error(), "https://ca.test")) {
					t.Errorf("got %v, want the reason and the service in it", err)
				}
			}
		})
	}
}

// One that is unusable is passed over for the next.
func TestSC5_NextAuthority(t *testing.T) {
	o := goodConfig()
	o["caUrls"] = []any{service("https://new.test", 1, "a", "2025-06-01T00:00:00Z", ""), service("https://ca.test", 1, "a", "2025-01-01T00:00:00Z", "")}
	c, err := ParseSigningConfig(encode(t, o))
	if err != nil {
		t.Fatal(err)
	}
	root := rootOf(c)
	root.Skipped = []Skipped{{"certificateAuthorities", "https://new.test", "x", open}}
	if s, err := c.Select(root, noon); err != nil || s.CA.URL != "https://ca.test" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestSC_PublicInstanceFits(t *testing.T) {
	dir := filepath.Join(vectors(t), "public-good")
	data, err := os.ReadFile(filepath.Join(dir, "trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"signing_config.v0.2.json", "signing_config_rekor_v2.v0.2.json"} {
		if data, err = os.ReadFile(filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
		c, err := ParseSigningConfig(data)
		if err != nil {
			t.Fatal(err)
		}
		known := c.Logs[0].URL
		if _, err := root.LogsAt(known, noon); err != nil {
			t.Logf("%s: %v", file, err)
			continue
		}
		if s, err := c.Select(root, noon); err != nil || s.Logs.Candidates[0].URL != known {
			t.Errorf("%s: got %+v, %v", file, s, err)
		}
	}
}
