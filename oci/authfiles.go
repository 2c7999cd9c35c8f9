package oci

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// AuthFiles is the Keychain of Docker's config.json and podman's auth.json. The
// first file that has something for a registry decides. Files that do not exist
// are passed over.
type AuthFiles struct {
	Paths   []string // in order
	Environ []string // of this process, for credential helpers; tokens in it are kept from them

	// Run runs a credential helper; nil: as a program of the system.
	Run func(ctx context.Context, program, input string, environ []string) ([]byte, error)
}

// AuthPaths returns where credential files are, by the environment: the file in
// REGISTRY_AUTH_FILE, Docker's, podman's. Folders of the system count only if they
// are absolute (XDG base directories).
func AuthPaths(getenv func(string) string) []string {
	var paths []string
	add := func(base string, rest ...string) {
		if filepath.IsAbs(base) {
			paths = append(paths, filepath.Join(append([]string{base}, rest...)...))
		}
	}
	home := getenv("HOME")
	if file := getenv("REGISTRY_AUTH_FILE"); file != "" {
		paths = append(paths, file)
	}
	if docker := getenv("DOCKER_CONFIG"); docker != "" {
		paths = append(paths, filepath.Join(docker, "config.json"))
	} else {
		add(home, ".docker", "config.json")
	}
	add(getenv("XDG_RUNTIME_DIR"), "containers", "auth.json")
	if config := getenv("XDG_CONFIG_HOME"); config != "" {
		add(config, "containers", "auth.json")
	} else {
		add(home, ".config", "containers", "auth.json")
	}
	return paths
}

const maxAuthFile = 4 << 20 // bytes of a file with credentials

type authFile struct {
	Auths   map[string]authEntry `json:"auths"`
	Helpers map[string]string    `json:"credHelpers"`
	Store   string               `json:"credsStore"`
}

type authEntry struct {
	Auth     string `json:"auth"`
	Username string `json:"username"`
	Password string `json:"password"`
	Identity string `json:"identitytoken"`
	Token    string `json:"registrytoken"`
}

// Credential returns what the files have for a registry. Entries are compared by
// exact host and port (O28); podman's entries for a namespace are preferred when
// the repository is below them.
func (a AuthFiles) Credential(ctx context.Context, registry, repository string) (Credential, error) {
	for _, path := range a.Paths {
		f, note, err := readAuthFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Credential{}, err
		}
		cred, err := a.look(ctx, f, path, registry, repository)
		if err != nil {
			return Credential{}, err
		}
		if !cred.empty() {
			cred.Note = note
			return cred, nil
		}
	}
	return Credential{}, nil
}

// readAuthFile reads a file. What is wrong with it is said without a word of its
// content (M13).
func readAuthFile(path string) (*authFile, string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, "", translateAuth(path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, "", translateAuth(path, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxAuthFile {
		return nil, "", check.Refuse("M13", check.FS, "credential file %q is no regular file of at most %d bytes", path, maxAuthFile)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxAuthFile+1))
	if err != nil {
		return nil, "", translateAuth(path, err)
	}
	if len(data) > maxAuthFile { // it grew
		return nil, "", check.Refuse("M13", check.Limit, "credential file %q has more than %d bytes", path, maxAuthFile)
	}
	var f authFile
	if len(strings.TrimSpace(string(data))) > 0 && strictjson.UnmarshalOpen(data, &f) != nil {
		return nil, "", check.Refuse("M13", check.FS, "credential file %q is not JSON of the right form", path)
	}
	note := ""
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 { // there files have no such bits
		note = fmt.Sprintf("other users may read %q (mode %04o)", path, info.Mode().Perm())
	}
	return &f, note, nil
}

func translateAuth(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fs.ErrNotExist
	}
	return check.Refuse("M13", check.FS, "credential file %q can't be read", path)
}

// look asks one file: the helper for the registry, its entries, the helper for
// everything.
func (a AuthFiles) look(ctx context.Context, f *authFile, path, registry, repository string) (Credential, error) {
	keys := keysOf(registry, repository)
	for _, key := range keys {
		if helper := f.Helpers[key]; helper != "" {
			cred, err := a.help(ctx, helper, key)
			if err != nil {
				return Credential{}, err
			}
			cred.Source = fmt.Sprintf("%s: credHelpers %q: %s", path, key, helper)
			return cred, nil
		}
	}
	for _, key := range keys {
		entry, ok := f.Auths[key]
		if !ok {
			continue
		}
		cred, err := entry.credential(path, key)
		if err != nil {
			return Credential{}, err
		}
		if !cred.empty() {
			cred.Source = fmt.Sprintf("%s: auths %q", path, key)
			return cred, nil
		}
	}
	if f.Store == "" {
		return Credential{}, nil
	}
	return a.askStore(ctx, f.Store, path, keys)
}

// askStore asks the helper for everything. One that is not installed, as a
// desktop program on a server, is as good as an empty one.
func (a AuthFiles) askStore(ctx context.Context, helper, path string, keys []string) (Credential, error) {
	for _, key := range keys {
		if strings.Contains(strings.TrimPrefix(key, "https://"), "/") && !strings.HasPrefix(key, "https://") {
			continue // a namespace; helpers know servers
		}
		cred, err := a.help(ctx, helper, key)
		if errors.Is(err, errNoHelper) {
			return Credential{}, nil
		}
		if err != nil {
			return Credential{}, err
		}
		if !cred.empty() {
			cred.Source = fmt.Sprintf("%s: credsStore %s: %q", path, helper, key)
			return cred, nil
		}
	}
	return Credential{}, nil
}

// keysOf lists the names that a registry may have in a file, the most specific
// first: namespaces, the host itself, the host as a URL, and Docker's other names
// for its own registry.
func keysOf(registry, repository string) []string {
	hosts := []string{registry}
	if registry == "index.docker.io" {
		hosts = []string{"docker.io", "index.docker.io", "registry-1.docker.io"}
	}
	var keys []string
	for space := repository; space != ""; {
		for _, host := range hosts {
			keys = append(keys, host+"/"+space)
		}
		i := strings.LastIndexByte(space, '/')
		space = space[:max(i, 0)]
	}
	if registry == "index.docker.io" {
		keys = append(keys, "https://index.docker.io/v1/", "https://index.docker.io/v1")
	}
	keys = append(keys, hosts...)
	for _, host := range hosts {
		for _, tail := range []string{"", "/", "/v1/", "/v2/"} {
			if key := "https://" + host + tail; key != "https://index.docker.io/v1/" {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func (e authEntry) credential(path, key string) (Credential, error) {
	c := Credential{Username: e.Username, Password: Secret(e.Password), Identity: Secret(e.Identity), Token: Secret(e.Token)}
	if e.Auth == "" {
		return c, nil
	}
	text, err := base64.StdEncoding.DecodeString(e.Auth)
	if err != nil {
		text, err = base64.RawStdEncoding.DecodeString(e.Auth)
	}
	user, password, ok := strings.Cut(strings.TrimRight(string(text), "\x00"), ":")
	if err != nil || !ok {
		return Credential{}, check.Refuse("M13", check.FS, "credential file %q has an entry %q that is not user:password in base64", path, key)
	}
	c.Username, c.Password = user, Secret(password)
	return c, nil
}
