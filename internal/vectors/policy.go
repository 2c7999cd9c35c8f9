package vectors

import (
	"errors"
	"time"

	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// A Policy is a verify.Policy that can be written to a file.
type Policy struct {
	Identities  []Identity     `json:"identities,omitempty"`
	Keys        []Key          `json:"keys,omitempty"`
	Content     verify.Content `json:"content,omitempty"`
	Predicate   string         `json:"predicate,omitempty"`
	SubjectName string         `json:"subjectName,omitempty"`
}

// An Identity is somebody whose signature is wanted.
type Identity struct {
	Issuer  string            `json:"issuer,omitempty"`
	Subject string            `json:"subject,omitempty"`
	Match   string            `json:"match,omitempty"` // of Subject: exact if empty, "pattern" or "glob"
	Kind    string            `json:"kind,omitempty"`
	Claims  map[string]string `json:"claims,omitempty"`
}

// A Key is a public key whose signature is wanted.
type Key struct {
	PEM       string    `json:"pem"`
	Hint      string    `json:"hint,omitempty"`
	Start     time.Time `json:"start,omitzero"`
	End       time.Time `json:"end,omitzero"`
	AssumeNow bool      `json:"assumeNow,omitempty"`
}

func (p *Policy) policy() (verify.Policy, error) {
	var signers []verify.Signer
	for _, id := range p.Identities {
		s := verify.Identity{Issuer: verify.Exactly(id.Issuer), Kind: id.Kind}
		var err error
		if s.Subject, err = id.subject(); err != nil {
			return verify.Policy{}, err
		}
		for name, value := range id.Claims {
			if s.Claims == nil {
				s.Claims = map[string]verify.Match{}
			}
			s.Claims[name] = verify.Exactly(value)
		}
		signers = append(signers, s)
	}
	for _, k := range p.Keys {
		public, err := verify.ParsePublicKey([]byte(k.PEM))
		if err != nil {
			return verify.Policy{}, err
		}
		signers = append(signers, verify.Key{
			Public: public, Hint: k.Hint, Valid: trustroot.Window{Start: k.Start, End: k.End}, AssumeNow: k.AssumeNow,
		})
	}
	out := verify.AnyOf(signers...)
	out.Content, out.Predicate, out.SubjectName = p.Content, p.Predicate, p.SubjectName
	return out, nil
}

func (id *Identity) subject() (verify.Match, error) {
	switch id.Match {
	case "":
		return verify.Exactly(id.Subject), nil
	case "pattern":
		return verify.Pattern(id.Subject)
	case "glob":
		return verify.Glob(id.Subject), nil
	}
	return verify.Match{}, errors.New("no such match: " + id.Match)
}
