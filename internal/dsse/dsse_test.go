package dsse

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
)

var (
	sha256hex = strings.Repeat("ab", 32)
	sha384hex = strings.Repeat("cd", 48)
	sha512hex = strings.Repeat("ef", 64)
	otherhex  = strings.Repeat("12", 32)
)

func refused(t *testing.T, err error, want check.Check) {
	t.Helper()
	if got := check.Of(err); got != want {
		t.Errorf("check is %q (%v), want %q", got, err, want)
	}
}

func TestR24_PAE(t *testing.T) {
	tests := []struct{ typ, payload, want string }{
		{"http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world"},
		{"", "", "DSSEv1 0  0 "},
		{"a b", "c", "DSSEv1 3 a b 1 c"},                 // J15
		{"a", "b 1 c", "DSSEv1 1 a 5 b 1 c"},             // J15
		{"\u00e9", "\u20ac", "DSSEv1 2 \u00e9 3 \u20ac"}, // J16: bytes, not characters
	}
	for _, tt := range tests {
		if got := string(PAE(tt.typ, []byte(tt.payload))); got != tt.want {
			t.Errorf("PAE(%q, %q) is %q, want %q", tt.typ, tt.payload, got, tt.want)
		}
	}
}

// FuzzPAE: an encoding can be decoded to what was encoded (target 19).
func FuzzPAE(f *testing.F) {
	f.Add("application/vnd.in-toto+json", []byte("{}"))
	f.Add("a 3 b", []byte(" 1 2"))
	f.Fuzz(func(t *testing.T, typ string, payload []byte) {
		next := func(b []byte) (field, rest []byte) {
			n, rest, ok := bytes.Cut(b, []byte(" "))
			size, err := strconv.Atoi(string(n))
			if !ok || err != nil || size > len(rest) {
				t.Fatalf("no length in %q", b)
			}
			return rest[:size], rest[size:]
		}
		b, ok := bytes.CutPrefix(PAE(typ, payload), []byte("DSSEv1 "))
		if !ok {
			t.Fatal("no prefix")
		}
		gotType, b := next(b)
		if len(b) == 0 || b[0] != ' ' {
			t.Fatalf("no space before %q", b)
		}
		gotPayload, b := next(b[1:])
		if string(gotType) != typ || !bytes.Equal(gotPayload, payload) || len(b) != 0 {
			t.Errorf("decoded %q %q and %q", gotType, gotPayload, b)
		}
	})
}

const v1Type = "https://in-toto.io/Statement/v1"

// statement is a statement with the given type and JSON of its subjects.
func statement(typ, subjects string) string {
	return fmt.Sprintf(`{"_type":%q,"predicateType":"https://example.com/p","subject":%s,"predicate":{"a":1}}`, typ, subjects)
}

func subject(digests string) string { return `[{"name":"f","digest":{` + digests + `}}]` }

