package bundle

import (
	"crypto"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/hashname"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Bounds of a statement (LM-3).
const (
	maxSubjects = 1024 // subjects that are looked at for hash functions
	maxDigests  = 32   // digests of a subject that are looked at
)

// Hashes returns the functions that the artifact must be hashed with to verify
// the bundle, in ascending order and always with SHA-256. It is a guess from what
// the bundle claims, made so that an artifact is read only once; what cannot be
// read adds nothing.
func (b *Bundle) Hashes() []crypto.Hash {
	hashes := []crypto.Hash{crypto.SHA256}
	switch {
	case b.Envelope != nil:
		hashes = append(hashes, subjectHashes(b.Envelope.Payload)...)
	case b.Message != nil && b.Message.Digest != nil:
		hashes = append(hashes, hashname.OfProto(b.Message.Digest.Algorithm))
	default:
		for _, e := range b.Entries {
			hashes = append(hashes, entryHash(e.Body))
		}
	}
	slices.Sort(hashes)
	hashes = slices.Compact(hashes)
	return slices.DeleteFunc(hashes, func(h crypto.Hash) bool { return h == 0 })
}

// entryHash returns the hash function that a hashedrekord body of either
// version names, or 0.
func entryHash(body []byte) crypto.Hash {
	var rekord struct {
		Spec struct {
			Data struct {
				Hash struct {
					Algorithm string `json:"algorithm"`
				} `json:"hash"`
			} `json:"data"`
			V002 struct {
				Data struct {
					Algorithm string `json:"algorithm"`
				} `json:"data"`
			} `json:"hashedRekordV002"`
		} `json:"spec"`
	}
	if err := strictjson.UnmarshalOpen(body, &rekord); err != nil {
		return 0
	}
	if name := rekord.Spec.V002.Data.Algorithm; name != "" {
		return hashname.OfProto(name)
	}
	return subjectHash(rekord.Spec.Data.Hash.Algorithm)
}

// subjectHashes returns the hash functions of the digests of the subjects of an
// in-toto statement.
func subjectHashes(payload []byte) (hashes []crypto.Hash) {
	// A fault ends the walk; verify refuses the statement for it.
	_ = strictjson.Read(payload, func(d *jsontext.Decoder) error {
		return visit(d, "subject", func() error {
			return strictjson.Items(d, maxSubjects, func(int) error {
				return visit(d, "digest", func() error {
					found, err := digestHashes(d)
					hashes = append(hashes, found...)
					return err
				})
			})
		})
	})
	return hashes
}

func digestHashes(d *jsontext.Decoder) (hashes []crypto.Hash, err error) {
	_, err = strictjson.Members(d, func(name []byte) error {
		if len(hashes) < maxDigests {
			hashes = append(hashes, subjectHash(string(name)))
		}
		return d.SkipValue()
	})
	return hashes, err
}

// visit reads an object, the value of one member with f, and skips the others.
func visit(d *jsontext.Decoder, member string, f func() error) error {
	_, err := strictjson.Members(d, func(name []byte) error {
		if string(name) == member {
			return f()
		}
		return d.SkipValue()
	})
	return err
}

// subjectHash returns the hash function that in-toto and Rekor v1 call name, or
// 0 if it is none that may be used.
func subjectHash(name string) crypto.Hash {
	switch name {
	case "sha256":
		return crypto.SHA256
	case "sha384":
		return crypto.SHA384
	case "sha512":
		return crypto.SHA512
	}
	return 0
}
