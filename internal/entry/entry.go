// Package entry reads and writes the bodies of transparency log entries.
package entry

import (
	"bytes"
	"crypto"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Limits of what is read (LM-4).
const (
	MaxHashedRekord = 1 << 20   // bytes of a hashedrekord body
	MaxAttestation  = 100 << 10 // bytes of a dsse or intoto body
)

// A Body is what a log entry says was signed, by which key.
type Body struct {
	Kind, Version string
	Hash          crypto.Hash // of Digest
	Digest        []byte      // hashedrekord: of the artifact or of the PAE; dsse, intoto: of the payload
	Signature     []byte
	Certificate   []byte // DER; nil when the verifier is a public key
	PublicKey     []byte // SPKI DER; nil when the verifier is a certificate
	KeyDetails    string // hashedrekord 0.0.2 only, such as "PKIX_ECDSA_P256_SHA_256"
}

// Parse reads the body of an entry of the given kind and version:
// hashedrekord 0.0.1 and 0.0.2, dsse 0.0.1, intoto 0.0.2 (R2-1, EB-1..EB-7).
// Errors are *check.Error of check entry, parse or limit.
func Parse(kind, version string, body []byte) (*Body, error) {
	read, limit, err := reader(kind, version)
	if err != nil {
		return nil, err
	}
	if len(body) > limit {
		return nil, check.Refuse("LM-4", check.Limit, "%s body has %d bytes, want at most %d", kind, len(body), limit)
	}
	b := &Body{Kind: kind, Version: version}
	if err := read(b, body); err != nil {
		// What else is wrong with it matters less than that it is another kind.
		if other := declares(body, kind, version); other != nil {
			return nil, other
		}
		return nil, err
	}
	return b, nil
}

// A head says what a body is.
type head struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
}

// is checks that a body is what its entry says (EB-1).
func (h head) is(kind, version string) error {
	if h.Kind != kind || h.APIVersion != version {
		return check.Refuse("EB-1", check.Entry, "body is %q %q, want %q %q", h.Kind, h.APIVersion, kind, version)
	}
	return nil
}

// declares reads no more of a body than what it says it is.
func declares(body []byte, kind, version string) error {
	var h head
	if err := decode(body, &h, strictjson.UnmarshalOpen); err != nil {
		return err
	}
	return h.is(kind, version)
}

// Known reports by its error whether entries of a kind and version are read at
// all; it is a *check.Error of check entry (R2-1, EB-1).
func Known(kind, version string) error {
	_, _, err := reader(kind, version)
	return err
}

// reader finds what reads bodies of a kind and version, and how large they may be.
func reader(kind, version string) (read func(*Body, []byte) error, limit int, err error) {
	name := kind + " " + version
	if name == "dsse 0.0.2" {
		return nil, 0, check.Refuse("R2-1", check.Entry,
			"entry is dsse 0.0.2, which left the Rekor v2 specification; attestations are logged as hashedrekord 0.0.2")
	}
	if name == "intoto 0.0.1" {
		return nil, 0, check.Refuse("EB-5", check.Entry, "entry is intoto 0.0.1, which does not hold the signature")
	}
	switch name {
	case "hashedrekord 0.0.1":
		read, limit = readHashedRekord1, MaxHashedRekord
	case "hashedrekord 0.0.2":
		read, limit = readHashedRekord2, MaxHashedRekord
	case "dsse 0.0.1":
		read, limit = readDSSE, MaxAttestation
	case "intoto 0.0.2":
		read, limit = readIntoto, MaxAttestation
	}
	if read == nil {
		return nil, 0, check.Refuse("EB-1", check.Entry,
			"entry is %q %q, want hashedrekord 0.0.1 or 0.0.2, dsse 0.0.1 or intoto 0.0.2", kind, version)
	}
	return read, limit, nil
}

// decode is one of strictjson's functions, but tells bodies that are not JSON
// (check parse) from JSON objects of another shape (check entry).
func decode(body []byte, v any, unmarshal func([]byte, any) error) error {
	err := unmarshal(body, v)
	if check.Of(err) != check.Parse {
		return err
	}
	canonical, bad := strictjson.Canonical(body)
	if bad == nil && bytes.HasPrefix(canonical, []byte("{")) {
		return check.Refuse("EB-7", check.Entry, "%v", err)
	}
	return err
}
