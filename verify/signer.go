package verify

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
)

// A checkedSigner is a key that may speak for somebody: one that a trusted
// authority certified, or one of the caller's. When it may is not known yet.
type checkedSigner struct {
	key    crypto.PublicKey
	keyID  string     // hex SHA-256 of the SPKI
	leaf   *leaf      // nil for a key of the caller
	caller *callerKey // nil for a certificate
}

// A leaf is everything about a signer's certificate that does not depend on
// time or policy. It is shared between verifications and never changed.
type leaf struct {
	cert     *x509.Certificate
	identity *fulcioext.Identity
	keyID    string
	paths    []path // to every authority that issued it
	scts     []provenSCT
	units    units // parties behind scts
}

// checkSigner checks who could have signed: key material, path to an anchor,
// shape of the certificate and certificate transparency.
func (v *Verifier) checkSigner(q *question) (checkedSigner, error) {
	b := q.bundle
	if (len(b.Certificate) > 0) == (b.PublicKey != nil) {
		return checkedSigner{}, check.Refuse("BP-4", check.Content, "want exactly one of certificate and public key").
			At("verificationMaterial")
	}
	if b.PublicKey != nil {
		return checkCallerKey(q)
	}
	if len(q.policy.identities) == 0 {
		return checkedSigner{}, check.Refuse("I27", check.Content, "is signed with a certificate, want a public key of yours").
			At("verificationMaterial").WithNext("say whose identity is wanted instead of a key")
	}
	if len(v.authorities) == 0 {
		return checkedSigner{}, check.Refuse("TR-3", check.TrustRoot, "the trusted root has no usable certificate authorities")
	}
	chain, err := v.checkChainClaim(q)
	if err != nil {
		return checkedSigner{}, err
	}
	l, err := v.leaf(b.Certificate, chain)
	if err != nil {
		return checkedSigner{}, err
	}
	if len(l.units) < v.evidence.SCTs {
		return checkedSigner{}, tooFewSCTs(l, v.evidence.SCTs)
	}
	return checkedSigner{key: l.cert.PublicKey, keyID: l.keyID, leaf: l}, nil
}

// leaf proves a certificate, or remembers that it did. What was proved with the
// help of certificates in the bundle is not remembered, because the next bundle
// may bring others.
func (v *Verifier) leaf(der []byte, chain []*x509.Certificate) (*leaf, error) {
	key := sha256.Sum256(der)
	if l, ok := v.leaves.get(key); ok {
		return l, nil
	}
	cert, err := parseCertificate(der)
	if err != nil {
		return nil, err
	}
	issuers := v.issuers(cert)
	if len(issuers) == 0 && len(chain) == 0 {
		return nil, check.Refuse("CC-1", check.CertChain, "issuer %q is no authority of the trusted root", cert.Issuer)
	}
	if err := checkProfile(cert); err != nil {
		return nil, err
	}
	l := &leaf{cert: cert}
	if l.identity, err = fulcioext.Parse(cert); err != nil {
		return nil, err
	}
	cert = fulcioext.HandledCritical(cert)
	if l.paths, err = prove(cert, issuers); err != nil && len(chain) > 0 {
		l.paths, err = v.proveThrough(cert, chain)
	}
	if err != nil {
		return nil, err
	}
	if err := v.proveSCTs(l); err != nil {
		return nil, err
	}
	id := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	l.keyID = hex.EncodeToString(id[:])
	if !l.paths[0].foreign {
		v.leaves.put(key, l)
	}
	return l, nil
}
