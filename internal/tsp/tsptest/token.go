package tsptest

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	_ "crypto/sha256" // hashes of tokens
	_ "crypto/sha512"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Object identifiers of tokens.
var (
	SignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	TSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	ContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	MessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	SigningCert   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12} // ESSCertID, SHA-1
	SigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	MD5           = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 5}
	SHA1          = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	SHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	SHA384        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	SHA512        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	ECDSASHA256   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	ECDSASHA384   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	ECDSASHA512   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}
	RSA           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	RSASHA256     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	Ed25519       = asn1.ObjectIdentifier{1, 3, 101, 112}
)

// A Fault changes a good token before it is signed.
type Fault func(*Token)

// An Attribute is a signed attribute with one value.
type Attribute struct {
	Type  asn1.ObjectIdentifier
	Value []byte // DER
}

// A Token is everything that a response says. Fields that hold DER are written
// as they are; nil ones are left out.
type Token struct {
	Status     *big.Int
	StatusText string
	StatusRest []byte // follows in the PKIStatusInfo
	NoToken    bool

	ContentInfo asn1.ObjectIdentifier // SignedData
	Version     int64                 // of SignedData
	DigestSet   []asn1.ObjectIdentifier
	DigestRest  []byte                // follows in the set
	EContent    asn1.ObjectIdentifier // TSTInfo
	Certs       [][]byte
	CRLs        []byte

	Info Info

	Signer        Cert
	SignerVersion int64
	Issuer        []byte // Name
	Serial        *big.Int
	KeyID         []byte // instead of issuer and serial number
	Digest        asn1.ObjectIdentifier
	Hash          crypto.Hash // that is really used
	SignatureAlg  asn1.ObjectIdentifier
	AlgNull       bool                       // NULL parameters of the signature algorithm
	NoAttributes  bool                       // the signature is over the content
	Unsorted      bool                       // attributes in the order given
	Unsigned      []byte                     // unsigned attributes: content of [1]
	Infos         func(good []byte) [][]byte // SignerInfos to write; nil: the good one

	Rewrite func(der []byte) []byte // last change to the finished response
	attrs   func(*Token) []Attribute
}

// An Info is a TSTInfo.
type Info struct {
	Version    int64
	Policy     asn1.ObjectIdentifier
	ImprintAlg asn1.ObjectIdentifier
	Imprint    []byte
	Serial     *big.Int
	Time       string // GeneralizedTime
	Accuracy   []byte // DER
	Ordering   []byte // DER
	Nonce      *big.Int
	Name       []byte // GeneralName, DER
	Extensions []byte // content of [1]
}

// Token returns the good token for message. It embeds the leaf.
func (a *Authority) Token(message []byte, at time.Time) *Token {
	t := &Token{
		Status:        big.NewInt(0),
		ContentInfo:   SignedData,
		Version:       3,
		DigestSet:     []asn1.ObjectIdentifier{SHA256},
		EContent:      TSTInfo,
		Certs:         [][]byte{a.Leaf.Raw},
		SignerVersion: 1,
		Digest:        SHA256,
		Hash:          crypto.SHA256,
		SignatureAlg:  ECDSASHA256,
		Info: Info{
			Version:    1,
			Policy:     asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2},
			ImprintAlg: SHA256,
			Imprint:    Sum(crypto.SHA256, message),
			Serial:     big.NewInt(4711),
			Time:       at.UTC().Format("20060102150405Z"),
		},
	}
	return t.By(a.Leaf)
}

// By makes c the signer of t, named by issuer and serial number. The
// certificates that t embeds stay.
func (t *Token) By(c Cert) *Token {
	t.Signer, t.Issuer, t.Serial = c, c.RawIssuer, c.SerialNumber
	return t
}

// With applies faults and returns t.
func (t *Token) With(faults ...Fault) *Token {
	for _, f := range faults {
		f(t)
	}
	return t
}

// Attrs changes the signed attributes after the good ones were made from all
// other fields.
func (t *Token) Attrs(edit func([]Attribute) []Attribute) {
	before := t.attrs
	t.attrs = func(t *Token) []Attribute {
		attrs := t.goodAttributes()
		if before != nil {
			attrs = before(t)
		}
		return edit(attrs)
	}
}

// SetAttr replaces the value of one signed attribute; nil removes it.
func (t *Token) SetAttr(oid asn1.ObjectIdentifier, value []byte) {
	t.Attrs(func(attrs []Attribute) []Attribute {
		attrs = slices.DeleteFunc(attrs, func(a Attribute) bool { return a.Type.Equal(oid) })
		if value != nil {
			attrs = append(attrs, Attribute{oid, value})
		}
		return attrs
	})
}

