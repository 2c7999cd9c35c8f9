// Package sign makes bundles: token → certificate → signature → timestamp and
// log entry → bundle → check. It knows no service, only what services do, and
// believes none of them: what a service answers is checked by its client, and
// the finished bundle by [Signer.Check], from its serialised bytes.
//
// One login gives one key and one certificate, which serve every artifact of a
// run until the certificate is about to run out. Hash first, then log in: tokens
// live for about a minute.
//
//	signer := &sign.Signer{Tokens: ..., CA: ..., Logs: ..., Times: ..., Check: ...}
//	err := signer.Sign(ctx, jobs, func(r sign.Result) error { ... })
package sign

import (
	"context"
	"crypto"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oidc"
)

// An Error says which step of signing failed.
type Error = check.Error

// A CertificateAuthority certifies a key for the identity of a token. The
// answer is checked before it is returned: chain, SCT, key, identity, profile
// (SG-7). It returns the leaf certificate in DER.
type CertificateAuthority interface {
	Certify(ctx context.Context, key crypto.Signer, token oidc.Token) (leaf []byte, err error)
}

// A TimestampAuthority timestamps a signature. The answer is checked before it
// is returned (SG-8). It returns a TimeStampResp in DER.
type TimestampAuthority interface {
	Timestamp(ctx context.Context, signature []byte) ([]byte, error)
}

// A Record is what is put in a log: a signature over a digest by the key of a
// certificate, or by a key alone. Exactly one of Certificate and PublicKey is set.
type Record struct {
	Hash        crypto.Hash
	Digest      []byte // of the artifact, or of the PAE of an envelope
	Signature   []byte
	Certificate []byte // leaf, DER
	PublicKey   []byte // SubjectPublicKeyInfo, DER

	// Envelope is what was signed when it is an envelope, else nil. Logs of the
	// first generation record envelopes as such.
	Envelope *bundle.Envelope
}

// A Log records a signature. The answer is checked before it is returned
// (SG-11, SG-12, R1, R2). An error after the record was sent, other than the log's
// own word that it took nothing, is a [*SentError].
type Log interface {
	Append(ctx context.Context, r Record) (bundle.Entry, error)
}

// A SentError says that a record was sent to a log and that no entry can be handed
// on: an entry may be public. Appending an equal record again is harmless and finds
// an entry that is there.
type SentError struct {
	Entry *bundle.Entry // what the log answered, not proved; nil if there was no answer that can be read
	Err   error         // why it is not handed on
}

func (e *SentError) Error() string { return e.Err.Error() }
func (e *SentError) Unwrap() error { return e.Err }
