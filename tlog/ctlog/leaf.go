package ctlog

import (
	"crypto/x509"
	"errors"
	"math"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
)

// parse reads a MerkleTreeLeaf (RFC 6962 section 3.4).
func parse(leaf []byte) (*Certificate, error) {
	s := cryptobyte.String(leaf)
	var version, kind uint8
	var ms uint64
	var entry uint16
	if !s.ReadUint8(&version) || !s.ReadUint8(&kind) || !s.ReadUint64(&ms) || !s.ReadUint16(&entry) ||
		version != 0 || kind != 0 || ms > math.MaxInt64 {
		return nil, malformed(errors.New("is not a timestamped entry of version 1"))
	}
	c := &Certificate{Logged: time.UnixMilli(int64(ms)).UTC(), Pre: entry == 1}
	var issuer, data, extensions cryptobyte.String
	if entry > 1 || c.Pre && !s.ReadBytes((*[]byte)(&issuer), len(c.Issuer)) ||
		!s.ReadUint24LengthPrefixed(&data) || !s.ReadUint16LengthPrefixed(&extensions) || !s.Empty() {
		return nil, malformed(errors.New("is neither a certificate nor a precertificate"))
	}
	copy(c.Issuer[:], issuer)
	raw := []byte(data)
	if c.Pre {
		var err error
		if raw, err = dress(data); err != nil {
			return nil, err
		}
	}
	var err error
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
