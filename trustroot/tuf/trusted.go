package tuf

import (
	"maps"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/hallmarksign/hallmark/internal/check"
)

const maxRotations = 256 // versions of the root role after the pinned one (TU-3)

// trusted is verified metadata in the making. Its methods are the steps of the
// client workflow of TUF 1.0 section 5, in order; each refuses without change.
type trusted struct {
	ref       time.Time // TU-1: the one time of the whole update; zero: nothing expires
	pinned    int64     // version of the pinned root
	root      *rootMeta
	timestamp *timestampMeta
	snapshot  *snapshotMeta
	targets   *targetsMeta
}

// pin reads the root that everything hangs on. It must be signed by itself.
func pin(data []byte) (*rootMeta, error) {
	root, err := parse[metadata.RootType](data, metadata.ROOT)
	if err != nil {
		return nil, err
	}
	for _, role := range []string{metadata.ROOT, metadata.TIMESTAMP, metadata.SNAPSHOT, metadata.TARGETS} {
		if r := root.Signed.Roles[role]; r == nil || r.Threshold < 1 || len(r.KeyIDs) < r.Threshold {
			return nil, check.Refuse("TU-9", check.TUFSig, "has no threshold that its keys can meet").At("root.signed.roles." + role)
		}
	}
	if err := signed(root, metadata.ROOT, root); err != nil {
		return nil, err
	}
	return root, nil
}

// nextRoot takes the root after the trusted one (5.3).
func (t *trusted) nextRoot(data []byte) error {
	root, err := parse[metadata.RootType](data, metadata.ROOT)
	if err != nil {
		return err
	}
	if err := signed(t.root, metadata.ROOT, root); err != nil {
		return err
	}
	if err := signed(root, metadata.ROOT, root); err != nil {
		return err
	}
	if root.Signed.Version != t.root.Signed.Version+1 {
		return check.Refuse("TU-3", check.TUFRollback, "is %d, want %d", root.Signed.Version, t.root.Signed.Version+1).At("root.signed.version")
	}
	if root.Signed.Version-t.pinned > maxRotations {
		return check.Refuse("TU-3", check.TUFLimit, "has more than %d versions after the pinned %d", maxRotations, t.pinned).At("root").
			WithNext("upgrade hallmark, or add the instance again with a newer root")
	}
	t.root = root
	return nil
}

// rootFresh ends the chain of roots (5.3.10).
func (t *trusted) rootFresh() error { return t.fresh(metadata.ROOT, t.root.Signed.Expires) }

// fresh refuses metadata that has expired at the reference time.
func (t *trusted) fresh(role string, expires time.Time) error {
	if !t.ref.IsZero() && !expires.After(t.ref) {
		return check.Refuse("TU-1", check.TUFFreeze, "expired at %s, and it is %s",
			expires.UTC().Format(time.RFC3339), t.ref.UTC().Format(time.RFC3339)).At(role)
	}
	return nil
}

// newTimestamp takes a timestamp (5.4). old, which may be nil, is the one that
// was trusted before; of equal versions the old one is kept.
func (t *trusted) newTimestamp(data []byte, old *timestampMeta) error {
	m, err := t.readTimestamp(data)
	if err != nil {
		return err
	}
	if old != nil {
		if m.Signed.Version < old.Signed.Version {
			return check.Refuse("TU-5", check.TUFRollback, "is %d, but %d was seen before", m.Signed.Version, old.Signed.Version).At("timestamp.signed.version")
		}
		if got, want := m.Signed.Meta["snapshot.json"].Version, old.Signed.Meta["snapshot.json"].Version; got < want {
			return check.Refuse("TU-5", check.TUFRollback, "names snapshot %d, but %d was seen before", got, want).At("timestamp")
		}
		if m.Signed.Version == old.Signed.Version {
			m = old
		}
	}
	if err := t.fresh(metadata.TIMESTAMP, m.Signed.Expires); err != nil {
		return err
	}
	t.timestamp = m
	return nil
}

