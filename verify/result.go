package verify

import (
	"crypto"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A Result is the proof that a bundle was verified. Only Verify makes one.
type Result struct {
	Artifact  Digest     // what was verified
	Signer    Signed     // who signed it
	Times     []Time     // every verified time, earliest first
	Logs      []LogProof // every verified log entry
	SCTs      []SCT      // every verified certificate timestamp
	Statement *Statement // the in-toto statement, nil for a message signature
	Steps     []Step     // with Policy.Explain: each check in order, with what it saw
	Demanded  Evidence   // how much of each kind of proof was demanded
	Weakened  []string   // options that demanded less than the default
	Warnings  []string
	Root      [32]byte // digest of the trusted root

	verified bool
}

// Verified reports whether the result was made by a verification that accepted.
// It is false for nil and for the zero Result.
func (r *Result) Verified() bool { return r != nil && r.verified }

// A Digest is a hash algorithm and a value of its length.
type Digest struct {
	Algorithm crypto.Hash
	Value     []byte
}

// String returns the digest as "sha256:hex".
func (d Digest) String() string {
	if d.Algorithm == 0 {
		return ""
	}
	return hashName(d.Algorithm) + ":" + hex.EncodeToString(d.Value)
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
	Index      int64  // in all trees of the log if a timestamp says so, else in the tree of Name
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

// result tells what was proved. It is the only maker of a verified Result.
func (v *Verifier) result(q *question, by checkedValidity, s checkedSignature, e checkedEntries, t checkedTimes, c checkedContent) *Result {
	r := &Result{
		Artifact:  c.artifact,
		Signer:    by.signer.signed(s.algorithm),
		Times:     t.times,
		Logs:      e.proofs(),
		SCTs:      by.signer.scts(),
		Statement: c.statement,
		Demanded:  v.evidence,
		Weakened:  slices.Clone(v.weakened),
		Warnings:  q.warnings,
		Root:      v.root.Digest,
		verified:  true,
	}
	if by.assumed {
		r.Weakened = append(r.Weakened, "no verified time of signing: the moment of verification was used")
	}
	if q.policy.Explain {
		r.Steps = r.steps()
	}
	return r
}

// signed describes a signer. What is shared with later results is copied.
func (s checkedSigner) signed(a algorithm) Signed {
	if s.leaf == nil {
		return Signed{KeyID: s.keyID, Algorithm: a.name}
	}
	id, cert := s.leaf.identity, s.leaf.cert
	return Signed{
		Subject:     id.Subject,
		SubjectKind: id.Kind,
		Issuer:      id.Issuer,
		Claims:      maps.Clone(id.Claims),
		Certificate: slices.Clone(cert.Raw),
		NotBefore:   cert.NotBefore,
		NotAfter:    cert.NotAfter,
		KeyID:       s.keyID,
		Algorithm:   a.name,
	}
}
