package ctlog

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"math"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
)

// An entry is a TimestampedEntry.
type entry struct {
	logged     time.Time
	pre        bool
	issuer     []byte // SHA-256 of the key of the issuer; nil if not pre
	data       []byte // certificate, or TBSCertificate if pre
	extensions []byte
}

// readLeaf reads a MerkleTreeLeaf (RFC 6962 section 3.4).
func readLeaf(leaf []byte) (entry, error) {
	s := cryptobyte.String(leaf)
	var version, kind uint8
	if !s.ReadUint8(&version) || !s.ReadUint8(&kind) || version != 0 || kind != 0 {
		return entry{}, malformed(errors.New("is not a timestamped entry of version 1"))
	}
	e, ok := readEntry(&s)
	if !ok || !s.Empty() {
		return entry{}, malformed(errors.New("is neither a certificate nor a precertificate"))
	}
	return e, nil
}

// readEntry takes a TimestampedEntry off s.
func readEntry(s *cryptobyte.String) (e entry, ok bool) {
	var ms uint64
	var kind uint16
	if !s.ReadUint64(&ms) || !s.ReadUint16(&kind) || ms > math.MaxInt64 || kind > 1 {
		return e, false
	}
	e.logged, e.pre = time.UnixMilli(int64(ms)).UTC(), kind == 1
	var data, extensions cryptobyte.String
	if e.pre && !s.ReadBytes(&e.issuer, sha256.Size) ||
		!s.ReadUint24LengthPrefixed(&data) || len(data) == 0 || !s.ReadUint16LengthPrefixed(&extensions) {
		return e, false
	}
	e.data, e.extensions = data, extensions
	return e, true
}

// parse reads the certificate of a MerkleTreeLeaf.
func parse(leaf []byte) (*Certificate, error) {
	e, err := readLeaf(leaf)
	if err != nil {
		return nil, err
	}
	c := &Certificate{Logged: e.logged, Pre: e.pre}
	copy(c.Issuer[:], e.issuer)
	raw := e.data
	if c.Pre {
		if raw, err = dress(e.data); err != nil {
			return nil, err
		}
	}
	if c.Parsed, err = x509.ParseCertificate(raw); err != nil {
		return nil, malformed(err)
	}
	c.TBS = c.Parsed.RawTBSCertificate
	if c.Identity, err = fulcioext.Parse(c.Parsed); err != nil {
		c.Identity = nil // somebody else's certificate
	}
	return c, nil
}

// dress makes a certificate without a signature of a TBSCertificate, for the
// parser.
func dress(tbs []byte) ([]byte, error) {
	s := cryptobyte.String(tbs)
	var inner, algorithm cryptobyte.String
	if !s.ReadASN1(&inner, cbasn1.SEQUENCE) || !s.Empty() ||
		!inner.SkipOptionalASN1(cbasn1.Tag(0).ContextSpecific().Constructed()) || !inner.SkipASN1(cbasn1.INTEGER) ||
		!inner.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) {
		return nil, malformed(errors.New("is not a TBSCertificate"))
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(algorithm)
		b.AddASN1BitString(nil)
	})
	raw, err := b.Bytes()
	if err != nil {
		return nil, malformed(err)
	}
	return raw, nil
}

func malformed(err error) error {
	return check.Refuse("LG-4", check.CertProfile, "entry: %w", err)
}