func TestParseStatement(t *testing.T) {
	one := subject(`"sha256":"` + sha256hex + `"`)
	list := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(strings.Trim(one, "[]")+",", n), ",") + "]"
	}
	digests := func(n int) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(`"alg%d":"x"`, i))
		}
		return subject(strings.Join(out, ","))
	}
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	tests := []struct {
		name, in string
		want     check.Check
	}{
		{"v1", statement(v1Type, one), ""},
		{"v0.1", statement("https://in-toto.io/Statement/v0.1", one), ""},
		{"unknown fields", strings.Replace(statement(v1Type, `[{"name":"f","uri":"u","digest":{"sha256":"`+sha256hex+`"}}]`), "{", `{"more":[{}],`, 1), ""},
		{"no predicate", `{"_type":"` + v1Type + `","predicateType":"p","subject":` + one + `}`, ""},
		{"white space around", " \n" + statement(v1Type, one) + "\n", ""},
		{"J17 not JSON", "hello", check.Statement},
		{"J17 empty", "", check.Statement},
		{"J17 array", "[" + statement(v1Type, one) + "]", check.Statement},
		{"J17 null", "null", check.Statement},
		{"J17 two values", statement(v1Type, one) + statement(v1Type, one), check.Statement},
		{"J17 duplicate subject", strings.Replace(statement(v1Type, one), "{", `{"subject":`+one+",", 1), check.Statement},
		{"J17 duplicate in unknown field", strings.Replace(statement(v1Type, one), "{", `{"x":{"a":1,"a":1},`, 1), check.Statement},
		{"J17 duplicate in predicate", strings.Replace(statement(v1Type, one), `"a":1`, `"a":1,"a":2`, 1), check.Statement},
		{"J17 duplicate digest", statement(v1Type, subject(`"sha256":"`+sha256hex+`","sha256":"`+otherhex+`"`)), check.Statement},
		{"J17 byte order mark", "\xef\xbb\xbf" + statement(v1Type, one), check.Statement},
		{"J17 invalid UTF-8", strings.Replace(statement(v1Type, one), `"f"`, "\"\xff\"", 1), check.Statement},
		{"J17 other case of a name", strings.Replace(statement(v1Type, one), `"subject"`, `"Subject"`, 1), check.Statement},
		{"LM-2 nested deeply", strings.Replace(statement(v1Type, one), `{"a":1}`, deep, 1), check.Limit},
		{"J18 unknown type", statement("https://in-toto.io/Statement/v2", one), check.Statement},
		{"J18 type with slash", statement(v1Type+"/", one), check.Statement},
		{"J18 type missing", strings.Replace(statement(v1Type, one), "_type", "type", 1), check.Statement},
		{"J19 subject missing", strings.Replace(statement(v1Type, one), "subject", "object", 1), check.Statement},
		{"J19 subject empty", statement(v1Type, "[]"), check.Statement},
		{"J19 subject null", statement(v1Type, "null"), check.Statement},
		{"J19 subject is an object", statement(v1Type, "{}"), check.Statement},
		{"J19 subject holds null", statement(v1Type, "[null]"), check.Statement},
		{"J19 subject holds a string", statement(v1Type, `["f"]`), check.Statement},
		{"J19 no digest", statement(v1Type, subject("")), check.Statement},
		{"J19 digest null", statement(v1Type, `[{"name":"f","digest":null}]`), check.Statement},
		{"J19 digest missing", statement(v1Type, `[{"name":"f"}]`), check.Statement},
		{"J19 digest is a string", statement(v1Type, `[{"digest":"`+sha256hex+`"}]`), check.Statement},
		{"J19 digest value is a number", statement(v1Type, subject(`"sha256":5`)), check.Statement},
		{"J19 digest value is null", statement(v1Type, subject(`"sha256":null`)), check.Statement},
		{"J19 digest value is an object", statement(v1Type, subject(`"sha256":{"a":"b"}`)), check.Statement},
		{"J21 sha512 with 32 bytes", statement(v1Type, subject(`"sha512":"`+sha256hex+`"`)), check.Statement},
		{"J21 sha384 with 32 bytes", statement(v1Type, subject(`"sha384":"`+sha256hex+`"`)), check.Statement},
		{"J21 sha384 and sha512", statement(v1Type, subject(`"sha384":"`+sha384hex+`","sha512":"`+sha512hex+`"`)), ""},
		{"J21 gitCommit is not ours", statement(v1Type, subject(`"gitCommit":"abc"`)), ""},
		{"J22 upper case", statement(v1Type, subject(`"sha256":"`+strings.ToUpper(sha256hex)+`"`)), check.Statement},
		{"J22 prefix", statement(v1Type, subject(`"sha256":"sha256:`+sha256hex+`"`)), check.Statement},
		{"J22 truncated", statement(v1Type, subject(`"sha256":"`+sha256hex[:62]+`"`)), check.Statement},
		{"J22 odd", statement(v1Type, subject(`"sha256":"`+sha256hex[:63]+`"`)), check.Statement},
		{"J22 empty", statement(v1Type, subject(`"sha256":""`)), check.Statement},
		{"J22 empty of unknown algorithm", statement(v1Type, subject(`"gitCommit":""`)), check.Statement},
		{"LM-3 J25 1024 subjects", statement(v1Type, list(1024)), ""},
		{"LM-3 J25 1025 subjects", statement(v1Type, list(1025)), check.Limit},
		{"LM-3 J25 10^6 subjects", statement(v1Type, "["+strings.TrimSuffix(strings.Repeat(`{},`, 1_000_000), ",")+"]"), check.Limit},
		{"LM-3 J25 32 digests", statement(v1Type, digests(32)), ""},
		{"LM-3 J25 33 digests", statement(v1Type, digests(33)), check.Limit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ParseStatement([]byte(tt.in))
			refused(t, err, tt.want)
			if (s == nil) != (err != nil) {
				t.Errorf("statement is %v with error %v", s, err)
			}
		})
	}
}

