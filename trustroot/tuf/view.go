package tuf

import (
	"errors"
	"fmt"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/trustroot"
)

// A view is one complete verified set, or the built-in fallback.
type view struct {
	meta     *trusted // nil for the fallback
	fetched  time.Time
	files    map[string][]byte
	root     *trustroot.Root
	source   string // "network", "cache" or "built in"
	warnings []string
	memory   *saved // what the set came from, for a client without a cache
}

// young reports whether v needs no refresh. A clock behind the last update by
// more than some minutes makes nothing young (P52).
func (v *view) young(now time.Time, maxAge time.Duration) bool {
	return v.meta != nil && now.Sub(v.fetched) < maxAge && !now.Add(clockSlack).Before(v.fetched) && v.meta.stale(now) == nil
}

// stale returns the error of the first role that has expired at ref.
func (t *trusted) stale(ref time.Time) error {
	at := *t
	at.ref = ref
	for _, r := range at.roles() {
		if err := at.fresh(r.Name, r.Expires); err != nil {
			return err
		}
	}
	return nil
}

// reference returns the time that expiry is judged at: the clock, or the start
// of the last update if the clock is behind it, so that a clock set back makes
// nothing fresh that was seen expired (P52).
func reference(now time.Time, s *saved) time.Time {
	if s != nil {
		for _, r := range []record{s.Good, s.Latest} {
			if r.Fetched.After(now) {
				now = r.Fetched
			}
		}
	}
	return now
}

// restore verifies what is saved, from the pinned root on (TU-11). A zero ref
// lets expired metadata pass. It returns nil if no complete set is saved.
func (c *Client) restore(s *saved, ref time.Time) (*view, error) {
	if s == nil || s.Good.Timestamp == nil {
		return nil, nil
	}
	t := &trusted{ref: ref, pinned: c.pinned.Signed.Version, root: c.pinned}
	steps := []func() error{
		func() error { return t.replay(s.Roots) },
		t.rootFresh,
		func() error { return t.newTimestamp(s.Good.Timestamp, nil) },
		func() error { return t.newSnapshot(s.Good.Snapshot, nil) },
		func() error { return t.newTargets(s.Good.Targets) },
	}
	for _, name := range []string{TrustedRoot, SigningConfig} {
		if data, ok := s.Files[name]; ok || name == TrustedRoot {
			steps = append(steps, func() error { return t.target(name, data) })
		}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, broken(err)
		}
	}
	root, err := trustroot.Parse(s.Files[TrustedRoot])
	if err != nil {
		return nil, err
	}
	return &view{meta: t, fetched: s.Good.Fetched, files: s.Files, root: root, source: "cache", memory: s}, nil
}

// broken keeps what says that metadata expired; anything else that does not
// verify in a cache means that the cache is not what was written.
func broken(err error) error {
	if check.Of(err) == check.TUFFreeze {
		return err
	}
	return damaged(err)
}

// replay takes the saved successors of the pinned root.
func (t *trusted) replay(roots map[int64][]byte) error {
	for {
		data, ok := roots[t.root.Signed.Version+1]
		if !ok {
			return nil
		}
		if err := t.nextRoot(data); err != nil {
			return err
		}
	}
}

// builtIn returns the fallback, or err if there is none.
func (c *Client) builtIn(err error) (*view, error) {
	f := c.config.Fallback
	if f == nil {
		return nil, err
	}
	root, perr := trustroot.Parse(f.TrustedRoot)
	if perr != nil {
		return nil, errors.Join(err, perr)
	}
	days := int(c.config.Now().Sub(f.Date).Hours() / 24)
	return &view{
		files:  map[string][]byte{TrustedRoot: f.TrustedRoot},
		root:   root,
		source: "built in",
		warnings: []string{fmt.Sprintf("using the trusted root built into this program, of %s, %d days old, for there is neither cache nor network",
			f.Date.Format(time.DateOnly), days)},
	}, nil
}

// useful refuses a trusted root that would leave nothing to verify with (P48):
// one without authorities or without any source of time, or without a kind that
// the one before had.
func useful(root, before *trustroot.Root) error {
	if len(root.Authorities) == 0 {
		return check.Refuse("TR-3", check.TrustRoot, "has no usable certificate authority").At(TrustedRoot)
	}
	if len(root.Logs)+len(root.TSAs) == 0 {
		return check.Refuse("TR-3", check.TrustRoot, "has no usable log and no usable timestamp authority").At(TrustedRoot)
	}
	if before == nil {
		return nil
	}
	for _, kind := range []struct {
		name     string
		now, was int
	}{
		{"log", len(root.Logs), len(before.Logs)},
		{"certificate transparency log", len(root.CTLogs), len(before.CTLogs)},
		{"timestamp authority", len(root.TSAs), len(before.TSAs)},
	} {
		if kind.now == 0 && kind.was > 0 {
			return check.Refuse("TR-3", check.TrustRoot, "has no usable %s, the one before had %d", kind.name, kind.was).At(TrustedRoot)
		}
	}
	return nil
}
