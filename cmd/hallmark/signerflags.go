package main

import (
	"github.com/spf13/pflag"

	"github.com/hallmarksign/hallmark/verify"
)

// signerFlags say whose signature is accepted: the short form, or the long
// flags of the field.
type signerFlags struct {
	from   []string
	issuer string
	key    string
	long   longIdentity
}

// longIdentity are the usual long flags, so that commands people publish work.
type longIdentity struct {
	subject, subjectRegexp string
	issuer, issuerRegexp   string
	workflow               map[string]*string // claim name to value
}

// workflowFlags are the claims that have a flag of their own.
var workflowFlags = map[string]string{
	"certificate-github-workflow-trigger":    "github_workflow_trigger",
	"certificate-github-workflow-sha":        "github_workflow_sha",
	"certificate-github-workflow-name":       "github_workflow_name",
	"certificate-github-workflow-repository": "github_workflow_repository",
	"certificate-github-workflow-ref":        "github_workflow_ref",
}

func (s *signerFlags) register(f *pflag.FlagSet) {
	f.StringArrayVar(&s.from, "from", nil, "accept this `SIGNER`: google:ADDRESS, microsoft:ADDRESS, github:ADDRESS, github:owner/repo, gitlab:group/project, key:FILE; repeat for any of several")
	f.StringVar(&s.issuer, "issuer", "", "issuer `URL` of a --from that does not name one")
	f.StringVar(&s.key, "key", "", "accept the public key in this PEM `FILE`")
	l := &s.long
	f.StringVar(&l.subject, "certificate-identity", "", "accept exactly this `SUBJECT`")
	f.StringVar(&l.subjectRegexp, "certificate-identity-regexp", "", "accept subjects that this `REGEXP` matches from end to end")
	f.StringVar(&l.issuer, "certificate-oidc-issuer", "", "accept exactly this issuer `URL`")
	f.StringVar(&l.issuerRegexp, "certificate-oidc-issuer-regexp", "", "accept issuers that this `REGEXP` matches from end to end")
	l.workflow = map[string]*string{}
	for flag, claim := range workflowFlags {
		l.workflow[claim] = f.String(flag, "", "demand this `VALUE` of the certificate's claim "+claim)
	}
}

// policy turns the flags into the signers to accept. Every flag has an effect
// or is refused (ID-7).
func (s *signerFlags) policy() (verify.Policy, error) {
	var signers []verify.Signer
	if s.issuer != "" && len(s.from) == 0 {
		return verify.Policy{}, usage("--issuer goes with --from")
	}
	for _, from := range s.from {
		signer, err := parseFrom(from, s.issuer)
		if err != nil {
			return verify.Policy{}, err
		}
		signers = append(signers, signer)
	}
	identity, given, err := s.long.identity()
	if err != nil {
		return verify.Policy{}, err
	}
	if given {
		signers = append(signers, identity)
	}
	if s.key != "" {
		if len(signers) > 0 {
			return verify.Policy{}, usage("--key excludes identities: a bundle is signed by a key or by an identity")
		}
		key, err := keyFile(s.key)
		if err != nil {
			return verify.Policy{}, err
		}
		signers = append(signers, key)
	}
	if len(signers) == 0 {
		return verify.Policy{}, usage("nobody is expected to have signed").WithNext("say who with --from: " + fromForms)
	}
	return verify.AnyOf(signers...), nil
}

func (l *longIdentity) identity() (identity verify.Identity, given bool, err error) {
	if identity.Subject, err = oneMatch("certificate-identity", l.subject, l.subjectRegexp); err != nil {
		return identity, false, err
	}
	if identity.Issuer, err = oneMatch("certificate-oidc-issuer", l.issuer, l.issuerRegexp); err != nil {
		return identity, false, err
	}
	for claim, value := range l.workflow {
		if *value != "" {
			if identity.Claims == nil {
				identity.Claims = map[string]verify.Match{}
			}
			identity.Claims[claim] = verify.Exactly(*value)
		}
	}
	subject, issuer := l.subject+l.subjectRegexp != "", l.issuer+l.issuerRegexp != ""
	switch {
	case subject && !issuer:
		return identity, false, usage("--certificate-identity needs --certificate-oidc-issuer").WithNext("or use --from, which names the issuer in one word")
	case issuer && !subject:
		return identity, false, usage("--certificate-oidc-issuer needs --certificate-identity")
	case identity.Claims != nil && !subject:
		return identity, false, usage("--certificate-github-workflow flags need --certificate-identity and --certificate-oidc-issuer")
	}
	return identity, subject, nil
}

func oneMatch(flag, exact, pattern string) (verify.Match, error) {
	switch {
	case exact != "" && pattern != "":
		return verify.Match{}, usage("--%s excludes --%s-regexp", flag, flag)
	case pattern != "":
		return verify.Pattern(pattern)
	case exact != "":
		return verify.Exactly(exact), nil
	}
	return verify.Match{}, nil
}
