// Package verify decides whether a bundle proves that an artifact was signed by
// somebody the caller trusts. It is a pure function of its arguments: no
// network, no files, no clock, no environment.
//
// It believes the trusted root it was given and nothing else. Everything in a
// bundle is a claim until a check has made it a fact; facts have types that only
// their check can make, and the next check demands them, so that no check can be
// left out. It refuses whatever it does not know, and says by which check.
//
//	v, err := verify.New(root, verify.PublicGood)
//	artifact, err := verify.Hash(file, b.Hashes()...)
//	policy := verify.AnyOf(verify.Identity{
//		Issuer:  verify.Exactly("https://accounts.google.com"),
//		Subject: verify.Exactly("alice@example.com"),
//	})
//	result, err := v.Verify(b, artifact, policy, time.Now())
//
// A Verifier, a Policy, a Match and an Artifact are safe for concurrent use.
package verify

import (
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/trustroot"
)

// An Error says which check refused, by which rule.
type Error = check.Error

// A Verifier holds a trusted root and what was proved under it: chains of
// certificate authorities, certificates and log entries are looked at once and
// remembered. Build one and keep it. The zero Verifier verifies nothing.
type Verifier struct {
	root        *trustroot.Root
	evidence    Evidence
	weakened    []string
	authorities []*authority
	tsas        []*stamper
	logs        map[string]*logKey // by log id
	ctlogs      map[string]*logKey

	leaves  cache[*leaf]
	entries cache[*logged]
	tokens  cache[stamp]
}

// New prepares verification under a trusted root. It refuses evidence that the
// root can't give: check usage when more distinct proofs are demanded than
// authorities are configured, check trustroot when there are none at all.
func New(root *trustroot.Root, e Evidence) (*Verifier, error) {
	if root == nil {
		return nil, check.Refuse("TR-6", check.Usage, "no trusted root")
	}
	v := &Verifier{root: root, evidence: e}
	for i := range root.Authorities {
		v.authorities = append(v.authorities, newAuthority(&root.Authorities[i]))
	}
	for i := range root.TSAs {
		v.tsas = append(v.tsas, newStamper(&root.TSAs[i]))
	}
	v.logs, v.ctlogs = logKeys(root.Logs), logKeys(root.CTLogs)
	if err := v.attainable(); err != nil {
		return nil, err
	}
	v.weakened = e.weakened()
	return v, nil
}

// Verify reports who signed the artifact, or an *Error that names the check that
// refused. It accepts only what every check accepts: now is the moment of
// verification, against which times from the future are refused (TM-4).
func (v *Verifier) Verify(b *bundle.Bundle, a Artifact, p Policy, now time.Time) (*Result, error) {
	q, err := v.question(b, a, p, now)
	if err != nil {
		return nil, err
	}
	signer, err := v.checkSigner(q)
	if err != nil {
		return nil, err
	}
	first, err := v.checkFirstGeneration(q)
	if err != nil {
		return nil, err
	}
	claim, err := checkBodies(signer, first)
	if err != nil {
		return nil, err
	}
	signature, err := checkSignature(q, signer, claim)
	if err != nil {
		return nil, err
	}
	bound, err := checkBinding(q, claim, signature)
	if err != nil {
		return nil, err
	}
	entries, err := v.checkSecondGeneration(q, bound)
	if err != nil {
		return nil, err
	}
	times, err := v.checkTimes(q, signature, entries)
	if err != nil {
		return nil, err
	}
	valid, err := v.checkWindows(q, signer, times)
	if err != nil {
		return nil, err
	}
	if err := checkIdentity(q.policy, valid); err != nil {
		return nil, err
	}
	content, err := checkContent(q, signature)
	if err != nil {
		return nil, err
	}
	return v.result(q, valid, signature, entries, times, content), nil
}

// A question is everything that Verify was asked, in usable form.
type question struct {
	bundle   *bundle.Bundle
	artifact Artifact
	policy   *Policy
	now      time.Time
	warnings []string
}

func (q *question) warn(text string) { q.warnings = append(q.warnings, text) }

// question refuses what is not a question (R18, ER-2), and claims of another
// kind than the policy is about (J33, A25, I27).
func (v *Verifier) question(b *bundle.Bundle, a Artifact, p Policy, now time.Time) (*question, error) {
	if v == nil || v.root == nil {
		return nil, check.Refuse("R18", check.Usage, "the verifier was not made by New")
	}
	if b == nil {
		return nil, check.Refuse("R18", check.Usage, "no bundle")
	}
	if len(a.digests) == 0 {
		return nil, check.Refuse("ER-2", check.Usage, "no digest of an artifact")
	}
	if now.IsZero() {
		return nil, check.Refuse("TM-4", check.Usage, "no moment of verification")
	}
	if err := p.usable(); err != nil {
		return nil, err
	}
	if (b.Message == nil) == (b.Envelope == nil) {
		return nil, check.Refuse("BP-4", check.Content, "want exactly one of message signature and envelope")
	}
	if p.Content == Message && b.Message == nil {
		return nil, check.Refuse("J33", check.Content, "is an attestation, want a signature over the artifact").
			WithNext("ask for the attestation instead")
	}
	if p.Content == Attestation && b.Envelope == nil {
		return nil, check.Refuse("J33", check.Content, "is a signature over the artifact, want an attestation").
			WithNext("get the attestation from its publisher, or name the bundle that holds it")
	}
	return &question{bundle: b, artifact: a, policy: &p, now: now}, nil
}