func (t *Token) goodAttributes() []Attribute {
	ess := seq(seq(seq(tlv(4, Sum(crypto.SHA256, t.Signer.Raw)))))
	return []Attribute{
		{ContentType, oid(TSTInfo)},
		{MessageDigest, tlv(4, Sum(t.Hash, t.Info.DER()))},
		{SigningCertV2, ess},
	}
}

// DER writes and signs the response.
func (t *Token) DER() ([]byte, error) {
	status := [][]byte{integer(t.Status)}
	if t.StatusText != "" {
		status = append(status, seq(tlv(0x0c, []byte(t.StatusText))))
	}
	parts := [][]byte{seq(append(status, t.StatusRest)...)}
	if !t.NoToken {
		signed, err := t.signedData()
		if err != nil {
			return nil, err
		}
		parts = append(parts, seq(oid(t.ContentInfo), tlv(0xa0, signed)))
	}
	der := seq(parts...)
	if t.Rewrite != nil {
		der = t.Rewrite(der)
	}
	return der, nil
}

func (t *Token) signedData() ([]byte, error) {
	info, err := t.signerInfo()
	if err != nil {
		return nil, err
	}
	infos := [][]byte{info}
	if t.Infos != nil {
		infos = t.Infos(info)
	}
	var digests [][]byte
	for _, d := range t.DigestSet {
		digests = append(digests, alg(d, false))
	}
	parts := [][]byte{
		integer(big.NewInt(t.Version)),
		tlv(0x31, append(digests, t.DigestRest)...),
		seq(oid(t.EContent), tlv(0xa0, tlv(4, t.Info.DER()))),
	}
	if t.Certs != nil {
		parts = append(parts, tlv(0xa0, t.Certs...))
	}
	if t.CRLs != nil {
		parts = append(parts, tlv(0xa1, t.CRLs))
	}
	return seq(append(parts, tlv(0x31, infos...))...), nil
}

func (t *Token) signerInfo() ([]byte, error) {
	who := seq(t.Issuer, integer(t.Serial))
	if t.KeyID != nil {
		who = tlv(0x80, t.KeyID)
	}
	parts := [][]byte{integer(big.NewInt(t.SignerVersion)), who, alg(t.Digest, false)}
	signed := t.Info.DER()
	if !t.NoAttributes {
		attrs := t.signedAttributes()
		parts = append(parts, tlv(0xa0, attrs))
		signed = tlv(0x31, attrs)
	}
	signature, err := Sign(t.Signer.Key, t.Hash, signed)
	if err != nil {
		return nil, err
	}
	parts = append(parts, alg(t.SignatureAlg, t.AlgNull), tlv(4, signature))
	if t.Unsigned != nil {
		parts = append(parts, tlv(0xa1, t.Unsigned))
	}
	return seq(parts...), nil
}

// signedAttributes returns the content of the set, sorted as DER demands.
func (t *Token) signedAttributes() []byte {
	attrs := t.goodAttributes()
	if t.attrs != nil {
		attrs = t.attrs(t)
	}
	var all [][]byte
	for _, a := range attrs {
		all = append(all, seq(oid(a.Type), tlv(0x31, a.Value)))
	}
	if !t.Unsorted {
		slices.SortFunc(all, bytes.Compare)
	}
	return slices.Concat(all...)
}

// DER writes the TSTInfo.
func (i *Info) DER() []byte {
	parts := [][]byte{
		integer(big.NewInt(i.Version)), oid(i.Policy),
		seq(alg(i.ImprintAlg, true), tlv(4, i.Imprint)),
		integer(i.Serial), tlv(0x18, []byte(i.Time)),
		i.Accuracy, i.Ordering,
	}
	if i.Nonce != nil {
		parts = append(parts, integer(i.Nonce))
	}
	if i.Name != nil {
		parts = append(parts, tlv(0xa0, i.Name))
	}
	if i.Extensions != nil {
		parts = append(parts, tlv(0xa1, i.Extensions))
	}
	return seq(parts...)
}

// Sign signs data as CMS does with the kind of key; RSA is PKCS #1 v1.5.
func Sign(key crypto.Signer, h crypto.Hash, data []byte) ([]byte, error) {
	digest, opts := Sum(h, data), crypto.SignerOpts(h)
	if _, ok := key.(ed25519.PrivateKey); ok {
		digest, opts = data, crypto.Hash(0)
	}
	sig, err := key.Sign(rand.Reader, digest, opts)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return sig, nil
}

// Sum hashes data.
func Sum(h crypto.Hash, data []byte) []byte {
	w := h.New()
	w.Write(data)
	return w.Sum(nil)
}
