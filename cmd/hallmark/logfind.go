package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/tlog/read"
	"github.com/hallmarksign/hallmark/verify"
)

// findOptions say what to look for; exactly one.
type findOptions struct {
	email, digest, key, repo, since string
	limit                           int
}

// maxLimit bounds --limit. A search index names no more, and that at once.
const maxLimit = strictjson.MaxElements // entries that log find looks at

func newLogFind(e *env, done *outcome) *cobra.Command {
	var o findOptions
	cmd := logCommand(e, done, &cobra.Command{
		Use:   "find",
		Short: "Find entries by address, digest, key or repository",
		Long: `Find entries in every known log. A log of the first generation is asked through its
search index, and every hit is fetched and proved; a log of the second generation
is read once into an index on this machine, tile by tile against its checkpoint,
and continued from there the next time.

Anybody can fill a search index with entries in any name, so only the first 10,000
that it names are looked at. If there are more, the command says how many, and ends
with status 3, because it could not look at all of them. --limit looks at more, or
at fewer.`,
		Example: `  hallmark log find --email alice@example.com --since 2026-01-01
  hallmark log find --email alice@example.com --limit 50000
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
	f.IntVar(&o.limit, "limit", 0, "look at this `NUMBER` of entries in each log at most (default 10000 in a log of the first generation)")
	return cmd
}

func (o *findOptions) query(ctx context.Context, e *env) (q read.Query, err error) {
	given := slices.DeleteFunc([]string{o.email, o.digest, o.key, o.repo}, func(s string) bool { return s == "" })
	if len(given) != 1 {
		return q, usage("want one of --email, --digest, --key and --repo, got %d", len(given)).WithNext("hallmark log find --email alice@example.com")
	}
	if o.limit < 0 || o.limit > maxLimit {
		return q, usage("--limit is %d, want 1 to %d", o.limit, maxLimit)
	}
	q = read.Query{Subject: o.email, Repo: o.repo, Limit: o.limit}
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
			return o.show(r.Find(ctx, q, note), note, func(entry *read.Entry) error {
				found = append(found[:0], entry)
				return out.printEntry(e, entryOf(entry))
			})
		case *read.V2:
			x, closeFile, err := b.index(ctx, r, newProgress(e, out.quiet || out.json))
			if err != nil {
				return err
			}
			defer closeFile()
			err = o.show(x.Find(ctx, r, q), note, func(entry *read.Entry) error {
				found = append(found[:0], entry)
				j := entryOf(entry)
				if at, ok, err := x.FirstSeen(entry.Raw.LogIndex); err == nil && ok {
					at = at.UTC()
					j.FirstSeen = &at
				}
				return out.printEntry(e, j)
			})
			if err != nil {
				return err
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

// show prints what was found in a log, and returns all that failed beside it. That
// there is more than --limit asked for is no failure, if there is anything.
func (o *findOptions) show(found iter.Seq2[*read.Entry, error], note read.Note, print func(*read.Entry) error) error {
	var failed fewFailures
	shown := false
	for entry, err := range found {
		if left, ok := errors.AsType[read.LeftOut](err); ok && shown && o.limit > 0 {
			note(left.Error())
			continue
		}
		if err != nil {
			failed.add(o.goOn(err))
			continue
		}
		shown = true
		if err := print(entry); err != nil {
			return err
		}
	}
	return failed.err()
}

// goOn says how to go on where a bound was reached.
func (o *findOptions) goOn(err error) error {
	left, ok := errors.AsType[read.LeftOut](err)
	refused, isCheck := err.(*check.Error)
	if !ok || !isCheck || left.Hits > maxLimit {
		return err
	}
	return refused.WithNext(fmt.Sprintf("look at all of them with --limit %d", left.Hits))
}
