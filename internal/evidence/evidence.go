// Package evidence keeps what proves that a log did what it must not do: two
// statements that it signed and that contradict each other, in one file.
package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
)

// Seen is a statement of a log about its tree that was seen before.
type Seen struct {
	Origin string    `json:"origin"`
	LogID  string    `json:"logId"` // hexadecimal
	Note   string    `json:"note"`  // as it was served, signed
	First  time.Time `json:"firstSeen"`
	Last   time.Time `json:"lastSeen"`
}

// Dropped is the kind of evidence about a tree that a log no longer names.
const Dropped = "dropped"

// Evidence is what is kept.
type Evidence struct {
	Kind       string   `json:"kind"` // "fork", "rollback", "stale", or Dropped
	Origin     string   `json:"origin"`
	LogID      string   `json:"logId"`     // hexadecimal
	PublicKey  []byte   `json:"publicKey"` // SPKI DER, in base64
	Found      string   `json:"found"`     // RFC 3339
	Remembered *Seen    `json:"remembered,omitempty"`
	Served     string   `json:"served"`          // what it served now, signed
	Named      []string `json:"named,omitempty"` // the other trees that it named now, signed
	Proof      []string `json:"proof,omitempty"` // consistency proof that does not fit, hexadecimal
}

// FileName is a name for the file of an origin: readable, and unique.
func FileName(origin string, logID []byte) string {
	sum := sha256.Sum256(append([]byte(origin+"\n"), logID...))
	plain := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '.' || r == '-':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, origin)
	return plain[:min(len(plain), 80)] + "-" + hex.EncodeToString(sum[:8]) + ".json"
}

// maxKept bounds the files of one kind about one origin. A log that grows in two
// ways contradicts itself anew at every look, and the first contradictions prove
// as much as the rest: when there are so many, no further one is kept.
const maxKept = 100 // files of evidence of one kind about one tree

// Accuse keeps evidence below a directory and returns the refusal, whose next
// step names the file first. The same evidence is kept once. Without a directory the
// refusal is returned as it is.
func Accuse(dir string, e *Evidence, refusal *check.Error) error {
	if dir == "" {
		return refusal
	}
	path, err := keep(filepath.Join(dir, "evidence"), e)
	if err != nil {
		return check.Refuse(refusal.Rule, refusal.Check, "%w; and the evidence could not be kept: %v", refusal.Err, err)
	}
	next := "the signed checkpoints are kept in " + strconv.Quote(path) + "; report them to the operator of the log"
	if refusal.Next != "" {
		next += "; " + refusal.Next
	}
	return refusal.WithNext(next)
}

func keep(dir string, e *Evidence) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", check.Refuse("TU-12", check.FS, "%w", err)
	}
	prefix := e.Kind + "-" + strings.TrimSuffix(FileName(e.Origin, []byte(e.LogID)), ".json") + "-"
	path := filepath.Join(dir, prefix+e.id()+".json")
	if _, err := os.Lstat(path); err == nil {
		return path, nil
	}
	first, n, err := kept(dir, prefix)
	if err != nil || n >= maxKept {
		return first, err
	}
	data, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return "", check.Refuse("", check.Internal, "%v", err)
	}
	return path, atomicfile.Write(path, append(data, '\n'), 0o600, atomicfile.Options{})
}

// id tells contradictions apart. A log may sign the same text anew for whoever
// asks, and that a tree is gone does not change while the other trees grow.
func (e *Evidence) id() string {
	h := sha256.New()
	h.Write([]byte(e.Kind + "\n"))
	if e.Kind != Dropped {
		h.Write([]byte(text(e.Served)))
	}
	if e.Remembered != nil {
		h.Write([]byte(text(e.Remembered.Note)))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// text returns a signed note without its signatures.
func text(note string) string {
	text, _, _ := strings.Cut(note, "\n\n")
	return text
}

// kept returns the first of the files with a prefix, and how many there are.
func kept(dir, prefix string) (first string, n int, err error) {
	files, err := os.ReadDir(dir) // in the order of their names
	if err != nil {
		return "", 0, check.Refuse("TU-12", check.FS, "%w", err)
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), prefix) {
			continue
		}
		if n++; first == "" {
			first = filepath.Join(dir, f.Name())
		}
	}
	return first, n, nil
}
