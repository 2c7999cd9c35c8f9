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
	URL     string // where it answers
	Version int    // of its API; 0 if only the log itself can tell, see Probe
	Writes  bool   // the signing configuration names it
}

// Logs returns all logs of a trusted root, in use or not. The signing
// configuration, which may be nil, says which API they speak, and may know their
// addresses better.
func Logs(root *trustroot.Root, services *trustroot.SigningConfig) []Known {
	var out []Known
	for i := range root.Logs {
		out = append(out, Known{Log: &root.Logs[i], URL: root.Logs[i].BaseURL})
	}
	if services == nil {
		return out
	}
	for _, s := range services.Logs {
		if k := answering(s.URL, out); k != nil && !k.Writes {
			k.URL, k.Version, k.Writes = s.URL, s.Version, true
		}
	}
	return out
}

// answering returns the log that a service is, nil if it is none of them. The URL
// of a log in a trusted root gives its name in checkpoints, so it may lack the
// port; but a log that is named with its port is that one and no other.
func answering(service string, logs []Known) *Known {
	u, err := url.Parse(service)
	if err != nil {
		return nil
	}
	path := strings.TrimRight(u.Path, "/")
	for _, name := range []string{u.Host + path, u.Hostname() + path} {
		for i := range logs {
			if log := logs[i].Log; logproof.Name(log) == name || log.Origin == name {
				return &logs[i]
			}
		}
	}
	return nil
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
