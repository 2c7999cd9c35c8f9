package oci

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Media types and annotations of the older scheme: an image under a tag made of
// the digest, each layer one signature or attestation, with its evidence in
// annotations of the layer.
const (
	typeSimple   = "application/vnd.dev.cosign.simplesigning.v1+json"
	typeEnvelope = "application/vnd.dsse.envelope.v1+json"

	noteSignature   = "dev.cosignproject.cosign/signature"
	noteCertificate = "dev.sigstore.cosign/certificate"
	noteChain       = "dev.sigstore.cosign/chain"
	noteBundle      = "dev.sigstore.cosign/bundle"
	noteTimestamp   = "dev.sigstore.cosign/rfc3161timestamp"
	notePredicate   = "predicateType"
)

const (
	suffixSig = ".sig"
	suffixAtt = ".att"
)

// maxNotes bounds the annotations of one layer (O35).
const maxNotes = 2 << 20 // unit: bytes of the annotations of one layer; a layer with more is refused

func (l *listing) signatures() bool { return l.old(suffixSig, WhereSig, typeSimple) }

func (l *listing) attestations() bool { return l.old(suffixAtt, WhereAtt, typeEnvelope) }

// old reads what is under an old tag. What was added last is newest.
func (l *listing) old(suffix, where, media string) bool {
	doc, err := l.a.extras.manifest(l.ctx, fallbackTag(l.a.Digest)+suffix)
	if errors.Is(err, errMissing) {
		return true
	}
	if err == nil && doc.index() {
		err = check.Refuse("OC-5", check.OCI, "%q is an index, want an image manifest", fallbackTag(l.a.Digest)+suffix)
	}
	if err != nil {
		return l.yield(Found{Where: where}, unread(fallbackTag(l.a.Digest)+suffix, err))
	}
	layers := doc.layers()
	return l.each(where, len(layers), func(i int) (*Found, error) {
		layer := layers[len(layers)-1-i]
		found, err := heldOld(l.ctx, l.a.extras, layer, media, l.a.Digest)
		found.Digest = layer.Digest
		return &found, err
	})
}

// heldOld converts one layer under an old tag of an image.
func heldOld(ctx context.Context, from source, d descriptor, media, image string) (Found, error) {
	if d.MediaType != media {
		return Found{}, check.Refuse("OC-2", check.OCI, "layer %s is of type %q, want %q", d.Digest, strictjson.Clip(d.MediaType), media)
	}
	limit := int64(maxPayload)
	if media == typeEnvelope {
		limit = MaxBundle
	}
	payload, err := read(ctx, from, d, limit)
	if err != nil {
		return Found{}, err
	}
	if media == typeEnvelope {
		if len(payload) == 0 || payload[0] != '{' {
			return Found{}, check.Refuse("BP-8", check.DSSE, "layer %s is not an envelope", d.Digest)
		}
		b, err := convert(payload, d.Annotations)
		return Found{Bundle: b}, err
	}
	// The payload is compared before anything else is made of it (OC-4, O19).
	if err := checkPayload(payload, image); err != nil {
		return Found{}, err
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(d.Annotations[noteSignature])
	if err != nil || len(signature) == 0 {
		return Found{}, check.Refuse("OC-4", check.Parse, "is not a signature in base64").At(noteSignature)
	}
	if signature[0] == '{' {
		return Found{}, check.Refuse("OC-4", check.Content, "is an envelope, want a signature").At(noteSignature)
	}
	b, err := convert(signature, d.Annotations)
	return Found{Bundle: b, Payload: payload}, err
}

// convert makes a bundle of a signature or envelope and its annotations. It goes
// through the one reader of this older form, so that nothing is read twice in
// two ways.
func convert(signature []byte, notes map[string]string) (*bundle.Bundle, error) {
	size := 0
	for key, value := range notes {
		size += len(key) + len(value)
	}
	if size > maxNotes {
		return nil, check.Refuse("OC-8", check.Limit, "annotations of a layer have %d bytes, want at most %d", size, maxNotes)
	}
	old := struct {
		Signature []byte          `json:"base64Signature"`
		Cert      []byte          `json:"cert,omitempty"`
		Rekor     json.RawMessage `json:"rekorBundle,omitempty"`
	}{Signature: signature, Cert: []byte(notes[noteCertificate])}
	if entry := notes[noteBundle]; entry != "" {
		if !json.Valid([]byte(entry)) {
			return nil, check.Refuse("OC-4", check.Parse, "is not JSON").At(noteBundle)
		}
		old.Rekor = json.RawMessage(entry)
	}
	text, err := json.Marshal(old)
	if err != nil {
		return nil, check.Refuse("OC-4", check.Parse, "annotations can't be read together")
	}
	b, err := bundle.ParseLegacy(text)
	if err != nil {
		return nil, err
	}
	if b.Certificate != nil {
		if b.Chain, err = readChain(notes[noteChain]); err != nil {
			return nil, err
		}
	}
	b.Timestamps, err = readTimestamp(notes[noteTimestamp])
	return b, err
}

// readChain reads certificates in PEM. They are never anchors (BP-7); a root is
// left to verify, which knows its own.
func readChain(text string) ([][]byte, error) {
	var chain [][]byte
	rest := bytes.TrimSpace([]byte(text))
	for len(rest) > 0 {
		block, after := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" || len(block.Headers) > 0 || !bytes.HasPrefix(rest, []byte("-----BEGIN ")) {
			return nil, check.Refuse("BP-7", check.Parse, "is not certificates in PEM alone").At(noteChain)
		}
		if len(block.Bytes) > bundle.MaxCert {
			return nil, check.Refuse("LM-4", check.Limit, "has a certificate of %d bytes, want at most %d", len(block.Bytes), bundle.MaxCert).At(noteChain)
		}
		if len(chain) == bundle.MaxChain {
			return nil, check.Refuse("LM-4", check.Limit, "has more than %d certificates", bundle.MaxChain).At(noteChain)
		}
		chain = append(chain, block.Bytes)
		rest = bytes.TrimSpace(after)
	}
	return chain, nil
}

// timestampNote is what the annotation of a timestamp holds.
type timestampNote struct {
	Signed []byte `json:"SignedRFC3161Timestamp"`
}

func readTimestamp(text string) ([][]byte, error) {
	if text == "" {
		return nil, nil
	}
	var note timestampNote
	if err := strictjson.Unmarshal([]byte(text), &note); err != nil {
		return nil, check.Refuse("OC-4", check.Parse, "%v", err).At(noteTimestamp)
	}
	if len(note.Signed) == 0 {
		return nil, check.Refuse("OC-4", check.Content, "is empty, want a timestamp").At(noteTimestamp)
	}
	if len(note.Signed) > bundle.MaxTimestamp {
		return nil, check.Refuse("LM-4", check.Limit, "has %d bytes, want at most %d", len(note.Signed), bundle.MaxTimestamp).At(noteTimestamp)
	}
	return [][]byte{note.Signed}, nil
}
