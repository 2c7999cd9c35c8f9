package entry

import (
	"encoding/base64"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// verifier puts the PEM block of a Rekor v1 entry into b: a certificate or a
// public key. The field is its path in the body.
func (b *Body) verifier(pem []byte, field string) error {
	if len(pem) == 0 {
		return check.Refuse("EB-2", check.Entry, "is missing").At(field)
	}
	typ, der, ok := parsePEM(string(pem))
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
func parsePEM(s string) (typ string, der []byte, ok bool) {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	if len(lines) < 3 {
		return "", nil, false
	}
	typ, ok = strings.CutPrefix(lines[0], "-----BEGIN ")
	if !ok {
		return "", nil, false
	}
	typ, ok = strings.CutSuffix(typ, "-----")
	if !ok || lines[len(lines)-1] != "-----END "+typ+"-----" {
		return "", nil, false
	}
	// A carriage return would be skipped by the decoder.
	data := strings.Join(lines[1:len(lines)-1], "")
	der, err := base64.StdEncoding.Strict().DecodeString(data)
	if err != nil || len(der) == 0 || strings.Contains(data, "\r") {
		return "", nil, false
	}
	return typ, der, true
}
