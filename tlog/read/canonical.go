package read

import (
	"bytes"
	"crypto"
	"encoding/base64"

	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/hashname"
)

// canonical2 reads a hashedrekord 0.0.2 of a common algorithm, nil if body is
// anything else. Its canonical form is the only one that is accepted (R2-3), so
// that the text between the values is known to the byte; reading a million of
// them by a general JSON reader takes ten times as long. It never accepts what
// entry.Parse would not.
func canonical2(body []byte) *entry.Body {
	r := walker{rest: body}
	r.skip(`{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"`)
	b := &entry.Body{Kind: "hashedrekord", Version: "0.0.2", Hash: hashname.OfProto(string(r.text()))}
	r.skip(`,"digest":"`)
	b.Digest = r.binary()
	r.skip(`},"signature":{"content":"`)
	b.Signature = r.binary()
	r.skip(`,"verifier":{"keyDetails":"`)
	b.KeyDetails = string(r.text())
	if bytes.HasPrefix(r.rest, []byte(`,"publicKey"`)) {
		r.skip(`,"publicKey":{"rawBytes":"`)
		b.PublicKey = r.binary()
	} else {
		r.skip(`,"x509Certificate":{"rawBytes":"`)
		b.Certificate = r.binary()
	}
	r.skip(`}}}}}}`)
	if r.bad || len(r.rest) > 0 || len(body) > entry.MaxHashedRekord ||
		b.Hash == 0 || b.Hash != common(b.KeyDetails) || len(b.Digest) != b.Hash.Size() {
		return nil
	}
	return b
}

// common returns the hash of the usual algorithms.
func common(details string) crypto.Hash {
	switch details {
	case "PKIX_ECDSA_P256_SHA_256", "PKIX_ECDSA_P384_SHA_256",
		"PKIX_RSA_PKCS1V15_2048_SHA256", "PKIX_RSA_PKCS1V15_3072_SHA256", "PKIX_RSA_PKCS1V15_4096_SHA256":
		return crypto.SHA256
	case "PKIX_ECDSA_P384_SHA_384":
		return crypto.SHA384
	case "PKIX_ECDSA_P521_SHA_512", "PKIX_ED25519_PH":
		return crypto.SHA512
	}
	return 0
}

// A walker walks over a text of known shape.
type walker struct {
	rest []byte
	bad  bool
}

func (w *walker) skip(want string) {
	if !bytes.HasPrefix(w.rest, []byte(want)) {
		w.bad, w.rest = true, nil
		return
	}
	w.rest = w.rest[len(want):]
}

// text returns what comes before the next quotation mark. No value that is
// accepted has a backslash in it.
func (w *walker) text() []byte {
	n := bytes.IndexByte(w.rest, '"')
	if n < 0 {
		w.bad, w.rest = true, nil
		return nil
	}
	v := w.rest[:n]
	w.rest = w.rest[n+1:]
	return v
}

// binary returns the bytes of a value in base64, which is not empty.
func (w *walker) binary() []byte {
	v := w.text()
	out := make([]byte, base64.StdEncoding.DecodedLen(len(v)))
	n, err := base64.StdEncoding.Strict().Decode(out, v)
	// The decoder skips the ends of lines.
	if err != nil || n == 0 || bytes.ContainsAny(v, "\r\n") {
		w.bad = true
	}
	return out[:n]
}
