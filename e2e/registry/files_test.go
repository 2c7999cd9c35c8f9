package registry

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// auths is a credentials file with a password for each name.
func auths(passwords map[string]string) string {
	var entries []string
	for name, p := range passwords {
		entries = append(entries, fmt.Sprintf(`%q:{"auth":%q}`, name, base64.StdEncoding.EncodeToString([]byte(userName+":"+p))))
	}
	return `{"auths":{` + strings.Join(entries, ",") + `}}`
}

// reader is a user without any credentials.
func (s *scene) reader(t *testing.T, env ...string) (user *cli.Hallmark, dir string) {
	t.Helper()
	dir = t.TempDir()
	user, err := cli.New(t.Context(), s.hallmark.Binary, dir, s.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range env {
		env[i] = strings.ReplaceAll(e, "$DIR", dir)
	}
	return user.With(env...), dir
}

func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// Every place where Docker and podman keep passwords is read, and the file and
// entry are named, whether they were right or not.
func TestCredentials_Files(t *testing.T) {
	s := newScene(t)
	h := s.open(t, withPassword)
	s.push(t, h, "team/app:1", 1)
	helper := "#!/bin/sh\nread server\n[ \"$server\" = " + h.name + ` ] || { echo "credentials not found in native keychain"; exit 1; }` +
		"\necho '{\"Username\":\"" + userName + "\",\"Secret\":\"" + password + "\"}'\n"
	tests := []struct {
		name  string
		env   []string
		files map[string]string
		want  int
		says  string
	}{
		{"docker", nil, map[string]string{".docker/config.json": auths(map[string]string{h.name: password})}, 0, `$DIR/.docker/config.json: auths "HOST"`},
		{"docker elsewhere", []string{"DOCKER_CONFIG=$DIR/d"}, map[string]string{"d/config.json": auths(map[string]string{"https://" + h.name: password})}, 0, `$DIR/d/config.json: auths "https://HOST"`},
		{"docker, relative", []string{"DOCKER_CONFIG=d"}, map[string]string{"d/config.json": auths(map[string]string{h.name: password})}, 0, `d/config.json: auths "HOST"`},
		{"podman at run time", []string{"XDG_RUNTIME_DIR=$DIR/run"}, map[string]string{"run/containers/auth.json": auths(map[string]string{h.name: password})}, 0, `$DIR/run/containers/auth.json: auths "HOST"`},
		{"podman that lasts", nil, map[string]string{".config/containers/auth.json": auths(map[string]string{h.name: password})}, 0, `$DIR/.config/containers/auth.json: auths "HOST"`},
		{"podman's namespace before the host", []string{"REGISTRY_AUTH_FILE=$DIR/auth.json"},
			map[string]string{"auth.json": auths(map[string]string{h.name: "other", h.name + "/team": password})}, 0, `$DIR/auth.json: auths "HOST/team"`},
		{"REGISTRY_AUTH_FILE before docker", []string{"REGISTRY_AUTH_FILE=$DIR/auth.json"},
			map[string]string{"auth.json": auths(map[string]string{h.name: password}), ".docker/config.json": auths(map[string]string{h.name: "other"})}, 0, `$DIR/auth.json: auths "HOST"`},
		{"REGISTRY_AUTH_FILE does not exist", []string{"REGISTRY_AUTH_FILE=$DIR/auth.json"}, nil, 2, `REGISTRY_AUTH_FILE is "$DIR/auth.json", which does not exist`},
		{"helper for the registry", nil, map[string]string{".docker/config.json": `{"credHelpers":{"` + h.name + `":"test"}}`}, 0, `$DIR/.docker/config.json: credHelpers "HOST": test`},
		{"helper for everything", nil, map[string]string{".docker/config.json": `{"credsStore":"test"}`}, 0, `$DIR/.docker/config.json: credsStore test: "HOST"`},
		{"helper not installed", nil, map[string]string{".docker/config.json": `{"credHelpers":{"` + h.name + `":"gone"}}`}, 3, "docker-credential-gone: credential helper is not installed"},
		{"wrong password", nil, map[string]string{".docker/config.json": auths(map[string]string{h.name: "other"})}, 3, `credentials are from $DIR/.docker/config.json: auths "HOST"`},
		{"O28 password of the host without port", nil, map[string]string{".docker/config.json": auths(map[string]string{"127.0.0.1": password})}, 3, "no credentials are stored for HOST"},
		{"M13 no JSON", nil, map[string]string{".docker/config.json": password}, 3, `credential file "$DIR/.docker/config.json" is not JSON`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			user, dir := s.reader(t, append(tt.env, "PATH=$DIR/bin:"+os.Getenv("PATH"))...)
			put(t, filepath.Join(dir, "bin", "docker-credential-test"), helper, 0o700)
			for name, text := range tt.files {
				put(t, filepath.Join(dir, name), text, 0o600)
			}
			r, err := user.Run(t.Context(), "image", "tree", h.name+"/team/app:1", "--registry-ca", s.path("ca.pem"))
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Want(tt.want); err != nil {
				t.Fatal(err)
			}
			says := strings.NewReplacer("$DIR", dir, "HOST", h.name).Replace(tt.says)
			if !strings.Contains(r.Stderr, says) {
				t.Errorf("want %q, got %s", says, r.Stderr)
			}
			for _, secret := range []string{password, base64.StdEncoding.EncodeToString([]byte(userName + ":" + password))} {
				if strings.Contains(r.Stderr+r.Stdout, secret) {
					t.Errorf("the password is shown: %s", r.Stderr)
				}
			}
		})
	}
}

