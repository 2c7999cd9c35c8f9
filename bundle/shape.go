package bundle

import (
	"bytes"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/hashname"
)

// payloadType is the only one that an envelope may have (BP-8).
const payloadType = "application/vnd.in-toto+json"

// bundle returns the bundle that was claimed if its parts belong together
// (BP-4, BP-5, BP-7..BP-10).
func (c *claim) bundle() (*Bundle, error) {
	if c.MediaType == "" {
		return nil, check.Refuse("BP-1", check.Version, "is missing, want %q", MediaType).At("mediaType")
	}
	for _, rule := range []func() error{c.signer, c.content, c.evidence} {
		if err := rule(); err != nil {
			return nil, err
		}
	}
	b := c.Bundle
	b.Certificate = c.single
	if c.chained {
		b.Certificate = c.chain[0]
	}
	if len(c.chain) > 1 {
		b.Chain = c.chain[1:]
	}
	return &b, nil
}

// signer checks who is said to have signed.
func (c *claim) signer() error {
	const field = "verificationMaterial"
	forms := count(c.single != nil, c.chained, c.PublicKey != nil)
	if forms != 1 {
		return check.Refuse("BP-4", check.Content,
			"has %d of certificate, x509CertificateChain and publicKey, want one", forms).At(field)
	}
	if c.Version == V03 && c.chained {
		return check.Refuse("BP-5", check.Content, "is present, want certificate in version 0.3").At(field + ".x509CertificateChain")
	}
	if c.Version != V03 && c.single != nil {
		return check.Refuse("BP-5", check.Content, "is present, want x509CertificateChain before version 0.3").At(field + ".certificate")
	}
	if c.chained && len(c.chain) == 0 {
		return check.Refuse("BP-4", check.Content, "is empty, want a leaf certificate").At(field + ".x509CertificateChain.certificates")
	}
	return c.noAnchors(field + ".x509CertificateChain.certificates")
}

// noAnchors refuses certificates that name themselves as their issuer (BP-7).
// Version 0.1 may have one as the last; only verify can tell whether that one is
// an anchor.
func (c *claim) noAnchors(field string) error {
	for i, der := range c.chain {
		tolerated := c.Version == V01 && i == len(c.chain)-1
		if i > 0 && !tolerated && selfIssued(der) {
			return check.Refuse("BP-7", check.Content, "is self-signed, want no trust anchor in a bundle").At(fmt.Sprintf("%s[%d]", field, i))
		}
	}
	return nil
}

// content checks what is said to have been signed.
func (c *claim) content() error {
	contents := count(c.Message != nil, c.Envelope != nil)
	if contents != 1 {
		return check.Refuse("BP-4", check.Content, "has %d of messageSignature and dsseEnvelope, want one", contents)
	}
	if c.Message != nil {
		return c.Message.wellFormed()
	}
	if err := c.Envelope.wellFormed("dsseEnvelope"); err != nil {
		return err
	}
	if c.PublicKey != nil && c.Envelope.KeyID != "" && c.Envelope.KeyID != c.PublicKey.Hint {
		return check.Refuse("BP-10", check.Content, "differs from publicKey.hint").At("dsseEnvelope.signatures[0].keyid")
	}
	return nil
}

func (m *Message) wellFormed() error {
	if len(m.Signature) == 0 {
		return check.Refuse("BP-9", check.Content, "is missing, want a signature").At("messageSignature.signature")
	}
	if m.Digest == nil {
		return nil
	}
	if m.Digest.Algorithm == "" {
		return check.Refuse("BP-9", check.Content, "is missing, want SHA2_256 or alike").At("messageSignature.messageDigest.algorithm")
	}
	hash := hashname.OfProto(m.Digest.Algorithm)
	if hash == 0 {
		return check.Refuse("BP-9", check.Alg, "is %q, want SHA2_256, SHA2_384 or SHA2_512", clip(m.Digest.Algorithm)).
			At("messageSignature.messageDigest.algorithm")
	}
	if len(m.Digest.Value) != hash.Size() {
		return check.Refuse("BP-9", check.Digest, "is %d bytes, want %d for %s", len(m.Digest.Value), hash.Size(), m.Digest.Algorithm).
			At("messageSignature.messageDigest.digest")
	}
	return nil
}

// wellFormed is BP-8. That there is at most one signature was seen while reading.
func (e *Envelope) wellFormed(field string) error {
	if e.PayloadType != payloadType {
		return check.Refuse("BP-8", check.DSSE, "is %q, want %q", clip(e.PayloadType), payloadType).At(field + ".payloadType")
	}
	if len(e.Payload) == 0 {
		return check.Refuse("BP-8", check.DSSE, "is empty, want a statement").At(field + ".payload")
	}
	if len(e.Signature) == 0 {
		return check.Refuse("BP-8", check.DSSE, "is missing, want exactly one signature").At(field + ".signatures")
	}
	return nil
}

// evidence checks that every entry brings what its version demands (BP-5).
func (c *claim) evidence() error {
	for i, e := range c.Entries {
		field := fmt.Sprintf("verificationMaterial.tlogEntries[%d]", i)
		if c.Version == V01 && e.Promise == nil {
			return check.Refuse("BP-5", check.Content, "is missing, version 0.1 wants it").At(field + ".inclusionPromise")
		}
		if c.Version != V01 && e.Proof == nil {
			return check.Refuse("BP-5", check.Content, "is missing, versions 0.2 and 0.3 want it").At(field + ".inclusionProof")
		}
		if c.Version != V01 && e.Proof.Checkpoint == "" {
			return check.Refuse("BP-5", check.Content, "is missing, versions 0.2 and 0.3 want it").At(field + ".inclusionProof.checkpoint")
		}
	}
	return nil
}

func count(present ...bool) (n int) {
	for _, p := range present {
		if p {
			n++
		}
	}
	return n
}

// selfIssued reports whether der is a certificate with equal issuer and subject.
func selfIssued(der []byte) bool {
	issuer, subject, ok := names(der)
	return ok && bytes.Equal(issuer, subject)
}

// names returns the issuer and subject of an X.509 version 3 certificate. It
// reads just far enough (RFC 5280, 4.1) to tell a certificate from a key, a
// request, a list or a message.
func names(der []byte) (issuer, subject []byte, ok bool) {
	var tbs, i, s cryptobyte.String
	in := cryptobyte.String(der)
	ok = in.ReadASN1(&in, asn1.SEQUENCE) &&
		in.ReadASN1(&tbs, asn1.SEQUENCE) &&
		tbs.SkipASN1(asn1.Tag(0).Constructed().ContextSpecific()) && // version
		tbs.SkipASN1(asn1.INTEGER) && // serial
		tbs.SkipASN1(asn1.SEQUENCE) && // signature algorithm
		tbs.ReadASN1Element(&i, asn1.SEQUENCE) &&
		tbs.SkipASN1(asn1.SEQUENCE) && // validity
		tbs.ReadASN1Element(&s, asn1.SEQUENCE)
	return i, s, ok
}
