package bundle

import (
	"crypto/sha256"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// readEntry reads a transparency log entry. What its fields must say depends on
// the log and is a matter for verify; its numbers and sizes are not.
func readEntry(d *jsontext.Decoder) (e Entry, err error) {
	var promised bool
	present, err := strictjson.Members(d, func(name []byte) (err error) {
		switch string(name) {
		case "logIndex":
			e.LogIndex, err = readIndex(d)
		case "logId":
			e.LogID, err = readField(d, "keyId", maxText)
		case "kindVersion":
			err = e.readKind(d)
		case "integratedTime":
			e.IntegratedTime, err = readTime(d)
		case "inclusionPromise":
			promised = d.PeekKind() != 'n'
			e.Promise, err = readField(d, "signedEntryTimestamp", MaxBody)
		case "inclusionProof":
			e.Proof, err = readProof(d)
		case "canonicalizedBody":
			e.Body, err = strictjson.Binary(d, MaxBody)
		default:
			err = strictjson.Unknown(d)
		}
		return err
	})
	if err != nil {
		return e, err
	}
	return e, e.complete(present, promised, strictjson.Where(d))
}

// complete checks what can be said once the whole entry is known.
func (e *Entry) complete(present, promised bool, at string) error {
	if !present {
		return check.Refuse("BP-2", check.Parse, "is null, want an object").At(at)
	}
	if len(e.LogID) != sha256.Size {
		return check.Refuse("R1-1", check.Parse, "is %d bytes, want %d", len(e.LogID), sha256.Size).At(at + ".logId.keyId")
	}
	if promised && len(e.Promise) == 0 {
		return check.Refuse("R1-2", check.SET, "is empty, want a signature").At(at + ".inclusionPromise.signedEntryTimestamp")
	}
	return e.bodyFits(at + ".canonicalizedBody")
}

// bodyFits checks the bound of a body that depends on its kind.
func (e *Entry) bodyFits(field string) error {
	attestation := e.Kind == "dsse" || e.Kind == "intoto"
	if attestation && len(e.Body) > maxAttestationBody {
		return check.Refuse("LM-4", check.Limit, "is %d bytes, want at most %d for kind %q",
			len(e.Body), maxAttestationBody, e.Kind).At(field)
	}
	return nil
}

// readIndex reads an integer that is not negative (LM-5).
func readIndex(d *jsontext.Decoder) (int64, error) {
	n, err := strictjson.Integer(d)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, check.Refuse("LM-5", check.Parse, "is %d, want 0 or more", n).At(strictjson.Where(d))
	}
	return n, nil
}

func readTime(d *jsontext.Decoder) (int64, error) {
	n, err := strictjson.Integer(d)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, check.Refuse("LM-5", check.Time, "is %d, want seconds since 1970", n).At(strictjson.Where(d))
	}
	return n, nil
}

// readField reads an object whose only field is binary and may be absent.
func readField(d *jsontext.Decoder, field string, limit int) (b []byte, err error) {
	_, err = strictjson.Members(d, func(name []byte) (err error) {
		if string(name) != field {
			return strictjson.Unknown(d)
		}
		b, err = strictjson.Binary(d, limit)
		return err
	})
	return b, err
}

func (e *Entry) readKind(d *jsontext.Decoder) error {
	_, err := strictjson.Members(d, func(name []byte) (err error) {
		switch string(name) {
		case "kind":
			e.Kind, err = strictjson.Text(d, maxText)
		case "version":
			e.Version, err = strictjson.Text(d, maxText)
		default:
			err = strictjson.Unknown(d)
		}
		return err
	})
	return err
}

func readProof(d *jsontext.Decoder) (*InclusionProof, error) {
	var p InclusionProof
	present, err := strictjson.Members(d, func(name []byte) (err error) {
		switch string(name) {
		case "logIndex":
			p.LogIndex, err = readIndex(d)
		case "rootHash":
			p.RootHash, err = readHash(d)
		case "treeSize":
			p.TreeSize, err = readIndex(d)
		case "hashes":
			err = p.readHashes(d)
		case "checkpoint":
			err = p.readCheckpoint(d)
		default:
			err = strictjson.Unknown(d)
		}
		return err
	})
	if err != nil || !present {
		return nil, err
	}
	// Absent fields are those of a Rekor v2 proof, which the checkpoint replaces.
	if p.TreeSize > 0 && p.LogIndex >= p.TreeSize {
		return nil, check.Refuse("LM-5", check.Proof, "is %d, want less than the tree size %d",
			p.LogIndex, p.TreeSize).At(strictjson.Where(d) + ".logIndex")
	}
	return &p, nil
}

// readHashes reads the hashes of a proof, each of exactly 32 bytes (LM-4).
func (p *InclusionProof) readHashes(d *jsontext.Decoder) error {
	return strictjson.Items(d, MaxProof, func(int) error {
		h, err := readHash(d)
		if err != nil {
			return err
		}
		if h == nil {
			return check.Refuse("LM-4", check.Parse, "is empty, want %d bytes", sha256.Size).At(strictjson.Where(d))
		}
		p.Hashes = append(p.Hashes, h)
		return nil
	})
}

// readHash reads a SHA-256 value; nil if it is null or empty.
func readHash(d *jsontext.Decoder) ([]byte, error) {
	h, err := strictjson.Binary(d, MaxBody)
	if err != nil {
		return nil, err
	}
	if h != nil && len(h) != sha256.Size {
		return nil, check.Refuse("LM-4", check.Parse, "is %d bytes, want %d", len(h), sha256.Size).At(strictjson.Where(d))
	}
	return h, nil
}

func (p *InclusionProof) readCheckpoint(d *jsontext.Decoder) error {
	_, err := strictjson.Members(d, func(name []byte) (err error) {
		if string(name) != "envelope" {
			return strictjson.Unknown(d)
		}
		p.Checkpoint, err = strictjson.Text(d, MaxCheckpoint)
		return err
	})
	return err
}
