package strictjson

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Members reads an object and calls member after each name; member must read
// the value. The name is valid until then. Null counts as absent: Members then
// returns false and calls nothing.
func Members(d *jsontext.Decoder, member func(name []byte) error) (present bool, err error) {
	if present, err = enter(d, '{'); !present {
		return false, err
	}
	for d.PeekKind() != '}' {
		raw, err := d.ReadValue()
		if err != nil {
			return false, err
		}
		name, err := unquote(raw)
		if err != nil {
			return false, err
		}
		if err := member(name); err != nil {
			return false, err
		}
	}
	_, err = d.ReadToken()
	return true, err
}

// Unknown refuses the member whose name was read last (BP-3).
func Unknown(d *jsontext.Decoder) error {
	return check.Refuse("BP-3", check.Parse, "is not a known field").At(Where(d))
}

// Items reads an array of at most limit elements, limit ≥ 1, and calls item for
// each; item must read it. It stops before element limit+1. Null counts as an
// empty array.
func Items(d *jsontext.Decoder, limit int, item func(i int) error) error {
	if present, err := enter(d, '['); !present {
		return err
	}
	for i := 0; d.PeekKind() != ']'; i++ {
		if i >= limit && isValue(d.PeekKind()) {
			return check.Refuse("LM-3", check.Limit, "has more than %d elements", limit).At(outer(d))
		}
		if err := item(i); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// List reads an array of at most limit elements with element.
func List[T any](d *jsontext.Decoder, limit int, element func(*jsontext.Decoder) (T, error)) ([]T, error) {
	var list []T
	err := Items(d, limit, func(int) error {
		v, err := element(d)
		list = append(list, v)
		return err
	})
	return list, err
}

// enter reads the start of an object or array. It returns false for null.
func enter(d *jsontext.Decoder, want jsontext.Kind) (bool, error) {
	if k := d.PeekKind(); isValue(k) && k != want && k != 'n' {
		return false, check.Refuse("BP-2", check.Parse, "is %s, want %s", describe(k), describe(want)).At(next(d))
	}
	t, err := d.ReadToken()
	return err == nil && t.Kind() == want, err
}

// str reads a string and returns its text, which is valid until the next read,
// or nil for null. It refuses what must be longer than limit bytes before it
// undoes escapes; up to six characters stand for one byte.
func str(d *jsontext.Decoder, want string, limit int) ([]byte, error) {
	k := d.PeekKind()
	if isValue(k) && k != '"' && k != 'n' {
		return nil, check.Refuse("BP-2", check.Parse, "is %s, want %s", describe(k), want).At(next(d))
	}
	raw, err := d.ReadValue()
	if err != nil || k == 'n' {
		return nil, err
	}
	if (len(raw)-2)/6 > limit {
		return nil, check.Refuse("LM-4", check.Limit, "is more than %d bytes", limit).At(Where(d))
	}
	return unquote(raw)
}

// isValue reports whether a value of kind k can be read. If not, reading tells why.
func isValue(k jsontext.Kind) bool { return k != 0 && k != '}' && k != ']' }

// next returns the path of the value that d will read next.
func next(d *jsontext.Decoder) string {
	kind, n := d.StackIndex(d.StackDepth())
	if kind != '[' {
		return Where(d) // of the name before it
	}
	return outer(d) + "[" + strconv.FormatInt(n, 10) + "]"
}

// outer returns the path of the array that d is reading.
func outer(d *jsontext.Decoder) string {
	p := d.StackPointer()
	if _, n := d.StackIndex(d.StackDepth()); n > 0 {
		p = p.Parent() // it points to the element before
	}
	return dotted(p)
}

// unquote returns the text of a JSON string, without a copy if it can.
func unquote(raw []byte) ([]byte, error) {
	if len(raw) >= 2 && bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	return jsontext.AppendUnquote(nil, raw)
}

// Text reads a string of at most limit bytes. Null counts as "".
func Text(d *jsontext.Decoder, limit int) (string, error) {
	s, err := str(d, "a string", limit)
	if err != nil {
		return "", err
	}
	if len(s) > limit {
		return "", check.Refuse("LM-4", check.Limit, "is %d bytes, want at most %d", len(s), limit).At(Where(d))
	}
	return string(s), nil
}

// Binary reads at most limit bytes in standard, padded base64 without line
// breaks and without spare bits (BP-2). Null and "" give nil.
func Binary(d *jsontext.Decoder, limit int) ([]byte, error) {
	s, err := str(d, "a base64 string", math.MaxInt)
	if err != nil || len(s) == 0 {
		return nil, err
	}
	size := len(s) / 4 * 3
	for i := len(s) - 1; i >= max(len(s)-2, 0) && s[i] == '='; i-- {
		size--
	}
	if size > limit {
		return nil, check.Refuse("LM-4", check.Limit, "is %d bytes, want at most %d", size, limit).At(Where(d))
	}
	out := make([]byte, len(s)/4*3) // the decoder writes up to whole groups
	n, err := base64.StdEncoding.Strict().Decode(out, s)
	// The decoder skips line breaks, so a short result means there were some.
	if err != nil || n != size || len(s)%4 != 0 {
		return nil, check.Refuse("BP-2", check.Parse, "is not standard padded base64").At(Where(d))
	}
	return out[:n:n], nil
}

// Integer reads an int64 that is written as a string, as proto3 JSON does
// (LM-5). Null counts as 0.
func Integer(d *jsontext.Decoder) (int64, error) {
	s, err := str(d, "an integer in a string", math.MaxInt)
	if err != nil || s == nil {
		return 0, err
	}
	return parseInteger(d, s)
}

// Number reads an int64 that is written as a JSON number without fraction and
// exponent. Null counts as 0.
func Number(d *jsontext.Decoder) (int64, error) {
	k := d.PeekKind()
	if isValue(k) && k != '0' && k != 'n' {
		return 0, check.Refuse("BP-2", check.Parse, "is %s, want a number", describe(k)).At(next(d))
	}
	v, err := d.ReadValue()
	if err != nil || k == 'n' {
		return 0, err
	}
	return parseInteger(d, v)
}

func parseInteger(d *jsontext.Decoder, s []byte) (int64, error) {
	s = s[:min(len(s), maxClip+1)] // still more digits than any int64 has
	if !isInteger(s) {
		return 0, check.Refuse("LM-5", check.Parse, "is %q, want an integer", Clip(string(s))).At(Where(d))
	}
	n, err := strconv.ParseInt(string(s), 10, 64)
	if err != nil {
		return 0, check.Refuse("LM-5", check.Parse, "is %q, want an integer of 64 bits", Clip(string(s))).At(Where(d))
	}
	return n, nil
}

// isInteger reports whether s is -?(0|[1-9][0-9]*).
func isInteger(s []byte) bool {
	s = bytes.TrimPrefix(s, []byte("-"))
	if len(s) == 0 || s[0] == '0' && len(s) > 1 {
		return false
	}
	for _, c := range s {
		if c < '0' || '9' < c {
			return false
		}
	}
	return true
}
