package read

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/trustroot"
)

// maxMemory bounds a file of the memory: a checkpoint in JSON.
const maxMemory = 1 << 20

// A Memory is a directory with the last checkpoint of every tree that was seen,
// one file per origin, and a directory "evidence" for what logs must not do. Any
// number of processes may use it: files are replaced whole, and of two writers
// the one with the larger tree wins.
type Memory struct{ dir string }

// OpenMemory returns the memory in a directory, which is made if need be.
func OpenMemory(dir string) (*Memory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, check.Refuse("TU-12", check.FS, "%w", err)
	}
	return &Memory{dir}, nil
}

// Seen is a checkpoint that was seen before.
type Seen struct {
	Origin string    `json:"origin"`
	LogID  string    `json:"logId"` // hexadecimal
	Note   string    `json:"note"`  // as it was served, signed
	First  time.Time `json:"firstSeen"`
	Last   time.Time `json:"lastSeen"`
}

// file is the name of the file of an origin: readable, and unique.
func (m *Memory) file(log *trustroot.Log, origin string) string {
	sum := sha256.Sum256(append([]byte(origin+"\n"), log.ID...))
	plain := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, lower(origin))
	return plain[:min(len(plain), 80)] + "-" + hex.EncodeToString(sum[:8]) + ".json"
}

// Last returns what was seen of an origin, nil if nothing was. The file is
// believed to be ours, but its checkpoint is verified by whoever compares.
func (m *Memory) Last(log *trustroot.Log, origin string) (*Seen, error) {
	name := m.file(log, origin)
	data, err := m.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, check.Refuse("TU-12", check.FS, "remembered checkpoint: %w", err)
	}
	s := new(Seen)
	if err := strictjson.Unmarshal(data, s); err != nil {
		return nil, m.damaged(name, err)
	}
	if s.Origin != origin || s.LogID != hex.EncodeToString(log.ID) {
		return nil, m.damaged(name, errors.New("it is about another log"))
	}
	return s, nil
}

func (m *Memory) read(name string) ([]byte, error) {
	root, err := os.OpenRoot(m.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxMemory+1))
	if err == nil && len(data) > maxMemory {
		err = errors.New("file is too long")
	}
	return data, err
}

// damaged says what to do about a file that can't be used: silently starting
// anew would forgive a log everything.
func (m *Memory) damaged(name string, err error) error {
	path := filepath.Join(m.dir, name)
	return check.Refuse("LG-5", check.FS, "remembered checkpoint %q: %v", path, err).
		WithNext("move the file away to begin a new memory of this log")
}

// store replaces what is remembered of an origin.
func (m *Memory) store(log *trustroot.Log, s *Seen) error {
	return m.write(m.dir, m.file(log, s.Origin), s, true)
}

func (m *Memory) write(dir, name string, v any, replace bool) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return check.Refuse("", check.Internal, "%v", err)
	}
	return atomicfile.Write(filepath.Join(dir, name), append(data, '\n'), 0o600, atomicfile.Options{Overwrite: replace})
}

// Evidence is what is kept of a log that did what it must not do.
type Evidence struct {
	Kind       string   `json:"kind"` // "fork", "rollback" or "stale"
	Origin     string   `json:"origin"`
	LogID      string   `json:"logId"`
	PublicKey  []byte   `json:"publicKey"` // SPKI DER, in base64
	Found      string   `json:"found"`     // RFC 3339
	Remembered *Seen    `json:"remembered,omitempty"`
	Served     string   `json:"served"`          // the checkpoint that it served now
	Proof      []string `json:"proof,omitempty"` // consistency proof that does not fit, hexadecimal
}

// keep writes evidence and returns its path. The same evidence is kept once.
func (m *Memory) keep(kind string, log *trustroot.Log, seen *Seen, served *Head, proof [][]byte, now time.Time) (string, error) {
	e := Evidence{
		Kind: kind, Origin: served.Origin, LogID: hex.EncodeToString(log.ID), PublicKey: log.SPKI,
		Found: now.UTC().Format(time.RFC3339), Remembered: seen, Served: served.Note,
	}
	for _, h := range proof {
		e.Proof = append(e.Proof, hex.EncodeToString(h))
	}
	dir := filepath.Join(m.dir, "evidence")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", check.Refuse("TU-12", check.FS, "%w", err)
	}
	h := sha256.New()
	h.Write([]byte(kind + "\n" + served.Note))
	if seen != nil {
		h.Write([]byte(seen.Note))
	}
	name := kind + "-" + strings.TrimSuffix(m.file(log, served.Origin), ".json") + "-" + hex.EncodeToString(h.Sum(nil)[:8]) + ".json"
	path := filepath.Join(dir, name)
	if _, err := os.Lstat(path); err == nil {
		return path, nil
	}
	return path, m.write(dir, name, e, false)
}
