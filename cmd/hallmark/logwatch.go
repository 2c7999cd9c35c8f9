package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/tlog/ctlog"
	"github.com/hallmarksign/hallmark/tlog/read"
	"github.com/hallmarksign/hallmark/tlog/watch"
	"github.com/hallmarksign/hallmark/trustroot"
)

// watchOptions say whose entries are news.
type watchOptions struct {
	identities, known []string
	since             string
	certificates      bool
	follow            bool
	every             time.Duration
}

// exitNews is the exit status of log watch when it found something.
const exitNews = 10

func newLogWatch(e *env, done *outcome) *cobra.Command {
	var o watchOptions
	cmd := logCommand(e, done, &cobra.Command{
		Use:   "watch --identity PATTERN...",
		Short: "Report entries in your name that you don't know; exit status 10 if there are any",
		Long: `Look for entries in certain names that are in none of the known bundles, and print
each. The next run for the same names goes on where this one ended. In a pattern *
stands for any text. The exit status is 10 if anything was found, 0 if nothing was.

With --certificates the certificate transparency logs of the trusted root are read
too, at their addresses there: those of RFC 6962 and those made of tiles
(static-ct-api). A certificate is known if its key signed a known bundle. One look
reads 100,000 certificates at most, so begin with --since in a large log.`,
		Example: `  hallmark log watch --identity alice@example.com --known dist/*.sigstore.json
  hallmark log watch --identity 'https://github.com/owner/*' --follow --json`,
		Args: cobra.ArbitraryArgs,
	}, func(ctx context.Context, b *logbook, out *outputFlags, args []string) (outcome, error) {
		o.known = append(o.known, args...)
		return o.watch(ctx, e, b, out)
	})
	f := cmd.Flags()
	f.StringArrayVar(&o.identities, "identity", nil, "subject `PATTERN` to look for; repeat for several")
	f.StringArrayVar(&o.known, "known", nil, "bundle `FILE` whose entries are no news; further arguments are such files too")
	f.StringVar(&o.since, "since", "", "begin at this `DATE`, or index with --log, in a log that was not watched for these names before")
	f.BoolVar(&o.certificates, "certificates", false, "look in the certificate transparency logs as well: certificates issued to these names")
	f.BoolVar(&o.follow, "follow", false, "go on until interrupted")
	f.DurationVar(&o.every, "every", 5*time.Minute, "with --follow: `TIME` between two looks")
	return cmd
}

func (o *watchOptions) watcher(b *logbook, note read.Note) (*watch.Watcher, error) {
	if len(o.identities) == 0 {
		return nil, usage("say whose entries with --identity")
	}
	if o.every < time.Second {
		return nil, usage("--every is %v, want 1s at least", o.every)
	}
	w := &watch.Watcher{Known: watch.Known{}, Note: note}
	for _, pattern := range o.identities {
		w.Names = append(w.Names, watch.Name{Subject: pattern})
	}
	for _, path := range o.known {
		data, err := readBounded(path, bundle.MaxSize)
		if err != nil {
			return nil, err
		}
		known, err := bundle.Open(data)
		if err != nil {
			return nil, named(path, err)
		}
		w.Known.Add(known)
	}
	var err error
	switch index, notIndex := strconv.ParseInt(o.since, 10, 64); {
	case o.since == "":
	case notIndex == nil && index >= 0:
		if len(b.known) != 1 || o.certificates {
			return nil, usage("--since %d: an index is of one log, and several are watched", index).WithNext("name one with --log")
		}
		w.From = index
	default:
		if w.Since, err = parseDate(o.since); err != nil {
			return nil, err
		}
	}
	if b.dir != "" {
		w.State, err = watch.OpenState(filepath.Join(b.dir, stateFile(o.identities)))
	}
	return w, err
}

// stateFile names the file that says where the passes for these names ended. Others
// have their own: what one pass went over, it looked at for its names only.
func stateFile(identities []string) string {
	names := slices.Compact(slices.Sorted(slices.Values(identities)))
	return fmt.Sprintf("watch-%x.json", sha256.Sum256([]byte(strings.Join(names, "\x00"))))
}

func (o *watchOptions) watch(ctx context.Context, e *env, b *logbook, out *outputFlags) (outcome, error) {
	w, err := o.watcher(b, func(text string) { out.say(e, "hallmark: warning: %s", printable(text, 1024)) })
	if err != nil {
		return outcome{}, err
	}
	if o.certificates && len(b.root.CTLogs) == 0 {
		return outcome{}, check.Refuse("ER-2", check.TrustRoot, "the trusted root has no certificate transparency log to look in")
	}
	news := false
	for {
		found, err := o.pass(ctx, e, b, w, out)
		news = news || found
		if err != nil && (!o.follow || ctx.Err() != nil) {
			return outcome{}, err
		}
		if err != nil {
			report(e.stderr, err)
		}
		if !o.follow {
			break
		}
		select {
		case <-ctx.Done():
			return outcome{}, context.Cause(ctx)
		case <-time.After(o.every):
		}
	}
	if news {
		return outcome{status: exitNews}, nil
	}
	return informed(), nil
}

// pass looks once in every log.
func (o *watchOptions) pass(ctx context.Context, e *env, b *logbook, w *watch.Watcher, out *outputFlags) (found bool, err error) {
	look := func(source watch.Source) error {
		for finding, err := range w.Pass(ctx, source) {
			if err != nil {
				return err
			}
			found = true
			if err := out.printEntry(e, findingOf(b.root, source, finding)); err != nil {
				return err
			}
		}
		return nil
	}
	err = b.each(ctx, func(l openLog) error {
		switch r := l.Reader.(type) {
		case *read.V1:
			return look(watch.Source{V1: r})
		case *read.V2:
			x, closeFile, err := b.index(ctx, r, newProgress(e, out.quiet || out.json))
			if err != nil {
				return err
			}
			defer closeFile()
			if err := look(watch.Source{V2: r, Index: x}); err != nil {
				return err
			}
			return b.sayUnread(out, r, x)
		}
		return errors.New("is of an unknown generation")
	})
	if err != nil || !o.certificates {
		return found, err
	}
	var failed failures
	for i := range b.root.CTLogs {
		log := &b.root.CTLogs[i]
		doer, err := fetch.New(log.BaseURL, fetch.Config{UserAgent: userAgent(), Retries: 2})
		if err == nil {
			err = look(watch.Source{CT: ctlog.New(log, doer, ctlog.Config{Dir: b.dir, Now: e.now})})
		}
		if err != nil {
			failed = append(failed, named(log.BaseURL, err))
		}
	}
	if len(failed) > 0 {
		return found, failed
	}
	return found, nil
}

// findingOf returns what is printed of a finding.
func findingOf(root *trustroot.Root, s watch.Source, f *watch.Finding) entryJSON {
	if f.Entry != nil {
		return entryOf(f.Entry)
	}
	c := f.Certificate
	at := c.Logged.UTC()
	j := entryJSON{Schema: schema, Log: s.CT.Log().BaseURL, Index: c.Index, Kind: "certificate",
		Authority: c.Authority(root), Time: &at, TimeSource: "log"}
	if c.Identity != nil {
		j.Subject, j.Issuer = c.Identity.Subject, c.Identity.Issuer
	}
	return j
}
