package oci

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
)

// An oldLayer is one signature or attestation of the older scheme.
type oldLayer struct {
	descriptor
	data   []byte
	suffix string // of its tag
}

// oldLayerOf makes the layer for a bundle: of a message signature over payload,
// or of an envelope.
func oldLayerOf(b *bundle.Bundle, payload []byte, digest string) (*oldLayer, error) {
	notes, err := annotate(b)
	if err != nil {
		return nil, err
	}
	l := &oldLayer{data: payload, suffix: suffixSig}
	l.MediaType = typeSimple
	if b.Envelope != nil {
		statement, err := dsse.ParseStatement(b.Envelope.Payload)
		if err != nil {
			return nil, err
		}
		if l.data, err = writeEnvelope(b.Envelope); err != nil {
			return nil, err
		}
		l.MediaType, l.suffix = typeEnvelope, suffixAtt
		notes[noteSignature], notes[notePredicate] = "", statement.PredicateType
	} else {
		if payload == nil {
			return nil, check.Refuse("OC-4", check.Usage, "want the payload that was signed, got none")
		}
		if err := checkPayload(payload, digest); err != nil {
			return nil, err
		}
		if d := b.Message.Digest; d != nil && "sha256:"+hex.EncodeToString(d.Value) != sum(payload) {
			return nil, check.Refuse("OC-4", check.Digest, "signature is over %x, want %s as its payload", d.Value, sum(payload))
		}
		notes[noteSignature] = base64.StdEncoding.EncodeToString(b.Message.Signature)
	}
	l.Size, l.Digest, l.Annotations = int64(len(l.data)), sum(l.data), notes
	return l, nil
}

// annotate writes the evidence of a bundle as annotations. The older scheme knows
// one entry, with its promise, and one timestamp; a bundle with other evidence
// alone can't be kept there.
func annotate(b *bundle.Bundle) (map[string]string, error) {
	notes := map[string]string{}
	if b.Certificate != nil {
		notes[noteCertificate] = writePEM(b.Certificate)
		chain := ""
		for _, der := range b.Chain {
			chain += writePEM(der)
		}
		notes[noteChain] = chain
	}
	for i := range b.Entries {
		if e := &b.Entries[i]; len(e.Promise) > 0 {
			text, err := writeEntry(e)
			if err != nil {
				return nil, err
			}
			notes[noteBundle] = text
			break
		}
	}
	if len(b.Entries) > 0 && notes[noteBundle] == "" {
		return nil, check.Refuse("OC-9", check.Content, "log entries without promise, want one that the older scheme can keep").
			WithNext("keep this signature as a referrer")
	}
	if len(b.Timestamps) > 0 {
		text, err := json.Marshal(timestampNote{Signed: b.Timestamps[0]})
		if err != nil {
			return nil, check.Refuse("", check.Internal, "%v", err)
		}
		notes[noteTimestamp] = string(text)
	}
	return notes, nil
}

func writePEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func writeEntry(e *bundle.Entry) (string, error) {
	type payload struct {
		Body           []byte `json:"body"`
		IntegratedTime int64  `json:"integratedTime"`
		LogIndex       int64  `json:"logIndex"`
		LogID          string `json:"logID"`
	}
	text, err := json.Marshal(struct {
		SignedEntryTimestamp []byte
		Payload              payload
	}{e.Promise, payload{e.Body, e.IntegratedTime, e.LogIndex, hex.EncodeToString(e.LogID)}})
	return string(text), err
}

// writeEnvelope writes a DSSE envelope as JSON.
func writeEnvelope(e *bundle.Envelope) ([]byte, error) {
	type signature struct {
		KeyID string `json:"keyid"`
		Sig   []byte `json:"sig"`
	}
	return json.Marshal(struct {
		PayloadType string      `json:"payloadType"`
		Payload     []byte      `json:"payload"`
		Signatures  []signature `json:"signatures"`
	}{e.PayloadType, e.Payload, []signature{{e.KeyID, e.Signature}}})
}

// layerKey is the same for equal layers. Signatures of one image all have the same
// bytes; the annotations tell them apart.
func layerKey(d descriptor) string {
	notes, err := json.Marshal(d.Annotations) // in the order of their names
	if err != nil {
		panic(err) // impossible: strings alone
	}
	return d.Digest + sum(notes)
}

// missingIn returns those of the layers that a manifest lacks; nil is no manifest.
func missingIn(old *document, layers []descriptor) []descriptor {
	if old == nil {
		return layers
	}
	have := map[string]bool{}
	for _, l := range old.layers() {
		have[layerKey(l)] = true
	}
	var lack []descriptor
	for _, l := range layers {
		if !have[layerKey(l)] {
			lack = append(lack, l)
		}
	}
	return lack
}

// configOf is the config of a manifest of the older scheme: an image
// configuration that counts the layers.
func configOf(layers []descriptor) ([]byte, error) {
	var c struct {
		Architecture string `json:"architecture"`
		Created      string `json:"created"`
		History      []struct {
			Created string `json:"created"`
		} `json:"history"`
		OS     string `json:"os"`
		RootFS struct {
			Type  string   `json:"type"`
			Diffs []string `json:"diff_ids"`
		} `json:"rootfs"`
		Config struct{} `json:"config"`
	}
	c.Created, c.RootFS.Type = "0001-01-01T00:00:00Z", "layers"
	for _, l := range layers {
		c.History = append(c.History, struct {
			Created string `json:"created"`
		}{c.Created})
		c.RootFS.Diffs = append(c.RootFS.Diffs, l.Digest)
	}
	return json.Marshal(c)
}

// appended returns the manifest at an old tag with more layers, and its config.
func appended(suffix string, old *document, more ...descriptor) (*document, []byte, error) {
	var layers descriptors
	if old != nil {
		if old.index() {
			return nil, nil, check.Refuse("OC-5", check.OCI, "%q tag is an index, want an image manifest", suffix)
		}
		layers = append(layers, old.layers()...)
	}
	layers = append(layers, more...)
	config, err := configOf(layers)
	if err != nil {
		return nil, nil, fmt.Errorf("config: %w", err)
	}
	c := content{Config: &descriptor{MediaType: typeConfig, Size: int64(len(config)), Digest: sum(config)}, Layers: &layers}
	doc, err := writeDocument(c, typeManifest)
	return doc, config, err
}
