package watch

import (
	"crypto/sha256"
	"crypto/x509"
	"strings"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/tlog/read"
)

// A Name is a name to look for. A star stands for any text, also none; the rest
// matches end to end, ASCII letters of either case.
type Name struct {
	Subject string // such as "alice@example.com" or "https://github.com/owner/*"
	Issuer  string // "" for any: a foreign issuer may have been told the name
}

func (n Name) check() error {
	if strings.Trim(n.Subject, "*") == "" {
		return check.Refuse("ER-2", check.Usage, "name is %q, want more than stars", n.Subject)
	}
	return nil
}

func (n Name) exact() bool { return !strings.Contains(n.Subject, "*") }

// Matches reports whether an identity has the name.
func (n Name) Matches(subject, issuer string) bool {
	return glob(lower(n.Subject), lower(subject)) && (n.Issuer == "" || glob(n.Issuer, issuer))
}

// glob matches s with a pattern in which stars stand for any text. It takes the
// first place for each part, which is enough because only ends are anchored.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}

func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// Known holds entries that are not news, by log and leaf hash, and keys that
// are ours, by their hash: a certificate for them serves nobody else.
type Known map[string]bool

// Add adds the entries of a bundle and the key of its certificate.
func (k Known) Add(b *bundle.Bundle) {
	for i := range b.Entries {
		k[key(&b.Entries[i])] = true
	}
	if cert, err := x509.ParseCertificate(b.Certificate); err == nil {
		k[owner(cert)] = true
	}
}

// owner is how the key of a certificate is known.
func owner(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "key " + string(sum[:])
}

// has reports whether an entry is known. Its log proved the body.
func (k Known) has(e *read.Entry) bool { return k[key(&e.Raw)] }

func key(e *bundle.Entry) string {
	id := sha256.Sum256(e.LogID)
	return string(id[:]) + string(inclusion.Leaf(e.Body))
}
