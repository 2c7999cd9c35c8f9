package strictjson

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
)

type inner struct {
	N Int64   `json:"n"`
	B Bytes   `json:"b"`
	L []inner `json:"l"`
}

type outerValue struct {
	Name  string           `json:"name"`
	Inner inner            `json:"inner"`
	Map   map[string]int64 `json:"map"`
	Flag  bool             `json:"flag"`
}

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// wantRefusal fails unless err is a short refusal by check c at field.
func wantRefusal(t *testing.T, err error, c check.Check, field string) {
	t.Helper()
	e, ok := errors.AsType[*check.Error](err)
	if !ok {
		t.Fatalf("got %T %v, want *check.Error", err, err)
	}
	if e.Check != c || e.Field != field {
		t.Errorf("got check %q at %q (%v), want %q at %q", e.Check, e.Field, err, c, field)
	}
	if e.Rule == "" {
		t.Errorf("no rule in %v", err)
	}
	text := err.Error()
	if len(text) > 1024 {
		t.Errorf("error has %d bytes, want at most 1024", len(text))
	}
	for _, r := range text {
		if r < ' ' || r == 0x7f || r == 0x202e {
			t.Errorf("error has an unescaped %U: %q", r, text)
		}
	}
}

func TestLM2_Unmarshal(t *testing.T) {
	long := strings.Repeat("x", 10000)
	cases := []struct {
		name, in string
		check    check.Check // "" if it is accepted
		field    string
	}{
		{"good", ` {"name":"a","inner":{"n":"5","b":"QQ==","l":[{"n":"1"}]},"map":{"x":1},"flag":true} `, "", ""},
		{"null is absent", `{"name":null,"inner":{"n":null,"b":null,"l":null},"map":null}`, "", ""},
		{"byte order mark", "\xef\xbb\xbf{}", check.Parse, ""},
		{"empty", ``, check.Parse, ""},
		{"cut", `{"inner":{"n":"5"`, check.Parse, "inner"},
		{"second value", `{} {}`, check.Parse, ""},
		{"NUL after", "{}\x00", check.Parse, ""},
		{"other type", `[]`, check.Parse, ""},
		{"unknown", `{"inner":{"x":1}}`, check.Parse, "inner.x"},
		{"case differs", `{"Name":"a"}`, check.Parse, "Name"},
		{"duplicate", `{"name":"a","name":"a"}`, check.Parse, "name"},
		{"duplicate in map", `{"map":{"a":1,"a":2}}`, check.Parse, "map.a"},
		{"duplicate by escape", `{"name":"a","n\u0061me":"b"}`, check.Parse, "name"},
		{"duplicate with null", `{"name":null,"name":"a"}`, check.Parse, "name"},
		{"invalid UTF-8", "{\"name\":\"\xff\"}", check.Parse, "name"},
		{"lone surrogate", `{"name":"\ud800"}`, check.Parse, "name"},
		{"control character", "{\"name\":\"\x01\"}", check.Parse, "name"},
		{"comment", `{/**/}`, check.Parse, ""},
		{"string wanted", `{"name":1}`, check.Parse, "name"},
		{"object wanted", `{"inner":[]}`, check.Parse, "inner"},
		{"array wanted", `{"inner":{"l":{}}}`, check.Parse, "inner.l"},
		{"boolean wanted", `{"flag":"true"}`, check.Parse, "flag"},
		{"number wanted", `{"map":{"a":"1"}}`, check.Parse, "map.a"},
		{"fraction", `{"map":{"a":1.5}}`, check.Parse, "map.a"},
		{"integer in a list", `{"inner":{"l":[{"n":"1"},{"n":7}]}}`, check.Parse, "inner.l[1].n"},
		{"base64 in a list", `{"inner":{"l":[{"b":"QQ="}]}}`, check.Parse, "inner.l[0].b"},
		{"hostile name", "{\"\\u202e\x7f\\u0000\":1}", check.Parse, `["\u202e\x7f\x00"]`},
		{"long unknown name", `{"` + long + `":1}`, check.Parse, `["` + long[:64] + `..."]`},
		{"long integer", `{"inner":{"n":"` + long + `"}}`, check.Parse, "inner.n"},
		{"depth 64", `{"name":` + deep(63) + `}`, check.Parse, "name"}, // refused for its type
		{"depth 65", `{"name":` + deep(64) + `}`, check.Limit, ""},
		{"braces in strings", `{"name":"` + strings.Repeat("[", 100) + `\"` + strings.Repeat("{", 100) + `\\"}`, "", ""},
		{"name at the limit", `{"map":{"` + strings.Repeat("x", MaxName) + `":1}}`, "", ""},
		{"name over the limit", `{"map":{"` + strings.Repeat("x", MaxName+1) + `":1}}`, check.Limit, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var v outerValue
			err := Unmarshal([]byte(c.in), &v)
			if c.check == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			wantRefusal(t, err, c.check, c.field)
		})
	}
}

