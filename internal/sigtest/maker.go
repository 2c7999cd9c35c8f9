package sigtest

import (
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/hashname"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
)

// A Key signs artifacts.
type Key struct {
	crypto.Signer
	Hash crypto.Hash // SHA-256 if 0, for Ed25519 SHA-512 (Ed25519ph)
}

// A Maker describes a bundle, stage by stage. What is not said is good. Every
// stage is signed over what the edits made of the stages before it.
type Maker struct {
	Artifact  []byte // signed itself, if Statement is nil
	Statement []byte // signed in an envelope

	Key         Key       // SignerKey if it has none
	Hint        string    // name of the key: sign without a certificate
	Who         *Identity // Alice if nil
	CA          *CA       // of the world if nil
	CTs         []*CT     // nil: that of the world; empty: none
	Logs        []*Log    // nil: the world's of the second generation; empty: none
	TSAs        []*TSA    // nil: that of the world if all logs are of the second generation
	At          time.Time // when; the world's clock if zero
	Kind        string    // of entries of the first generation: hashedrekord or dsse 0.0.1 if empty, or "intoto 0.0.2"
	PayloadType string    // of in-toto if empty

	Leaf      LeafEdits                // the certificate
	PAE       func([]byte) []byte      // what is signed and logged
	Signature func([]byte) []byte      // the signature, before it is stamped and logged
	Body      func(*entry.Body)        // what is logged
	Log       LogEdits                 // the log entry
	Token     []tsptest.Fault          // the timestamp
	Bundle    func(*bundle.Bundle)     // the finished bundle; nobody signs this
	JSON      func(doc map[string]any) // the finished document; nobody signs this
}

// Made is a bundle with all that went into it.
type Made struct {
	From        Maker  // with the defaults filled in
	Certificate []byte // leaf, DER; nil with a Hint
	Signed      []byte // artifact or PAE
	Signature   []byte
	Bodies      []*entry.Body // one for each log
	Bundle      *bundle.Bundle
	JSON        []byte
}

// Make makes a bundle.
func (w *World) Make(m Maker) *Made {
	m.complete(w)
	made := &Made{From: m}
	if m.Hint == "" {
		made.Certificate = w.Leaf(m.CA, *m.Who, m.Key.Public(), m.At, m.CTs, m.Leaf)
	}
	made.sign()
	b := &bundle.Bundle{MediaType: bundle.MediaType, Version: bundle.V03, Certificate: made.Certificate}
	if m.Hint != "" {
		b.PublicKey = &bundle.PublicKey{Hint: m.Hint}
	}
	if m.Statement == nil {
		b.Message = &bundle.Message{
			Digest:    &bundle.Digest{Algorithm: digestName(m.Key.Hash), Value: sum(m.Key.Hash, m.Artifact)},
			Signature: made.Signature,
		}
	} else {
		b.Envelope = &bundle.Envelope{PayloadType: m.PayloadType, Payload: m.Statement, Signature: made.Signature}
	}
	for _, log := range m.Logs {
		b.Entries = append(b.Entries, made.record(log))
	}
	for _, t := range m.TSAs {
		b.Timestamps = append(b.Timestamps, t.Stamp(made.Signature, m.At, m.Token...))
	}
	if m.Bundle != nil {
		m.Bundle(b)
	}
	made.Bundle = b
	made.JSON = write(document(b, bundle.V03), m.JSON)
	return made
}

func (m *Maker) complete(w *World) {
	if m.Key.Signer == nil {
		m.Key.Signer = w.SignerKey().Signer
	}
	if m.Key.Hash == 0 {
		m.Key.Hash = crypto.SHA256
		if _, ok := m.Key.Signer.(ed25519.PrivateKey); ok {
			m.Key.Hash = crypto.SHA512
		}
	}
	if m.Who == nil {
		alice := Alice()
		m.Who = &alice
	}
	if m.CA == nil {
		m.CA = w.CA
	}
	if m.CTs == nil {
		m.CTs = []*CT{w.CT}
	}
	if m.Logs == nil {
		m.Logs = []*Log{w.Log2}
	}
	if m.TSAs == nil && !promised(m.Logs) {
		m.TSAs = []*TSA{w.TSA}
	}
	if m.At.IsZero() {
		m.At = w.Clock.Now()
	}
	if m.PayloadType == "" {
		m.PayloadType = dsse.PayloadType
	}
}

// promised reports whether some log gives a time.
func promised(logs []*Log) bool {
	for _, l := range logs {
		if l.Generation == 1 {
			return true
		}
	}
	return false
}

// sign signs the artifact, or the envelope's encoding.
func (m *Made) sign() {
	m.Signed = m.From.Artifact
	if m.From.Statement != nil {
		m.Signed = dsse.PAE(m.From.PayloadType, m.From.Statement)
	}
	if m.From.PAE != nil {
		m.Signed = m.From.PAE(m.Signed)
	}
	m.Signature = SignMessage(m.From.Key.Signer, m.From.Key.Hash, m.Signed)
	if m.From.Signature != nil {
		m.Signature = m.From.Signature(m.Signature)
	}
}

// record puts the signature into a log.
func (m *Made) record(log *Log) bundle.Entry {
	b := &entry.Body{
		Kind: "hashedrekord", Version: "0.0.2", Hash: m.From.Key.Hash, Digest: sum(m.From.Key.Hash, m.Signed),
		Signature: m.Signature, Certificate: m.Certificate,
	}
	if m.From.Hint != "" {
		b.PublicKey = SPKI(m.From.Key.Public())
	}
	if log.Generation == 2 {
		b.KeyDetails = must(entry.KeyDetailsOf(m.From.Key.Public(), m.From.Key.Hash))
	} else {
		b.Version = "0.0.1"
	}
	if log.Generation == 1 && m.From.Statement != nil {
		b.Kind, b.Hash, b.Digest = "dsse", crypto.SHA256, sum(crypto.SHA256, m.From.Statement)
		if m.From.Kind == "intoto 0.0.2" {
			b.Kind, b.Version = "intoto", "0.0.2"
		}
	}
	if m.From.Body != nil {
		m.From.Body(b)
	}
	m.Bodies = append(m.Bodies, b)
	return log.Add(b.Kind, b.Version, must(WriteBody(b)), m.From.Log)
}

func digestName(h crypto.Hash) string {
	return hashname.ProtoName(h)
}

// Statement returns an in-toto statement about an artifact.
func Statement(name string, artifact []byte, predicateType string) []byte {
	return must(json.Marshal(object(
		"_type", "https://in-toto.io/Statement/v1",
		"subject", []any{object("name", name, "digest", object("sha256", hex.EncodeToString(sum256(artifact))))},
		"predicateType", predicateType,
		"predicate", object("made", "for a test"))))
}
