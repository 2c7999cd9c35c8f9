package main

import (
	"crypto"
	"sync"
	"time"

	peerbundle "github.com/sigstore/sigstore-go/pkg/bundle"
	peerroot "github.com/sigstore/sigstore-go/pkg/root"
	peerverify "github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// A verifier goes from the bytes of a bundle to the verdict. It is safe for
// concurrent use.
type verifier interface {
	verify(s *sample) error
}

// ours keeps one Verifier for as long as every bundle is new to it: a bundle
// that was verified before would be remembered, and that is not what is measured.
type ours struct {
	root   *trustroot.Root
	policy verify.Policy
	n      int // bundles of the corpus

	mu   sync.Mutex
	used int
	v    *verify.Verifier
}

func newOurs(c *corpus) (*ours, error) {
	root, err := trustroot.Parse(c.root)
	if err != nil {
		return nil, err
	}
	policy := verify.AnyOf(verify.Identity{Issuer: verify.Exactly(issuer), Subject: verify.Exactly(subject)})
	return &ours{root: root, policy: policy, n: len(c.samples)}, nil
}

// verifier returns the one that has not seen the next bundle yet.
func (o *ours) verifier() (*verify.Verifier, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.used%o.n == 0 {
		v, err := verify.New(o.root, verify.PublicGood)
		if err != nil {
			return nil, err
		}
		o.v = v
	}
	o.used++
	return o.v, nil
}

func (o *ours) verify(s *sample) error {
	v, err := o.verifier()
	if err != nil {
		return err
	}
	b, err := bundle.Parse(s.bundle)
	if err != nil {
		return err
	}
	artifact, err := verify.FromDigest(crypto.SHA256, s.digest[:])
	if err != nil {
		return err
	}
	_, err = v.Verify(b, artifact, o.policy, time.Now())
	return err
}

// theirs is sigstore-go, with everything reused that can be.
type theirs struct {
	v        *peerverify.Verifier
	identity peerverify.PolicyOption
}

func newTheirs(c *corpus) (*theirs, error) {
	root, err := peerroot.NewTrustedRootFromJSON(c.root)
	if err != nil {
		return nil, err
	}
	v, err := peerverify.NewVerifier(root, peerverify.WithSignedCertificateTimestamps(1),
		peerverify.WithTransparencyLog(1), peerverify.WithObserverTimestamps(1))
	if err != nil {
		return nil, err
	}
	identity, err := peerverify.NewShortCertificateIdentity(issuer, "", subject, "")
	if err != nil {
		return nil, err
	}
	return &theirs{v: v, identity: peerverify.WithCertificateIdentity(identity)}, nil
}

func (t *theirs) verify(s *sample) error {
	var b peerbundle.Bundle
	if err := b.UnmarshalJSON(s.bundle); err != nil {
		return err
	}
	policy := peerverify.NewPolicy(peerverify.WithArtifactDigest("sha256", s.digest[:]), t.identity)
	_, err := t.v.Verify(&b, policy)
	return err
}
