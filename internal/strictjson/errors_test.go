package strictjson

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestMessagesNameExpectedAndFound(t *testing.T) {
	for in, want := range map[string]string{
		"\xef\xbb\xbf{}":              "parse: starts with a byte order mark, want JSON in UTF-8 without one",
		`{"inner":{"n":"5"`:           "parse: inner: is not strict JSON: ends too early, after byte 17",
		`{} {}`:                       `parse: is not strict JSON: invalid character '{' after top-level value at byte 3`,
		`{"x":1}`:                     "parse: x: is not a known field",
		`{"name":1}`:                  "parse: name: is a number, want a string",
		`{"inner":true}`:              "parse: inner: is a boolean, want an object",
		`{"map":{"a":"1"}}`:           "parse: map.a: is a string, want a number that fits int64",
		`{"map":{"a":1.5}}`:           "parse: map.a: invalid syntax",
		`{"flag":[]}`:                 "parse: flag: is an array, want a boolean",
		`{"inner":{"n":5}}`:           "parse: inner.n: is a number, want an integer in a string",
		`{"inner":{"n":"05"}}`:        `parse: inner.n: is "05", want an integer`,
		`{"inner":{"b":"QQ"}}`:        "parse: inner.b: is not standard padded base64",
		`{"name":"a","name":"b"}`:     "parse: name: is given twice, want it once",
		`{"a\u001b[31m":1}`:           `parse: ["a\x1b[31m"]: is not a known field`,
		`{"inner":{"l":[{},{"n":{}}]`: "parse: inner.l[1].n: is an object, want an integer in a string",
	} {
		var v outerValue
		if err := Unmarshal([]byte(in), &v); err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", in, err, want)
		}
	}
}

func TestR14_ErrorsAreBounded(t *testing.T) {
	path := strings.Repeat(`{"`+strings.Repeat("é", 60)+`":`, 60)
	for _, in := range []string{
		path + `}`, path + `1,`, path + `"` + strings.Repeat("x", 1<<16), `{"` + strings.Repeat(`\u0000`, 1000) + `":1,"":`,
	} {
		var v map[string]any
		err := Unmarshal([]byte(in), &v)
		if err == nil || len(err.Error()) > 1024 {
			t.Errorf("got %d bytes: %v", len(err.Error()), err)
		}
	}
}

func TestClip(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "",
		strings.Repeat("x", 100):      strings.Repeat("x", 100),
		strings.Repeat("x", 101):      strings.Repeat("x", 100) + "...",
		"x" + strings.Repeat("é", 60): "x" + strings.Repeat("é", 49) + "...",
		strings.Repeat("\x80", 200):   "...",
	} {
		if got := Clip(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestLM4_LM5_WalkMessages(t *testing.T) {
	text := func(d *jsontext.Decoder) error { _, err := Text(d, 5); return err }
	number := func(d *jsontext.Decoder) error { _, err := Number(d); return err }
	for _, c := range []struct {
		in   string
		read func(*jsontext.Decoder) error
		want string
	}{
		{`"123456"`, text, "limit: is 6 bytes, want at most 5"},
		{`"` + strings.Repeat("x", 35) + `"`, text, "limit: is 35 bytes, want at most 5"},
		{`"` + strings.Repeat("x", 36) + `"`, text, "limit: is more than 5 bytes"},
		{`"\u0031\u0032\u0033\u0034\u0035\u0036"`, text, "limit: is more than 5 bytes"},
		{`"5"`, number, "parse: is a string, want a number"},
		{`5.0`, number, `parse: is "5.0", want an integer`},
	} {
		if err := Read([]byte(c.in), c.read); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.in, err, c.want)
		}
	}
}