func (t *trusted) readTimestamp(data []byte) (*timestampMeta, error) {
	m, err := parse[metadata.TimestampType](data, metadata.TIMESTAMP)
	if err != nil {
		return nil, err
	}
	if err := signed(t.root, metadata.TIMESTAMP, m); err != nil {
		return nil, err
	}
	if m.Signed.Meta["snapshot.json"] == nil {
		return nil, check.Refuse("TU-5", check.TUFMix, "names no snapshot").At("timestamp")
	}
	return m, nil
}

// newSnapshot takes the snapshot that the timestamp names (5.5). old may be nil.
func (t *trusted) newSnapshot(data []byte, old *snapshotMeta) error {
	info := t.timestamp.Signed.Meta["snapshot.json"]
	if err := intact(metadata.SNAPSHOT, data, info.Length, info.Hashes); err != nil {
		return err
	}
	m, err := t.readSnapshot(data)
	if err != nil {
		return err
	}
	if m.Signed.Version != info.Version {
		return check.Refuse("TU-6", check.TUFMix, "is %d, but the timestamp names %d", m.Signed.Version, info.Version).At("snapshot.signed.version")
	}
	if old != nil {
		for _, name := range slices.Sorted(maps.Keys(old.Signed.Meta)) {
			now := m.Signed.Meta[name]
			if now == nil {
				return check.Refuse("TU-6", check.TUFRollback, "no longer names %q", name).At("snapshot")
			}
			if now.Version < old.Signed.Meta[name].Version {
				return check.Refuse("TU-6", check.TUFRollback, "names %q %d, but %d was seen before",
					name, now.Version, old.Signed.Meta[name].Version).At("snapshot")
			}
		}
	}
	if err := t.fresh(metadata.SNAPSHOT, m.Signed.Expires); err != nil {
		return err
	}
	t.snapshot = m
	return nil
}

func (t *trusted) readSnapshot(data []byte) (*snapshotMeta, error) {
	m, err := parse[metadata.SnapshotType](data, metadata.SNAPSHOT)
	if err != nil {
		return nil, err
	}
	if err := signed(t.root, metadata.SNAPSHOT, m); err != nil {
		return nil, err
	}
	if m.Signed.Meta["targets.json"] == nil {
		return nil, check.Refuse("TU-7", check.TUFMix, "names no targets").At("snapshot")
	}
	return m, nil
}

// newTargets takes the targets that the snapshot names (5.6).
func (t *trusted) newTargets(data []byte) error {
	info := t.snapshot.Signed.Meta["targets.json"]
	if err := intact(metadata.TARGETS, data, info.Length, info.Hashes); err != nil {
		return err
	}
	m, err := parse[metadata.TargetsType](data, metadata.TARGETS)
	if err != nil {
		return err
	}
	if err := signed(t.root, metadata.TARGETS, m); err != nil {
		return err
	}
	if m.Signed.Version != info.Version {
		return check.Refuse("TU-7", check.TUFMix, "is %d, but the snapshot names %d", m.Signed.Version, info.Version).At("targets.signed.version")
	}
	if err := t.fresh(metadata.TARGETS, m.Signed.Expires); err != nil {
		return err
	}
	t.targets = m
	return nil
}

// target refuses data that is not the target that was signed (5.7).
func (t *trusted) target(name string, data []byte) error {
	info := t.targets.Signed.Targets[name]
	if info == nil {
		return check.Refuse("TU-8", check.TUFMix, "is not a target").At(name)
	}
	return intact(name, data, info.Length, info.Hashes)
}

// sameKeys reports whether role has the same keys in both roots (TU-4).
func sameKeys(a, b *rootMeta, role string) bool {
	return slices.Equal(keyValues(a, role), keyValues(b, role))
}

func keyValues(root *rootMeta, role string) []string {
	var values []string
	if r := root.Signed.Roles[role]; r != nil {
		for _, id := range r.KeyIDs {
			if key := root.Signed.Keys[id]; key != nil {
				values = append(values, key.Value.PublicKey)
			}
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}
