package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/tlog/read"
	"github.com/hallmarksign/hallmark/verify"
)

// findOptions say what to look for; exactly one.
type findOptions struct {
	email, digest, key, repo, since string
}

func newLogFind(e *env, done *outcome) *cobra.Command {
	var o findOptions
	cmd := logCommand(e, done, &cobra.Command{
		Use:   "find",
		Short: "Find entries by address, digest, key or repository",
		Long: `Find entries in every known log. A log of the first generation is asked through its
search index, and every hit is fetched and proved; a log of the second generation
is read once into an index on this machine, tile by tile against its checkpoint,
and continued from there the next time.`,
		Example: `  hallmark log find --email alice@example.com --since 2026-01-01
  hallmark log find --digest app.tar.gz --json
  hallmark log find --repo owner/name`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, b *logbook, out *outputFlags, _ []string) (outcome, error) {
		return o.find(ctx, e, b, out)
	})
	f := cmd.Flags()
	f.StringVar(&o.email, "email", "", "entries of certificates for this `SUBJECT`: an address, or another name")
	f.StringVar(&o.digest, "digest", "", "entries about this `FILE` or sha256:HEX")
	f.StringVar(&o.key, "key", "", "entries by the public key in this PEM `FILE`")
	f.StringVar(&o.repo, "repo", "", "entries by workflows of this repository, `owner/name` on GitHub or host/path")
	f.StringVar(&o.since, "since", "", "leave out what is older than this `DATE`, such as 2026-01-31")
	return cmd
}

func (o *findOptions) query(ctx context.Context, e *env) (q read.Query, err error) {
	given := slices.DeleteFunc([]string{o.email, o.digest, o.key, o.repo}, func(s string) bool { return s == "" })
	if len(given) != 1 {
		return q, usage("want one of --email, --digest, --key and --repo, got %d", len(given)).WithNext("hallmark log find --email alice@example.com")
	}
	q = read.Query{Subject: o.email, Repo: o.repo}
	if o.since != "" {
		if q.Since, err = parseDate(o.since); err != nil {
			return q, err
		}
	}
	if o.digest != "" {
		artifact, err := digestArgument(ctx, o.digest)
		if err != nil {
			return q, err
		}
		q.Hash, q.Digest = crypto.SHA256, artifact.Sum(crypto.SHA256)
	}
	if o.key != "" {
		key, err := keyFile(o.key)
		if err != nil {
			return q, err
		}
		if q.Key, err = x509.MarshalPKIXPublicKey(key.(verify.Key).Public); err != nil {
			return q, err
		}
	}
	return q, q.Check()
}

func digestArgument(ctx context.Context, arg string) (verify.Artifact, error) {
	if isDigest(arg) {
		return verify.ParseDigest(arg)
	}
	return hashFile(ctx, arg, nil, crypto.SHA256)
}

func parseDate(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage("%q is not a date", s).WithNext("write 2026-01-31 or 2026-01-31T12:00:00Z")
}

func (o *findOptions) find(ctx context.Context, e *env, b *logbook, out *outputFlags) (outcome, error) {
	q, err := o.query(ctx, e)
	if err != nil {
		return outcome{}, err
	}
	note := func(text string) { out.say(e, "hallmark: warning: %s", printable(text, 1024)) }
	var found []*read.Entry // the last one: whether there are any
	err = b.each(ctx, func(l openLog) error {
		switch r := l.Reader.(type) {
		case *read.V1:
			if q.Repo != "" {
				note("the search index of " + r.Log().Origin + " knows no repositories; it was not asked")
				return nil
			}
			for entry, err := range r.Find(ctx, q, note) {
				if err != nil {
					return err
				}
				found = append(found[:0], entry)
				if err := out.printEntry(e, entryOf(entry)); err != nil {
					return err
				}
			}
		case *read.V2:
			x, closeFile, err := b.index(ctx, r, newProgress(e, out.quiet || out.json))
			if err != nil {
				return err
			}
			defer closeFile()
			for entry, err := range x.Find(ctx, r, q) {
				if err != nil {
					return err
				}
				found = append(found[:0], entry)
				j := entryOf(entry)
				if at, ok, err := x.FirstSeen(entry.Raw.LogIndex); err == nil && ok {
					at = at.UTC()
					j.FirstSeen = &at
				}
				if err := out.printEntry(e, j); err != nil {
					return err
				}
			}
			return b.sayUnread(out, r, x)
		}
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	if len(found) == 0 {
		return outcome{}, &check.Error{Check: check.NotFound, Err: fmt.Errorf("no entry for %s in %d logs", q.String(), len(b.known))}
	}
	return held(found), nil
}
