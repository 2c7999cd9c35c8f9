package strictjson

import (
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Bounds of error texts, so that the whole stays below 1 KiB.
const (
	maxClip = 100
	maxPath = 256
	maxName = 64
)

// Where returns the path of the value that d read last.
func Where(d *jsontext.Decoder) string { return dotted(d.StackPointer()) }

// Clip shortens text from outside so that it fits an error.
func Clip(s string) string { return clip(s, maxClip) }

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}

// dotted turns a JSON pointer (RFC 6901) into a path such as a.b[0].c. A member
// whose name is a number looks like an index; the path is for people only.
func dotted(p jsontext.Pointer) string {
	var b strings.Builder
	for name := range p.Tokens() {
		switch {
		case isIndex(name):
			b.WriteString("[" + name + "]")
		case !isPlain(name):
			b.WriteString("[" + strconv.QuoteToASCII(clip(name, maxName)) + "]")
		case b.Len() > 0:
			b.WriteString("." + name)
		default:
			b.WriteString(name)
		}
		if b.Len() > maxPath {
			return clip(b.String(), maxPath)
		}
	}
	return b.String()
}

func isIndex(s string) bool {
	return s != "" && len(s) < 10 && strings.Trim(s, "0123456789") == ""
}

func isPlain(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for _, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		digit := '0' <= c && c <= '9'
		if !letter && !digit && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// translate turns an error of the JSON library into one of ours.
func translate(err error) error {
	if refused, ok := errors.AsType[*check.Error](err); ok {
		return refused
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return syntaxError(syntax)
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return semanticError(semantic)
	}
	return check.Refuse("LM-2", check.Parse, "%s", Clip(err.Error()))
}

func syntaxError(err *jsontext.SyntacticError) error {
	field := dotted(err.JSONPointer)
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return check.Refuse("LM-2", check.Parse, "is given twice, want it once").At(field)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return check.Refuse("LM-2", check.Parse, "is not strict JSON: ends too early, after byte %d", err.ByteOffset).At(field)
	}
	return check.Refuse("LM-2", check.Parse, "is not strict JSON: %s at byte %d", Clip(err.Err.Error()), err.ByteOffset).At(field)
}

func semanticError(err *json.SemanticError) error {
	field := dotted(err.JSONPointer)
	if errors.Is(err, json.ErrUnknownName) {
		return check.Refuse("BP-3", check.Parse, "is not a known field").At(field)
	}
	if err.Err != nil {
		return check.Refuse("BP-2", check.Parse, "%s", Clip(err.Err.Error())).At(field)
	}
	return check.Refuse("BP-2", check.Parse, "is %s, want %s", describe(err.JSONKind), wanted(err.GoType)).At(field)
}

// describe names a kind of JSON value with its article.
func describe(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "no JSON value"
}

// wanted names the kind of JSON value that fits a Go type.
func wanted(t reflect.Type) string {
	if t == nil {
		return "another type"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "a boolean"
	case reflect.String:
		return "a string"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a string"
		}
		return "an array"
	case reflect.Pointer:
		return wanted(t.Elem())
	}
	if reflect.Int <= t.Kind() && t.Kind() <= reflect.Float64 {
		return "a number that fits " + t.Kind().String()
	}
	return "another type"
}
