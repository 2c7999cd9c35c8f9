package verify

import (
	"bytes"
	"crypto"
	"crypto/sha256"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/hashname"
)

// A claimedSignature says how the signer signed, by entries that name the
// signer's key. It is not verified yet.
type claimedSignature struct {
	algorithm algorithm
	signer    checkedSigner
	entries   firstEntries
}

// checkBodies checks that every entry names the key of the signer, and takes
// from them how was signed; without entries it is the way such keys usually sign
// (SG-3, EB-2..EB-6). Nothing is ever found out by trying.
func checkBodies(by checkedSigner, e firstEntries) (claimedSignature, error) {
	claim := claimedSignature{signer: by, entries: e}
	for i := range e.list {
		b := e.list[i].facts.body
		if err := checkVerifier(by, b); err != nil {
			return claim, err
		}
		a, err := loggedWith(by.key, b)
		if err != nil {
			return claim, err
		}
		if i > 0 && a != claim.algorithm {
			return claim, check.Refuse("TT-4", check.Entry, "one entry is signed with %s, another with %s", claim.algorithm.name, a.name)
		}
		claim.algorithm = a
	}
	if len(e.list) > 0 {
		return claim, nil
	}
	a, err := usual(by.key)
	claim.algorithm = a
	return claim, err
}

// checkVerifier checks that an entry was made with the very certificate or key of
// the signer (EB-6).
func checkVerifier(by checkedSigner, b *entry.Body) error {
	if by.leaf != nil && !bytes.Equal(b.Certificate, by.leaf.cert.Raw) {
		return check.Refuse("EB-6", check.Entry, "log entry is not with the certificate of the bundle")
	}
	if by.caller != nil && !bytes.Equal(b.PublicKey, by.caller.spki) {
		return check.Refuse("EB-6", check.Entry, "log entry is not with the public key of the signer")
	}
	return nil
}

// A checkedSignature was made with the signer's key over the artifact, or over a
// payload that has yet to say that it is about the artifact.
type checkedSignature struct {
	algorithm algorithm
	bytes     []byte
	digest    []byte // of what is signed; nil for a scheme that hashes by itself
}

// checkSignature verifies the signature.
func checkSignature(q *question, by checkedSigner, claim claimedSignature) (checkedSignature, error) {
	a := claim.algorithm
	s := checkedSignature{algorithm: a}
	var message []byte
	if e := q.bundle.Envelope; e != nil {
		s.bytes = e.Signature
		if e.PayloadType != dsse.PayloadType {
			return s, check.Refuse("BP-8", check.DSSE, "payload type is %q, want %q", e.PayloadType, dsse.PayloadType)
		}
		if a.hash != 0 {
			s.digest = sumOf(a.hash, dsse.Prefix(e.PayloadType, len(e.Payload)), e.Payload)
		} else {
			message = dsse.PAE(e.PayloadType, e.Payload)
		}
	} else {
		s.bytes = q.bundle.Message.Signature
		if err := s.overArtifact(q); err != nil {
			return s, err
		}
	}
	if !a.verify(by.key, message, s.digest, s.bytes) {
		return s, check.Refuse("BP-9", check.Signature, "signature does not verify with the key of the signer (%s)", a.name)
	}
	if a.deprecated {
		q.warn("signed with " + a.name + ", which is deprecated")
	}
	return s, nil
}

// overArtifact takes the digest of the artifact that was signed, and compares it
// with the one that the bundle claims (BP-9).
func (s *checkedSignature) overArtifact(q *question) error {
	h := s.algorithm.hash
	if h == 0 {
		return check.Refuse("J11", check.Usage, "%s signs the artifact itself, which is known by its digest only", s.algorithm.name)
	}
	if s.digest = q.artifact.Sum(h); s.digest == nil {
		return check.Refuse("LM-6", check.Usage, "signature is over the %s digest of the artifact, which is not known", hashName(h))
	}
	claimed := q.bundle.Message.Digest
	if claimed == nil {
		return nil
	}
	if hashname.OfProto(claimed.Algorithm) != h { // A34
		return check.Refuse("BP-9", check.Digest, "algorithm is %q, artifact was signed by its %s", claimed.Algorithm, hashName(h)).
			At("messageSignature.messageDigest")
	}
	return sameDigest(claimed, s.digest)
}

// boundEntries are entries about the signature that was verified.
type boundEntries struct{ list []candidate }

// checkBinding checks that every entry is about this signature over this content
// (EB-2..EB-6, TT-4). Signatures are not unique, so all parts are compared.
func checkBinding(q *question, claim claimedSignature, s checkedSignature) (boundEntries, error) {
	for i := range claim.entries.list {
		b := claim.entries.list[i].facts.body
		if !bytes.Equal(b.Signature, s.bytes) {
			return boundEntries{}, check.Refuse("EB-6", check.Entry, "log entry is about another signature")
		}
		want, err := loggedDigest(q, b, s)
		if err != nil {
			return boundEntries{}, err
		}
		if !bytes.Equal(b.Digest, want) {
			return boundEntries{}, check.Refuse("EB-2", check.Entry, "log entry is about %x, want %x", b.Digest, want)
		}
	}
	return boundEntries{claim.entries.list}, nil
}

// loggedDigest returns what an entry about the signature must say was signed
// (EB-2..EB-5, R2-4).
func loggedDigest(q *question, b *entry.Body, s checkedSignature) ([]byte, error) {
	first := b.Version == "0.0.1" && b.Kind == "hashedrekord"
	switch {
	case q.bundle.Message != nil && b.Kind == "hashedrekord":
		return s.digest, nil
	case q.bundle.Envelope != nil && b.Kind == "hashedrekord" && !first:
		return s.digest, nil
	case q.bundle.Envelope != nil && b.Kind != "hashedrekord":
		return sum(b.Hash, q.bundle.Envelope.Payload), nil
	case q.bundle.Envelope != nil:
		return nil, check.Refuse("EB-4", check.Entry, "entry is %s %s, want dsse or intoto about an envelope", b.Kind, b.Version)
	}
	return nil, check.Refuse("EB-2", check.Entry, "entry is %s %s, want hashedrekord about a signature", b.Kind, b.Version)
}

func sum(h crypto.Hash, data []byte) []byte {
	if h == crypto.SHA256 { // nearly always, and without a state in memory
		digest := sha256.Sum256(data)
		return digest[:]
	}
	return sumOf(h, data)
}

// sumOf hashes parts that follow each other, without putting them together.
func sumOf(h crypto.Hash, parts ...[]byte) []byte {
	state := h.New()
	for _, p := range parts {
		state.Write(p)
	}
	return state.Sum(nil)
}
