package tuf

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

const (
	cacheFile = "cache.json"
	lockFile  = "lock"
	maxCache  = 64 << 20 // bytes of the cache
)

// saved is everything a cache holds, in one file, so that no moment exists at
// which parts of two updates lie side by side.
type saved struct {
	Format int               `json:"format"` // 1
	Roots  map[int64][]byte  `json:"roots"`  // by version, each the successor of the one before
	Latest record            `json:"latest"` // newest of each role, against rollback
	Good   record            `json:"good"`   // newest complete set
	Files  map[string][]byte `json:"files"`  // the targets of Good
}

// A record is one set of metadata below the root.
type record struct {
	Root      int64     `json:"root"`    // version of the root it was verified with
	Fetched   time.Time `json:"fetched"` // start of the update that brought the timestamp
	Timestamp []byte    `json:"timestamp"`
	Snapshot  []byte    `json:"snapshot"`
	Targets   []byte    `json:"targets"`
}

// A cache is the directory of one instance.
type cache struct {
	path  string
	root  *os.Root
	write func(root *os.Root, name string, data []byte) error // tests let it fail
	wait  time.Duration                                       // for the lock
}

// openCache opens, and if need be makes, the directory of the instance at mirror
// below dir. A directory that cannot be had gives a warning and no cache (P45);
// one that somebody else may change is refused (N17).
func openCache(dir, mirror string) (*cache, string, error) {
	if !filepath.IsAbs(dir) || slices.Contains(strings.Split(filepath.ToSlash(dir), "/"), "..") { // N20
		return nil, "", check.Refuse("TU-12", check.FS, "cache directory %q is not an absolute path", dir).
			WithNext("set an absolute cache directory")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Sprintf("the cache directory %q cannot be made, working in memory: %v", dir, reason(err)), nil
	}
	if err := safe(dir, os.Lstat); err != nil {
		return nil, "", err
	}
	top, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Sprintf("the cache directory %q cannot be opened, working in memory: %v", dir, reason(err)), nil
	}
	defer top.Close()
	name := cacheName(mirror)
	if err := top.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Sprintf("the cache directory %q cannot be written, working in memory: %v", dir, reason(err)), nil
	}
	if err := safe(name, top.Lstat); err != nil {
		return nil, "", err
	}
	root, err := top.OpenRoot(name)
	if err != nil {
		return nil, fmt.Sprintf("the cache directory %q cannot be opened, working in memory: %v", dir, reason(err)), nil
	}
	return &cache{filepath.Join(dir, name), root, writeFile, lockWait}, "", nil
}

// safe refuses a directory that is a link, or that others may write.
func safe(name string, lstat func(string) (fs.FileInfo, error)) error {
	info, err := lstat(name)
	if err != nil {
		return check.Refuse("TU-12", check.FS, "cache directory %q: %v", name, reason(err)).WithNext("check the cache directory")
	}
	if !info.IsDir() {
		return check.Refuse("TU-12", check.FS, "cache directory %q is a %v, want a directory", name, info.Mode().Type()).
			WithNext("remove it, or set another cache directory")
	}
	if fault := exposed(info); fault != "" {
		return check.Refuse("TU-12", check.FS, "cache directory %q %s", name, fault).
			WithNext("make it yours alone (mode 0700), or set another cache directory")
	}
	return nil
}

// cacheName is a name for people, made unique by a hash.
func cacheName(mirror string) string {
	host := "repository"
	if u, err := url.Parse(mirror); err == nil && u.Hostname() != "" && !strings.ContainsFunc(u.Hostname(), notPlain) {
		host = u.Hostname()
	}
	sum := sha256.Sum256([]byte(strings.TrimSuffix(mirror, "/")))
	return fmt.Sprintf("%.64s-%x", host, sum[:8])
}

// read returns what is saved, or nil if nothing is. A file that is damaged gives
// an error of check tuf_hash, one that is not safe an error of check fs.
func (c *cache) read() (*saved, error) {
	if err := c.plain(cacheFile); err != nil {
		return nil, err
	}
	f, err := c.root.Open(cacheFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, check.Refuse("TU-12", check.FS, "cache: %v", reason(err)).WithNext("check the cache directory")
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxCache+1))
	if err != nil {
		return nil, check.Refuse("TU-12", check.FS, "cache: %v", reason(err)).WithNext("check the disk")
	}
	var s saved
	if len(data) > maxCache {
		return nil, damaged(fmt.Errorf("has more than %d bytes", maxCache))
	}
	if err := strictjson.Unmarshal(data, &s); err != nil {
		return nil, damaged(err)
	}
	if s.Format != 1 {
		return nil, damaged(fmt.Errorf("has format %d, want 1", s.Format))
	}
	return &s, nil
}

func damaged(err error) error {
	return check.Refuse("TU-11", check.TUFHash, "cached metadata is damaged: %v", err).
		WithNext("run hallmark trust update with network")
}

// plain refuses a name that is there and is no regular file.
func (c *cache) plain(name string) error {
	info, err := c.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		return check.Refuse("TU-12", check.FS, "%q in the cache is a %v, want a regular file", name, info.Mode().Type()).
			WithNext("remove " + filepath.Join(c.path, name))
	}
	return nil
}

// save replaces what is saved in one step.
func (c *cache) save(s *saved) error {
	s.Format = 1
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return c.write(c.root, cacheFile, data)
}

func writeFile(root *os.Root, name string, data []byte) error {
	return atomicfile.WriteIn(root, name, data, 0o600, atomicfile.Options{Overwrite: true})
}

// lock keeps other processes from updating. It waits some seconds; the lock of a
// process that died is free.
func (c *cache) lock(ctx context.Context) (unlock func(), warning string, err error) {
	if err := c.plain(lockFile); err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, c.wait)
	defer cancel()
	l := flock.New(filepath.Join(c.path, lockFile), flock.SetPermissions(0o600))
	if _, err := l.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return nil, fmt.Sprintf("the cache cannot be locked, working in memory: %v", reason(err)), nil
	}
	return func() { _ = l.Unlock() }, "", nil
}

// reason strips the path, which the caller names in its own words.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
