package entry

import (
	"bytes"
	"encoding/base64"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/hashname"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// The document of hashedrekord 0.0.2: protojson of HashedRekordLogEntryV002
// inside Rekor's frame.
type (
	rekord2 struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Spec       struct {
			HashedRekordV002 struct {
				Data      data2      `json:"data"`
				Signature signature2 `json:"signature"`
			} `json:"hashedRekordV002"`
		} `json:"spec"`
	}
	data2 struct {
		Algorithm string           `json:"algorithm"`
		Digest    strictjson.Bytes `json:"digest"`
	}
	signature2 struct {
		Content  strictjson.Bytes `json:"content"`
		Verifier verifier2        `json:"verifier"`
	}
	verifier2 struct {
		KeyDetails      string `json:"keyDetails"`
		PublicKey       *raw2  `json:"publicKey"`
		X509Certificate *raw2  `json:"x509Certificate"`
	}
	raw2 struct {
		RawBytes strictjson.Bytes `json:"rawBytes"`
	}
)

// readHashedRekord2 reads hashedrekord 0.0.2. The log hashes the canonical form,
// so any other form is not what is in the log (R2-3).
func readHashedRekord2(b *Body, body []byte) error {
	var doc rekord2
	if err := decode(body, &doc, strictjson.Unmarshal); err != nil {
		return err
	}
	spec := doc.Spec.HashedRekordV002
	b.Hash = hashname.OfProto(spec.Data.Algorithm)
	if b.Hash == 0 {
		return check.Refuse("EB-3", check.Entry, "is %q, want SHA2_256, SHA2_384 or SHA2_512", spec.Data.Algorithm).
			At("spec.hashedRekordV002.data.algorithm")
	}
	b.Digest, b.Signature, b.KeyDetails = spec.Data.Digest, spec.Signature.Content, spec.Signature.Verifier.KeyDetails
	if v := spec.Signature.Verifier.X509Certificate; v != nil {
		b.Certificate = v.RawBytes
	}
	if v := spec.Signature.Verifier.PublicKey; v != nil {
		b.PublicKey = v.RawBytes
	}
	canonical, err := HashedRekord2(b)
	if err != nil {
		return err
	}
	if !bytes.Equal(canonical, body) {
		return check.Refuse("R2-3", check.Entry, "body is not the canonical form of the entry")
	}
	return nil
}

// HashedRekord2 returns the canonical hashedrekord 0.0.2 body (R2-2), or an
// error of check entry when b can't be logged as one.
func HashedRekord2(b *Body) ([]byte, error) {
	if err := b.check2(); err != nil {
		return nil, err
	}
	return b.canonical(), nil
}

// canonical writes b in the canonical form of RFC 8785: names are in order, and
// no value needs an escape, for check2 knows them all or they are in base64.
func (b *Body) canonical() []byte {
	field, key := "publicKey", b.PublicKey
	if b.Certificate != nil {
		field, key = "x509Certificate", b.Certificate
	}
	encoded := base64.StdEncoding.EncodedLen
	out := make([]byte, 0, 300+encoded(len(b.Digest))+encoded(len(b.Signature))+encoded(len(key)))
	out = append(out, `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"`...)
	out = append(out, hashname.ProtoName(b.Hash)...)
	out = append(out, `","digest":"`...)
	out = base64.StdEncoding.AppendEncode(out, b.Digest)
	out = append(out, `"},"signature":{"content":"`...)
	out = base64.StdEncoding.AppendEncode(out, b.Signature)
	out = append(out, `","verifier":{"keyDetails":"`...)
	out = append(out, b.KeyDetails...)
	out = append(append(append(out, `","`...), field...), `":{"rawBytes":"`...)
	out = base64.StdEncoding.AppendEncode(out, key)
	return append(out, `"}}}}}}`...)
}

// check2 checks that b has what hashedrekord 0.0.2 needs, and that its parts
// agree (EB-3).
func (b *Body) check2() error {
	const path = "spec.hashedRekordV002."
	if hashname.ProtoName(b.Hash) == "" {
		return check.Refuse("EB-3", check.Entry, "hash is number %d, want SHA-256, SHA-384 or SHA-512", uint(b.Hash)).At(path + "data.algorithm")
	}
	if len(b.Digest) != b.Hash.Size() {
		return check.Refuse("EB-3", check.Entry, "has %d bytes, want %d", len(b.Digest), b.Hash.Size()).At(path + "data.digest")
	}
	if len(b.Signature) == 0 {
		return check.Refuse("EB-3", check.Entry, "is missing").At(path + "signature.content")
	}
	if (len(b.Certificate) == 0) == (len(b.PublicKey) == 0) {
		return check.Refuse("EB-3", check.Entry, "want exactly one of x509Certificate and publicKey").At(path + "signature.verifier")
	}
	if b.KeyDetails == "PKIX_ED25519" {
		return check.Refuse("SG-4", check.Entry, "is PKIX_ED25519, which signs no digest, so it can't be logged as hashedrekord").
			At(path + "signature.verifier.keyDetails")
	}
	hash := detailsHash(b.KeyDetails)
	if hash == 0 {
		return check.Refuse("EB-3", check.Entry, "is %q, which is not known", b.KeyDetails).At(path + "signature.verifier.keyDetails")
	}
	if hash != b.Hash {
		return check.Refuse("EB-3", check.Entry, "is %q, but the digest is %s", b.KeyDetails, hashname.ProtoName(b.Hash)).
			At(path + "signature.verifier.keyDetails")
	}
	return nil
}
