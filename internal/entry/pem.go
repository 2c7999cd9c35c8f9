package entry

import (
	"bytes"
	"encoding/base64"

	"github.com/hallmarksign/hallmark/internal/check"
)

// verifier puts the PEM block of a Rekor v1 entry into b: a certificate or a
// public key. The field is its path in the body.
func (b *Body) verifier(pem []byte, field string) error {
	if len(pem) == 0 {
		return check.Refuse("EB-2", check.Entry, "is missing").At(field)
	}
	typ, der, ok := parsePEM(pem)
	if !ok {
		return check.Refuse("EB-2", check.Entry, "is not one PEM block without headers and without text around it").At(field)
	}
	if typ != "CERTIFICATE" && typ != "PUBLIC KEY" {
		return check.Refuse("EB-2", check.Entry, "PEM block is a %q, want CERTIFICATE or PUBLIC KEY", typ).At(field)
	}
	if typ == "CERTIFICATE" {
		b.Certificate = der
	} else {
		b.PublicKey = der
	}
	return nil
}

// parsePEM reads text that is exactly one PEM block. Package encoding/pem looks
// for a block in any text and skips broken ones, so two readers of one text
// could see different certificates.
func parsePEM(s []byte) (typ string, der []byte, ok bool) {
	first, rest, ok := bytes.Cut(bytes.TrimSuffix(s, []byte("\n")), []byte("\n"))
	end := bytes.LastIndexByte(rest, '\n')
	if !ok || end < 0 {
		return "", nil, false
	}
	data, last := rest[:end], rest[end+1:]
	name, begun := bytes.CutPrefix(first, []byte("-----BEGIN "))
	name, whole := bytes.CutSuffix(name, []byte("-----"))
	if !begun || !whole || string(last) != "-----END "+string(name)+"-----" {
		return "", nil, false
	}
	// The decoder skips line breaks. A carriage return is none here.
	der = make([]byte, base64.StdEncoding.DecodedLen(len(data)))
	n, err := base64.StdEncoding.Strict().Decode(der, data)
	if err != nil || n == 0 || bytes.IndexByte(data, '\r') >= 0 {
		return "", nil, false
	}
	return string(name), der[:n:n], true
}
