// Package differential_test compares the verdicts of hallmark with those of
// sigstore-go, under the same trusted root, for the same signer, with the same
// evidence demanded: one certificate timestamp, one log entry, one time.
package differential_test

import (
	"bytes"
	"crypto"
	"fmt"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	peerbundle "github.com/sigstore/sigstore-go/pkg/bundle"
	peerroot "github.com/sigstore/sigstore-go/pkg/root"
	peerverify "github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// now is the moment of verification, later than everything that was signed.
var now = time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)

// A question is what both clients are asked about a bundle.
type question struct {
	artifact        []byte
	issuer, subject string
	key             crypto.PublicKey // instead of a signer, if set
	root            *trustroot.Root
	evidence        verify.Evidence

	ours   *verify.Verifier
	policy verify.Policy
	theirs *peerverify.Verifier
	wanted []peerverify.PolicyOption
}

// newQuestion prepares both clients. Its error says that one of them does not
// take the trusted root.
func newQuestion(root, artifact []byte, issuer, subject string, key crypto.PublicKey) (q *question, ours, theirs error) {
	q = &question{artifact: artifact, issuer: issuer, subject: subject, key: key}
	return q, q.open(root), q.openPeer(root)
}

func (q *question) open(root []byte) (err error) {
	if q.root, err = trustroot.Parse(root); err != nil {
		return err
	}
	q.evidence = verify.PublicGood
	if q.key != nil { // a key has no certificate timestamp
		q.evidence.SCTs = 0
		q.policy = verify.AnyOf(verify.Key{Public: q.key})
	} else {
		q.policy = verify.AnyOf(verify.Identity{Issuer: verify.Exactly(q.issuer), Subject: verify.Exactly(q.subject)})
	}
	q.ours, err = verify.New(q.root, q.evidence)
	return err
}

func (q *question) openPeer(root []byte) error {
	trusted, err := peerroot.NewTrustedRootFromJSON(root)
	if err != nil {
		return err
	}
	var material peerroot.TrustedMaterial = trusted
	options := []peerverify.VerifierOption{peerverify.WithTransparencyLog(1), peerverify.WithObserverTimestamps(1)}
	if q.key == nil {
		identity, err := peerverify.NewShortCertificateIdentity(q.issuer, "", q.subject, "")
		if err != nil {
			return err
		}
		q.wanted = []peerverify.PolicyOption{peerverify.WithCertificateIdentity(identity)}
		options = append(options, peerverify.WithSignedCertificateTimestamps(1))
	} else {
		verifier, err := signature.LoadDefaultVerifier(q.key)
		if err != nil {
			return err
		}
		expiring := peerroot.NewExpiringKey(verifier, time.Time{}, time.Time{})
		keys := peerroot.NewTrustedPublicKeyMaterial(func(string) (peerroot.TimeConstrainedVerifier, error) { return expiring, nil })
		material = peerroot.TrustedMaterialCollection{trusted, keys}
		q.wanted = []peerverify.PolicyOption{peerverify.WithKey()}
	}
	q.theirs, err = peerverify.NewVerifier(material, options...)
	return err
}

// ask returns the refusal of hallmark, nil if it accepts. What a verifier
// accepts by what it remembers, one that remembers nothing has to accept too.
func (q *question) ask(data []byte) error {
	b, err := bundle.Parse(data)
	if err != nil {
		return err
	}
	artifact, err := verify.Hash(bytes.NewReader(q.artifact), b.Hashes()...)
	if err != nil {
		return err
	}
	if _, err := q.ours.Verify(b, artifact, q.policy, now); err != nil {
		return err
	}
	fresh, err := verify.New(q.root, q.evidence)
	if err != nil {
		return err
	}
	if _, err := fresh.Verify(b, artifact, q.policy, now); err != nil {
		return fmt.Errorf("accepted by memory alone: %w", err)
	}
	return nil
}

// askPeer returns the refusal of sigstore-go, nil if it accepts. Its panics
// count as refusals.
func (q *question) askPeer(data []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	var b peerbundle.Bundle
	if err := b.UnmarshalJSON(data); err != nil {
		return err
	}
	artifact := peerverify.WithArtifact(bytes.NewReader(q.artifact))
	_, err = q.theirs.Verify(&b, peerverify.NewPolicy(artifact, q.wanted...))
	return err
}
