package watch

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/tlog/ctlog"
)

const (
	schema   = 1
	maxState = 1 << 20 // bytes of the state
)

// A State is a file that says where the passes over each log ended.
type State struct {
	path string
	doc  document
}

type document struct {
	Schema int64            `json:"schema"`
	Next   map[string]int64 `json:"next"` // log id in hexadecimal: first index that was not looked at
	// Points are those of logs of certificates.
	Points map[string]ctlog.Point `json:"points"`
}

// OpenState reads the state in a file, which need not exist.
func OpenState(path string) (*State, error) {
	s := &State{path, document{schema, map[string]int64{}, map[string]ctlog.Point{}}}
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
		s.doc = document{}
		err = strictjson.Unmarshal(data, &s.doc)
	}
	if err == nil && s.doc.Schema != schema {
		err = errors.New("has another schema")
	}
	for _, n := range s.doc.Next {
		if err == nil && n < 0 {
			err = errors.New("has a negative index")
		}
	}
	if err != nil {
		return nil, check.Refuse("LG-5", check.FS, "state %q: %v", path, err).
			WithNext("move the file away to begin anew")
	}
	if s.doc.Next == nil {
		s.doc.Next = map[string]int64{}
	}
	if s.doc.Points == nil {
		s.doc.Points = map[string]ctlog.Point{}
	}
	return s, nil
}

// next returns where to go on in a log; ok is false if it was never watched.
func (s *State) next(log string) (n int64, ok bool) {
	if s == nil {
		return 0, false
	}
	n, ok = s.doc.Next[log]
	return n, ok
}

// point is next for logs of certificates.
func (s *State) point(log string) (p ctlog.Point, ok bool) {
	if s == nil {
		return p, false
	}
	p, ok = s.doc.Points[log]
	return p, ok
}

// move stores where a pass ended: a point if it is not nil.
func (s *State) move(log string, n int64, p *ctlog.Point) error {
	doc := document{schema, maps.Clone(s.doc.Next), maps.Clone(s.doc.Points)}
	if p != nil {
		doc.Points[log] = *p
	} else {
		doc.Next[log] = n
	}
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return check.Refuse("", check.Internal, "%v", err)
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return check.Refuse("LG-5", check.FS, "state: %w", err)
	}
	if err := atomicfile.Write(s.path, append(data, '\n'), 0o600, atomicfile.Options{Overwrite: true}); err != nil {
		return err
	}
	s.doc = doc
	return nil
}
