package oci

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// written writes a credential file.
func written(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func auths(entries map[string]string) string {
	all := map[string]map[string]string{}
	for key, user := range entries {
		all[key] = map[string]string{"auth": b64(user + ":" + canary)}
	}
	text, err := json.Marshal(map[string]any{"auths": all})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestOC6_EntriesOfFiles(t *testing.T) {
	rows := []struct {
		name, registry, repository string
		entries                    map[string]string // to user
		want                       string            // user
	}{
		{"exact", "r.io", "app", map[string]string{"r.io": "a"}, "a"},
		{"with port", "r.io:5000", "app", map[string]string{"r.io:5000": "a"}, "a"},
		{"as URL", "r.io", "app", map[string]string{"https://r.io": "a"}, "a"},
		{"as old URL", "r.io", "app", map[string]string{"https://r.io/v1/": "a"}, "a"},
		{"O28 subdomain", "registry.r.io", "app", map[string]string{"r.io": "a"}, ""},
		{"O28 other port", "r.io:5000", "app", map[string]string{"r.io": "a"}, ""},
		{"O28 no port", "r.io", "app", map[string]string{"r.io:5000": "a"}, ""},
		{"O28 longer name", "r.io.evil", "app", map[string]string{"r.io": "a"}, ""},
		{"O28 other case", "r.io", "app", map[string]string{"R.IO": "a"}, ""},
		{"O28 plain http", "r.io", "app", map[string]string{"http://r.io": "a"}, ""},
		{"T13 docker.io in full", "index.docker.io", "me/app", map[string]string{"https://index.docker.io/v1/": "a"}, "a"},
		{"T13 docker.io", "index.docker.io", "me/app", map[string]string{"docker.io": "a"}, "a"},
		{"T13 registry-1", "index.docker.io", "me/app", map[string]string{"registry-1.docker.io": "a"}, "a"},
		{"T13 docker.io namespace", "index.docker.io", "me/app", map[string]string{"docker.io/me": "b", "docker.io": "a"}, "b"},
		{"namespace", "quay.io", "org/team/app", map[string]string{"quay.io/org": "b", "quay.io": "a"}, "b"},
		{"repository", "quay.io", "org/team/app", map[string]string{"quay.io/org/team/app": "c", "quay.io/org": "b"}, "c"},
		{"other namespace", "quay.io", "org/app", map[string]string{"quay.io/or": "b"}, ""},
		{"docker.io is not for others", "r.io", "app", map[string]string{"docker.io": "a", "https://index.docker.io/v1/": "a"}, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			path := written(t, auths(row.entries))
			got, err := AuthFiles{Paths: []string{path}}.Credential(t.Context(), row.registry, row.repository)
			if err != nil || got.Username != row.want {
				t.Fatalf("got %q, %v, want %q", got.Username, err, row.want)
			}
			if row.want != "" && (got.Password != canary || !strings.HasPrefix(got.Source, path+": auths ")) {
				t.Errorf("source is %q, want the file and the entry", got.Source)
			}
		})
	}
}

func TestAuthFilesInOrder(t *testing.T) {
	first, second := written(t, auths(map[string]string{"r.io": "a"})), written(t, auths(map[string]string{"r.io": "b", "s.io": "c"}))
	files := AuthFiles{Paths: []string{filepath.Join(t.TempDir(), "none"), written(t, ""), first, second}}
	for registry, want := range map[string]string{"r.io": "a", "s.io": "c", "t.io": ""} {
		if got := must(files.Credential(t.Context(), registry, "app"))(t); got.Username != want {
			t.Errorf("%s: got %q, want %q", registry, got.Username, want)
		}
	}
	env := map[string]string{"HOME": "/home/a", "XDG_RUNTIME_DIR": "/run/user/1", "XDG_CONFIG_HOME": "relative"}
	want := []string{"/home/a/.docker/config.json", "/run/user/1/containers/auth.json"}
	if d := cmp.Diff(want, AuthPaths(func(k string) string { return env[k] })); d != "" {
		t.Errorf("paths (-want +got):\n%s", d)
	}
	env = map[string]string{"HOME": "/home/a", "REGISTRY_AUTH_FILE": "r.json", "DOCKER_CONFIG": "d"}
	want = []string{"r.json", "d/config.json", "/home/a/.config/containers/auth.json"}
	if d := cmp.Diff(want, AuthPaths(func(k string) string { return env[k] })); d != "" {
		t.Errorf("paths (-want +got):\n%s", d)
	}
}

func TestM13_FilesThatAreWrong(t *testing.T) {
	rows := map[string]string{
		"no JSON":       `{"auths":` + canary,
		"entry no b64":  `{"auths":{"r.io":{"auth":"` + canary + `!"}}}`,
		"entry no user": `{"auths":{"r.io":{"auth":"` + b64(canary) + `"}}}`,
		"entry twice":   `{"auths":{"r.io":{},"r.io":{"auth":"` + canary + `"}}}`,
	}
	for name, text := range rows {
		_, err := AuthFiles{Paths: []string{written(t, text)}}.Credential(t.Context(), "r.io", "app")
		if check.Of(err) != check.FS || strings.Contains(err.Error(), canary) {
			t.Errorf("M13 %s: got %v, want check fs and nothing of the content", name, err)
		}
	}
	for _, path := range []string{t.TempDir(), written(t, "{}"+strings.Repeat(" ", maxAuthFile-1))} {
		_, err := AuthFiles{Paths: []string{path}}.Credential(t.Context(), "r.io", "app")
		if refused(t, err, check.FS); !strings.Contains(err.Error(), "is no regular file of at most") {
			t.Errorf("M13 got %v", err)
		}
	}
	atBound := written(t, "{}"+strings.Repeat(" ", maxAuthFile-2))
	if _, err := (AuthFiles{Paths: []string{atBound}}).Credential(t.Context(), "r.io", "app"); err != nil {
		t.Errorf("M13 as long as may be: %v", err)
	}
	path := written(t, auths(map[string]string{"r.io": "a"}))
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := must(AuthFiles{Paths: []string{path}}.Credential(t.Context(), "r.io", "app"))(t); !strings.Contains(got.Note, "other users") {
		t.Errorf("M13 note is %q, want a warning", got.Note)
	}
}

func TestM9_Helpers(t *testing.T) {
	type call struct{ program, input string }
	var calls []call
	var environ []string
	run := func(_ context.Context, program, input string, env []string) ([]byte, error) {
		calls, environ = append(calls, call{program, input}), env
		switch {
		case program == "docker-credential-gone":
			return nil, exec.ErrNotFound
		case program == "docker-credential-broken":
			return []byte(canary), fmt.Errorf("exit status 1")
		case input == "r.io":
			return []byte(`{"ServerURL":"r.io","Username":"me","Secret":"` + canary + `"}`), nil
		case input == "t.io":
			return []byte(`{"Username":"<token>","Secret":"` + canary + `"}`), nil
		case input == "bad.io":
			return []byte(canary), nil
		}
		return []byte("credentials not found in native keychain\n"), fmt.Errorf("exit status 1")
	}
	rows := []struct {
		name, file, registry string
		want                 Credential
		check                check.Check
	}{
		{"for the registry", `{"credHelpers":{"r.io":"x-1"}}`, "r.io", Credential{Username: "me", Password: canary}, ""},
		{"identity token", `{"credHelpers":{"t.io":"x"}}`, "t.io", Credential{Identity: canary}, ""},
		{"for everything", `{"credsStore":"x"}`, "r.io", Credential{Username: "me", Password: canary}, ""},
		{"has nothing", `{"credsStore":"x"}`, "u.io", Credential{}, ""},
		{"entry before store", `{"credsStore":"x","auths":{"r.io":{"auth":"` + b64("you:"+canary) + `"}}}`, "r.io", Credential{Username: "you", Password: canary}, ""},
		{"empty entry, store", `{"credsStore":"x","auths":{"r.io":{}}}`, "r.io", Credential{Username: "me", Password: canary}, ""},
		{"store not installed", `{"credsStore":"gone"}`, "r.io", Credential{}, ""},
		{"helper not installed", `{"credHelpers":{"r.io":"gone"}}`, "r.io", Credential{}, check.FS},
		{"helper fails", `{"credHelpers":{"r.io":"broken"}}`, "r.io", Credential{}, check.FS},
		{"helper talks", `{"credHelpers":{"bad.io":"x"}}`, "bad.io", Credential{}, check.FS},
		{"M9 name with slash", `{"credHelpers":{"r.io":"../x"}}`, "r.io", Credential{}, check.FS},
		{"M9 name of 65", `{"credHelpers":{"r.io":"` + strings.Repeat("x", 65) + `"}}`, "r.io", Credential{}, check.FS},
		{"M9 name with capital", `{"credHelpers":{"r.io":"X"}}`, "r.io", Credential{}, check.FS},
		{"M9 other registry", `{"credHelpers":{"r.io":"x"}}`, "r.io:5000", Credential{}, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			calls = nil
			files := AuthFiles{Paths: []string{written(t, row.file)}, Run: run,
				Environ: []string{"PATH=/bin", "SIGSTORE_ID_TOKEN=x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=x",
					"CIRCLE_OIDC_TOKEN=x", "CIRCLE_OIDC_TOKEN_V2=x", "BUILDKITE_AGENT_ACCESS_TOKEN=x"}}
			got, err := files.Credential(t.Context(), row.registry, "app")
			if row.check != "" {
				refused(t, err, row.check)
				if strings.Contains(err.Error(), canary) {
					t.Errorf("error %v repeats the helper", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if (got.Source == "") != row.want.empty() {
				t.Errorf("source is %q for %v", got.Source, got)
			}
			got.Source, got.Note = "", ""
			if got != row.want {
				t.Errorf("got another credential than wanted, of user %q", got.Username)
			}
			if len(calls) > 0 && !slices.Equal(environ, []string{"PATH=/bin"}) {
				t.Errorf("M8 helper sees %q", environ)
			}
		})
	}
}

// M9: what a real program may do.
func TestM9_ProgramsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("starts programs")
	}
	dir := t.TempDir()
	for name, script := range map[string]string{
		"good": `read server; echo "{\"Username\":\"$server\",\"Secret\":\"s\"}"; echo noise >&2`,
		"much": `yes | head -c 3000000`,
	} {
		if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	files := func(helper string) AuthFiles {
		return AuthFiles{Paths: []string{written(t, `{"credHelpers":{"r.io":"`+helper+`"}}`)}, Environ: os.Environ()}
	}
	got := must(files("good").Credential(t.Context(), "r.io", "app"))(t)
	if got.Username != "r.io" || got.Password != "s" {
		t.Errorf("got %+v, want the answer of the program", got)
	}
	_, err := files("much").Credential(t.Context(), "r.io", "app")
	refused(t, err, check.FS)
	_, err = files("none").Credential(t.Context(), "r.io", "app")
	refused(t, err, check.FS)
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-hangs"), []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	begun := time.Now()
	_, err = files("hangs").Credential(ctx, "r.io", "app")
	refused(t, err, check.FS)
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("waited %v", d)
	}
}
