// Package tlog writes to transparency logs (Rekor) and believes none of their
// answers: an entry is handed on only if it is about what was sent and the log,
// which the trusted root knows, proved that it is in the tree.
package tlog

import (
	"context"
	"net/url"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/trustroot"
)

// Timeout is the time to give a log for one answer: it answers when
// the next checkpoint is signed, which takes ten seconds and more (SG-11).
const Timeout = 30 * time.Second

const maxAnswer = 4 << 20 // bytes of an answer of the log

// A Writer writes to one log. It is a [sign.Log]; that of the first generation is a
// [sign.Finder] too. Logs of the second do not say whether they have an entry.
type Writer interface {
	sign.Log
	// Upload records r as Append does, and says more about the entry.
	Upload(ctx context.Context, r sign.Record) (Receipt, error)
	// Propose records an entry that another program made.
	Propose(ctx context.Context, p Proposal) (Receipt, error)
}

// A Receipt is an entry that the log proved to hold.
type Receipt struct {
	Entry    bundle.Entry
	ID       string // tree id and leaf hash, of the first generation; "" of the second
	Existing bool   // the log said that it had an equal entry before
}

// Config is what a writer needs; Existing is optional.
type Config struct {
	Doer fetch.Doer      // bound to the base URL of the log
	Root *trustroot.Root // of which the log must be one
	Now  time.Time

	// Existing returns the entry at an index of a log of the second generation, with
	// its proof. It is asked when the log says that it had an equal one before: that
	// answer does not hold it. An error of check not_found says that it is not there
	// yet. If nil, such an answer is an error.
	Existing func(ctx context.Context, log *trustroot.Log, index int64) (bundle.Entry, error)
}

// New returns the writer for the log at a URL that speaks the API of a major
// version: 1 or 2. A log that the trusted root does not know at this moment is
// refused before anything can be uploaded (K12).
//
// An error of the writer after which an entry may be public is a *sign.SentError.
func New(version int, base string, c Config) (Writer, error) {
	if version != 1 && version != 2 {
		return nil, check.Refuse("SC-2", check.SignCfg, "log %q speaks API version %d, want 1 or 2", base, version)
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, check.Refuse("SC-9", check.SignCfg, "want the URL of a log, got %q", base)
	}
	logs, err := c.Root.LogsAt(base, c.Now)
	if err != nil {
		return nil, err
	}
	if version == 1 {
		return &v1{doer: c.Doer, base: u, logs: logs, patience: patience{firstPause}}, nil
	}
	return &v2{doer: c.Doer, logs: logs, existing: c.Existing, patience: patience{firstPause}}, nil
}

// byID returns the log that an entry says it is in.
func byID(logs []trustroot.Log, e *bundle.Entry) (*trustroot.Log, error) {
	for i := range logs {
		if string(logs[i].ID) == string(e.LogID) {
			return &logs[i], nil
		}
	}
	return nil, check.Refuse("R1-1", check.Server, "entry is in log %x, want %x", e.LogID, logs[0].ID)
}

// lied says that a log answered with something that does not verify.
func lied(reason error) error {
	return check.Refuse("SG-11", check.Server, "answer of the log: %w", reason)
}
