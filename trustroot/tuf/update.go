package tuf

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/trustroot"
)

// Bounds of what is fetched, in bytes (TU-3, TU-5..TU-7).
const (
	maxRoot      = 512_000   // bytes of the root role
	maxTimestamp = 16_384    // bytes of the timestamp role
	maxSnapshot  = 2_000_000 // bytes of the snapshot role
	maxTargets   = 5_000_000 // bytes of the targets role
)

// An updating is one run of the client workflow.
type updating struct {
	*trusted
	c      *Client
	cache  *cache // nil: memory only
	saved  *saved
	before *view // the good set before, nil if none
}

// update fetches what is new. Unless forced, it uses what another process has
// fetched while this one waited for the lock.
func (c *Client) update(ctx context.Context, force bool) (*view, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	u := &updating{c: c, cache: c.cache}
	if c.cache != nil {
		unlock, warning, err := c.cache.lock(ctx)
		if err != nil {
			return nil, err
		}
		if warning != "" {
			c.warn(warning)
			u.cache = nil
		} else {
			defer unlock()
		}
	}
	now := c.config.Now() // TU-1
	if err := u.begin(now); err != nil {
		return nil, err
	}
	if !force && u.cache != nil && u.before != nil && u.before.young(now, c.config.MaxAge) {
		u.before.warnings = c.remarks(u.before, now)
		return u.before, nil
	}
	for _, step := range []func(context.Context) error{u.roots, u.fetchTimestamp, u.fetchSnapshot, u.fetchTargets} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	v, err := u.finish(ctx)
	if err != nil {
		return nil, err
	}
	v.warnings = c.remarks(v, now)
	return v, nil
}

// begin reads the cache. What is damaged in it is left out and fetched again.
func (u *updating) begin(now time.Time) error {
	c := u.c
	u.saved = &saved{}
	if c.cache != nil {
		s, err := c.cache.read()
		if check.Of(err) == check.FS {
			return err
		}
		if err == nil && s != nil {
			u.saved = s
		}
	}
	u.before, _ = c.restore(u.saved, time.Time{})
	if c.newer(u.before) {
		u.before, u.saved = c.view, c.view.memory
	}
	u.trusted = &trusted{ref: reference(now, u.saved), pinned: c.pinned.Signed.Version, root: c.pinned}
	return nil
}

// roots walks to the newest root (5.3). Each is saved once it is verified.
func (u *updating) roots(ctx context.Context) error {
	known := u.saved.Roots
	u.saved.Roots = map[int64][]byte{}
	for {
		version := u.root.Signed.Version + 1
		before := u.root
		data, ok := known[version]
		if ok && u.nextRoot(data) == nil {
			u.saved.Roots[version] = data
			u.rotated(before)
			continue
		}
		known = nil // whatever follows hangs on what was not verified
		data, found, err := u.get(ctx, fmt.Sprintf("/%d.root.json", version), maxRoot)
		if err != nil {
			return err
		}
		if !found {
			break
		}
		if err := u.nextRoot(data); err != nil {
			return err
		}
		u.saved.Roots[version] = data
		u.rotated(before)
		u.store()
	}
	return u.rootFresh()
}

// rotated forgets the versions of timestamp and snapshot that were seen when
// their keys change, so that a stolen key cannot block what follows with a
// version that nobody can exceed (TU-4).
func (u *updating) rotated(before *rootMeta) {
	if u.root.Signed.Version <= u.saved.Latest.Root {
		return // the record is younger than this change
	}
	if !sameKeys(before, u.root, metadata.TIMESTAMP) || !sameKeys(before, u.root, metadata.SNAPSHOT) {
		u.saved.Latest = record{}
	}
}

func (u *updating) fetchTimestamp(ctx context.Context) error {
	data, err := u.must(ctx, "/timestamp.json", maxTimestamp)
	if err != nil {
		return err
	}
	var old *timestampMeta
	if m, err := u.readTimestamp(u.saved.Latest.Timestamp); err == nil {
		old = m
	}
	if err := u.newTimestamp(data, old); err != nil {
		return err
	}
	if u.timestamp != old {
		u.saved.Latest.Timestamp = data
	}
	u.saved.Latest.Fetched, u.saved.Latest.Root = u.ref, u.root.Signed.Version
	u.store()
	return nil
}

func (u *updating) fetchSnapshot(ctx context.Context) error {
	var old *snapshotMeta
	if m, err := u.readSnapshot(u.saved.Latest.Snapshot); err == nil {
		old = m
		if u.newSnapshot(u.saved.Latest.Snapshot, nil) == nil {
			return nil
		}
	}
	info := u.timestamp.Signed.Meta["snapshot.json"]
	data, err := u.listed(ctx, metadata.SNAPSHOT, info, maxSnapshot)
	if err != nil {
		return err
	}
	if err := u.newSnapshot(data, old); err != nil {
		return err
	}
	u.saved.Latest.Snapshot = data
	u.store()
	return nil
}

