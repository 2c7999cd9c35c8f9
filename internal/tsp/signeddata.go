package tsp

import (
	"strconv"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

// readSignedData reads a SignedData (RFC 5652 section 5.1) up to its only
// SignerInfo.
func (t *Token) readSignedData(s cryptobyte.String) error {
	var version int
	if !s.ReadASN1Integer(&version) || version != 3 {
		return check.Refuse("TS-2", check.TSA, "signed data has version %d, want 3", version)
	}
	var digests, infos cryptobyte.String
	if !s.ReadASN1(&digests, asn1.SET) {
		return check.Refuse("TS-2", check.TSA, "signed data has no set of digest algorithms")
	}
	if err := t.readContent(&s); err != nil {
		return err
	}
	if err := t.readCerts(&s); err != nil {
		return err
	}
	if !s.ReadASN1(&infos, asn1.SET) || !s.Empty() {
		return check.Refuse("TS-2", check.TSA, "signed data does not end with the signer infos, or has revocation lists")
	}
	var info cryptobyte.String
	if !infos.ReadASN1(&info, asn1.SEQUENCE) {
		return check.Refuse("TS-2", check.TSA, "signed data has no signer info, want one")
	}
	if !infos.Empty() {
		return check.Refuse("TS-2", check.TSA, "signed data has several signer infos, want one")
	}
	if err := t.signer.read(info, t.content); err != nil {
		return err
	}
	return t.signer.checkDigestSet(digests)
}

// readContent reads the EncapsulatedContentInfo.
func (t *Token) readContent(s *cryptobyte.String) error {
	var encap, oid, explicit, content cryptobyte.String
	if !s.ReadASN1(&encap, asn1.SEQUENCE) || !encap.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		return check.Refuse("TS-2", check.TSA, "signed data has no content")
	}
	if string(oid) != oidTSTInfo {
		return check.Refuse("TS-2", check.TSA, "signed content is %s, want a TSTInfo", nameOID(oid))
	}
	if !encap.ReadASN1(&explicit, contextTag(0)) || !encap.Empty() ||
		!explicit.ReadASN1(&content, asn1.OCTET_STRING) || !explicit.Empty() {
		return check.Refuse("TS-2", check.TSA, "signed content is not exactly one OCTET STRING")
	}
	if !strict(content, maxDepth) {
		return check.Refuse("TS-1", check.TSA, "TSTInfo is not DER")
	}
	t.content = content
	return nil
}

// readCerts reads the optional bag of certificates. It is not signed: its
// order means nothing and what is in it is only a suggestion.
func (t *Token) readCerts(s *cryptobyte.String) error {
	var bag cryptobyte.String
	var present bool
	if !s.ReadOptionalASN1(&bag, &present, contextTag(0)) {
		return check.Refuse("TS-2", check.TSA, "certificates of the token are malformed")
	}
	if n := count(bag); n > MaxCerts {
		return check.Refuse("LM-4", check.Limit, "token has %d certificates, want at most %d", n, MaxCerts)
	}
	for !bag.Empty() {
		var cert cryptobyte.String
		if !bag.ReadASN1Element(&cert, asn1.SEQUENCE) {
			return check.Refuse("TS-2", check.TSA, "token has a certificate that is not X.509")
		}
		if len(cert) > MaxCert {
			return check.Refuse("LM-4", check.Limit, "certificate in the token has %d bytes, want at most %d", len(cert), MaxCert)
		}
		t.certs = append(t.certs, cert)
	}
	return nil
}

// count returns the number of elements of s, which is known to be DER.
func count(s cryptobyte.String) int {
	n := 0
	var element cryptobyte.String
	var tag asn1.Tag
	for s.ReadAnyASN1Element(&element, &tag) {
		n++
	}
	return n
}

// quote writes text from outside for an error message.
func quote(text []byte) string {
	if len(text) > 200 {
		text = text[:200]
	}
	return strconv.QuoteToASCII(string(text))
}
