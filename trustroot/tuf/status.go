package tuf

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// A Status describes the trust data of an instance. Zero values mean that there
// is no metadata: the built-in trusted root is in use.
type Status struct {
	Mirror        string
	Source        string // "network", "cache" or "built in"
	Roles         []Role // root, timestamp, snapshot, targets
	Fetched       time.Time
	Age           time.Duration // since Fetched
	RootKeys      []string      // key ids that may sign the next root, sorted
	RootThreshold int
	Targets       []Target
	Expired       error // why it cannot be used as it is; nil if it can
	Warnings      []string
}

// A Role is one verified piece of metadata.
type Role struct {
	Name    string
	Version int64
	Expires time.Time
}

// A Target is a file that was verified.
type Target struct {
	Name   string
	Size   int
	SHA256 [sha256.Size]byte
}

// roles returns the roles of t that are there.
func (t *trusted) roles() []Role {
	out := []Role{{metadata.ROOT, t.root.Signed.Version, t.root.Signed.Expires}}
	if t.timestamp != nil {
		out = append(out, Role{metadata.TIMESTAMP, t.timestamp.Signed.Version, t.timestamp.Signed.Expires})
	}
	if t.snapshot != nil {
		out = append(out, Role{metadata.SNAPSHOT, t.snapshot.Signed.Version, t.snapshot.Signed.Expires})
	}
	if t.targets != nil {
		out = append(out, Role{metadata.TARGETS, t.targets.Signed.Version, t.targets.Signed.Expires})
	}
	return out
}

// Status describes what is at hand, expired or not, without the network. Only
// if nothing is at hand it is loaded first.
func (c *Client) Status(ctx context.Context) (Status, error) {
	now := c.config.Now()
	v, err := c.atHand()
	if err != nil {
		return Status{}, c.explain(err)
	}
	if v == nil {
		if v, err = c.load(ctx); err != nil {
			return Status{}, err
		}
	}
	s := Status{Mirror: c.config.Mirror, Source: v.source, Warnings: c.Warnings()}
	for _, name := range slices.Sorted(maps.Keys(v.files)) {
		s.Targets = append(s.Targets, Target{name, len(v.files[name]), sha256.Sum256(v.files[name])})
	}
	if v.meta == nil {
		return s, nil
	}
	s.Roles, s.Fetched, s.Age = v.meta.roles(), v.fetched, now.Sub(v.fetched)
	role := v.meta.root.Signed.Roles[metadata.ROOT]
	s.RootKeys, s.RootThreshold = slices.Sorted(slices.Values(role.KeyIDs)), role.Threshold
	if err := v.meta.stale(now); err != nil {
		s.Expired = c.explain(err)
	}
	return s, nil
}

// atHand returns the view in memory or in the cache, whatever its age; nil if
// there is none.
func (c *Client) atHand() (*view, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.view != nil || c.cache == nil {
		return c.view, nil
	}
	s, err := c.cache.read()
	if err != nil {
		return nil, err
	}
	return c.restore(s, time.Time{})
}
