package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/tlog/read"
)

var errNoLog = errors.New("no such log is in the trusted root")

func newLog(e *env, done *outcome) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Ask the transparency log, and have every answer proved",
		Example: `  hallmark log find --email alice@example.com
  hallmark log verify app.tar.gz.sigstore.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usage("say what to ask the log").WithNext(`run "hallmark log --help" for the list`)
		},
	}
	cmd.AddCommand(newLogGet(e, done), newLogFind(e, done), newLogVerify(e, done), newLogWatch(e, done), newLogInfo(e, done), newLogUpload(e, done))
	return cmd
}

// logCommand is a subcommand on the logs of an instance.
func logCommand(e *env, done *outcome, cmd *cobra.Command, do func(ctx context.Context, b *logbook, out *outputFlags, args []string) (outcome, error)) *cobra.Command {
	var logs logFlags
	var output outputFlags
	logs.register(cmd.Flags())
	output.register(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if err := output.check(); err != nil {
			return err
		}
		if len(args) == 1 && strings.HasPrefix(args[0], "log:") {
			if args[0], logs.log, err = splitLogName(args[0], logs.log); err != nil {
				return err
			}
		}
		logs.log = withoutScheme(logs.log)
		b, err := logs.open(cmd.Context(), e, &output)
		if err != nil {
			return err
		}
		*done, err = do(cmd.Context(), b, &output, args)
		return err
	}
	return cmd
}

// withoutScheme makes the name of a log of its URL.
func withoutScheme(name string) string {
	if _, rest, ok := strings.Cut(name, "://"); ok {
		name = rest
	}
	return strings.TrimRight(name, "/")
}

// splitLogName reads log:INDEX@LOG.
func splitLogName(arg, log string) (index, name string, err error) {
	index, name, found := strings.Cut(strings.TrimPrefix(arg, "log:"), "@")
	if found && log != "" && log != name {
		return "", "", usage("%q names another log than --log %q", arg, log)
	}
	if !found {
		name = log
	}
	return index, name, nil
}

func newLogGet(e *env, done *outcome) *cobra.Command {
	var raw bool
	cmd := logCommand(e, done, &cobra.Command{
		Use:   "get INDEX | UUID | log:INDEX@LOG",
		Short: "Print one entry, proved to be in the log",
		Example: `  hallmark log get 154562758 --log rekor.sigstore.dev
  hallmark log get log:48151623@log2025-1.rekor.sigstore.dev --json`,
	}, func(ctx context.Context, b *logbook, out *outputFlags, args []string) (outcome, error) {
		if len(args) != 1 {
			return outcome{}, usage("want one entry, got %d", len(args))
		}
		if raw && (out.json || out.quiet) {
			return outcome{}, usage("--raw excludes --json and --quiet")
		}
		entry, err := b.entry(ctx, args[0])
		if err != nil {
			return outcome{}, err
		}
		if raw {
			_, err := fmt.Fprintf(e.stdout, "%s\n", entry.Raw.Body)
			return held([]*read.Entry{entry}), err
		}
		return held([]*read.Entry{entry}), out.printEntry(e, entryOf(entry))
	})
	cmd.Flags().BoolVar(&raw, "raw", false, "print the body as the log holds it")
	return cmd
}

// entry fetches an entry by its index, or by the id of the first generation.
func (b *logbook) entry(ctx context.Context, name string) (*read.Entry, error) {
	if _, err := hex.DecodeString(name); err == nil && (len(name) == 64 || len(name) == 80) {
		for _, k := range b.known {
			l, err := b.reader(ctx, k)
			if err != nil {
				return nil, named(k.Log.Origin, err)
			}
			if v1, ok := l.Reader.(*read.V1); ok {
				return v1.ByID(ctx, name)
			}
		}
		return nil, usage("%q is an id of the first generation of logs, and no such log is known", name)
	}
	index, err := strconv.ParseInt(name, 10, 64)
	if err != nil || index < 0 {
		return nil, usage("%q is neither an index nor an id", name).WithNext("write INDEX with --log NAME, or log:INDEX@NAME")
	}
	l, err := b.one(ctx)
	if err != nil {
		return nil, err
	}
	return l.Entry(ctx, index)
}

func newLogVerify(e *env, done *outcome) *cobra.Command {
	return logCommand(e, done, &cobra.Command{
		Use:   "verify BUNDLE... | INDEX",
		Short: "Check that entries are still in the log, and that the log did not fork",
		Long: `Check that each entry of a bundle, or the entry at an index, is in the log under a