func (u *updating) fetchTargets(ctx context.Context) error {
	if u.newTargets(u.saved.Latest.Targets) == nil {
		return nil
	}
	data, err := u.listed(ctx, metadata.TARGETS, u.snapshot.Signed.Meta["targets.json"], maxTargets)
	if err != nil {
		return err
	}
	if err := u.newTargets(data); err != nil {
		return err
	}
	u.saved.Latest.Targets = data
	u.store()
	return nil
}

// finish fetches the targets and makes the set the good one, if it is of use.
func (u *updating) finish(ctx context.Context) (*view, error) {
	files := map[string][]byte{}
	for _, name := range []string{TrustedRoot, SigningConfig} {
		if name != TrustedRoot && u.targets.Signed.Targets[name] == nil {
			continue // older repositories have none
		}
		data := u.saved.Files[name]
		if u.target(name, data) != nil {
			var err error
			if data, err = u.fetchTarget(ctx, name); err != nil {
				return nil, err
			}
		}
		files[name] = data
	}
	root, err := trustroot.Parse(files[TrustedRoot])
	if err != nil {
		return nil, err
	}
	var before *trustroot.Root
	if u.before != nil {
		before = u.before.root
	}
	if err := useful(root, before); err != nil {
		return nil, err
	}
	u.saved.Good, u.saved.Files = u.saved.Latest, files
	u.store()
	return &view{meta: u.trusted, fetched: u.ref, files: maps.Clone(files), root: root, source: "network", memory: u.saved}, nil
}

// fetchTarget fetches a target under its hash (5.7, TU-8, TU-13).
func (u *updating) fetchTarget(ctx context.Context, name string) ([]byte, error) {
	info := u.targets.Signed.Targets[name]
	if info == nil {
		return nil, check.Refuse("TU-8", check.TrustRoot, "the repository has no target %q", name)
	}
	if info.Length < 1 || info.Length > trustroot.MaxSize {
		return nil, check.Refuse("TU-8", check.TUFLimit, "has %d bytes, want 1 to %d", info.Length, trustroot.MaxSize).At(name)
	}
	hash := info.Hashes["sha256"]
	if hash == nil {
		hash = info.Hashes["sha512"]
	}
	if hash == nil {
		return nil, check.Refuse("TU-8", check.TUFHash, "has no hash of a known algorithm").At(name)
	}
	file := name
	if u.root.Signed.ConsistentSnapshot {
		file = fmt.Sprintf("%x.%s", []byte(hash), name)
	}
	data, err := u.must(ctx, path.Join("/targets", file), info.Length)
	if err != nil {
		return nil, err
	}
	if err := u.target(name, data); err != nil {
		return nil, err
	}
	return data, nil
}

// listed fetches metadata of the version and length that its list names.
func (u *updating) listed(ctx context.Context, role string, info *metadata.MetaFiles, limit int64) ([]byte, error) {
	if info.Length < 0 || info.Length > limit {
		return nil, check.Refuse("TU-6", check.TUFLimit, "has %d bytes, want at most %d", info.Length, limit).At(role)
	}
	if info.Length > 0 {
		limit = info.Length
	}
	file := "/" + role + ".json"
	if u.root.Signed.ConsistentSnapshot {
		file = fmt.Sprintf("/%d.%s.json", info.Version, role)
	}
	return u.must(ctx, file, limit)
}

// must fetches a file that has to be there.
func (u *updating) must(ctx context.Context, file string, limit int64) ([]byte, error) {
	data, found, err := u.get(ctx, file, limit)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, check.Refuse("TU-10", check.Net, "%s: the repository has no such file", file)
	}
	return data, nil
}

// get fetches a file of at most limit bytes.
func (u *updating) get(ctx context.Context, file string, limit int64) (data []byte, found bool, err error) {
	res, err := u.c.http.Do(ctx, fetch.Request{Path: file, MaxBody: limit, AcceptStatus: []int{http.StatusNotFound}})
	if check.Of(err) == check.Limit {
		return nil, false, check.Refuse("TU-8", check.TUFLimit, "%s: has more than %d bytes", file, limit)
	}
	if err != nil {
		return nil, false, unreachable(file, err)
	}
	if res.Status == http.StatusNotFound {
		return nil, false, nil
	}
	if int64(len(res.Body)) > limit {
		return nil, false, check.Refuse("TU-8", check.TUFLimit, "%s: has more than %d bytes", file, limit)
	}
	return res.Body, true, nil
}

// unreachable says which file could not be had. Whatever the client of HTTP
// calls it, for TUF it is the network.
func unreachable(file string, err error) error {
	next := ""
	var e *check.Error
	if errors.As(err, &e) {
		err, next = e.Err, e.Next
	}
	return check.Refuse("TU-10", check.Net, "%s: %w", file, err).WithNext(next)
}

// store saves the state so far. A cache that cannot be written does not stop an
// update: the rest happens in memory (P45).
func (u *updating) store() {
	if u.cache == nil {
		return
	}
	if err := u.cache.save(u.saved); err != nil {
		u.c.warn(fmt.Sprintf("the cache cannot be written, working in memory: %v", err))
		u.cache = nil
	}
}
