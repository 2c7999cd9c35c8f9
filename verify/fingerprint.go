package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/hallmarksign/hallmark/bundle"
)

// fingerprint hashes everything in an entry, each part with its length.
func fingerprint(e *bundle.Entry) [32]byte {
	f := newFingerprinter()
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
	return f.sum()
}

// A fingerprinter hashes parts, each with its length.
type fingerprinter struct {
	hash    hash.Hash
	scratch [64]byte
}

func newFingerprinter() *fingerprinter { return &fingerprinter{hash: sha256.New()} }

func (f *fingerprinter) number(n int64) {
	f.hash.Write(binary.BigEndian.AppendUint64(f.scratch[:0], uint64(n)))
}

func (f *fingerprinter) bytes(b []byte) {
	f.number(int64(len(b)))
	f.hash.Write(b)
}

// text is bytes without a copy of the whole text.
func (f *fingerprinter) text(s string) {
	f.number(int64(len(s)))
	for len(s) > 0 {
		n := copy(f.scratch[:], s)
		f.hash.Write(f.scratch[:n])
		s = s[n:]
	}
}

// optional tells absent from empty.
func (f *fingerprinter) optional(b []byte) {
	if b == nil {
		f.number(-1)
		return
	}
	f.bytes(b)
}

func (f *fingerprinter) sum() (out [32]byte) {
	f.hash.Sum(out[:0])
	return out
}
