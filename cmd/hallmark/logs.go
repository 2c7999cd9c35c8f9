package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/tlog/index"
	"github.com/hallmarksign/hallmark/tlog/read"
	"github.com/hallmarksign/hallmark/trustroot"
)

// logFlags say which transparency logs are asked.
type logFlags struct {
	trust  trustFlags
	config string
	log    string
	maxAge time.Duration
}

func (l *logFlags) register(f *pflag.FlagSet) {
	l.trust.register(f)
	f.StringVar(&l.config, "signing-config", "", "with --trusted-root: find the addresses of logs in this `FILE`")
	f.StringVar(&l.log, "log", "", "ask only the log of this `NAME`, such as rekor.example.com")
	f.DurationVar(&l.maxAge, "max-age", 7*24*time.Hour, "refuse a log in use that serves one checkpoint for longer than this `TIME`, a week if not said; 0 allows any age")
}

// An openLog is a log that can be asked.
type openLog struct {
	read.Reader
	known read.Known
}

// A logbook is the logs of an instance with what this machine remembers of them.
type logbook struct {
	e     *env
	root  *trustroot.Root
	known []read.Known
	dir   string        // of what is remembered; "" for nothing
	age   time.Duration // of checkpoints, at most; 0 for any
	file  *read.Memory
	files inputs // that the command was given to read

	unread map[string]int64 // entries that sayUnread spoke of, by log

	failed func(log string, err error) // told what each failed with; may be nil
}

