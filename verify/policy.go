package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
)

// A Policy says whose signature is wanted, and over what. Make one with AnyOf;
// the zero Policy accepts nobody.
type Policy struct {
	Content     Content // whether a signature or an attestation is wanted
	Predicate   string  // predicate type that an attestation must have; "" for any
	SubjectName string  // name that the subject of an attestation must have; "" for any
	Explain     bool    // fill Result.Steps

	identities []Identity
	keys       []callerKey
	fault      error
}

// Content is what a bundle signs.
type Content int

// The kinds of content.
const (
	AnyContent  Content = iota
	Message             // a signature over the artifact itself
	Attestation         // an in-toto statement about the artifact
)

// A Signer is somebody whose signature is accepted: an Identity or a Key.
type Signer interface{ join(*Policy) }

// AnyOf accepts a signature of any of the signers. One identity must match in
// all its parts. Unusable signers make every verification fail with check usage.
func AnyOf(signers ...Signer) Policy {
	var p Policy
	for _, s := range signers {
		if s == nil {
			p.refuse(check.Refuse("ID-1", check.Usage, "a signer is nil"))
			continue
		}
		s.join(&p)
	}
	return p
}

func (p *Policy) refuse(err error) {
	if p.fault == nil {
		p.fault = err
	}
}

// usable refuses policies that say nothing (ID-1, D3), or ask for what can have
// no effect (ID-7).
func (p *Policy) usable() error {
	if p.fault != nil {
		return p.fault
	}
	if len(p.identities) == 0 && len(p.keys) == 0 {
		return check.Refuse("ID-1", check.Usage, "no signer is accepted").
			WithNext("say whose signature is wanted")
	}
	if p.Content < AnyContent || p.Content > Attestation {
		return check.Refuse("ID-7", check.Usage, "content is %d, want AnyContent, Message or Attestation", p.Content)
	}
	if p.Content == Message && (p.Predicate != "" || p.SubjectName != "") {
		return check.Refuse("ID-7", check.Usage, "a signature over the artifact has no predicate type and no subject name")
	}
	return nil
}

// An Identity is somebody whom an OIDC provider knows, as certified by Fulcio.
// Issuer and Subject are required.
type Identity struct {
	Issuer  Match
	Subject Match            // of the subject alternative name
	Kind    string           // "email", "uri", "username", or "" for any
	Claims  map[string]Match // further extensions by name, such as "source_repository_uri" (ID-6)
}

func (id Identity) join(p *Policy) {
	if id.Issuer.IsZero() {
		p.refuse(check.Refuse("ID-1", check.Usage, "an identity has no issuer").
			WithNext("say which provider knows the signer"))
	}
	if id.Subject.IsZero() {
		p.refuse(check.Refuse("ID-1", check.Usage, "an identity has no subject").
			WithNext("say who the signer is"))
	}
	if !slices.Contains([]string{"", "email", "uri", "username"}, id.Kind) {
		p.refuse(check.Refuse("ID-4", check.Usage, "kind of identity is %q, want email, uri or username", id.Kind))
	}
	for _, name := range slices.Sorted(maps.Keys(id.Claims)) {
		if !slices.Contains(fulcioext.Names(), name) {
			p.refuse(check.Refuse("ID-6", check.Usage, "claim %q is not known", name))
		}
		if id.Claims[name].IsZero() {
			p.refuse(check.Refuse("ID-6", check.Usage, "claim %q has no wanted value", name))
		}
	}
	id.Claims = maps.Clone(id.Claims)
	p.identities = append(p.identities, id)
}

// checkIdentity checks that the certificate is somebody's whom the policy
// accepts. A signer with a key was chosen among the policy's keys.
func checkIdentity(p *Policy, by checkedValidity) error {
	l := by.signer.leaf
	if l == nil {
		return nil
	}
	var reasons []string
	for i := range p.identities {
		why := p.identities[i].differs(l.identity)
		if len(why) == 0 {
			if p.identities[i].loose() {
				by.q.warn("a dot in the pattern for the signer stands for any character: write \\. for a dot")
			}
			return nil
		}
		reasons = append(reasons, strings.Join(why, " and "))
	}
	return check.Refuse("ID-1", check.Identity, "%s", strings.Join(reasons, "; or "))
}

// differs lists in what a certificate is not this identity's (ID-1..ID-8).
func (id *Identity) differs(got *fulcioext.Identity) []string {
	var why []string
	if !id.Issuer.Accepts(got.Issuer) {
		why = append(why, fmt.Sprintf("issuer is %q, want %s", got.Issuer, id.Issuer))
	}
	if !id.Subject.Accepts(got.Subject) {
		why = append(why, fmt.Sprintf("subject is %q, want %s", got.Subject, id.Subject))
	}
	if id.Kind != "" && id.Kind != got.Kind {
		why = append(why, fmt.Sprintf("kind of subject is %q, want %q", got.Kind, id.Kind))
	}
	if len(id.Claims) == 0 {
		return why
	}
	for _, name := range slices.Sorted(maps.Keys(id.Claims)) {
		value, there := got.Claims[name]
		if !there {
			why = append(why, fmt.Sprintf("%s is absent, want %s", name, id.Claims[name]))
		} else if !id.Claims[name].Accepts(value) {
			why = append(why, fmt.Sprintf("%s is %q, want %s", name, value, id.Claims[name]))
		}
	}
	return why
}

func (id *Identity) loose() bool {
	if id.Issuer.loose || id.Subject.loose {
		return true
	}
	for _, m := range id.Claims {
		if m.loose {
			return true
		}
	}
	return false
}
