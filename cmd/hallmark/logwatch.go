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
stands for any text. The exit status is 10 if anything was found, whatever else
failed; otherwise it is that of what failed, or 0.

What was printed is not reported again, nor is what a run with --quiet ended with
status 10 for. Until then it is: after a crash, a full disk or a closed pipe an entry
may be reported twice, but none is left out.

One look takes up to 10,000 entries that a search index names, and reads up to
100,000 entries or certificates of a log that has to be read. If more are new, it
says so and ends with status 3 unless it found something; the next run goes on
there. Begin with --since in a large log.

With --certificates the certificate transparency logs of the trusted root are read
too, at their addresses there: those of RFC 6962 and those made of tiles
(static-ct-api). A certificate is known if its key signed a known bundle.`,
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
	w.State = watch.NewState()
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
	look := &lookout{o: o, e: e, b: b, w: w, out: out}
	for {
		err = look.pass(ctx)
		if !o.follow || ctx.Err() != nil || look.unheard != nil {
			break
		}
		if err != nil {
			report(e.stderr, err)
		}
		select {
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-time.After(o.every):
			continue
		}
		break
	}
	return look.end(ctx, err)
}

// A lookout looks in all logs, and delivers what is found: on standard output, or
// with --quiet by the exit status.
type lookout struct {
	o       *watchOptions
	e       *env
	b       *logbook
	w       *watch.Watcher
	out     *outputFlags
	found   bool
	unheard error // why standard output does not take what is found
}

// end ends a watch. What was found is said by the exit status whatever failed
// beside it, and with --quiet not before then may the state move.
func (l *lookout) end(ctx context.Context, err error) (outcome, error) {
	if !l.found {
		return informed(), err
	}
	if l.unheard != nil {
		return outcome{status: exitNews}, l.unheard
	}
	if cause := context.Cause(ctx); cause != nil {
		err = without(err, cause)
	}
	if err != nil {
		report(l.e.stderr, err)
	}
	if ctx.Err() != nil {
		fmt.Fprintln(l.e.stderr, "hallmark: interrupted")
	}
	if l.out.quiet {
		if err := l.w.State.Save(); err != nil {
			report(l.e.stderr, err)
		}
	}
	return outcome{status: exitNews}, nil
}

// without drops the failures that only say that the run was interrupted.
func without(err, cause error) error {
	several, ok := err.(failures)
	if !ok {
		several = failures{err}
	}
	left := slices.DeleteFunc(slices.Clone(several), func(err error) bool { return err == nil || errors.Is(err, cause) })
	if len(left) == 0 {
		return nil
	}
	return left
}

// pass looks once in every log.
func (l *lookout) pass(ctx context.Context) error {
	l.b.failed = func(log string, err error) { l.fail(ctx, log, err) }
	err := l.b.each(ctx, func(log openLog) error {
		switch r := log.Reader.(type) {
		case *read.V1:
			return l.look(ctx, watch.Source{V1: r})
		case *read.V2:
			x, closeFile, err := l.b.index(ctx, r, newProgress(l.e, l.out.quiet || l.out.json))
			if err != nil {
				return err
			}
			defer closeFile()
			if err := l.look(ctx, watch.Source{V2: r, Index: x}); err != nil {
				return err
			}
			return l.b.sayUnread(l.out, r, x)
		}
		return errors.New("is of an unknown generation")
	})
	failed, _ := err.(failures)
	if l.o.certificates {
		failed = append(failed, l.certificates(ctx)...)
	}
	if len(failed) > 0 {
		return failed
	}
	return nil
}

// certificates looks once in every log of certificates.
func (l *lookout) certificates(ctx context.Context) (failed failures) {
	for i := range l.b.root.CTLogs {
		if ctx.Err() != nil {
			break
		}
		log := &l.b.root.CTLogs[i]
		doer, err := fetch.New(log.BaseURL, fetch.Config{UserAgent: userAgent(), Retries: 2})
		if err == nil {
			err = l.look(ctx, watch.Source{CT: ctlog.New(log, doer, ctlog.Config{Dir: l.b.dir, Now: l.e.now})})
		}
		failed = append(failed, l.b.failures(log.BaseURL, err)...)
	}
	return failed
}

// look looks once in a log and prints what is new. What was printed need not be
// printed again, so that the state moves on; with --quiet nobody knows of it yet.
// Where printing fails, the status can still say that there is something.
func (l *lookout) look(ctx context.Context, source watch.Source) error {
	var failed fewFailures
	for finding, err := range l.w.Pass(ctx, source) {
		if err != nil {
			failed.add(err)
			continue
		}
		l.found = true
		if l.unheard == nil {
			l.unheard = l.out.printEntry(l.e, findingOf(l.b.root, source, finding))
		}
		if l.unheard != nil {
			break
		}
	}
	if l.unheard == nil && !(l.found && l.out.quiet) {
		failed.add(l.w.State.Save())
	}
	return failed.err()
}

// fail says in JSON that a log could not be looked at whole.
func (l *lookout) fail(ctx context.Context, log string, err error) {
	if !l.out.json || l.unheard != nil || ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return
	}
	j := failureJSON{Schema: schema, Log: log, Check: check.Of(err), Error: reason(err, 1024)}
	if refused, ok := errors.AsType[*check.Error](err); ok {
		j.Next = printable(refused.Next, 1024)
	}
	l.unheard = writeJSON(l.e.stdout, j)
}

// A failureJSON is a line of log watch about a log that could not be looked at, or
// not at all of it.
type failureJSON struct {
	Schema int         `json:"schema"`
	Log    string      `json:"log"`
	OK     bool        `json:"ok"` // never
	Check  check.Check `json:"check"`
	Error  string      `json:"error"`
	Next   string      `json:"next,omitempty"`
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
