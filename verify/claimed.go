package verify

import (
	"bytes"
	"encoding/hex"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/hashname"
)

// Concerns returns nil if a bundle may be about the artifact by what it claims, and
// otherwise the refusal that Verify would come to in the end. It costs little and
// believes nothing: of many bundles it finds those that are worth verifying.
func Concerns(b *bundle.Bundle, a Artifact) error {
	if b.Envelope != nil {
		_, _, err := matching(b.Envelope.Payload, a)
		return err
	}
	if b.Message == nil || b.Message.Digest == nil {
		return nil
	}
	known := a.Sum(hashname.OfProto(b.Message.Digest.Algorithm))
	if known == nil {
		return nil
	}
	return sameDigest(b.Message.Digest, known)
}

// sameDigest compares the digest that a bundle claims with that of the artifact.
func sameDigest(claimed *bundle.Digest, known []byte) error {
	if !bytes.Equal(known, claimed.Value) {
		return check.Refuse("BP-9", check.Digest, "artifact has %x, bundle is for %x", known, claimed.Value).
			At("messageSignature.messageDigest")
	}
	return nil
}

// matching reads a statement and finds the subject that is the artifact.
func matching(payload []byte, a Artifact) (*dsse.Statement, dsse.Subject, error) {
	st, err := dsse.ParseStatement(payload)
	if err != nil {
		return nil, dsse.Subject{}, err
	}
	subject, err := st.Match(a.byName())
	return st, subject, err
}

// byName returns the digests as they stand in statements: hex, by name.
func (a Artifact) byName() map[string]string {
	digests := make(map[string]string, len(a.digests))
	for _, d := range a.digests {
		digests[hashName(d.Algorithm)] = hex.EncodeToString(d.Value)
	}
	return digests
}
