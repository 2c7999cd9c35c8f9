package sigtest

import (
	"crypto"
	"crypto/elliptic"
	"crypto/x509/pkix"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/trustroot"
)

// A CT is a certificate transparency log that signs timestamps and keeps nothing.
type CT struct {
	Key               crypto.Signer
	BaseURL, Operator string
	Valid             trustroot.Window
}

// NewCT makes a log that no trusted root lists yet.
func (w *World) NewCT(name string) *CT {
	return &CT{
		Key:     ECDSA(elliptic.P256(), w.Host+name),
		BaseURL: "https://" + w.Host + "/" + name, Operator: w.Host, Valid: w.window(),
	}
}

// ID is the log id of RFC 6962.
func (c *CT) ID() []byte { return sum256(SPKI(c.Key.Public())) }

// An SCT is a certificate timestamp before it is signed (RFC 6962 section 3.2).
type SCT struct {
	Log           *CT
	Version       byte
	LogID         []byte
	Time          time.Time // milliseconds count
	Extensions    []byte
	Hash, Alg     byte   // of the signature: 4 SHA-256, 3 ECDSA
	EntryType     uint16 // 1: precertificate
	IssuerKeyHash []byte
	TBS           []byte              // without timestamps
	Signature     func([]byte) []byte // changes the finished signature; may be nil
}

// timestamps returns the extension with a timestamp of each log.
func timestamps(logs []*CT, ca *CA, tbs []byte, at time.Time, e LeafEdits) pkix.Extension {
	var all [][]byte
	for _, log := range logs {
		s := &SCT{
			Log: log, LogID: log.ID(), Time: at, Hash: 4, Alg: 3, EntryType: 1,
			IssuerKeyHash: sum256(ca.Issuer.RawSubjectPublicKeyInfo), TBS: tbs,
		}
		if e.SCT != nil {
			e.SCT(s)
		}
		all = append(all, s.serialise())
	}
	list := SCTList(all...)
	if e.SCTs != nil {
		list = e.SCTs(list)
	}
	return pkix.Extension{Id: OIDSCTs, Value: der(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddBytes(list) })
	})}
}

// SCTList returns a SignedCertificateTimestampList (RFC 6962 section 3.3).
func SCTList(scts ...[]byte) []byte {
	return der(func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, s := range scts {
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s) })
			}
		})
	})
}

// signed is what the log signs.
func (s *SCT) signed() []byte {
	return der(func(b *cryptobyte.Builder) {
		b.AddUint8(s.Version)
		b.AddUint8(0) // certificate_timestamp
		b.AddUint64(uint64(s.Time.UnixMilli()))
		b.AddUint16(s.EntryType)
		b.AddBytes(s.IssuerKeyHash)
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s.TBS) })
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s.Extensions) })
	})
}

func (s *SCT) serialise() []byte {
	sig := signAsLog(s.Log.Key, s.signed())
	if s.Signature != nil {
		sig = s.Signature(sig)
	}
	return der(func(b *cryptobyte.Builder) {
		b.AddUint8(s.Version)
		b.AddBytes(s.LogID)
		b.AddUint64(uint64(s.Time.UnixMilli()))
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s.Extensions) })
		b.AddUint8(s.Hash)
		b.AddUint8(s.Alg)
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(sig) })
	})
}
