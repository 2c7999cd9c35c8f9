package main

import (
	"context"
	"crypto/x509"
	"errors"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/verify"
)

// explainInstance recognises a signature of another instance that is known on
// this machine, without network: the refusal stands, its next step says where
// the signature comes from.
func (r *verifyRun) explainInstance(ctx context.Context, v verdict) error {
	var refused *check.Error
	if v.claim == nil || r.o.trust.trustedRoot != "" || !errors.As(v.err, &refused) {
		return v.err
	}
	switch refused.Check {
	case check.CertChain, check.TlogUnknown, check.SCT, check.TSA, check.Time:
	default:
		return v.err
	}
	cert, err := x509.ParseCertificate(v.claim.Certificate)
	if err != nil {
		return v.err
	}
	s, err := store(r.e)
	if err != nil {
		return v.err
	}
	instances, err := s.List()
	if err != nil {
		return v.err
	}
	for _, i := range instances {
		if i.Name == r.o.trust.name(r.e) {
			continue
		}
		client, err := instanceClient(r.e, i, true)
		if err != nil {
			continue
		}
		root, err := client.Root(ctx)
		if err != nil {
			continue
		}
		verifier, err := verify.New(root, verify.PublicGood)
		if err != nil {
			continue
		}
		subject, _, err := verifier.Certificate(cert.Raw, cert.NotBefore)
		if err != nil {
			continue
		}
		next := "it was signed on the " + i.Name + " instance by " + printable(subject, 256) + "; expect --instance " + i.Name + " only if you trust that one"
		if i.Name == "staging" {
			next = "it was signed on the staging instance, which is for tests; ask the signer for a signature of the public instance"
		}
		return refused.WithNext(next)
	}
	return v.err
}
