// Package bundle reads and writes Sigstore bundles. A parsed bundle is a
// well-formed claim: its shape is right, nothing in it is believed yet. Package
// verify turns claims into facts.
//
//	b, err := bundle.Parse(data)
//
// Refused are unknown, duplicate and miscased fields, other encodings than those
// of canonical proto3 JSON, evidence that the version of the bundle demands but
// that is absent, and everything beyond the limits below. No certificate or key
// is decoded here, no signature checked, no evidence counted.
package bundle

import "github.com/hallmarksign/hallmark/internal/check"

// MediaType is the one media type that is written.
const MediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// Limits of what is read (rules LM-2..LM-4).
const (
	MaxSize       = 16 << 20 // bytes of one bundle
	MaxEntries    = 32       // log entries of a bundle
	MaxTimestamps = 32       // timestamps of a bundle
	MaxChain      = 10       // certificates of a chain
	MaxProof      = 63       // hashes of an inclusion proof
	MaxCheckpoint = 64 << 10 // bytes of a checkpoint
	MaxCert       = 32 << 10 // bytes of a certificate
	MaxTimestamp  = 64 << 10 // bytes of a timestamp
	MaxBody       = 1 << 20  // bytes of the body of a log entry
)

// maxAttestationBody bounds the body of a dsse or intoto entry (LM-4).
const maxAttestationBody = 100 << 10 // bytes of the body of a dsse or intoto entry

const maxText = 4 << 10 // bytes of a media type, a hint, a key id or a kind

// A Version is the version of the bundle format that a claim was read from.
type Version int

// The versions that exist.
const (
	V01 Version = iota + 1
	V02
	V03
)

// A FormatError says where a bundle is not well formed. Its check is parse,
// version, content or limit, and for single fields the one of the catalogue that
// belongs to them: alg and digest (message digest), dsse (envelope), set (empty
// promise), time (negative integratedTime) or proof (index outside its tree). Its
// check is fs if the reader failed.
type FormatError = check.Error

// A Bundle is a claim: somebody says that Message or Envelope was signed with
// the key in Certificate (or the key that KeyHint names), and brings evidence.
// Treat it as read-only; it is then safe for concurrent use.
type Bundle struct {
	MediaType string  // as read; "" if it was not read from a bundle file
	Version   Version // of MediaType; V01 for older forms

	// Exactly one of Certificate and PublicKey is set.
	Certificate []byte     // leaf, DER
	Chain       [][]byte   // certificates that came after the leaf (v0.1, v0.2); never anchors
	PublicKey   *PublicKey // a key the verifier must already have

	Entries    []Entry
	Timestamps [][]byte // RFC 3161 TimeStampResp, DER

	// Exactly one of Message and Envelope is set.
	Message  *Message
	Envelope *Envelope
}

// A PublicKey says which of the verifier's keys is meant.
type PublicKey struct{ Hint string }

// A Message is a signature over the artifact itself.
type Message struct {
	Digest    *Digest // claimed digest of the artifact; nil if absent; never used instead of hashing
	Signature []byte
}

// A Digest is an algorithm of protobuf-specs such as "SHA2_256" with its value.
type Digest struct {
	Algorithm string
	Value     []byte
}

// An Envelope is a DSSE envelope with an in-toto statement.
type Envelope struct {
	PayloadType string
	Payload     []byte
	Signature   []byte // the only one (BP-8)
	KeyID       string
}

// An Entry is one transparency log entry with its evidence.
type Entry struct {
	LogIndex       int64 // global index (Rekor v1), index in the shard (v2)
	LogID          []byte
	Kind, Version  string
	IntegratedTime int64  // seconds since 1970; 0 if absent
	Promise        []byte // signed entry timestamp (Rekor v1); nil if absent
	Proof          *InclusionProof
	Body           []byte // canonicalizedBody; nil if absent
}

// An InclusionProof is a Merkle inclusion proof with the checkpoint it leads to.
type InclusionProof struct {
	LogIndex, TreeSize int64    // TreeSize is 0 if absent
	RootHash           []byte   // 32 bytes; nil if absent
	Hashes             [][]byte // each 32 bytes
	Checkpoint         string   // signed note; "" if absent
}
