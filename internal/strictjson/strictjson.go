// Package strictjson reads JSON in the one way that has a single meaning:
// UTF-8 without BOM, no duplicate names, names in their exact case, nothing
// after the value, bounded nesting (LM-2, BP-2).
//
// Unmarshal fills a Go value. Read walks over the text with Members, Items,
// Text, Binary and Integer instead, which costs less and stops at the first
// element too many. Every error is a *check.Error of check parse or limit, at
// most 1 KiB long, whose Field is a path such as "tlogEntries[0].logIndex".
package strictjson

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Bounds of every document.
const (
	MaxDepth    = 64       // nested objects and arrays
	MaxMembers  = 100_000  // members of one object
	MaxElements = 1 << 18  // elements of one array
	MaxName     = 64 << 10 // bytes of one name, as it is written
)

// Unmarshal decodes data into v and refuses unknown members.
func Unmarshal(data []byte, v any) error {
	return unmarshal(data, v, json.RejectUnknownMembers(true))
}

// UnmarshalOpen is Unmarshal, but ignores unknown members.
func UnmarshalOpen(data []byte, v any) error { return unmarshal(data, v) }

// Read decodes the one value in data with f, which must read exactly that value.
// It returns errors of f as they are if they are of type *check.Error.
func Read(data []byte, f func(*jsontext.Decoder) error) error {
	w := walk(f)
	return unmarshal(data, &w)
}

// walk lets json.Unmarshal lend its pooled decoder.
type walk func(*jsontext.Decoder) error

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (w walk) UnmarshalJSONFrom(d *jsontext.Decoder) error { return w(d) }

func unmarshal(data []byte, v any, opts ...json.Options) error {
	if err := scan(data); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v, opts...); err != nil {
		return translate(err)
	}
	return nil
}

// Canonical returns data in the canonical form of RFC 8785.
func Canonical(data []byte) ([]byte, error) {
	if err := scan(data); err != nil {
		return nil, err
	}
	v := jsontext.Value(bytes.Clone(data))
	if err := v.Canonicalize(); err != nil {
		return nil, translate(err)
	}
	return v, nil
}

// structural marks the bytes that scan looks at.
var structural = [256]bool{'"': true, '{': true, '[': true, '}': true, ']': true, ':': true, ',': true}

// scan looks for what would cost too much to decode first. It need not notice
// any other fault.
func scan(data []byte) error {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return check.Refuse("LM-2", check.Parse, "starts with a byte order mark, want JSON in UTF-8 without one")
	}
	var members, commas [MaxDepth + 1]int // per open object or array
	depth, last := 0, 0                   // last is the length of the string before
	for i := 0; i < len(data); i++ {
		if !structural[data[i]] {
			continue
		}
		switch data[i] {
		case '"':
			end := endOfString(data, i+1)
			last, i = end-i-1, end
		case '{', '[':
			depth++
			if depth > MaxDepth {
				return check.Refuse("LM-2", check.Limit, "is nested deeper than %d levels at byte %d", MaxDepth, i)
			}
			members[depth], commas[depth] = 0, 0
		case '}', ']':
			depth = max(depth-1, 0)
		case ',':
			if commas[depth]++; commas[depth] >= MaxElements {
				return check.Refuse("LM-2", check.Limit, "has an array with more than %d elements at byte %d", MaxElements, i)
			}
		case ':':
			members[depth]++
			if members[depth] > MaxMembers {
				return check.Refuse("LM-2", check.Limit, "has an object with more than %d members at byte %d", MaxMembers, i)
			}
			if last > MaxName {
				return check.Refuse("LM-2", check.Limit, "has a name of more than %d bytes before byte %d", MaxName, i)
			}
		}
	}
	return nil
}

// endOfString returns the index of the quote that ends the string whose text
// starts at start, or len(data).
func endOfString(data []byte, start int) int {
	for i := start; ; i++ {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return len(data)
		}
		i += n
		slashes := 0
		for i-slashes > start && data[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
}