checkpoint of now, that this checkpoint continues the one in the bundle, and that
it continues the last one that this machine saw. A log that contradicts itself is
a loud error, and what proves it is kept.`,
		Example: "  hallmark log verify app.tar.gz.sigstore.json",
	}, func(ctx context.Context, b *logbook, out *outputFlags, args []string) (outcome, error) {
		if len(args) == 0 {
			return outcome{}, usage("want bundles or an index")
		}
		var all []*read.Verified
		var failed failures
		for _, arg := range args {
			verified, err := b.verifyArgument(ctx, out, arg)
			if err != nil {
				failed = append(failed, named(arg, err))
			}
			all = append(all, verified...)
		}
		if len(failed) > 0 {
			return outcome{}, failed
		}
		return held(all), nil
	})
}

// verifyArgument verifies every entry that an argument names.
func (b *logbook) verifyArgument(ctx context.Context, out *outputFlags, arg string) (all []*read.Verified, err error) {
	claims, err := b.claims(ctx, arg)
	if err != nil {
		return nil, err
	}
	from := "the bundle"
	if !exists(arg) {
		from = "its entry"
	}
	for i := range claims {
		v, err := b.verifyEntry(ctx, out, &claims[i], from)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// claims returns the entries of a bundle, or the one at an index.
func (b *logbook) claims(ctx context.Context, arg string) ([]bundle.Entry, error) {
	if !exists(arg) {
		if _, err := os.Stat(arg); strings.ContainsAny(arg, "./") && !strings.HasPrefix(arg, "log:") {
			return nil, fileError(arg, err)
		}
		entry, err := b.entry(ctx, arg)
		if err != nil {
			return nil, err
		}
		return []bundle.Entry{entry.Raw}, nil
	}
	data, err := readBounded(arg, bundle.MaxSize)
	if err != nil {
		return nil, err
	}
	claim, err := bundle.Open(data)
	if err != nil {
		return nil, err
	}
	if len(claim.Entries) == 0 {
		return nil, &check.Error{Check: check.NotFound, Err: errors.New("holds no log entry")}
	}
	return claim.Entries, nil
}

// verifyEntry verifies one entry and says from where it was known.
func (b *logbook) verifyEntry(ctx context.Context, out *outputFlags, claim *bundle.Entry, from string) (*read.Verified, error) {
	l, err := b.byID(ctx, claim.LogID)
	if err != nil {
		return nil, err
	}
	v, err := l.Verify(ctx, claim)
	if err != nil || out.quiet {
		return v, err
	}
	if out.json {
		return v, writeJSON(b.e.stdout, map[string]any{"schema": schema, "ok": true, "log": v.Head.Origin,
			"index": claim.LogIndex, "tree_size": v.Head.Size, "claimed_tree_size": v.From.Size})
	}
	_, err = fmt.Fprintf(b.e.stdout, "ok  %s #%d  in the tree of %d entries, which continues the %d of %s\n",
		printable(v.Head.Origin, 256), claim.LogIndex, v.Head.Size, v.From.Size, from)
	return v, err
}

func newLogInfo(e *env, done *outcome) *cobra.Command {
	return logCommand(e, done, &cobra.Command{
		Use:     "info",
		Short:   "Print every known log: size, age of its checkpoint, signers, and whether it continues what was seen",
		Example: "  hallmark log info --json",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, b *logbook, out *outputFlags, _ []string) (outcome, error) {
		err := b.each(ctx, func(l openLog) error {
			s := read.Inspect(ctx, l.Reader, e.now())
			if err := printStatus(e, out, s, l.known.Writes); err != nil {
				return err
			}
			return s.Err
		})
		return informed(), err
	})
}

// printStatus prints what a log proved of itself. One that is refused gets a line
// in JSON alone, which says so.
func printStatus(e *env, out *outputFlags, s read.Status, writes bool) error {
	if out.quiet || s.Err != nil && !out.json {
		return nil
	}
	if out.json {
		return writeJSON(e.stdout, statusJSON(e, s, writes))
	}
	use := "not in use"
	if s.InUse {
		use = "in use"
	}
	if writes {
		use = "written to"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  Rekor v%d  %s  %d entries\n", printable(s.Log.Origin, 256), s.Version, use, s.Size)
	for _, h := range s.Heads {
		fmt.Fprintf(&b, "    tree %s  %d entries", printable(h.Origin, 256), h.Size)
		if age, ok := h.Age(e.now()); ok {
			fmt.Fprintf(&b, ", checkpoint %s old", age.Round(time.Second))
		}
		if h.Before != nil {
			fmt.Fprintf(&b, ", continues what was seen on %s", h.Before.Last.UTC().Format(time.RFC3339))
		}
		fmt.Fprintf(&b, ", signed by %s\n", printable(strings.Join(h.Signers, " "), 512))
	}
	_, err := e.stdout.Write([]byte(b.String()))
	return err
}

func statusJSON(e *env, s read.Status, writes bool) any {
	type headJSON struct {
		Origin  string     `json:"origin"`
		Size    uint64     `json:"size"`
		Root    string     `json:"root"`
		Signers []string   `json:"signers"`
		Age     *int64     `json:"age_seconds,omitempty"`
		Before  *time.Time `json:"continues,omitempty"`
	}
	heads := []headJSON{}
	for _, h := range s.Heads {
		j := headJSON{Origin: h.Origin, Size: h.Size, Root: hex.EncodeToString(h.Root[:]), Signers: h.Signers}
		if age, ok := h.Age(e.now()); ok {
			seconds := int64(age.Seconds())
			j.Age = &seconds
		}
		if h.Before != nil {
			j.Before = &h.Before.Last
		}
		heads = append(heads, j)
	}
	status := map[string]any{"schema": schema, "log": s.Log.Origin, "version": s.Version, "in_use": s.InUse, "writes": writes, "ok": s.Err == nil}
	if s.Err != nil {
		status["check"], status["error"] = check.Of(s.Err), reason(s.Err, 1024)
		return status
	}
	status["size"], status["trees"] = s.Size, heads
	return status
}
