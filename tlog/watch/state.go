package watch

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/tlog/ctlog"
)

const (
	schema = 2

	// maxState bounds the file, in bytes. A state that would be longer is not
	// stored, which is an error, so that the next run reports again what this one did.
	maxState = 64 << 20 // bytes of a file with the state of a watch

	// maxHandled bounds how many entries of one log of the first generation are
	// remembered, each by its leaf hash. If its search index names more, its entries
	// are read instead.
	maxHandled = 1 << 18 // entries of one log that a watch remembers

	// A log with so many trees is refused before (package read).
	maxTrees = 1024 // trees of one log in the state of a watch
)

// A State says how far the passes over each log are. It moves on in memory as
// findings are yielded; Save stores it, once they have reached who is to read them.
type State struct {
	path  string // "" if it is not stored
	doc   document
	moved bool // since it was stored
}

type document struct {
	Schema int64            `json:"schema"`
	Next   map[string]int64 `json:"next"` // log id in hexadecimal: first index that was not looked at
	// First are logs of the first generation. A file of schema 1 has the number of
	// their entries in Next, of all trees together.
	First map[string]*reached `json:"first"`
	// Points are those of logs of certificates.
	Points map[string]ctlog.Point `json:"points"`
	// Sum is the SHA-256 of the document without it: a digit that changed on the disk
	// must not hide entries.
	Sum string `json:"sha256,omitempty"`
}

// A reached is how far the passes over a log of the first generation are.
type reached struct {
	// Trees are entries that need not be looked at again, by tree: all of them were
	// read if Read is true, otherwise the search index was asked when there were so
	// many, which may name some of them later.
	Trees map[string]int64 `json:"trees"`
	Read  bool             `json:"read,omitempty"`

	// Begin and Since are where the first pass began.
	Begin map[string]int64 `json:"begin,omitempty"`
	Since time.Time        `json:"since,omitzero"`

	// Handled are entries that the search index named, and that were reported or
	// need not be.
	Handled leaves `json:"handled,omitempty"`
}

// leaves is a set of leaf hashes.
type leaves map[[sha256.Size]byte]bool

// MarshalJSON implements json.Marshaler.
func (l leaves) MarshalJSON() ([]byte, error) {
	var all []byte
	for _, h := range slices.SortedFunc(maps.Keys(l), func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) }) {
		all = append(all, h[:]...)
	}
	return json.Marshal(base64.StdEncoding.EncodeToString(all))
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *leaves) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	all, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(all)%sha256.Size != 0 || len(all)/sha256.Size > maxHandled {
		return errors.New("is no list of hashes")
	}
	*l = make(leaves, len(all)/sha256.Size)
	for ; len(all) > 0; all = all[sha256.Size:] {
		(*l)[[sha256.Size]byte(all)] = true
	}
	return nil
}

// leafOf returns the leaf hash in an id, see read.Leaf.
func leafOf(id string) (h [sha256.Size]byte) {
	_, _ = hex.Decode(h[:], []byte(id)) // 64 digits; an id is checked
	return h
}

// NewState returns a state that is not stored.
func NewState() *State {
	return &State{doc: document{schema, map[string]int64{}, map[string]*reached{}, map[string]ctlog.Point{}, ""}}
}

// OpenState reads the state in a file, which need not exist.
func OpenState(path string) (*State, error) {
	s := NewState()
	s.path = path
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, check.Refuse("LG-5", check.FS, "state: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err == nil && len(data) > maxState {
		err = errors.New("is too long")
	}
	if err == nil {
		var doc document
		if err = strictjson.Unmarshal(data, &doc); err == nil {
			err = s.take(doc)
		}
	}
	if err != nil {
		return nil, check.Refuse("LG-5", check.FS, "state %q: %v", path, err).
			WithNext("move the file away to begin anew")
	}
	return s, nil
}

// take checks a document and goes on from it.
func (s *State) take(doc document) error {
	if doc.Schema != schema && doc.Schema != 1 || doc.Schema == 1 && (doc.First != nil || doc.Sum != "") {
		return errors.New("has another schema")
	}
	if doc.Schema == schema && doc.Sum != doc.sum() {
		return errors.New("is damaged: its content does not have the hash in it")
	}
	for _, n := range doc.Next {
		if n < 0 {
			return errors.New("has a negative index")
		}
	}
	for _, r := range doc.First {
		if r == nil || r.Trees == nil || len(r.Trees) > maxTrees || len(r.Begin) > maxTrees {
			return errors.New("has a log without trees, or with too many")
		}
		for _, n := range slices.Concat(slices.Collect(maps.Values(r.Trees)), slices.Collect(maps.Values(r.Begin))) {
			if n < 0 {
				return errors.New("has a negative number of entries")
			}
		}
	}
	maps.Copy(s.doc.Next, doc.Next)
	maps.Copy(s.doc.First, doc.First)
	maps.Copy(s.doc.Points, doc.Points)
	return nil
}

// sum returns the hash of the document.
func (d document) sum() string {
	d.Sum = ""
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Sprintf("none: %v", err)
	}
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:])
}

// Save stores the state if it moved. It is to be called when all findings so far
// were delivered: what is stored is not reported again.
func (s *State) Save() error {
	if s.path == "" || !s.moved {
		return nil
	}
	s.doc.Sum = s.doc.sum()
	data, err := json.MarshalIndent(s.doc, "", "  ")
	if err != nil {
		return check.Refuse("", check.Internal, "%v", err)
	}
	if len(data) >= maxState {
		return check.Refuse("LM-1", check.FS, "state %q would have %d bytes, want at most %d", s.path, len(data), maxState).
			WithNext("watch fewer names in one run; each set of names has a state of its own")
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return check.Refuse("LG-5", check.FS, "state: %w", err)
	}
	if err := atomicfile.Write(s.path, append(data, '\n'), 0o600, atomicfile.Options{Overwrite: true}); err != nil {
		return err
	}
	s.moved = false
	return nil
}

// next returns where to go on in a log; ok is false if it was never watched.
func (s *State) next(log string) (n int64, ok bool) {
	n, ok = s.doc.Next[log]
	return n, ok
}

// point is next for logs of certificates.
func (s *State) point(log string) (p ctlog.Point, ok bool) {
	p, ok = s.doc.Points[log]
	return p, ok
}

// move says where a pass ended.
func (s *State) move(log string, n int64) {
	if old, ok := s.doc.Next[log]; !ok || old != n {
		s.doc.Next[log], s.moved = n, true
	}
}

func (s *State) moveTo(log string, p ctlog.Point) { s.doc.Points[log], s.moved = p, true }

// handle says that an entry that the search index named need not be fetched again.
func (s *State) handle(at *reached, leaf [sha256.Size]byte) {
	if !at.Handled[leaf] && len(at.Handled) < maxHandled {
		at.Handled[leaf], s.moved = true, true
	}
}

// reach says how many entries of a tree need not be looked at again.
func (s *State) reach(at *reached, tree string, n int64) {
	if old, ok := at.Trees[tree]; !ok || old != n {
		at.Trees[tree], s.moved = n, true
	}
}