func (l *logFlags) open(ctx context.Context, e *env, out *outputFlags) (*logbook, error) {
	if l.trust.offline {
		return nil, usage("--offline: a log is asked over the network")
	}
	if l.maxAge < 0 {
		return nil, usage("--max-age is %v, want 0 or more", l.maxAge)
	}
	root, client, err := l.trust.root(ctx, e, out)
	if err != nil {
		return nil, err
	}
	b := &logbook{e: e, root: root, age: l.maxAge, unread: map[string]int64{}, files: inputs{}.add(l.config, l.trust.trustedRoot)}
	var services *trustroot.SigningConfig // nil if there is none
	switch {
	case client != nil:
		if services, err = client.Services(ctx); err != nil {
			out.say(e, "hallmark: warning: addresses of logs are taken from the trusted root: %s", printable(err.Error(), 512))
		}
	case l.config != "":
		data, err := readBounded(l.config, trustroot.MaxSize)
		if err != nil {
			return nil, err
		}
		if services, err = trustroot.ParseSigningConfig(data); err != nil {
			return nil, named(l.config, err)
		}
	}
	for _, k := range read.Logs(root, services) {
		if l.log == "" || k.Log.Origin == l.log || hostOnly(k.Log.Origin) == l.log {
			b.known = append(b.known, k)
		}
	}
	if len(b.known) == 0 {
		return nil, &check.Error{Check: check.TlogUnknown, Err: errNoLog, Next: "hallmark log info lists the logs that are known"}
	}
	if dir := e.configDir(); dir != "" {
		if b.dir, err = filepath.Abs(filepath.Join(dir, "logs", l.trust.name(e))); err != nil {
			return nil, fileError(dir, err)
		}
		if b.file, err = read.OpenMemory(b.dir); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func hostOnly(origin string) string {
	host, _, _ := strings.Cut(origin, "/")
	return host
}

// reader connects to a log and finds out its generation if nothing names it.
func (b *logbook) reader(ctx context.Context, k read.Known) (openLog, error) {
	doer, err := fetch.New(k.URL, fetch.Config{UserAgent: userAgent(), Retries: 2})
	if err != nil {
		return openLog{}, err
	}
	config := read.Config{Doer: doer, Root: b.root, Memory: b.file, Now: b.e.now, MaxAge: b.age}
	if k.Version == 0 {
		if k.Version, err = read.Probe(ctx, k.Log, config); err != nil {
			return openLog{}, err
		}
	}
	r, err := read.New(k.Version, k.Log, config)
	return openLog{r, k}, err
}

// each calls do with every log; one that can't be asked is a failure beside what
// the others say.
func (b *logbook) each(ctx context.Context, do func(openLog) error) error {
	var failed failures
	for _, k := range b.known {
		r, err := b.reader(ctx, k)
		if err == nil {
			err = do(r)
		}
		failed = append(failed, b.failures(k.Log.Origin, err)...)
		if ctx.Err() != nil {
			break
		}
	}
	if len(failed) > 0 {
		return failed
	}
	return nil
}

// failures names the log that failed, in each of the errors.
func (b *logbook) failures(log string, err error) (failed failures) {
	several, ok := err.(failures)
	if !ok && err != nil {
		several = failures{err}
	}
	for _, err := range several {
		if b.failed != nil {
			b.failed(log, err)
		}
		failed = append(failed, named(log, err))
	}
	return failed
}

// maxFailures bounds how many errors of one check are shown of a log; the rest is
// counted.
const maxFailures = 10 // errors of one check that are shown of one log

// fewFailures are the errors of many entries of a log.
type fewFailures struct {
	first failures
	count map[check.Check]int
}

func (f *fewFailures) add(err error) {
	if err == nil {
		return
	}
	if f.count == nil {
		f.count = map[check.Check]int{}
	}
	of := check.Of(err)
	if f.count[of]++; f.count[of] <= maxFailures {
		f.first = append(f.first, err)
	}
}

// err returns all of them, nil if there are none.
func (f *fewFailures) err() error {
	for _, of := range slices.Sorted(maps.Keys(f.count)) {
		if more := f.count[of] - maxFailures; more > 0 {
			f.first = append(f.first, &check.Error{Check: of, Err: fmt.Errorf("and %d more errors like these", more)})
		}
	}
	if len(f.first) == 0 {
		return nil
	}
	return f.first
}

// one returns the log that is meant when none is named: the only one, or the only
// one that is written to.
func (b *logbook) one(ctx context.Context) (openLog, error) {
	var candidates []read.Known
	for _, k := range b.known {
		if len(b.known) == 1 || k.Writes {
			candidates = append(candidates, k)
		}
	}
	if len(candidates) != 1 {
		var names []string
		for _, k := range b.known {
			names = append(names, k.Log.Origin)
		}
		return openLog{}, usage("want one log, and several are known: %s", strings.Join(names, ", ")).WithNext("name one with --log")
	}
	return b.reader(ctx, candidates[0])
}

// byID returns the log of an id.
func (b *logbook) byID(ctx context.Context, id []byte) (openLog, error) {
	for _, k := range b.known {
		if string(k.Log.ID) == string(id) {
			return b.reader(ctx, k)
		}
	}
	return openLog{}, &check.Error{Check: check.TlogUnknown, Err: errNoLog}
}

// index opens the local index of a log, which the caller closes, and brings it up
// to date.
func (b *logbook) index(ctx context.Context, l *read.V2, p *progress) (x *index.Index, closeFile func(), err error) {
	if b.dir == "" {
		return nil, nil, &check.Error{Check: check.FS, Err: errNoConfigDir, Next: "set HOME or HALLMARK_CONFIG_DIR: the index of logs is kept there"}
	}
	show, stop := p.steps("reading " + l.Log().Origin)
	defer stop()
	f, err := index.Open(filepath.Join(b.dir, "logs.index"), index.Config{
		Now: b.e.now, Progress: func(at index.Progress) { show(at.Next, at.Size) },
	})
	if err != nil {
		return nil, nil, err
	}
	if x, err = f.Log(l.Log()); err == nil {
		err = x.Update(ctx, l)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return x, func() { _ = f.Close() }, nil
}

// sayUnread says how many entries of a log a search can't have found, whoever they
// are of; again only when there are more.
func (b *logbook) sayUnread(out *outputFlags, l *read.V2, x *index.Index) error {
	n, err := x.Unread()
	if err == nil && n > b.unread[l.Log().Origin] {
		b.unread[l.Log().Origin] = n
		out.say(b.e, "hallmark: warning: %d entries of %s can't be read, and were not searched", n, printable(l.Log().Origin, 256))
	}
	return err
}
