package main

import (
	"errors"
	"regexp"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/verify"
)

// Issuers that people know by a short name.
const (
	issuerGoogle    = "https://accounts.google.com"
	issuerMicrosoft = "https://login.microsoftonline.com"
	issuerGitHub    = "https://github.com/login/oauth"
	issuerActions   = "https://token.actions.githubusercontent.com"
	issuerGitLab    = "https://gitlab.com"
)

const fromForms = "write google:alice@example.com, microsoft:alice@example.com, github:alice@example.com, github:owner/repo, gitlab:group/project, or add --issuer URL"

var (
	ownerRepo = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)
	project   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$`)
)

// issuerName says an issuer in words.
func issuerName(issuer string) string {
	switch issuer {
	case issuerGoogle:
		return "Google"
	case issuerMicrosoft:
		return "Microsoft"
	case issuerGitHub:
		return "GitHub"
	case issuerActions:
		return "GitHub Actions"
	case issuerGitLab:
		return "GitLab"
	}
	return issuer
}

// parseFrom turns the short form of an identity into a signer to accept. The
// issuer is that of --issuer and may be empty.
func parseFrom(from, issuer string) (verify.Signer, error) {
	if from == "" {
		return nil, usage("--from is empty").WithNext(fromForms)
	}
	scheme, rest, _ := strings.Cut(from, ":")
	switch scheme {
	case "google", "microsoft", "github", "gitlab", "key":
		if issuer != "" {
			return nil, usage("--from %q names its issuer; --issuer %q has no effect", from, issuer)
		}
	}
	switch scheme {
	case "google":
		return mailbox(issuerGoogle, rest)
	case "microsoft":
		return mailbox(issuerMicrosoft, rest)
	case "github":
		if at, slash := strings.Index(rest, "@"), strings.Index(rest, "/"); at >= 0 && (slash < 0 || at < slash) {
			return mailbox(issuerGitHub, rest)
		}
		return workflow(rest)
	case "gitlab":
		return pipeline(rest)
	case "key":
		return keyFile(rest)
	}
	if issuer == "" {
		return nil, usage("--from %q does not say who vouches for it", from).WithNext(fromForms)
	}
	return verify.Identity{Issuer: verify.Exactly(issuer), Subject: verify.Exactly(from)}, nil
}

func mailbox(issuer, address string) (verify.Signer, error) {
	local, domain, found := strings.Cut(address, "@")
	if !found || local == "" || domain == "" {
		return nil, usage("%q is not an e-mail address", address).WithNext(fromForms)
	}
	return verify.Identity{Issuer: verify.Exactly(issuer), Subject: verify.Exactly(address), Kind: "email"}, nil
}

// workflow accepts owner/repo, owner/repo@REF and owner/repo/PATH[@REF] of
// GitHub Actions; a missing part stands for any.
func workflow(rest string) (verify.Signer, error) {
	name, ref, hasRef := strings.Cut(rest, "@")
	if !hasRef {
		ref = "*"
	}
	parts := strings.SplitN(name, "/", 3)
	path := ".github/workflows/*"
	if len(parts) == 3 {
		path = parts[2]
	}
	if len(parts) < 2 || path == "" || ref == "" || !ownerRepo.MatchString(parts[0]+"/"+parts[1]) {
		return nil, usage("%q is not a repository of GitHub", rest).WithNext("write github:owner/repo or github:owner/repo/.github/workflows/release.yml@refs/tags/*")
	}
	return ciIdentity(issuerActions, "https://github.com/"+parts[0]+"/"+parts[1]+"/"+path+"@"+ref)
}

// pipeline accepts group/project, group/project@REF and group/project//PATH[@REF]
// of GitLab CI.
func pipeline(rest string) (verify.Signer, error) {
	name, ref, hasRef := strings.Cut(rest, "@")
	if !hasRef {
		ref = "*"
	}
	name, path, hasPath := strings.Cut(name, "//")
	if !hasPath {
		path = "*"
	}
	if path == "" || ref == "" || !project.MatchString(name) {
		return nil, usage("%q is not a project of GitLab", rest).WithNext("write gitlab:group/project or gitlab:group/project//.gitlab-ci.yml@refs/tags/*")
	}
	return ciIdentity(issuerGitLab, "https://gitlab.com/"+name+"//"+path+"@"+ref)
}

func ciIdentity(issuer, subject string) (verify.Signer, error) {
	return verify.Identity{Issuer: verify.Exactly(issuer), Subject: verify.Glob(subject), Kind: "uri"}, nil
}

func keyFile(path string) (verify.Signer, error) {
	data, err := readBounded(path, 64<<10)
	if err != nil {
		return nil, err
	}
	key, err := verify.ParsePublicKey(data)
	if err != nil {
		var refused *check.Error
		if errors.As(err, &refused) {
			err = refused.Err // for the check is named already
		}
		return nil, &check.Error{Check: check.Usage, Field: printable(path, 256), Err: err, Next: "give a public key in PEM (BEGIN PUBLIC KEY)"}
	}
	return verify.Key{Public: key}, nil
}

// fromForm returns the --from form of a signer, and --issuer with it where the
// form needs one, as arguments of a shell.
func fromForm(subject, kind, issuer string) string {
	switch {
	case issuer == issuerGoogle && kind == "email":
		return "--from " + quoted("google:"+subject)
	case issuer == issuerMicrosoft && kind == "email":
		return "--from " + quoted("microsoft:"+subject)
	case issuer == issuerGitHub && kind == "email":
		return "--from " + quoted("github:"+subject)
	case issuer == issuerActions && strings.HasPrefix(subject, "https://github.com/"):
		return "--from " + quoted("github:"+strings.TrimPrefix(subject, "https://github.com/"))
	case issuer == issuerGitLab && strings.HasPrefix(subject, "https://gitlab.com/"):
		return "--from " + quoted("gitlab:"+strings.TrimPrefix(subject, "https://gitlab.com/"))
	}
	return "--from " + quoted(subject) + " --issuer " + quoted(issuer)
}

// quoted returns an argument as a POSIX shell reads it back.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./_-", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 && s[0] != '-' {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
