package bundle

import (
	"github.com/go-json-experiment/json"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// The wire types list the fields in the order of sigstore_bundle.proto.
type (
	wireBundle struct {
		MediaType string        `json:"mediaType"`
		Material  wireMaterial  `json:"verificationMaterial"`
		Message   *wireMessage  `json:"messageSignature,omitzero"`
		Envelope  *wireEnvelope `json:"dsseEnvelope,omitzero"`
	}
	wireMaterial struct {
		PublicKey   *wireKey         `json:"publicKey,omitzero"`
		Certificate *wireCertificate `json:"certificate,omitzero"`
		Entries     []wireEntry      `json:"tlogEntries,omitempty"`
		Timestamps  *wireTimestamps  `json:"timestampVerificationData,omitzero"`
	}
	wireKey struct {
		Hint string `json:"hint,omitempty"`
	}
	wireCertificate struct {
		Raw strictjson.Bytes `json:"rawBytes"`
	}
	wireTimestamps struct {
		List []wireTimestamp `json:"rfc3161Timestamps"`
	}
	wireTimestamp struct {
		Signed strictjson.Bytes `json:"signedTimestamp"`
	}
	wireEntry struct {
		LogIndex       strictjson.Int64 `json:"logIndex"`
		LogID          wireLogID        `json:"logId"`
		Kind           wireKind         `json:"kindVersion,omitzero"`
		IntegratedTime strictjson.Int64 `json:"integratedTime,omitzero"`
		Promise        *wirePromise     `json:"inclusionPromise,omitzero"`
		Proof          *wireProof       `json:"inclusionProof,omitzero"`
		Body           strictjson.Bytes `json:"canonicalizedBody,omitempty"`
	}
	wireLogID struct {
		KeyID strictjson.Bytes `json:"keyId"`
	}
	wireKind struct {
		Kind    string `json:"kind,omitempty"`
		Version string `json:"version,omitempty"`
	}
	wirePromise struct {
		SET strictjson.Bytes `json:"signedEntryTimestamp"`
	}
	wireProof struct {
		LogIndex   strictjson.Int64   `json:"logIndex"`
		RootHash   strictjson.Bytes   `json:"rootHash,omitempty"`
		TreeSize   strictjson.Int64   `json:"treeSize,omitzero"`
		Hashes     []strictjson.Bytes `json:"hashes,omitempty"`
		Checkpoint wireCheckpoint     `json:"checkpoint,omitzero"`
	}
	wireCheckpoint struct {
		Envelope string `json:"envelope"`
	}
	wireMessage struct {
		Digest    *wireDigest      `json:"messageDigest,omitzero"`
		Signature strictjson.Bytes `json:"signature"`
	}
	wireDigest struct {
		Algorithm string           `json:"algorithm"`
		Digest    strictjson.Bytes `json:"digest"`
	}
	wireEnvelope struct {
		Payload     strictjson.Bytes `json:"payload"`
		PayloadType string           `json:"payloadType"`
		Signatures  []wireSignature  `json:"signatures"`
	}
	wireSignature struct {
		Sig   strictjson.Bytes `json:"sig"`
		KeyID string           `json:"keyid,omitempty"`
	}
)

// Marshal writes the bundle as version 0.3, whatever it was read from: one line
// without line break, fields in the order of the specification. It refuses a
// bundle that Parse would refuse as 0.3, for example one with a Chain.
func (b *Bundle) Marshal() ([]byte, error) {
	if len(b.Chain) > 0 {
		return nil, check.Refuse("SG-14", check.Content, "has %d more certificates, want none in version 0.3", len(b.Chain)).
			At("verificationMaterial.certificate")
	}
	out, err := json.Marshal(b.wire())
	if err != nil {
		return nil, check.Refuse("BP-2", check.Parse, "cannot be written: %s", clip(err.Error()))
	}
	if _, err := Parse(out); err != nil {
		return nil, err
	}
	return out, nil
}

func (b *Bundle) wire() *wireBundle {
	w := &wireBundle{MediaType: MediaType}
	if b.Certificate != nil {
		w.Material.Certificate = &wireCertificate{Raw: b.Certificate}
	}
	if b.PublicKey != nil {
		w.Material.PublicKey = &wireKey{Hint: b.PublicKey.Hint}
	}
	for i := range b.Entries {
		w.Material.Entries = append(w.Material.Entries, b.Entries[i].wire())
	}
	if len(b.Timestamps) > 0 {
		w.Material.Timestamps = &wireTimestamps{}
		for _, t := range b.Timestamps {
			w.Material.Timestamps.List = append(w.Material.Timestamps.List, wireTimestamp{t})
		}
	}
	if b.Message != nil {
		w.Message = b.Message.wire()
	}
	if e := b.Envelope; e != nil {
		w.Envelope = &wireEnvelope{e.Payload, e.PayloadType, []wireSignature{{e.Signature, e.KeyID}}}
	}
	return w
}

func (e *Entry) wire() wireEntry {
	w := wireEntry{
		LogIndex:       strictjson.Int64(e.LogIndex),
		LogID:          wireLogID{e.LogID},
		Kind:           wireKind{e.Kind, e.Version},
		IntegratedTime: strictjson.Int64(e.IntegratedTime),
		Body:           e.Body,
	}
	if e.Promise != nil {
		w.Promise = &wirePromise{e.Promise}
	}
	if p := e.Proof; p != nil {
		w.Proof = &wireProof{
			LogIndex: strictjson.Int64(p.LogIndex), RootHash: p.RootHash, TreeSize: strictjson.Int64(p.TreeSize),
			Checkpoint: wireCheckpoint{p.Checkpoint},
		}
		for _, h := range p.Hashes {
			w.Proof.Hashes = append(w.Proof.Hashes, h)
		}
	}
	return w
}

func (m *Message) wire() *wireMessage {
	w := &wireMessage{Signature: m.Signature}
	if m.Digest != nil {
		w.Digest = &wireDigest{m.Digest.Algorithm, m.Digest.Value}
	}
	return w
}
