package trustroot

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"net/url"
	"slices"
	"strings"
)

// A logID is one way to compute the identity of a log, with the origin that
// went into it.
type logID struct {
	id     [sha256.Size]byte
	origin string
}

// logIDs returns the ids that apply to l, the usual one first: the hash of the
// SubjectPublicKeyInfo (RFC 6962 section 3.2; Rekor v1, CT), and for Ed25519 and
// RSA keys the key id of C2SP signed-note before it is cut to four bytes, which
// needs the origin (Rekor v2). notes is false for CT logs.
func (l *Log) logIDs(notes bool) []logID {
	origins := origins(l.BaseURL)
	plain := logID{sha256.Sum256(l.SPKI), origins[0]}
	if !notes {
		return []logID{plain}
	}
	var ids []logID
	switch key := l.Key.(type) {
	case ed25519.PublicKey:
		for _, o := range origins {
			ids = append(ids, logID{noteID(o, "\x01", key), o})
		}
		return append(ids, plain)
	case *rsa.PublicKey:
		ids = append(ids, plain)
		for _, o := range origins {
			ids = append(ids, logID{noteID(o, "\xffPKIX-RSA-PKCS#1v1.5", l.SPKI), o})
		}
		return ids
	}
	return []logID{plain}
}

// noteID is SHA-256(name ‖ 0x0A ‖ type ‖ key) of C2SP signed-note (R2-7).
func noteID(name, typ string, key []byte) [sha256.Size]byte {
	return sha256.Sum256(slices.Concat([]byte(name), []byte("\n"), []byte(typ), key))
}

// origins returns the names that a log at baseURL may sign checkpoints with:
// host and path without scheme and final slash, and, when a port is given, the
// host alone, because servers are told their name without the port.
func origins(baseURL string) []string {
	_, rest, found := strings.Cut(baseURL, "://")
	if !found {
		rest = baseURL
	}
	rest = strings.TrimSuffix(rest, "/")
	u, err := url.Parse(baseURL)
	if err != nil || u.Port() == "" {
		return []string{rest}
	}
	return []string{rest, u.Hostname()}
}

// identify sets ID, Origin and CheckpointID of l. The ids that the trusted root
// gives must be computed ones: whole, or for checkpoints the first four bytes.
// It reports whether they are.
func (l *Log) identify(id, checkpoint []byte, notes bool) bool {
	ids := l.logIDs(notes)
	at := 0
	if len(id) != 0 {
		if at = slices.IndexFunc(ids, func(c logID) bool { return c.is(id, notes) }); at < 0 {
			return false
		}
	}
	if len(checkpoint) != 0 {
		c := slices.IndexFunc(ids, func(c logID) bool { return c.is(checkpoint, true) })
		if c < 0 {
			return false
		}
		if len(id) == 0 {
			at = c
		}
		l.CheckpointID = checkpoint
	}
	l.ID, l.Origin = ids[at].id[:], ids[at].origin
	return true
}

// is reports whether given is the whole id, or its first four bytes where short
// ids are allowed.
func (c logID) is(given []byte, short bool) bool {
	return bytes.Equal(given, c.id[:]) || short && len(given) == 4 && bytes.HasPrefix(c.id[:], given)
}
