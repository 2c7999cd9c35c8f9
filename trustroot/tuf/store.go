package tuf

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// A Store keeps the instances that a user has added, one file each, in a
// directory of the user's configuration.
type Store struct {
	Dir string // absolute; made on the first Add
}

// The JSON form of an added instance.
type instanceJSON struct {
	Mirror string `json:"mirror"`
	Root   []byte `json:"root"`
}

const maxInstance = 1 << 20 // bytes of a file about an instance

// Add keeps an instance under a name of the form [a-z0-9][a-z0-9-]{0,62}. The
// root must be sound metadata and the name must be free.
func (s Store) Add(name, mirror string, root []byte) error {
	if err := instanceName(name); err != nil {
		return err
	}
	if builtInName(name) {
		return check.Refuse("TU-2", check.Usage, "%q is a built-in instance", name).WithNext("choose another name")
	}
	if _, err := fetch.New(mirror, fetch.Config{}); err != nil {
		return check.Refuse("TU-14", check.Usage, "mirror %q: %w", mirror, err).WithNext("give the https URL of the repository")
	}
	if len(root) > maxRoot {
		return check.Refuse("TU-3", check.TUFLimit, "has %d bytes, want at most %d", len(root), maxRoot).At("root")
	}
	if _, err := pin(root); err != nil {
		return err
	}
	data, err := json.Marshal(instanceJSON{mirror, root})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return check.Refuse("TU-12", check.FS, "%q: %v", s.Dir, reason(err)).WithNext("check the configuration directory")
	}
	return atomicfile.Write(filepath.Join(s.Dir, name+".json"), data, 0o600, atomicfile.Options{})
}

// Load returns the instance of a name, built in or added.
func (s Store) Load(name string) (Instance, error) {
	if err := instanceName(name); err != nil {
		return Instance{}, err
	}
	for _, i := range Instances() {
		if i.Name == name {
			return i, nil
		}
	}
	data, err := s.read(name + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		return Instance{}, check.Refuse("TU-2", check.Usage, "there is no instance %q", name).
			WithNext("run hallmark trust add " + name + " --mirror URL --root FILE")
	}
	if err != nil {
		return Instance{}, err
	}
	var in instanceJSON
	if err := strictjson.Unmarshal(data, &in); err != nil {
		return Instance{}, check.Refuse("TU-2", check.FS, "instance %q: %v", name, err).WithNext("add it again")
	}
	if _, err := pin(in.Root); err != nil {
		return Instance{}, err
	}
	return Instance{Name: name, Mirror: in.Mirror, Root: in.Root}, nil
}

// read reads a file of the store, which must be a regular one. One that is not there
// is fs.ErrNotExist.
func (s Store) read(file string) ([]byte, error) {
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return nil, s.unreadable("", err)
	}
	defer root.Close()
	info, err := root.Lstat(file)
	if err != nil {
		return nil, s.unreadable(file, err)
	}
	if !info.Mode().IsRegular() {
		return nil, check.Refuse("TU-12", check.FS, "%q is a %v, want a regular file", filepath.Join(s.Dir, file), info.Mode().Type()).
			WithNext("remove it and add the instance again")
	}
	f, err := root.Open(file)
	if err != nil {
		return nil, check.Refuse("TU-12", check.FS, "%q: %v", filepath.Join(s.Dir, file), reason(err)).WithNext("check the file")
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxInstance+1))
	if err != nil {
		return nil, check.Refuse("TU-12", check.FS, "%q: %v", filepath.Join(s.Dir, file), reason(err)).WithNext("check the disk")
	}
	if len(data) > maxInstance {
		return nil, check.Refuse("LM-1", check.Limit, "%q has more than %d bytes", filepath.Join(s.Dir, file), maxInstance)
	}
	return data, nil
}

func (s Store) unreadable(file string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return check.Refuse("TU-12", check.FS, "%q: %v", filepath.Join(s.Dir, file), reason(err)).WithNext("check the configuration directory")
}

// List returns the built-in instances and then the added ones, by name.
func (s Store) List() ([]Instance, error) {
	out := Instances()
	files, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, s.unreadable("", err)
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok || instanceName(name) != nil || builtInName(name) {
			continue
		}
		i, err := s.Load(name)
		if err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, nil
}

func builtInName(name string) bool {
	return slices.ContainsFunc(Instances(), func(i Instance) bool { return i.Name == name })
}

func instanceName(name string) error {
	if ok, _ := regexp.MatchString(`\A[a-z0-9][a-z0-9-]{0,62}\z`, name); !ok {
		return check.Refuse("TU-13", check.Usage, "%q is not a name for an instance, want lower-case letters, digits and hyphens, at most 63", name).
			WithNext("choose another name")
	}
	return nil
}
