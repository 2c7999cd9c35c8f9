package fulcioext

import (
	"crypto/x509"
	"crypto/x509/pkix"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Numbers under 1.3.6.1.4.1.57264.1. Up to .6 the value is raw bytes, from .8
// on it is a DER UTF8String; .7 is a type of other name, not an extension.
const (
	firstIssuer = 1
	firstDER    = 8
	lastClaim   = 24
)

// claimName returns the name of the claim in extension .1.n, "" if there is none.
func claimName(n int) string {
	switch n {
	case 2:
		return "github_workflow_trigger"
	case 3:
		return "github_workflow_sha"
	case 4:
		return "github_workflow_name"
	case 5:
		return "github_workflow_repository"
	case 6:
		return "github_workflow_ref"
	case 9:
		return "build_signer_uri"
	case 10:
		return "build_signer_digest"
	case 11:
		return "runner_environment"
	case 12:
		return "source_repository_uri"
	case 13:
		return "source_repository_digest"
	case 14:
		return "source_repository_ref"
	case 15:
		return "source_repository_identifier"
	case 16:
		return "source_repository_owner_uri"
	case 17:
		return "source_repository_owner_identifier"
	case 18:
		return "build_config_uri"
	case 19:
		return "build_config_digest"
	case 20:
		return "build_trigger"
	case 21:
		return "run_invocation_uri"
	case 22:
		return "source_repository_visibility_at_signing"
	case 23:
		return "deployment_environment"
	case 24:
		return "token_subject"
	}
	return ""
}

// Names returns the names of all claims that Parse can return, in OID order.
func Names() []string {
	var names []string
	for n := 1; n <= lastClaim; n++ {
		if name := claimName(n); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// number returns n of an extension .1.n, 0 of any other.
func number(e *pkix.Extension) int {
	if a := arc(); len(e.Id) == len(a)+1 && e.Id[:len(a)].Equal(a) {
		return e.Id[len(a)]
	}
	return 0
}

// readClaims reads issuer and claims. Unknown numbers are left alone: a
// critical one is refused by crypto/x509, another says nothing to us.
func (id *Identity) readClaims(cert *x509.Certificate) error {
	var first, second string
	var hasFirst, hasSecond bool
	id.Claims = make(map[string]string)
	for i := range cert.Extensions {
		e := &cert.Extensions[i]
		n := number(e)
		name := claimName(n)
		if name == "" && n != firstIssuer && n != firstDER {
			continue
		}
		isIssuer := name == ""
		if isIssuer {
			name = "issuer"
		}
		text, err := readText(e.Value, n, name, isIssuer)
		if err != nil {
			return err
		}
		switch n {
		case firstIssuer:
			first, hasFirst = text, true
		case firstDER:
			second, hasSecond = text, true
		default:
			id.Claims[name] = text
		}
	}
	if hasFirst && hasSecond && first != second {
		return check.Refuse("ID-3", check.Identity, "issuer is %q in .1.8 and %q in .1.1", cut(second), cut(first))
	}
	id.Issuer = second
	if !hasSecond {
		id.Issuer = first
	}
	if id.Issuer == "" {
		return check.Refuse("ID-3", check.Identity, "certificate names no issuer")
	}
	return nil
}

// readText reads the value of extension .1.n (ID-3, ID-6).
func readText(value []byte, n int, name string, strict bool) (string, error) {
	if len(value) > MaxText {
		return "", check.Refuse("LM-4", check.Limit, "%s has %d bytes, want at most %d", name, len(value), MaxText)
	}
	text := cryptobyte.String(value)
	der := text
	isDER := n < firstDER || der.ReadASN1(&text, asn1.UTF8String) && der.Empty()
	if !isDER && n == firstDER {
		return "", check.Refuse("ID-3", check.Identity, "issuer in extension .1.8 is not exactly one UTF8String")
	}
	if !isDER {
		return "", check.Refuse("ID-6", check.Identity, "%s in extension .1.%d is not exactly one UTF8String", name, n)
	}
	if err := checkText(name, text, strict); err != nil {
		return "", err
	}
	return string(text), nil
}
