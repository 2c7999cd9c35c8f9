package read

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/evidence"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/trustroot"
)

const maxMemory = 1 << 20 // bytes of a file of remembered checkpoints

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
type Seen = evidence.Seen

// file is the name of the file of an origin.
func (m *Memory) file(log *trustroot.Log, origin string) string {
	return evidence.FileName(origin, log.ID)
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

// fileOfOrigin matches the names that evidence.FileName makes, and nothing else
// in the directory.
var fileOfOrigin = regexp.MustCompile(`-[0-9a-f]{16}\.json$`)

// All returns what was seen of every tree of a log, whether or not the log still
// names it. A file that can't be read may be about this log, so it is an error.
func (m *Memory) All(log *trustroot.Log) (all []*Seen, err error) {
	files, err := os.ReadDir(m.dir)
	if err != nil {
		return nil, check.Refuse("TU-12", check.FS, "remembered checkpoints: %w", err)
	}
	id := hex.EncodeToString(log.ID)
	for _, f := range files {
		if !fileOfOrigin.MatchString(f.Name()) {
			continue
		}
		s := new(Seen)
		data, err := m.read(f.Name())
		if err == nil {
			err = strictjson.Unmarshal(data, s)
		}
		if err != nil {
			return nil, m.damaged(f.Name(), err)
		}
		if s.LogID != id {
			continue
		}
		if m.file(log, s.Origin) != f.Name() {
			return nil, m.damaged(f.Name(), errors.New("it is about another tree"))
		}
		all = append(all, s)
	}
	return all, nil
}

// forget removes what was seen of an origin.
func (m *Memory) forget(log *trustroot.Log, origin string) error {
	err := os.Remove(filepath.Join(m.dir, m.file(log, origin)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return check.Refuse("TU-12", check.FS, "remembered checkpoint: %w", err)
	}
	return nil
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
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return check.Refuse("", check.Internal, "%v", err)
	}
	return atomicfile.Write(filepath.Join(m.dir, m.file(log, s.Origin)), append(data, '\n'), 0o600, atomicfile.Options{Overwrite: true})
}

// Evidence is what is kept of a log that did what it must not do.
type Evidence = evidence.Evidence
