package main

import (
	"context"

	"github.com/hallmarksign/hallmark/internal/check"
)

// advise gives a refusal the next step of its user, if it has none.
func (r *verifyRun) advise(ctx context.Context, v verdict) error {
	err := r.explainInstance(ctx, v)
	refused, ok := err.(*check.Error)
	if !ok || refused.Next != "" {
		return err
	}
	if next := nextStep(refused.Check); next != "" {
		return refused.WithNext(next)
	}
	return err
}

// nextStep is what somebody who wanted to verify can do about a refusal.
func nextStep(c check.Check) string {
	switch c {
	case check.Digest:
		return "this is not what was signed: get it again from its publisher, or name the bundle that belongs to it with --bundle"
	case check.Identity:
		return "do not use it, unless this signer is one that you expect: then say so with --from"
	case check.CertChain, check.TlogUnknown:
		return "if it was signed on a Sigstore that you trust, name that one with --instance or --trusted-root"
	case check.Parse, check.Content:
		return "get the bundle again from its publisher"
	case check.Limit:
		return "hallmark reads no more than that; ask the publisher for a smaller one"
	case check.Version:
		return "a newer hallmark may read it; hallmark version says which one this is"
	case check.CertTime, check.Time, check.Threshold:
		return "ask the publisher to sign again, with a log and a timestamp of now"
	case check.Alg:
		return "ask the publisher to sign with ECDSA, Ed25519 or RSA of 2048 bits at least"
	case check.Statement:
		return "the attestation is about something else: name the one that belongs to this with --bundle"
	case check.Predicate:
		return "say with --type which kind of attestation you want"
	case check.TrustRoot:
		return "see what hallmark trust status says, or name another one with --trusted-root"
	case check.Signature, check.CertProfile, check.SCT, check.SET, check.Proof, check.Checkpoint, check.Entry, check.TSA, check.DSSE:
		return "do not use it: the bundle was changed or made wrongly; get it again from its publisher"
	}
	return ""
}
