package read

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A Query is one question to a log. Exactly one of Subject, Digest, Key and
// Repo is set.
type Query struct {
	Subject string      // the name in a certificate: an e-mail address, a URI; ASCII letters of either case
	Hash    crypto.Hash // of Digest
	Digest  []byte
	Key     []byte // a public key, SPKI DER
	Repo    string // "owner/name" on GitHub, or "host/path"

	Since time.Time // entries that are known to be older are left out
	From  int64     // entries of a smaller index are left out
	Limit int       // entries that are looked at; if 0, MaxHits of what a log of the first generation names, and all of an index of this machine
}

// Check refuses a query that asks nothing, or several things at once.
func (q *Query) Check() error {
	n := 0
	for _, set := range []bool{q.Subject != "", q.Digest != nil, q.Key != nil, q.Repo != ""} {
		if set {
			n++
		}
	}
	if n != 1 {
		return check.Refuse("ER-2", check.Usage, "want exactly one of subject, digest, key and repository, got %d", n)
	}
	if q.Digest != nil && (!q.Hash.Available() || len(q.Digest) != q.Hash.Size()) {
		return check.Refuse("LM-6", check.Usage, "digest has %d bytes, want those of its hash", len(q.Digest))
	}
	if q.Repo != "" && len(strings.Split(q.Repo, "/")) < 2 {
		return check.Refuse("ER-2", check.Usage, "repository is %q, want owner/name", q.Repo)
	}
	return nil
}

// A Term is one thing that an entry can be found by.
type Term struct {
	Kind  byte // one of the constants
	Value string
}

// Kinds of terms.
const (
	BySubject = 's'
	ByDigest  = 'd'
	ByKey     = 'k'
	ByRepo    = 'r'
)

// Term returns what the query asks for; Check must have accepted it.
func (q *Query) Term() Term {
	switch {
	case q.Subject != "":
		return Term{BySubject, lower(q.Subject)}
	case q.Digest != nil:
		return Term{ByDigest, string(q.Digest)}
	case q.Key != nil:
		sum := sha256.Sum256(q.Key)
		return Term{ByKey, string(sum[:])}
	}
	return Term{ByRepo, repoName(q.Repo)}
}

// Terms returns everything that an entry can be found by.
func (c *Content) Terms() []Term {
	if c.Body == nil {
		return nil
	}
	out := []Term{{ByDigest, string(c.Body.Digest)}}
	if c.Key != [sha256.Size]byte{} {
		out = append(out, Term{ByKey, string(c.Key[:])})
	}
	if c.Identity == nil {
		return out
	}
	out = append(out, Term{BySubject, lower(c.Identity.Subject)})
	if repo := c.Repo(); repo != "" {
		out = append(out, Term{ByRepo, repo})
	}
	return out
}

// Repo returns the repository that a certificate names, as "host/path" in lower
// case, or "".
func (c *Content) Repo() string {
	if c.Identity == nil {
		return ""
	}
	if uri := c.Identity.Claims["source_repository_uri"]; uri != "" {
		return repoName(uri)
	}
	if name := c.Identity.Claims["github_workflow_repository"]; name != "" {
		return "github.com/" + lower(name)
	}
	return ""
}

// repoName is the one spelling of a repository.
func repoName(s string) string {
	s = lower(s)
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	s = strings.TrimRight(s, "/")
	if strings.Count(s, "/") == 1 && !strings.Contains(s[:strings.IndexByte(s, '/')], ".") {
		return "github.com/" + s
	}
	return s
}

// Matches reports whether an entry is an answer to the query.
func (q *Query) Matches(e *Entry) bool {
	if e.Raw.LogIndex < q.From || !q.recent(e) {
		return false
	}
	return q.about(e.Content)
}

// about reports whether content has the term, and the hash of a digest is the
// one that was asked for.
func (q *Query) about(c *Content) bool {
	if q.Digest != nil {
		return c.Body != nil && c.Body.Hash == q.Hash && bytes.Equal(c.Body.Digest, q.Digest)
	}
	want := q.Term()
	for _, t := range c.Terms() {
		if t == want {
			return true
		}
	}
	return false
}

// recent leaves out only what is surely older. Logs of the second generation
// know no time; there a certificate of a known authority bounds it from above.
func (q *Query) recent(e *Entry) bool {
	if q.Since.IsZero() {
		return true
	}
	if e.Raw.IntegratedTime != 0 {
		return e.Raw.IntegratedTime >= q.Since.Unix()
	}
	return e.Authority == "" || !e.Content.Certificate.NotAfter.Before(q.Since)
}

// String is the query for messages.
func (q *Query) String() string {
	switch {
	case q.Subject != "":
		return q.Subject
	case q.Digest != nil:
		return strings.ToLower(strings.ReplaceAll(q.Hash.String(), "-", "")) + ":" + hex.EncodeToString(q.Digest)
	case q.Key != nil:
		sum := sha256.Sum256(q.Key)
		return "key with SHA-256 " + hex.EncodeToString(sum[:])
	}
	return q.Repo
}

// lower maps ASCII letters alone: other letters have no one lower case.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
