package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Verify checks that the log signed the note (WN-4, WN-6, WN-8, R2-7). Lines of
// other keys are not examined.
func (c *Checkpoint) Verify(k Key) error {
	id, err := k.id()
	if err != nil {
		return err
	}
	return c.open(verifier{name: k.Name, id: id, verify: k.verify})
}

// open verifies the lines of one key.
func (c *Checkpoint) open(v verifier) error {
	if err := c.single(v); err != nil {
		return err
	}
	_, err := note.Open([]byte(c.raw), only{v})
	if err != nil {
		return check.Refuse("WN-4", check.Checkpoint, "%s", v.explain(err))
	}
	return nil
}

// explain says why package note did not find the one signature it was to find.
func (v verifier) explain(err error) string {
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return fmt.Sprintf("no signature by %q with key id %x", clip(v.name), v.id)
	case errors.As(err, &invalid):
		return fmt.Sprintf("signature by %q with key id %x does not verify", clip(v.name), v.id)
	}
	return err.Error()
}

// single refuses a key that signed twice and differently: one of the two would
// not be looked at.
func (c *Checkpoint) single(v verifier) error {
	var first []byte
	for _, s := range c.sigs {
		if s.name != v.name || s.id != v.id {
			continue
		}
		if first != nil && !bytes.Equal(first, s.blob) {
			return check.Refuse("WN-6", check.Checkpoint, "%q signed twice with key id %x, and differently", clip(v.name), v.id)
		}
		first = s.blob
	}
	return nil
}

// A verifier is a key as golang.org/x/mod/sumdb/note wants it.
type verifier struct {
	name   string
	id     [4]byte
	verify func(text, sig []byte) bool
}

func (v verifier) Name() string                 { return v.name }
func (v verifier) KeyHash() uint32              { return binary.BigEndian.Uint32(v.id[:]) }
func (v verifier) Verify(text, sig []byte) bool { return v.verify(text, sig) }

// only knows one key.
type only struct{ verifier }

// Verifier implements note.Verifiers.
func (o only) Verifier(name string, hash uint32) (note.Verifier, error) {
	if name != o.name || hash != o.KeyHash() {
		return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
	}
	return o.verifier, nil
}
