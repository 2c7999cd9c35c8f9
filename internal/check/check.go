// Package check holds the names of the checks and the one error type that says
// which of them failed.
//
// The names are the same in errors, in JSON output, in test vectors and in the
// documentation. A name is stable once released.
package check

import (
	"errors"
	"fmt"
)

// A Check names one thing that can be wrong. The zero Check names nothing and
// is only found in errors that have none.
type Check string

// The checks. Each is the lower-case form of a code of the catalogue of bad inputs.
const (
	Usage        Check = "usage"         // wrong flags, empty policy
	Parse        Check = "parse"         // JSON, DER, PEM or base64 is not strict
	Version      Check = "version"       // media type or version unknown
	Limit        Check = "limit"         // a documented bound is exceeded
	Content      Check = "content"       // a field is missing, or excludes another
	CertChain    Check = "cert_chain"    // no path to a trust anchor
	CertTime     Check = "cert_time"     // certificate not valid at the signing time
	CertProfile  Check = "cert_profile"  // shape of leaf or CA certificate
	SCT          Check = "sct"           // signed certificate timestamp missing or invalid
	Identity     Check = "identity"      // subject, issuer or claim differs
	Signature    Check = "signature"     // signature does not verify
	Digest       Check = "digest"        // digest differs or is malformed
	Alg          Check = "alg"           // algorithm or key type not allowed
	TlogUnknown  Check = "tlog_unknown"  // log not in the trusted root
	SET          Check = "set"           // signed entry timestamp
	Proof        Check = "proof"         // Merkle proof
	Checkpoint   Check = "checkpoint"    // checkpoint (signed note)
	Entry        Check = "entry"         // log entry is not about this bundle
	TSA          Check = "tsa"           // RFC 3161 timestamp
	Time         Check = "time"          // no verified time, or one outside a window
	Threshold    Check = "threshold"     // too few distinct proofs
	DSSE         Check = "dsse"          // envelope
	Statement    Check = "statement"     // in-toto statement, or artifact not a subject
	Predicate    Check = "predicate"     // predicate type or content not as asked
	TrustRoot    Check = "trustroot"     // trusted root unusable
	SignCfg      Check = "signcfg"       // signing configuration unusable
	TUFSig       Check = "tuf_sig"       // TUF signature or threshold
	TUFRollback  Check = "tuf_rollback"  // TUF version went down
	TUFFreeze    Check = "tuf_freeze"    // TUF metadata expired
	TUFMix       Check = "tuf_mix"       // TUF metadata of different times
	TUFHash      Check = "tuf_hash"      // TUF hash or length differs
	TUFLimit     Check = "tuf_limit"     // TUF bound exceeded
	TUFPath      Check = "tuf_path"      // TUF name is not a safe path
	OIDCState    Check = "oidc_state"    // state parameter
	OIDCNonce    Check = "oidc_nonce"    // nonce claim
	OIDCAud      Check = "oidc_aud"      // audience claim
	OIDCIss      Check = "oidc_iss"      // issuer
	OIDCPKCE     Check = "oidc_pkce"     // proof key for code exchange
	OIDCToken    Check = "oidc_token"    // token unusable
	OIDCCallback Check = "oidc_callback" // provider answered the browser with an error
	Net          Check = "net"           // timeout, TLS, redirect, status
	Server       Check = "server"        // a service answered with something that does not verify
	OCI          Check = "oci"           // registry content
	FS           Check = "fs"            // file system
	NotFound     Check = "not_found"     // no signature found
	Internal     Check = "internal"      // broken invariant
)

// Exit statuses of the command.
const (
	ExitOK          = 0
	ExitNo          = 1
	ExitUsage       = 2
	ExitUndecided   = 3
	ExitNotFound    = 4
	ExitInternal    = 70
	ExitInterrupted = 130
)

// Exit returns the exit status that belongs to a failed check. It is never 0. A
// bound that is exceeded decides nothing: what was not read might have been good.
func (c Check) Exit() int {
	switch c {
	case Usage:
		return ExitUsage
	case Net, FS, TrustRoot, Limit,
		TUFSig, TUFRollback, TUFFreeze, TUFMix, TUFHash, TUFLimit, TUFPath:
		return ExitUndecided
	case NotFound:
		return ExitNotFound
	case Internal, "":
		return ExitInternal
	}
	return ExitNo
}

// Error says which check refused, by which rule, where, and what to do next.
// Every package of this module that refuses input returns one.
type Error struct {
	Check Check
	Rule  string // rule id such as "CC-4"; empty if no rule is behind it
	Field string // path of the field at fault, such as "verificationMaterial.tlogEntries[0].logIndex"; may be empty
	Next  string // what the user can do; a whole sentence without full stop; may be empty; never weakens a check
	Err   error  // what was expected and what was found
}

// Error returns "check: field: reason".
func (e *Error) Error() string {
	s := string(e.Check)
	if e.Field != "" {
		s += ": " + e.Field
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Refuse returns the refusal of check c by a rule. Text from outside belongs
// into the arguments with %q, never into format.
func Refuse(rule string, c Check, format string, args ...any) *Error {
	return &Error{Check: c, Rule: rule, Err: fmt.Errorf(format, args...)}
}

// At returns a copy of e with the field path set.
func (e *Error) At(field string) *Error {
	c := *e
	c.Field = field
	return &c
}

// WithNext returns a copy of e with the next step set.
func (e *Error) WithNext(next string) *Error {
	c := *e
	c.Next = next
	return &c
}

// Of returns the check that err names, or Internal if it names none, and ""
// for a nil error.
func Of(err error) Check {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) && e.Check != "" {
		return e.Check
	}
	return Internal
}
