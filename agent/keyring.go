package agent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// A keyring is what an agent holds.
type keyring struct {
	now func() time.Time

	mu   sync.Mutex
	keys map[string]*entry
	held bool // some certificate was held
}

// An entry is a key and, when the login is over, its certificate.
type entry struct {
	key    *ecdsa.PrivateKey
	leaf   []byte // nil: not certified yet
	scope  string
	expiry time.Time
}

func newKeyring(now func() time.Time) *keyring { return &keyring{now: now, keys: map[string]*entry{}} }

// drop forgets what ran out and returns how much is left.
func (k *keyring) drop() int {
	for id, e := range k.keys {
		if !k.now().Before(e.expiry) {
			delete(k.keys, id)
		}
	}
	return len(k.keys)
}

// spent reports whether something was held and nothing is any more.
func (k *keyring) spent() (empty, spent bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	empty = k.drop() == 0
	return empty, empty && k.held
}

// make makes a key and returns its public half (SG-3, SG-5).
func (k *keyring) make() (public []byte, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.drop() >= maxKeys {
		return nil, check.Refuse("LM-1", check.Limit, "want at most %d keys", maxKeys)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, check.Refuse("SG-3", check.Internal, "%v", err)
	}
	id, public, err := keyID(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	k.keys[id] = &entry{key: key, expiry: k.now().Add(pendingLife)}
	return public, nil
}

// hold keeps the certificate of a key, in the place of an earlier one of the same
// scope.
func (k *keyring) hold(id string, leaf []byte, scope string) error {
	if len(leaf) > maxLeaf || len(scope) > maxScope {
		return check.Refuse("LM-4", check.Limit, "certificate has %d bytes and scope %d, want at most %d and %d", len(leaf), len(scope), maxLeaf, maxScope)
	}
	cert, err := x509.ParseCertificate(leaf)
	if err != nil {
		return check.Refuse("SG-7", check.CertProfile, "certificate: %v", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop()
	e := k.keys[id]
	if e == nil {
		return check.Refuse("SG-5", check.Server, "key %q is not here", strictjson.Clip(id))
	}
	if !e.key.PublicKey.Equal(cert.PublicKey) {
		return check.Refuse("SG-7", check.Server, "certificate is for another key")
	}
	if !k.now().Before(cert.NotAfter) {
		return check.Refuse("SG-7", check.CertTime, "certificate ran out at %v", cert.NotAfter.UTC())
	}
	for other, o := range k.keys {
		if other != id && o.leaf != nil && o.scope == scope {
			delete(k.keys, other)
		}
	}
	e.leaf, e.scope, e.expiry = leaf, scope, cert.NotAfter
	if most := k.now().Add(maxLife); e.expiry.After(most) {
		e.expiry = most
	}
	k.held = true
	return nil
}

// sign signs a digest with a key.
func (k *keyring) sign(id string, digest []byte) ([]byte, error) {
	if len(digest) != sha256.Size {
		return nil, check.Refuse("LM-6", check.Digest, "digest has %d bytes, want %d", len(digest), sha256.Size)
	}
	k.mu.Lock()
	k.drop()
	e := k.keys[id]
	k.mu.Unlock()
	if e == nil {
		return nil, check.Refuse("SG-5", check.Server, "key %q is not here", strictjson.Clip(id))
	}
	sig, err := ecdsa.SignASN1(rand.Reader, e.key, digest)
	if err != nil {
		return nil, check.Refuse("SG-3", check.Internal, "%v", err)
	}
	return sig, nil
}

// list returns what is held, by scope.
func (k *keyring) list() []Held {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop()
	list := []Held{}
	for id, e := range k.keys {
		if e.leaf != nil {
			list = append(list, Held{Scope: e.scope, Leaf: e.leaf, Key: id, Expiry: e.expiry})
		}
	}
	slices.SortFunc(list, func(a, b Held) int { return strings.Compare(a.Scope, b.Scope) })
	return list
}
