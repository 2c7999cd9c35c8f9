// Package strictjson reads JSON in the one way that has a single meaning:
// UTF-8 without BOM, no duplicate names, names in their exact case, nothing
// after the value (LM-2, BP-2).
package strictjson

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Unmarshal decodes data into v and refuses unknown members. Its error is a
// *check.Error of check parse whose Field is the path of the fault.
func Unmarshal(data []byte, v any) error {
	return unmarshal(data, v, json.RejectUnknownMembers(true))
}

// UnmarshalOpen is Unmarshal, but ignores unknown members.
func UnmarshalOpen(data []byte, v any) error { return unmarshal(data, v) }

func unmarshal(data []byte, v any, opts ...json.Options) error {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return check.Refuse("LM-2", check.Parse, "starts with a byte order mark")
	}
	err := json.Unmarshal(data, v, opts...)
	var refused *check.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return refused
	}
	return check.Refuse("LM-2", check.Parse, "%v", err)
}

// Canonical returns data in the canonical form of RFC 8785.
func Canonical(data []byte) ([]byte, error) {
	v := jsontext.Value(bytes.Clone(data))
	if err := v.Canonicalize(); err != nil {
		return nil, err
	}
	return v, nil
}

// Bytes is binary data in standard, padded, strict base64 (BP-2).
type Bytes []byte

// UnmarshalJSONFrom implements json.UnmarshalerFrom. Null leaves b nil.
func (b *Bytes) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch t.Kind() {
	case 'n':
		*b = nil
		return nil
	case '"':
	default:
		return fmt.Errorf("is %v, want a base64 string", t.Kind())
	}
	s := t.String()
	out, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(s) != base64.StdEncoding.EncodedLen(len(out)) {
		return errors.New("is not standard padded base64")
	}
	*b = out
	return nil
}

// Int64 is an integer in a JSON string, as proto3 JSON writes it (LM-5).
type Int64 int64

// UnmarshalJSONFrom implements json.UnmarshalerFrom. Null leaves i as it is.
func (i *Int64) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch t.Kind() {
	case 'n':
		return nil
	case '"':
	default:
		return fmt.Errorf("is %v, want an integer in a string", t.Kind())
	}
	n, err := strconv.ParseInt(t.String(), 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != t.String() {
		return fmt.Errorf("is %q, want an integer", t.String())
	}
	*i = Int64(n)
	return nil
}
