package sigtest

import (
	"encoding/json"
	"strconv"

	"github.com/hallmarksign/hallmark/bundle"
)

// As returns the bundle as a document of another version: 0.1 and 0.2 hold a
// chain instead of a certificate.
func (m *Made) As(v bundle.Version) []byte { return write(document(m.Bundle, v), m.From.JSON) }

func write(doc map[string]any, edit func(map[string]any)) []byte {
	if edit != nil {
		edit(doc)
	}
	return must(json.Marshal(doc))
}

// EditJSON changes a JSON object: EditJSON(data, func(doc map[string]any) { delete(doc, "a") }).
// Numbers become float64.
func EditJSON(data []byte, edit func(doc map[string]any)) []byte {
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		panic("sigtest: " + err.Error())
	}
	return write(doc, edit)
}

// document writes a bundle without the checks of package bundle, so that bad
// ones can be written too.
func document(b *bundle.Bundle, v bundle.Version) map[string]any {
	material := object()
	switch {
	case b.PublicKey != nil:
		material["publicKey"] = object("hint", b.PublicKey.Hint)
	case b.Certificate != nil && v != bundle.V03:
		chain := []any{object("rawBytes", b.Certificate)}
		for _, c := range b.Chain {
			chain = append(chain, object("rawBytes", c))
		}
		material["x509CertificateChain"] = object("certificates", chain)
	case b.Certificate != nil:
		material["certificate"] = object("rawBytes", b.Certificate)
	}
	var entries []any
	for _, e := range b.Entries {
		entries = append(entries, entryDocument(e))
	}
	material["tlogEntries"] = entries
	if len(b.Timestamps) > 0 {
		var list []any
		for _, t := range b.Timestamps {
			list = append(list, object("signedTimestamp", t))
		}
		material["timestampVerificationData"] = object("rfc3161Timestamps", list)
	}
	types := map[bundle.Version]string{
		bundle.V01: "application/vnd.dev.sigstore.bundle+json;version=0.1",
		bundle.V02: "application/vnd.dev.sigstore.bundle+json;version=0.2",
		bundle.V03: b.MediaType,
	}
	doc := object("mediaType", types[v], "verificationMaterial", material)
	if m := b.Message; m != nil {
		message := object("signature", m.Signature)
		if m.Digest != nil {
			message["messageDigest"] = object("algorithm", m.Digest.Algorithm, "digest", m.Digest.Value)
		}
		doc["messageSignature"] = message
	}
	if e := b.Envelope; e != nil {
		signature := object("sig", e.Signature)
		if e.KeyID != "" {
			signature["keyid"] = e.KeyID
		}
		doc["dsseEnvelope"] = object("payload", e.Payload, "payloadType", e.PayloadType, "signatures", []any{signature})
	}
	return doc
}

// entryDocument writes a TransparencyLogEntry, as in bundles and as Rekor v2
// answers.
func entryDocument(e bundle.Entry) map[string]any {
	doc := object(
		"logIndex", strconv.FormatInt(e.LogIndex, 10),
		"logId", object("keyId", e.LogID),
		"kindVersion", object("kind", e.Kind, "version", e.Version),
		"canonicalizedBody", e.Body)
	if e.IntegratedTime != 0 {
		doc["integratedTime"] = strconv.FormatInt(e.IntegratedTime, 10)
	}
	if e.Promise != nil {
		doc["inclusionPromise"] = object("signedEntryTimestamp", e.Promise)
	}
	if p := e.Proof; p != nil {
		proof := object(
			"logIndex", strconv.FormatInt(p.LogIndex, 10),
			"treeSize", strconv.FormatInt(p.TreeSize, 10),
			"rootHash", p.RootHash, "hashes", p.Hashes)
		if p.Checkpoint != "" {
			proof["checkpoint"] = object("envelope", p.Checkpoint)
		}
		doc["inclusionProof"] = proof
	}
	return doc
}
