package tsp

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A binding is the first ESSCertIDv2 (RFC 5035 section 4): it says, under the
// signature, which certificate is the signer's.
type binding struct {
	hash   crypto.Hash // 0: the token has none
	value  []byte
	issuer []byte   // Name, DER; nil if absent
	serial *big.Int // nil if absent
}

// readAttrs reads the signed attributes (RFC 5652 section 11). The signature is
// over their DER encoding as SET OF, so they must be in its order.
func (i *signerInfo) readAttrs(raw cryptobyte.String, content []byte) error {
	var attrs, last cryptobyte.String
	if !raw.ReadASN1(&attrs, contextTag(0)) {
		return check.Refuse("TS-2", check.TSA, "signed attributes are malformed")
	}
	var contentType, messageDigest bool
	for !attrs.Empty() {
		var attr, element, oid, values cryptobyte.String
		if !attrs.ReadASN1Element(&element, asn1.SEQUENCE) {
			return check.Refuse("TS-2", check.TSA, "signed attribute is not a SEQUENCE")
		}
		if bytes.Compare(last, element) >= 0 {
			return check.Refuse("TS-1", check.TSA, "signed attributes are not in DER order")
		}
		last = element
		if !element.ReadASN1(&attr, asn1.SEQUENCE) || !attr.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			!attr.ReadASN1(&values, asn1.SET) || !attr.Empty() {
			return check.Refuse("TS-2", check.TSA, "signed attribute is malformed")
		}
		var err error
		switch string(oid) {
		case oidContentType:
			err = checkContentType(values, contentType)
			contentType = true
		case oidMessageDigest:
			err = checkMessageDigest(values, messageDigest, i.hash, content)
			messageDigest = true
		case oidSigningCertV2:
			err = i.binding.read(values)
		}
		if err != nil {
			return err
		}
	}
	if !contentType {
		return check.Refuse("TS-2", check.TSA, "signed attributes lack the content type")
	}
	if !messageDigest {
		return check.Refuse("TS-2", check.TSA, "signed attributes lack the message digest")
	}
	return nil
}

func checkContentType(values cryptobyte.String, again bool) error {
	var oid cryptobyte.String
	if again || !values.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !values.Empty() {
		return check.Refuse("TS-2", check.TSA, "content type attribute is not exactly one object identifier")
	}
	if string(oid) != oidTSTInfo {
		return check.Refuse("TS-2", check.TSA, "content type attribute is %s, want a TSTInfo", nameOID(oid))
	}
	return nil
}

func checkMessageDigest(values cryptobyte.String, again bool, hash crypto.Hash, content []byte) error {
	var got cryptobyte.String
	if again || !values.ReadASN1(&got, asn1.OCTET_STRING) || !values.Empty() {
		return check.Refuse("TS-2", check.TSA, "message digest attribute is not exactly one OCTET STRING")
	}
	if want := sum(hash, content); !bytes.Equal(got, want) {
		return check.Refuse("TS-2", check.TSA, "message digest attribute is %s, TSTInfo has %x", hexShort(got), want)
	}
	return nil
}

// read reads a SigningCertificateV2. Only the first identifier is about the
// signer; the others would restrict the path and are not used.
func (b *binding) read(values cryptobyte.String) error {
	var signing, certs, id, value cryptobyte.String
	if b.hash != 0 || !values.ReadASN1(&signing, asn1.SEQUENCE) || !values.Empty() ||
		!signing.ReadASN1(&certs, asn1.SEQUENCE) || !certs.ReadASN1(&id, asn1.SEQUENCE) {
		return check.Refuse("TS-4", check.TSA, "signing certificate attribute is malformed")
	}
	b.hash = crypto.SHA256
	if id.PeekASN1Tag(asn1.SEQUENCE) {
		oid, null, ok := readAlg(&id)
		b.hash = hashOf(oid)
		if !ok || b.hash == 0 {
			return check.Refuse("TS-4", check.TSA, "signing certificate attribute hashes with %s, want SHA-256, SHA-384 or SHA-512", nameOID(oid))
		}
		if b.hash == crypto.SHA256 && !null {
			return check.Refuse("TS-1", check.TSA, "signing certificate attribute spells out its default hash, which is not DER")
		}
	}
	if !id.ReadASN1(&value, asn1.OCTET_STRING) || len(value) != b.hash.Size() {
		return check.Refuse("TS-4", check.TSA, "signing certificate attribute has a hash of %d bytes, want %d", len(value), b.hash.Size())
	}
	b.value = value
	if id.Empty() {
		return nil
	}
	var both, names, name, issuer cryptobyte.String
	b.serial = new(big.Int)
	if !id.ReadASN1(&both, asn1.SEQUENCE) || !id.Empty() || !both.ReadASN1(&names, asn1.SEQUENCE) ||
		!both.ReadASN1Integer(b.serial) || !both.Empty() || !names.ReadASN1(&name, contextTag(4)) || !names.Empty() ||
		!name.ReadASN1Element(&issuer, asn1.SEQUENCE) || !name.Empty() {
		return check.Refuse("TS-4", check.TSA, "issuer and serial number of the signing certificate attribute are malformed")
	}
	b.issuer = issuer
	return nil
}

// checkBinding checks that the signed attributes are about c. A token with
// nothing but an ESSCertID of RFC 2634 is refused: it hashes with SHA-1.
func (i *signerInfo) checkBinding(c *x509.Certificate) error {
	b := &i.binding
	if b.hash == 0 {
		return check.Refuse("TS-4", check.TSA, "signed attributes lack a signing certificate hashed with SHA-2")
	}
	if want := sum(b.hash, c.Raw); !bytes.Equal(b.value, want) {
		return check.Refuse("TS-4", check.TSA, "signing certificate attribute is about %s, signer's certificate has %x", hexShort(b.value), want)
	}
	if b.serial != nil && (b.serial.Cmp(c.SerialNumber) != 0 || !bytes.Equal(b.issuer, c.RawIssuer)) {
		return check.Refuse("TS-4", check.TSA, "signing certificate attribute names serial number %s, signer has %s",
			hexShort(b.serial.Bytes()), hexShort(c.SerialNumber.Bytes()))
	}
	return nil
}

func sum(h crypto.Hash, data []byte) []byte {
	if h == crypto.SHA256 { // nearly always, and without a state in memory
		digest := sha256.Sum256(data)
		return digest[:]
	}
	w := h.New()
	w.Write(data)
	return w.Sum(nil)
}

// hexShort writes at most 64 bytes in hex.
func hexShort(b []byte) string {
	if len(b) > 64 {
		return hex.EncodeToString(b[:64]) + "…"
	}
	return hex.EncodeToString(b)
}
