// Package trustroot holds trust anchors with their windows and the signing
// configuration: data only, parsed strictly, without network.
package trustroot

import (
	"crypto"
	"crypto/x509"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// An Error says what makes a trusted root or signing configuration unusable.
type Error = check.Error

// A Window is a closed interval of time (rule TM-5). A zero End is open.
// The zero Window contains nothing.
type Window struct{ Start, End time.Time }

// Contains reports whether Start ≤ t ≤ End.
func (w Window) Contains(t time.Time) bool {
	return !w.Start.IsZero() && !t.Before(w.Start) && (w.End.IsZero() || !t.After(w.End))
}

// An Authority issues certificates (Fulcio) or timestamps (TSA).
type Authority struct {
	URI      string
	Operator string              // "" if the trusted root names none
	Chain    []*x509.Certificate // from the issuing end; the last one is the anchor
	Valid    Window
}

// A Log is a transparency log (Rekor) or a certificate transparency log.
type Log struct {
	BaseURL      string
	Origin       string // name of the log in its checkpoints: BaseURL without scheme and final slash (R2-7)
	Operator     string
	ID           []byte // 32 bytes, computed from the key; a given one is compared (TR-4)
	CheckpointID []byte // checkpointKeyId as given; nil if absent
	Key          crypto.PublicKey
	SPKI         []byte // DER of Key
	KeyDetails   string // such as "PKIX_ED25519"
	Valid        Window
}

// A Root is a parsed trusted root. Treat it as read-only.
type Root struct {
	MediaType   string
	Digest      [32]byte // SHA-256 of the bytes that were parsed
	Authorities []Authority
	TSAs        []Authority
	Logs        []Log
	CTLogs      []Log
	Skipped     []Skipped // instances that can't be used
	Warnings    []string  // what was skipped, and why (TR-3)
}
