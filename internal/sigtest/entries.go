package sigtest

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/hallmarksign/hallmark/internal/entry"
)

// Entries are the bodies of a log of any size of the second generation. Their
// certificates are used again and again; digests are all different.
type Entries struct{ with []template }

// A template is a body with one certificate, and where its digest is.
type template struct {
	body   []byte
	digest int
}

// Entries returns bodies with so many certificates.
func (w *World) Entries(certificates int) *Entries {
	e := &Entries{}
	for i := range certificates {
		key := ECDSA(elliptic.P256(), fmt.Sprint("signer ", i))
		b := entry.Body{
			Hash: crypto.SHA256, Digest: make([]byte, 32), KeyDetails: "PKIX_ECDSA_P256_SHA_256",
			Signature:   SignMessage(key, crypto.SHA256, []byte("artifact")),
			Certificate: w.Leaf(w.CA, Who(i), key.Public(), T0, []*CT{w.CT}, LeafEdits{}),
		}
		whole := must(entry.HashedRekord2(&b))
		digest := []byte(base64.StdEncoding.EncodeToString(b.Digest))
		e.with = append(e.with, template{whole, bytes.Index(whole, digest)})
	}
	return e
}

// Who is the identity of certificate i: every second one is a workflow.
func Who(i int) Identity {
	if i%2 == 0 {
		return Identity{Subject: fmt.Sprintf("User%d@example.com", i), Issuer: "https://accounts.example.com"}
	}
	repo := fmt.Sprintf("https://github.com/Owner%d/name", i)
	return Identity{
		Subject: repo + "/.github/workflows/release.yml@refs/heads/main", Kind: "uri", Issuer: "https://token.actions.githubusercontent.com",
		Claims: map[int]string{12: repo},
	}
}

// EntryDigest is the digest of entry i.
func EntryDigest(i int) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	return sum[:]
}

// Body is entry i. Every thousandth can't be understood.
func (e *Entries) Body(i int) []byte {
	if i%1000 == 999 {
		return fmt.Appendf(nil, `{"apiVersion":"0.0.2","kind":"dsse","spec":{"i":%d}}`, i)
	}
	b := e.with[i%len(e.with)]
	out := bytes.Clone(b.body)
	base64.StdEncoding.Encode(out[b.digest:], EntryDigest(i))
	return out
}
