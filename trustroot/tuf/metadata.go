package tuf

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/hallmarksign/hallmark/internal/check"
)

type (
	rootMeta      = metadata.Metadata[metadata.RootType]
	timestampMeta = metadata.Metadata[metadata.TimestampType]
	snapshotMeta  = metadata.Metadata[metadata.SnapshotType]
	targetsMeta   = metadata.Metadata[metadata.TargetsType]
)

// parse reads metadata of a role. Its error has check parse, or tuf_sig for
// another role and for two signatures by one key id.
func parse[T metadata.Roles](data []byte, role string) (*metadata.Metadata[T], error) {
	if err := shape(data, role); err != nil {
		return nil, err
	}
	m, err := new(metadata.Metadata[T]).FromBytes(data)
	var value *metadata.ErrValue
	if errors.As(err, &value) {
		return nil, check.Refuse("TU-9", check.TUFSig, "%v", err).At(role)
	}
	if err != nil {
		return nil, check.Refuse("LM-2", check.Parse, "%v", err).At(role)
	}
	return m, nil
}

// signed refuses metadata that is not signed by the threshold of keys that root
// names for its role. Equal keys under several ids count once, keys that cannot
// be used do not count (TU-9).
func signed[T metadata.Roles](root *rootMeta, role string, m *metadata.Metadata[T]) error {
	r, ok := root.Signed.Roles[role]
	if !ok {
		return check.Refuse("TU-9", check.TUFSig, "root version %d has no such role", root.Signed.Version).At(role)
	}
	by := &rootMeta{Signed: metadata.RootType{
		Keys:  map[string]*metadata.Key{},
		Roles: map[string]*metadata.Role{role: {Threshold: r.Threshold}},
	}}
	for _, id := range r.KeyIDs {
		if key := usable(root.Signed.Keys[id]); key != nil {
			by.Signed.Keys[id] = key
			by.Signed.Roles[role].KeyIDs = append(by.Signed.Roles[role].KeyIDs, id)
		}
	}
	if err := by.VerifyDelegate(role, m); err != nil {
		return check.Refuse("TU-9", check.TUFSig, "%v", err).At(role)
	}
	return nil
}

// usable returns k if its type, scheme and value agree and are known, else nil.
func usable(k *metadata.Key) *metadata.Key {
	if k == nil {
		return nil
	}
	if strings.HasPrefix(k.Type, "ecdsa") && !strings.HasPrefix(k.Value.PublicKey, "-----BEGIN") {
		k = hexKey(k)
	}
	public, err := k.ToPublicKey()
	if err != nil {
		return nil
	}
	ok := false
	switch public := public.(type) {
	case ed25519.PublicKey:
		ok = k.Scheme == metadata.KeySchemeEd25519 && len(public) == ed25519.PublicKeySize
	case *ecdsa.PublicKey:
		ok = k.Scheme == metadata.KeySchemeECDSA_SHA2_P256 && public.Curve == elliptic.P256() ||
			k.Scheme == metadata.KeySchemeECDSA_SHA2_P384 && public.Curve == elliptic.P384()
	case *rsa.PublicKey:
		ok = k.Scheme == metadata.KeySchemeRSASSA_PSS_SHA256 && public.N.BitLen() >= 2048 && public.N.BitLen() <= 8192
	}
	if !ok {
		return nil
	}
	return k
}

// hexKey reads the ECDSA keys of roots before 2022: the point in hex. It returns
// k itself if that is no such point.
func hexKey(k *metadata.Key) *metadata.Key {
	point, err := hex.DecodeString(k.Value.PublicKey)
	if err != nil {
		return k
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return k
	}
	out, err := metadata.KeyFromPublicKey(public)
	if err != nil {
		return k
	}
	out.Scheme = k.Scheme
	return out
}

// intact refuses data of another length or hash than listed. All hashes of a
// known algorithm must match; if any is listed, one must be of a known one.
func intact(what string, data []byte, length int64, hashes metadata.Hashes) error {
	if length != 0 && int64(len(data)) != length {
		return check.Refuse("TU-8", check.TUFHash, "has %d bytes, want %d", len(data), length).At(what)
	}
	known := 0
	for _, h := range []struct {
		name string
		sum  func() []byte
	}{
		{"sha256", func() []byte { s := sha256.Sum256(data); return s[:] }},
		{"sha512", func() []byte { s := sha512.Sum512(data); return s[:] }},
	} {
		want, ok := hashes[h.name]
		if !ok {
			continue
		}
		known++
		if got := h.sum(); !bytes.Equal(got, want) {
			return check.Refuse("TU-8", check.TUFHash, "%s is %x, want %x", h.name, got, []byte(want)).At(what)
		}
	}
	if known == 0 && len(hashes) > 0 {
		return check.Refuse("TU-8", check.TUFHash, "none of its %d hashes is sha256 or sha512", len(hashes)).At(what)
	}
	return nil
}