func TestLM2_Q4_Members(t *testing.T) {
	object := func(n int) []byte {
		var b bytes.Buffer
		b.WriteString(`{"a":{`)
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"%d":0`, i)
		}
		b.WriteString(`}}`)
		return b.Bytes()
	}
	if err := scan(object(MaxMembers)); err != nil {
		t.Error(err)
	}
	wantRefusal(t, scan(object(MaxMembers+1)), check.Limit, "")
	array := []byte("[" + strings.Repeat("0,", 2*MaxMembers) + "0]")
	if err := UnmarshalOpen(array, new(jsontext.Value)); err != nil {
		t.Errorf("elements are not members: %v", err)
	}
}

func TestLM2_Elements(t *testing.T) {
	array := func(n int) []byte { return []byte(`{"a":[` + strings.Repeat("0,", n-1) + `0],"b":[1,2]}`) }
	if err := UnmarshalOpen(array(MaxElements), new(jsontext.Value)); err != nil {
		t.Error(err)
	}
	wantRefusal(t, UnmarshalOpen(array(MaxElements+1), new(jsontext.Value)), check.Limit, "")
}

func TestEB7_UnmarshalOpenIgnoresOnlyUnknownNames(t *testing.T) {
	var v outerValue
	if err := UnmarshalOpen([]byte(`{"name":"a","Name":"b","other":{"x":[1]}}`), &v); err != nil || v.Name != "a" {
		t.Errorf("got %q, %v", v.Name, err)
	}
	wantRefusal(t, UnmarshalOpen([]byte(`{"x":1,"x":2}`), &v), check.Parse, "x")
	wantRefusal(t, UnmarshalOpen([]byte(`{"x":{"y":1,"y":2}}`), &v), check.Parse, "x.y")
	wantRefusal(t, UnmarshalOpen([]byte(`{"x":`+deep(64)+`}`), &v), check.Limit, "")
}

func TestCanonical(t *testing.T) {
	// RFC 8785, 3.2.2 to 3.2.4.
	in := []byte(`{"numbers":[333333333.33333329,1E30,4.50,2e-3],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`)
	want := `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002],"string":"€$\u000f\nA'B\"\\\\\"/"}`
	before := string(in)
	got, err := Canonical(in)
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if string(in) != before {
		t.Error("input was changed")
	}
	for _, bad := range []string{``, `{"a":1,"a":1}`, `{} x`, "\xef\xbb\xbf{}", "{\"\xff\":1}"} {
		_, err := Canonical([]byte(bad))
		wantRefusal(t, err, check.Parse, dottedOf(err))
	}
	_, err = Canonical([]byte(deep(65)))
	wantRefusal(t, err, check.Limit, "")
}

func dottedOf(err error) string {
	e, _ := errors.AsType[*check.Error](err)
	return e.Field
}

func TestLM3_Items(t *testing.T) {
	read := func(in string) (n int, err error) {
		err = Read([]byte(in), func(d *jsontext.Decoder) error {
			_, err := Members(d, func([]byte) error {
				return Items(d, 3, func(int) error {
					n++
					return d.SkipValue()
				})
			})
			return err
		})
		return n, err
	}
	for in, want := range map[string]int{`null`: 0, `{}`: 0, `{"a":null}`: 0, `{"a":[]}`: 0, `{"a":[1,[2],{"b":3}]}`: 3} {
		if n, err := read(in); n != want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", in, n, err, want)
		}
	}
	n, err := read(`{"a":[1,2,3,4,{]`)
	wantRefusal(t, err, check.Limit, "a")
	if n != 3 {
		t.Errorf("read %d elements, want 3", n)
	}
	for in, field := range map[string]string{`{"a":[1,2,3`: "a", `{"a":1}`: "a", `{"a":[1,2,3}`: "a", `[1]`: ""} {
		_, err := read(in)
		wantRefusal(t, err, check.Parse, field)
	}
}

func TestWalkPaths(t *testing.T) {
	element := func(d *jsontext.Decoder) (string, error) { return Text(d, 5) }
	read := func(in string) error {
		return Read([]byte(in), func(d *jsontext.Decoder) error {
			_, err := Members(d, func(name []byte) error {
				switch string(name) {
				case "list":
					_, err := List(d, 9, element)
					return err
				case "number":
					_, err := Number(d)
					return err
				case "bytes":
					_, err := Binary(d, 3)
					return err
				}
				return Unknown(d)
			})
			return err
		})
	}
	for in, want := range map[string]struct {
		check check.Check
		field string
	}{
		`{"list":[1]}`:                           {check.Parse, "list[0]"},
		`{"list":["a",["b"]]}`:                   {check.Parse, "list[1]"},
		`{"list":["a","123456"]}`:                {check.Limit, "list[1]"},
		`{"list":["` + deep(9) + deep(9) + `"]}`: {check.Limit, "list[0]"},
		`{"list":{}}`:                            {check.Parse, "list"},
		`{"number":"1"}`:                         {check.Parse, "number"},
		`{"number":1.0}`:                         {check.Parse, "number"},
		`{"number":1e3}`:                         {check.Parse, "number"},
		`{"number":9223372036854775808}`:         {check.Parse, "number"},
		`{"bytes":"AAAAAA=="}`:                   {check.Limit, "bytes"},
		`{"bytes":"AAAAA"}`:                      {check.Parse, "bytes"},
		`{"x":1}`:                                {check.Parse, "x"},
		`{"list":["a","b"],"list":[]}`:           {check.Parse, "list"},
		`"x"`:                                    {check.Parse, ""},
	} {
		t.Run(in, func(t *testing.T) { wantRefusal(t, read(in), want.check, want.field) })
	}
	for _, in := range []string{`{"list":["12345","\u0031\u0032\u0033\u0034\u0035"]}`, `{"number":-5,"bytes":"AAAA"}`, `{"number":null,"bytes":null,"list":null}`} {
		if err := read(in); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestValuesAreWrittenAsTheyAreRead(t *testing.T) {
	want := inner{N: -1 << 63, B: Bytes{0xfb, 0xff}, L: []inner{{N: 1<<63 - 1, B: Bytes{}}}}
	out, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	const text = `{"n":"-9223372036854775808","b":"+/8=","l":[{"n":"9223372036854775807","b":"","l":[]}]}`
	if string(out) != text {
		t.Errorf("got %s, want %s", out, text)
	}
	want.L[0].B, want.L[0].L = nil, []inner{}
	var got inner
	if err := Unmarshal(out, &got); err != nil || !cmp.Equal(want, got) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// FuzzUnmarshal holds the reader against encoding/json: what we accept, it
// accepts with the same value, and what has two readings we refuse.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{`{}`, `[1,"a",null,true,{"a":[]}]`, `{"a":1,"a":2}`, `"\u0041"`, "\xef\xbb\xbf1", `1e5`, `{"a":"\ud800"}`, deep(65), `"\\\""`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var ours, theirs any
		err := Unmarshal(data, &ours)
		if err != nil {
			e, ok := errors.AsType[*check.Error](err)
			if !ok || e.Check != check.Parse && e.Check != check.Limit || len(err.Error()) > 1024 {
				t.Fatalf("got %T %v", err, err)
			}
			return
		}
		if err := stdjson.Unmarshal(data, &theirs); err != nil {
			t.Fatalf("we accept %q, encoding/json says %v", data, err)
		}
		if !reflect.DeepEqual(ours, theirs) {
			t.Errorf("%q: got %v, encoding/json has %v", data, ours, theirs)
		}
		canonical, err := Canonical(data)
		if err != nil {
			t.Fatalf("%q is accepted but not canonicalised: %v", data, err)
		}
		again, err := Canonical(canonical)
		if err != nil || !bytes.Equal(canonical, again) {
			t.Errorf("canonical form of %q is not stable: %v", data, err)
		}
	})
}

// FuzzBytes: what is accepted is the one encoding of its value.
func FuzzBytes(f *testing.F) {
	for _, s := range []string{``, `QQ==`, `QR==`, "QQ==\n", `QQ`, `-_-_`, `====`, `QUJD`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		quoted, err := json.Marshal(s)
		if err != nil {
			return
		}
		var b Bytes
		if err := Unmarshal(quoted, &b); err != nil {
			return
		}
		if out, err := json.Marshal(b); err != nil || string(out) != string(quoted) {
			t.Errorf("%s was accepted, but is written %s (%v)", quoted, out, err)
		}
	})
}

// FuzzInt64 holds the reader against the grammar of LM-5.
func FuzzInt64(f *testing.F) {
	for _, s := range []string{`0`, `-0`, `5`, `-5`, `05`, `+5`, ` 5`, `9223372036854775808`, ``} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		quoted, err := json.Marshal(s)
		if err != nil {
			return
		}
		var i Int64
		if err := Unmarshal(quoted, &i); err != nil {
			return
		}
		out, err := json.Marshal(i)
		if err != nil || string(out) != string(quoted) && s != "-0" {
			t.Errorf("%s was accepted, but is written %s (%v)", quoted, out, err)
		}
	})
}