func TestParseStatement_Fields(t *testing.T) {
	in := `{"_type":"` + v1Type + `","subject":[{"name":"f","digest":{"sha256":"` + sha256hex + `"}},{"digest":{"x":"y"}}],` +
		`"predicateType":"p","predicate": {"b" :1}}`
	got, err := ParseStatement([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	want := &Statement{
		Type: v1Type, PredicateType: "p", Predicate: []byte(`{"b" :1}`),
		Subjects: []Subject{{"f", map[string]string{"sha256": sha256hex}}, {"", map[string]string{"x": "y"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, predicate := range []string{`,"predicate":null`, ""} {
		s, err := ParseStatement([]byte(`{"_type":"` + v1Type + `","subject":[{"digest":{"x":"y"}}]` + predicate + `}`))
		if err != nil || s.Predicate != nil {
			t.Errorf("predicate is %q, %v; want nil", s.Predicate, err)
		}
	}
}

func TestMatch(t *testing.T) {
	sub := func(name string, digests ...string) Subject {
		s := Subject{Name: name, Digest: map[string]string{}}
		for i := 0; i < len(digests); i += 2 {
			s.Digest[digests[i]] = digests[i+1]
		}
		return s
	}
	both := map[string]string{"sha256": sha256hex, "sha512": sha512hex}
	tests := []struct {
		name     string
		subjects []Subject
		digests  map[string]string
		subject  string
		want     check.Check
	}{
		{"J20 one of two", []Subject{sub("a", "sha256", otherhex), sub("b", "sha256", sha256hex)}, both, "b", ""},
		{"J20 none", []Subject{sub("a", "sha256", otherhex)}, both, "", check.Statement},
		{"J20 by sha512", []Subject{sub("a", "sha512", sha512hex)}, both, "a", ""},
		{"J20 by sha384", []Subject{sub("a", "sha384", sha384hex)}, map[string]string{"sha384": sha384hex}, "a", ""},
		{"J21 right bytes as sha1", []Subject{sub("a", "sha1", sha256hex)}, both, "", check.Statement},
		{"J21 right bytes as gitCommit", []Subject{sub("a", "gitCommit", sha256hex)}, both, "", check.Statement},
		{"J22 other case of the algorithm", []Subject{sub("a", "SHA256", sha256hex)}, both, "", check.Statement},
		{"J23 one name, two digests", []Subject{sub("a", "sha256", otherhex), sub("a", "sha256", sha256hex)}, both, "a", ""},
		{"J24 right sha256, wrong sha512", []Subject{sub("a", "sha256", sha256hex, "sha512", otherhex+otherhex)}, both, "", check.Statement},
		{"J24 a later subject agrees", []Subject{sub("a", "sha256", sha256hex, "sha512", otherhex+otherhex), sub("b", "sha256", sha256hex)}, both, "", check.Statement},
		{"J24 an earlier subject agrees", []Subject{sub("b", "sha256", sha256hex), sub("a", "sha256", sha256hex, "sha512", otherhex+otherhex)}, both, "", check.Statement},
		{"J24 all agree", []Subject{sub("a", "sha256", sha256hex, "sha512", sha512hex, "sha1", "x")}, both, "a", ""},
		{"LM-6 no digest given", []Subject{sub("a", "sha256", sha256hex)}, nil, "", check.Usage},
		{"LM-6 unknown algorithm given", []Subject{sub("a", "sha1", "x")}, map[string]string{"sha1": "x"}, "", check.Usage},
		{"LM-6 upper case given", []Subject{sub("a", "sha256", sha256hex)}, map[string]string{"sha256": strings.ToUpper(sha256hex)}, "", check.Digest},
		{"LM-6 empty given", []Subject{sub("a", "sha256", "")}, map[string]string{"sha256": ""}, "", check.Digest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := (&Statement{Subjects: tt.subjects}).Match(tt.digests)
			refused(t, err, tt.want)
			if got.Name != tt.subject {
				t.Errorf("subject is %q, want %q", got.Name, tt.subject)
			}
		})
	}
}

// FuzzStatement: what is accepted has the bounds it should have, and a match is
// what a naive search finds (target 20).
func FuzzStatement(f *testing.F) {
	f.Add([]byte(statement(v1Type, subject(`"sha256":"`+sha256hex+`"`))))
	f.Add([]byte(statement(v1Type, subject(`"sha256":"`+sha256hex+`","sha512":"`+sha512hex+`"`))))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := ParseStatement(in)
		if err != nil {
			if c := check.Of(err); c != check.Statement && c != check.Limit {
				t.Errorf("check is %q: %v", c, err)
			}
			return
		}
		if len(s.Subjects) == 0 || len(s.Subjects) > MaxSubjects {
			t.Errorf("%d subjects", len(s.Subjects))
		}
		digests := map[string]string{"sha256": sha256hex, "sha512": sha512hex}
		naive := slices.ContainsFunc(s.Subjects, func(s Subject) bool {
			return s.Digest["sha256"] == sha256hex || s.Digest["sha512"] == sha512hex
		})
		_, err = s.Match(digests)
		if err == nil && !naive {
			t.Error("matched a subject that is not there")
		}
		if err != nil && naive && !strings.Contains(err.Error(), "another") {
			t.Errorf("did not match: %v", err)
		}
	})
}
