package read

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/logproof"
	"github.com/hallmarksign/hallmark/trustroot"
)

// A Known is a log that a trusted root or a signing configuration names.
type Known struct {
	Log     *trustroot.Log
	Version int  // of its API; 0 if only the log itself can tell, see Probe
	Writes  bool // the signing configuration names it
}

// Logs returns all logs of a trusted root, in use or not. The signing
// configuration, which may be nil, says which API they speak.
func Logs(root *trustroot.Root, services *trustroot.SigningConfig) []Known {
	var out []Known
	for i := range root.Logs {
		k := Known{Log: &root.Logs[i]}
		if services != nil {
			for _, s := range services.Logs {
				if answersFor(s.URL, k.Log) {
					k.Version, k.Writes = s.Version, true
				}
			}
		}
		out = append(out, k)
	}
	return out
}

// answersFor reports whether a service is a log. The URL of a log in a trusted
// root gives its name in checkpoints, so it may lack the port.
func answersFor(service string, log *trustroot.Log) bool {
	name := logproof.Name(&trustroot.Log{BaseURL: service})
	u, err := url.Parse(service)
	return name == logproof.Name(log) ||
		err == nil && u.Hostname()+strings.TrimRight(u.Path, "/") == logproof.Name(log)
}

// Probe finds the generation of a log that nothing names, by the checkpoint that
// only the second one serves. What the log then says is verified as ever.
func Probe(ctx context.Context, log *trustroot.Log, c Config) (int, error) {
	_, err := c.Doer.Do(ctx, fetch.Request{Path: path2 + "checkpoint", MaxBody: maxMemory})
	if err == nil {
		return 2, nil
	}
	first, err1 := NewV1(log, c)
	if err1 != nil {
		return 0, err1
	}
	if _, err1 = first.ask(ctx, "log", nil, "information about itself"); err1 == nil {
		return 1, nil
	}
	return 0, check.Refuse("LG-4", check.Net, "log %q speaks neither API version 2 (%v) nor 1 (%w)", logproof.Name(log), err, err1)
}

// A Status is what can be said about a log.
type Status struct {
	Log     *trustroot.Log
	Version int
	InUse   bool // new entries are accepted with this key now, as the trusted root says
	Heads   []*Head
	Size    uint64 // entries of all trees
	Err     error  // why the heads are missing; a fork, a rollback and a standstill too
}

// Inspect asks a log how it is.
func Inspect(ctx context.Context, r Reader, now time.Time) Status {
	s := Status{Log: r.Log(), Version: r.Version(), InUse: r.Log().Valid.Contains(now)}
	s.Heads, s.Err = r.Heads(ctx)
	for _, h := range s.Heads {
		s.Size += h.Size
	}
	return s
}
