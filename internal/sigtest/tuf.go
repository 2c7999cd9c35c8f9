package sigtest

import (
	"crypto"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// A TUF is a TUF repository with consistent snapshots and one Ed25519 key for
// each role. It holds trusted_root.json and signing_config.v0.2.json.
type TUF struct {
	*Service
	Life time.Duration // of timestamp.json; 7 days at first

	world   *World
	mu      sync.Mutex
	version int64
	files   map[string][]byte // by path
}

// TUF returns the repository, started and published once.
func (w *World) TUF() *TUF {
	config := w.SigningConfig() // starts the other servers, under the same lock
	v := &w.servers
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tuf == nil {
		t := &TUF{world: w, Life: 7 * 24 * time.Hour, files: map[string][]byte{}}
		t.Service = w.start("/tuf", http.HandlerFunc(t.serve))
		t.publish(w.TrustedRoot(), config)
		v.tuf = t
	}
	return v.tuf
}

func (t *TUF) serve(w http.ResponseWriter, r *http.Request) {
	data, ok := t.File(strings.TrimPrefix(r.URL.Path, "/"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Write(data)
}

// Root is the metadata that clients pin: 1.root.json.
func (t *TUF) Root() []byte {
	data, _ := t.File("1.root.json")
	return data
}

// File returns a file of the repository.
func (t *TUF) File(path string) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	data, ok := t.files[path]
	return data, ok
}

// SetFile replaces a file of the repository.
func (t *TUF) SetFile(path string, data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files[path] = data
}

// Publish makes the next version of the repository, with the trusted root and
// the signing configuration that the world has now.
func (t *TUF) Publish() { t.publish(t.world.TrustedRoot(), t.world.SigningConfig()) }

func (t *TUF) publish(trustedRoot, signingConfig []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	now := t.world.Clock.Now().UTC().Truncate(time.Second)
	year := now.AddDate(1, 0, 0)
	if t.version == 1 {
		root := metadata.Root(year.AddDate(9, 0, 0))
		for _, role := range metadata.TOP_LEVEL_ROLE_NAMES {
			key := must(metadata.KeyFromPublicKey(t.key(role).Public()))
			if err := root.Signed.AddKey(key, role); err != nil {
				panic("sigtest: " + err.Error())
			}
		}
		store(t, metadata.ROOT, "1.root.json", root)
	}
	targets := metadata.Targets(year)
	targets.Signed.Version = t.version
	for name, data := range map[string][]byte{"trusted_root.json": trustedRoot, "signing_config.v0.2.json": signingConfig} {
		info := must(metadata.TargetFile().FromBytes(name, data, "sha256"))
		targets.Signed.Targets[name] = info
		t.files["targets/"+info.Hashes["sha256"].String()+"."+name] = data
	}
	store(t, metadata.TARGETS, fmt.Sprintf("%d.targets.json", t.version), targets)
	snapshot := metadata.Snapshot(year)
	snapshot.Signed.Version = t.version
	snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(t.version)
	store(t, metadata.SNAPSHOT, fmt.Sprintf("%d.snapshot.json", t.version), snapshot)
	timestamp := metadata.Timestamp(now.Add(t.Life))
	timestamp.Signed.Version = t.version
	timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(t.version)
	store(t, metadata.TIMESTAMP, "timestamp.json", timestamp)
}

func (t *TUF) key(role string) crypto.Signer { return Ed25519(t.world.Host + "tuf " + role) }

// store signs metadata and puts it into the repository.
func store[T metadata.Roles](t *TUF, role, path string, m *metadata.Metadata[T]) {
	must(m.Sign(must(signature.LoadSigner(t.key(role), crypto.Hash(0)))))
	t.files[path] = must(m.ToBytes(false))
}
