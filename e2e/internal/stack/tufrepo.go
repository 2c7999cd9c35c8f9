package stack

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// A tufRepo is a TUF repository with consistent snapshots in a folder, with
// one Ed25519 key for each role.
type tufRepo struct {
	dir  string
	keys keyring
	life time.Duration // of timestamp.json
}

// publish writes the next version of the repository, with these targets.
func (r tufRepo) publish(targets map[string][]byte) error {
	if err := os.MkdirAll(filepath.Join(r.dir, "targets"), 0o755); err != nil {
		return err
	}
	version, err := r.next()
	if err != nil {
		return err
	}
	year := time.Now().UTC().Truncate(time.Second).AddDate(1, 0, 0)
	if err := r.root(year); err != nil {
		return err
	}

	list := metadata.Targets(year)
	list.Signed.Version = version
	for name, data := range targets {
		info, err := metadata.TargetFile().FromBytes(name, data, "sha256")
		if err != nil {
			return err
		}
		list.Signed.Targets[name] = info
		file := filepath.Join(r.dir, "targets", info.Hashes["sha256"].String()+"."+name)
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	if err := store(r, "targets", fmt.Sprintf("%d.targets.json", version), list); err != nil {
		return err
	}
	snapshot := metadata.Snapshot(year)
	snapshot.Signed.Version = version
	snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(version)
	if err := store(r, "snapshot", fmt.Sprintf("%d.snapshot.json", version), snapshot); err != nil {
		return err
	}
	timestamp := metadata.Timestamp(time.Now().UTC().Truncate(time.Second).Add(r.life))
	timestamp.Signed.Version = version
	timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(version)
	return store(r, "timestamp", "timestamp.json", timestamp)
}

// next is one more than the version that is published now.
func (r tufRepo) next() (int64, error) {
	old, err := metadata.Timestamp().FromFile(filepath.Join(r.dir, "timestamp.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return 1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("tuf: %w", err)
	}
	return old.Signed.Version + 1, nil
}

// root writes 1.root.json once: it is what clients are given by hand.
func (r tufRepo) root(expires time.Time) error {
	if _, err := os.Stat(filepath.Join(r.dir, "1.root.json")); err == nil {
		return nil
	}
	root := metadata.Root(expires.AddDate(9, 0, 0))
	for _, role := range metadata.TOP_LEVEL_ROLE_NAMES {
		key, err := r.keys.ed("tuf-" + role)
		if err != nil {
			return err
		}
		public, err := metadata.KeyFromPublicKey(key.Public())
		if err != nil {
			return err
		}
		if err := root.Signed.AddKey(public, role); err != nil {
			return err
		}
	}
	return store(r, "root", "1.root.json", root)
}

func store[T metadata.Roles](r tufRepo, role, file string, m *metadata.Metadata[T]) error {
	key, err := r.keys.ed("tuf-" + role)
	if err != nil {
		return err
	}
	signer, err := signature.LoadSigner(key, crypto.Hash(0))
	if err != nil {
		return err
	}
	if _, err := m.Sign(signer); err != nil {
		return err
	}
	return m.ToFile(filepath.Join(r.dir, file), true)
}
