// Package verify decides whether a bundle proves that an artifact was signed by
// somebody the caller trusts. It is a pure function of its arguments: no
// network, no files, no clock, no environment.
package verify

import (
	"crypto"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/trustroot"
)

// An Error says which check refused, by which rule.
type Error = check.Error

// Evidence is how many distinct proofs of each kind are demanded (TT-1..TT-3).
type Evidence struct{ SCTs, Logs, Times int }

// PublicGood is what the public instance promises: one of each.
var PublicGood = Evidence{SCTs: 1, Logs: 1, Times: 1}

// A Result is the proof that a bundle was verified. Only Verify makes one.
type Result struct {
	Artifact  Digest     // what was verified
	Signer    Signed     // who signed it
	Times     []Time     // every verified time, earliest first
	Logs      []LogProof // every verified log entry
	SCTs      []SCT      // every verified certificate timestamp
	Statement *Statement // the in-toto statement, nil for a message signature
	Steps     []Step     // each check in order, with what it saw
	Weakened  []string   // options that demanded less than the default
	Warnings  []string
	Root      [32]byte // digest of the trusted root

	verified bool
}

// A Digest is a hash algorithm and a value of its length.
type Digest struct {
	Algorithm crypto.Hash
	Value     []byte
}

// Signed says who signed: a certified identity or a public key of the caller.
type Signed struct {
	Subject     string            // SAN value; "" for a key
	SubjectKind string            // "email", "uri" or "username"; "" for a key
	Issuer      string            // OIDC issuer; "" for a key
	Claims      map[string]string // further Fulcio extensions by name, such as "source_repository_uri"
	Certificate []byte            // DER; nil for a key
	NotBefore   time.Time
	NotAfter    time.Time
	KeyID       string // hex SHA-256 of the SPKI
	Algorithm   string // such as "ECDSA P-256 SHA-256"
}

// A Time is a verified moment at which the signature existed.
type Time struct {
	Time     time.Time
	Source   string        // "tsa" or "log"
	Name     string        // subject of the authority, or name of the log
	Accuracy time.Duration // half-width claimed by a TSA; 0 if none
}

// A LogProof is a verified transparency log entry.
type LogProof struct {
	Name       string // origin of the log
	LogID      string // hex
	Index      int64
	Kind       string // such as "hashedrekord 0.0.2"
	Integrated time.Time
	TreeSize   int64    // of the checkpoint; 0 if no inclusion proof
	Evidence   []string // "inclusion proof", "signed entry timestamp"
}

// An SCT is a verified signed certificate timestamp.
type SCT struct {
	Log  string
	Time time.Time
}

// A Step is one check and what it saw.
type Step struct {
	Check check.Check
	Saw   string
}

// A Statement is a verified in-toto statement.
type Statement struct {
	PredicateType string
	Payload       []byte // the whole statement as signed, JSON
	Subject       string // name of the subject that matched; may be empty
}

// A Verifier holds a trusted root and what was proved under it. It is safe for
// concurrent use.
type Verifier struct {
	root     *trustroot.Root
	evidence Evidence
}

var _ = bundle.MediaType
