// Package tlog writes to transparency logs (Rekor) and believes none of their
// answers: an entry is handed on only if it is about what was sent and the log,
// which the trusted root knows, proved that it is in the tree.
package tlog

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/logproof"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/trustroot"
)

// Timeout is the time to give a log for one answer: it answers when
// the next checkpoint is signed, which takes ten seconds and more (SG-11).
const Timeout = 30 * time.Second

const maxAnswer = 4 << 20 // bytes of an answer of the log

// A Writer writes to one log. It is a [sign.Log].
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

// New returns the writer for the log at a URL that speaks the API of a major
// version: 1 or 2. A log that the trusted root does not know at this moment is
// refused before anything can be uploaded (K12).
func New(version int, base string, root *trustroot.Root, now time.Time, doer fetch.Doer) (Writer, error) {
	if version != 1 && version != 2 {
		return nil, check.Refuse("SC-2", check.SignCfg, "log %q speaks API version %d, want 1 or 2", base, version)
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, check.Refuse("SC-9", check.SignCfg, "want the URL of a log, got %q", base)
	}
	logs, err := known(u, root, now)
	if err != nil {
		return nil, err
	}
	if version == 1 {
		return &v1{doer: doer, base: u, logs: logs}, nil
	}
	return &v2{doer: doer, logs: logs}, nil
}

// known returns the logs of the trusted root that may answer at a URL. A log's
// base URL gives its name in checkpoints, so it may lack the port.
func known(u *url.URL, root *trustroot.Root, now time.Time) ([]trustroot.Log, error) {
	path := strings.TrimRight(u.Path, "/")
	var same, host []trustroot.Log
	for _, l := range root.Logs {
		if !l.Valid.Contains(now) {
			continue
		}
		switch logproof.Name(&l) {
		case u.Host + path:
			same = append(same, l)
		case u.Hostname() + path:
			host = append(host, l)
		}
	}
	if len(same) == 0 {
		same = host
	}
	if len(same) == 0 {
		return nil, check.Refuse("R1-1", check.TlogUnknown, "log %q is not in the trusted root, or not in use at %s",
			u.Redacted(), now.UTC().Format(time.RFC3339))
	}
	return same, nil
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