// tunnel is a proxy that leads to one host, whatever it is asked for, and
// remembers the names.
func tunnel(t *testing.T, to *host) (address string, asked func() string) {
	t.Helper()
	names := make(chan string, 100)
	proxy := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		names <- r.Host
		server, err := net.Dial("tcp", to.name)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer server.Close()
		client, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer client.Close()
		io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			io.Copy(server, buffered)
			server.Close()
		}()
		io.Copy(client, server)
	}), nil)
	return proxy.url(), func() string { return <-names }
}

// The names that Docker's own registry has in credential files all mean it, and
// no other registry's do.
func TestCredentials_DockerHub(t *testing.T) {
	s := newScene(t)
	inner := inMemory(true)(t)
	s.push(t, serve(t, inner, nil), "library/app:1", 1)
	hub := serve(t, basic(inner), s.ca.server(t, "index.docker.io"))
	proxy, asked := tunnel(t, hub)
	for name, want := range map[string]int{
		"docker.io": 0, "index.docker.io": 0, "registry-1.docker.io": 0, "https://index.docker.io/v1/": 0, "docker.io/library": 0,
		"hub.docker.io": 3, "docker.io.example.com": 3, "docker.com": 3, "http://index.docker.io/v1/": 3,
	} {
		t.Run(name, func(t *testing.T) {
			user, dir := s.reader(t, "HTTPS_PROXY="+proxy)
			put(t, filepath.Join(dir, ".docker", "config.json"), auths(map[string]string{name: password}), 0o600)
			for _, ref := range []string{"docker.io/app:1", "docker://app:1"} {
				r, err := user.Run(t.Context(), "image", "tree", ref, "--registry-ca", s.path("ca.pem"))
				if err != nil {
					t.Fatal(err)
				}
				if err := r.Want(want); err != nil {
					t.Fatal(err)
				}
				if got := asked(); got != "index.docker.io:443" {
					t.Errorf("asked for %q, want index.docker.io", got)
				}
				if want == 0 && !strings.Contains(r.Stderr, fmt.Sprintf("credentials for index.docker.io: %s/.docker/config.json: auths %q", dir, name)) {
					t.Errorf("the entry is not named: %s", r.Stderr)
				}
				if want != 0 && shown(hub) {
					t.Error("the registry was shown the password of another entry")
				}
				hub.taken()
			}
		})
	}
}

// Files that others can read are used and said to be open.
func TestCredentials_OpenFile(t *testing.T) {
	s := newScene(t)
	h := s.open(t, withPassword)
	s.push(t, h, "app:1", 1)
	user, dir := s.reader(t)
	file := filepath.Join(dir, ".docker", "config.json")
	put(t, file, auths(map[string]string{h.name: password}), 0o644)
	r, err := user.Run(t.Context(), "verify", h.name+"/app:1", "--certificate-identity", sandbox.Alice,
		"--certificate-oidc-issuer", s.Issuer(), "--registry-ca", s.path("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Want(4); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Stderr, "warning: other users may read") || !strings.Contains(r.Stderr, file) {
		t.Errorf("got %s", r.Stderr)
	}
}
