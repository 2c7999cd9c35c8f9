package entry

import (
	"encoding/base64"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Bodies of Rekor v1. Fields that are not read here are allowed: the log wrote
// them, and its promise or proof covers them (EB-7).

// readHashedRekord1 reads hashedrekord 0.0.1 (EB-2).
func readHashedRekord1(b *Body, body []byte) (err error) {
	var doc struct {
		head
		Spec struct {
			Data struct {
				Hash *hash `json:"hash"`
			} `json:"data"`
			Signature struct {
				Content   strictjson.Bytes `json:"content"`
				PublicKey struct {
					Content strictjson.Bytes `json:"content"`
				} `json:"publicKey"`
			} `json:"signature"`
		} `json:"spec"`
	}
	if err := decode(body, &doc, strictjson.UnmarshalOpen); err != nil {
		return err
	}
	if err := doc.is(b.Kind, b.Version); err != nil {
		return err
	}
	if b.Hash, b.Digest, err = doc.Spec.Data.Hash.parse("spec.data.hash"); err != nil {
		return err
	}
	if len(doc.Spec.Signature.Content) == 0 {
		return check.Refuse("EB-2", check.Entry, "is missing").At("spec.signature.content")
	}
	b.Signature = doc.Spec.Signature.Content
	return b.verifier(doc.Spec.Signature.PublicKey.Content, "spec.signature.publicKey.content")
}

// readDSSE reads dsse 0.0.1 (EB-4). The hash of the envelope covers an encoding
// that nobody can rebuild, so that only its shape says anything.
func readDSSE(b *Body, body []byte) (err error) {
	var doc struct {
		head
		Spec struct {
			EnvelopeHash *hash `json:"envelopeHash"`
			PayloadHash  *hash `json:"payloadHash"`
			Signatures   []struct {
				Signature strictjson.Bytes `json:"signature"`
				Verifier  strictjson.Bytes `json:"verifier"`
			} `json:"signatures"`
		} `json:"spec"`
	}
	if err := decode(body, &doc, strictjson.UnmarshalOpen); err != nil {
		return err
	}
	if err := doc.is(b.Kind, b.Version); err != nil {
		return err
	}
	if _, _, err := doc.Spec.EnvelopeHash.parse("spec.envelopeHash"); err != nil {
		return err
	}
	if b.Hash, b.Digest, err = doc.Spec.PayloadHash.parse("spec.payloadHash"); err != nil {
		return err
	}
	if n := len(doc.Spec.Signatures); n != 1 {
		return check.Refuse("EB-4", check.Entry, "has %d signatures, want exactly 1", n).At("spec.signatures")
	}
	s := doc.Spec.Signatures[0]
	if len(s.Signature) == 0 {
		return check.Refuse("EB-4", check.Entry, "is missing").At("spec.signatures[0].signature")
	}
	b.Signature = s.Signature
	return b.verifier(s.Verifier, "spec.signatures[0].verifier")
}

// readIntoto reads intoto 0.0.2 (EB-5).
func readIntoto(b *Body, body []byte) (err error) {
	var doc struct {
		head
		Spec struct {
			Content struct {
				PayloadHash *hash `json:"payloadHash"`
				Envelope    struct {
					Signatures []struct {
						Sig       strictjson.Bytes `json:"sig"`
						PublicKey strictjson.Bytes `json:"publicKey"`
					} `json:"signatures"`
				} `json:"envelope"`
			} `json:"content"`
		} `json:"spec"`
	}
	if err := decode(body, &doc, strictjson.UnmarshalOpen); err != nil {
		return err
	}
	if err := doc.is(b.Kind, b.Version); err != nil {
		return err
	}
	if b.Hash, b.Digest, err = doc.Spec.Content.PayloadHash.parse("spec.content.payloadHash"); err != nil {
		return err
	}
	if n := len(doc.Spec.Content.Envelope.Signatures); n != 1 {
		return check.Refuse("EB-5", check.Entry, "has %d signatures, want exactly 1", n).At("spec.content.envelope.signatures")
	}
	s := doc.Spec.Content.Envelope.Signatures[0]
	// What the envelope has in base64 is put into base64 once more by the log.
	b.Signature, err = base64.StdEncoding.Strict().DecodeString(string(s.Sig))
	if err != nil || len(b.Signature) == 0 || base64.StdEncoding.EncodeToString(b.Signature) != string(s.Sig) {
		return check.Refuse("EB-5", check.Entry, "is not a signature in base64 twice").At("spec.content.envelope.signatures[0].sig")
	}
	return b.verifier(s.PublicKey, "spec.content.envelope.signatures[0].publicKey")
}
