// Package rescue keeps signatures that are public, or may be, until they are where
// they belong. A log entry can't be taken back; so before a signature is sent to a
// log all that is needed to finish it is written down, in the journal of the run, and
// a bundle that could not be put in its place is kept in a file.
//
// Everything lies in one folder, for its owner alone. What a run has finished is
// removed; a run that was killed leaves its journal, which the next run reads.
package rescue

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
)

// maxFiles bounds what lies in the folder, in files: more are refused before anything
// is signed, never removed.
const maxFiles = 10_000 // files in the folder of unfinished signatures

// folder is the name of the folder.
const folder = "unfinished"

// The ends of the names of files.
const (
	journalEnd    = ".journal"
	bundleEnd     = ".sigstore.json"
	unverifiedEnd = ".unverified.json"
)

// A State says how far a signature came.
type State string

// The states of what is kept.
const (
	Sent       State = "sent"       // lacks its log entry, which may be public
	Made       State = "made"       // whole and verified, but not where it belongs
	Unverified State = "unverified" // its entry is public, but it does not verify
)

// An Item is a signature that was not finished.
type Item struct {
	Key   string // of what was signed, see Key
	Name  string // of what was signed, as it was given; "" if not known
	State State
	Path  string // of the file that holds it: of a Sent one, a journal
	Time  time.Time

	id     int   // in a journal
	offset int64 // in a journal, in bytes
	size   int   // in a journal, in bytes
}

// Key names what was signed: the digest of an artifact, or that of a statement.
func Key(signed []byte) string { return hex.EncodeToString(signed) }

// A Store is the folder.
type Store struct{ dir string }

// Open makes the folder, below dir, and refuses one that others may write or that is
// a link. Its errors are *check.Error of check fs.
func Open(dir string) (*Store, error) {
	s := &Store{filepath.Join(dir, folder)}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, s.refuse(err)
	}
	info, err := os.Lstat(s.dir)
	if err != nil {
		return nil, s.refuse(err)
	}
	if !info.IsDir() {
		return nil, s.refuse(errors.New("is not a folder"))
	}
	if exposed(info) {
		return nil, s.refuse(errors.New("may be written by others"))
	}
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, s.refuse(err)
	}
	if len(files) > maxFiles {
		return nil, check.Refuse("SG-15", check.FS, "%q holds %d unfinished signatures, want at most %d", s.dir, len(files), maxFiles).
			WithNext("sign the same files again to finish them, or remove them")
	}
	return s, nil
}

// List returns what is unfinished below dir, and makes no folder there.
func List(dir string) ([]Item, error) {
	if _, err := os.Lstat(filepath.Join(dir, folder)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	s, err := Open(dir)
	if err != nil {
		return nil, err
	}
	return s.List()
}

func (s *Store) refuse(err error) *check.Error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return check.Refuse("SG-15", check.FS, "signatures can't be kept in %q until they are finished: %w", s.dir, err).
		WithNext("make that folder yours alone and writable, or name another one in HALLMARK_STATE_DIR")
}

// Keep writes a bundle whose log entry is public to a file of its own, and returns
// its path.
func (s *Store) Keep(key string, data []byte, verified bool) (string, error) {
	sum := sha256.Sum256(data)
	end := unverifiedEnd
	if verified {
		end = bundleEnd
	}
	path := filepath.Join(s.dir, key+"-"+hex.EncodeToString(sum[:8])+end)
	return path, atomicfile.Write(path, data, 0o600, atomicfile.Options{Overwrite: true})
}

// List returns what is unfinished, the newest first. What other runs are working on
// is left out.
func (s *Store) List() ([]Item, error) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, s.refuse(err)
	}
	var all []Item
	for _, f := range files {
		items, err := s.read(f)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	slices.SortStableFunc(all, func(a, b Item) int { return cmp.Or(b.Time.Compare(a.Time), strings.Compare(a.Path, b.Path)) })
	return all, nil
}

// read returns what a file of the folder holds: one bundle, or those of a journal.
func (s *Store) read(f fs.DirEntry) ([]Item, error) {
	path := filepath.Join(s.dir, f.Name())
	info, err := f.Info()
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	if err != nil {
		return nil, s.refuse(err)
	}
	key, _, _ := strings.Cut(f.Name(), "-")
	switch {
	case strings.HasSuffix(f.Name(), journalEnd):
		return s.leftIn(path, info.ModTime())
	case strings.HasSuffix(f.Name(), unverifiedEnd):
		return []Item{{Key: key, State: Unverified, Path: path, Time: info.ModTime()}}, nil
	case strings.HasSuffix(f.Name(), bundleEnd):
		return []Item{{Key: key, State: Made, Path: path, Time: info.ModTime()}}, nil
	}
	return nil, nil
}

// Remove removes what was finished.
func (s *Store) Remove(i Item) error {
	if i.State == Sent {
		return s.cross(i)
	}
	if err := os.Remove(i.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.refuse(err)
	}
	return nil
}

func newName() string { return "run-" + rand.Text() + journalEnd }
