// Package dsse knows DSSE's pre-authentication encoding and in-toto statements.
package dsse

import "errors"

// PayloadType is the only payload type that is accepted (BP-8).
const PayloadType = "application/vnd.in-toto+json"

// PAE returns the pre-authentication encoding of a payload (DSSE v1).
func PAE(payloadType string, payload []byte) []byte { return nil }

// A Statement is a well-formed in-toto statement, v0.1 or v1.
type Statement struct {
	Type          string
	PredicateType string
	Subjects      []Subject
	Predicate     []byte // JSON as in the payload; nil if absent
}

// A Subject is one thing a statement is about.
type Subject struct {
	Name   string
	Digest map[string]string // algorithm name to lower-case hex
}

// ParseStatement reads a payload strictly (LM-3, EB). Errors are *check.Error
// of check statement or limit.
func ParseStatement(payload []byte) (*Statement, error) { return nil, errors.New("not yet") }
