// Package checkpoint reads checkpoints: signed notes with origin, tree size and
// root hash (C2SP tlog-checkpoint, signed-note).
package checkpoint

import (
	"crypto"
	"errors"
)

// A Checkpoint is a well-formed checkpoint; no signature is believed yet.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   [32]byte
	raw    string
}

// Parse reads a checkpoint strictly (WN-1..WN-3, WN-5, LM-4). Errors are
// *check.Error of check checkpoint or limit.
func Parse(envelope string) (*Checkpoint, error) { return nil, errors.New("not yet") }

// A Key is a log's key under the name it signs with.
type Key struct {
	Name   string
	ID     []byte // 4 bytes; nil: computed by the rules of R2-7
	Public crypto.PublicKey
}

// Verify checks that the log signed the note (WN-4, WN-6, WN-8, R2-7).
func (c *Checkpoint) Verify(k Key) error { return errors.New("not yet") }

// Signers returns the name of every signature line with its hexadecimal key id.
func (c *Checkpoint) Signers() []string { return nil }

// KeyID computes the 4-byte key id of a log key (R2-7).
func KeyID(name string, key crypto.PublicKey) ([]byte, error) { return nil, errors.New("not yet") }
