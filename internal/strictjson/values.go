package strictjson

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Bytes is binary data in standard, padded, strict base64 (BP-2). It is written
// the same way; use omitzero where nil means absent.
type Bytes []byte

// UnmarshalJSONFrom implements json.UnmarshalerFrom. Null gives nil.
func (b *Bytes) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	out, err := Binary(d, math.MaxInt)
	*b = out
	return err
}

// MarshalJSONTo implements json.MarshalerTo.
func (b Bytes) MarshalJSONTo(e *jsontext.Encoder) error {
	return e.WriteToken(jsontext.String(base64.StdEncoding.EncodeToString(b)))
}

// Int64 is an integer in a JSON string, as proto3 JSON writes it (LM-5).
type Int64 int64

// UnmarshalJSONFrom implements json.UnmarshalerFrom. Null gives 0.
func (i *Int64) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	n, err := Integer(d)
	*i = Int64(n)
	return err
}

// MarshalJSONTo implements json.MarshalerTo.
func (i Int64) MarshalJSONTo(e *jsontext.Encoder) error {
	return e.WriteToken(jsontext.String(strconv.FormatInt(int64(i), 10)))
}
