package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/hallmarksign/hallmark/bundle"
)

// fingerprint hashes everything in an entry, each part with its length.
func fingerprint(e *bundle.Entry) [32]byte {
	f := fingerprinter{Hash: sha256.New()}
	f.bytes(e.LogID)
	f.text(e.Kind)
	f.text(e.Version)
	f.number(e.LogIndex)
	f.number(e.IntegratedTime)
	f.optional(e.Promise)
	f.bytes(e.Body)
	if p := e.Proof; p != nil {
		f.number(p.LogIndex)
		f.number(p.TreeSize)
		f.bytes(p.RootHash)
		f.text(p.Checkpoint)
		for _, h := range p.Hashes {
			f.bytes(h)
		}
	}
	var out [32]byte
	f.Sum(out[:0])
	return out
}

type fingerprinter struct {
	hash.Hash
	scratch [8]byte
}

func (f *fingerprinter) number(n int64) {
	binary.BigEndian.PutUint64(f.scratch[:], uint64(n))
	f.Write(f.scratch[:])
}

func (f *fingerprinter) bytes(b []byte) {
	f.number(int64(len(b)))
	f.Write(b)
}

func (f *fingerprinter) text(s string) { f.bytes([]byte(s)) }

// optional tells absent from empty.
func (f *fingerprinter) optional(b []byte) {
	if b == nil {
		f.number(-1)
		return
	}
	f.bytes(b)
}
