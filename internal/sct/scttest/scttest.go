// Package scttest is a certificate transparency log for tests: it puts signed
// certificate timestamps into certificates, good ones and ones with one fault.
package scttest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Object identifiers of certificate transparency (RFC 6962 section 3).
var (
	ListOID   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}
	PoisonOID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 3}
)

// A Log is a certificate transparency log.
type Log struct {
	Key crypto.Signer
	ID  [32]byte // SHA-256 of the SPKI
}

// NewLog returns a log with the key, or with a fresh P-256 key if it is nil.
func NewLog(key crypto.Signer) (Log, error) {
	if key == nil {
		fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return Log{}, fmt.Errorf("key: %w", err)
		}
		key = fresh
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return Log{}, fmt.Errorf("key: %w", err)
	}
	return Log{Key: key, ID: sha256.Sum256(spki)}, nil
}

// An SCT says what a log signs and what is then written. SCT of a Log fills in
// what is right.
type SCT struct {
	Log        Log
	Time       time.Time
	Extensions []byte

	// What is signed.
	IssuerSPKI []byte // instead of the issuer's, if set
	TBS        []byte // instead of the certificate's, if set
	EntryType  uint16

	// What is written.
	Version   byte
	ID        [32]byte
	Hash, Sig byte
	Edit      func(written []byte) []byte // last change, if set
}

// SCT returns a good SCT of the log.
func (l Log) SCT(at time.Time) SCT {
	s := SCT{Log: l, Time: at, EntryType: 1, ID: l.ID, Hash: 4, Sig: 3}
	switch l.Key.(type) {
	case *rsa.PrivateKey:
		s.Sig = 1
	case ed25519.PrivateKey:
		s.Hash, s.Sig = 8, 7
	}
	return s
}

// write signs and writes the SCT for a TBSCertificate.
func (s SCT) write(tbs, issuerSPKI []byte) ([]byte, error) {
	if s.TBS != nil {
		tbs = s.TBS
	}
	if s.IssuerSPKI != nil {
		issuerSPKI = s.IssuerSPKI
	}
	millis := binary.BigEndian.AppendUint64(nil, uint64(s.Time.UnixMilli()))
	ext := prefix16(s.Extensions)
	issuerHash := sha256.Sum256(issuerSPKI)
	entry := slices.Concat(issuerHash[:], []byte{byte(len(tbs) >> 16), byte(len(tbs) >> 8), byte(len(tbs))}, tbs)
	signed := slices.Concat([]byte{0, 0}, millis, binary.BigEndian.AppendUint16(nil, s.EntryType), entry, ext)

	digest, opts := signed, crypto.SignerOpts(crypto.Hash(0))
	if _, ok := s.Log.Key.(ed25519.PrivateKey); !ok {
		sum := sha256.Sum256(signed)
		digest, opts = sum[:], crypto.SHA256
	}
	signature, err := s.Log.Key.Sign(rand.Reader, digest, opts)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	out := slices.Concat([]byte{s.Version}, s.ID[:], millis, ext, []byte{s.Hash, s.Sig}, prefix16(signature))
	if s.Edit != nil {
		out = s.Edit(out)
	}
	return out, nil
}

func prefix16(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// A Certificate is a certificate to be made with SCTs.
type Certificate struct {
	Template  *x509.Certificate // with a serial number; Key is its public key
	Issuer    *x509.Certificate
	Key       crypto.PublicKey
	IssuerKey crypto.Signer
	SCTs      []SCT
	EditList  func(list []byte) []byte  // changes the TLS list, if set
	EditValue func(value []byte) []byte // changes the value of the extension, if set
	Twice     bool                      // writes the extension twice; crypto/x509 will not parse it
	First     bool                      // writes it before the other ExtraExtensions
}

// DER signs the certificate. Without SCTs it has no SCT extension; with an
// empty but non-nil slice it has an empty list.
func (c Certificate) DER() ([]byte, error) {
	if c.Template.SerialNumber == nil || c.Template.SerialNumber.Cmp(new(big.Int)) <= 0 {
		return nil, errors.New("template has no serial number")
	}
	if c.SCTs == nil {
		return c.sign(c.Template)
	}
	plain, err := c.sign(c.Template)
	if err != nil {
		return nil, err
	}
	pre, err := x509.ParseCertificate(plain)
	if err != nil {
		return nil, fmt.Errorf("precertificate: %w", err)
	}
	var items []byte
	for _, s := range c.SCTs {
		item, err := s.write(pre.RawTBSCertificate, c.Issuer.RawSubjectPublicKeyInfo)
		if err != nil {
			return nil, err
		}
		items = append(items, prefix16(item)...)
	}
	list := prefix16(items)
	if c.EditList != nil {
		list = c.EditList(list)
	}
	value, err := asn1.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("extension: %w", err)
	}
	if c.EditValue != nil {
		value = c.EditValue(value)
	}
	return c.signWith(pkix.Extension{Id: ListOID, Value: value})
}

func (c Certificate) signWith(list pkix.Extension) ([]byte, error) {
	final := *c.Template
	final.ExtraExtensions = append(slices.Clone(c.Template.ExtraExtensions), list)
	if c.First {
		final.ExtraExtensions = append([]pkix.Extension{list}, c.Template.ExtraExtensions...)
	}
	if !c.Twice {
		return c.sign(&final)
	}
	final.ExtraExtensions = append(final.ExtraExtensions, list)
	return c.sign(&final)
}

func (c Certificate) sign(t *x509.Certificate) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, c.Issuer, c.Key, c.IssuerKey)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return bytes.Clone(der), nil
}
