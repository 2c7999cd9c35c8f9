package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// A planted secret and what of it must be nowhere.
type planted struct {
	name  string
	value string
	parts []string // any of them betrays it; its beginning is enough
}

// betrays returns the first form of a part that text holds, "" if there is none: as
// it is, percent encoded, or somewhere inside of base64.
func (p planted) betrays(text string) string {
	for _, part := range p.parts {
		part = part[:min(len(part), 24)]
		forms := []string{part, url.QueryEscape(part)}
		for i := range 3 {
			whole := part[i:][:(len(part)-i)/3*3]
			forms = append(forms, base64.StdEncoding.EncodeToString([]byte(whole)), base64.URLEncoding.EncodeToString([]byte(whole)))
		}
		for _, form := range forms {
			if strings.Contains(text, form) {
				return form
			}
		}
	}
	return ""
}

// word is a text that is nowhere else.
func word() string { return "Zq" + strings.ToLower(rand.Text()) }

// newToken makes a token; its payload and its signature are searched for each on its
// own.
func newToken(name string, long int) planted {
	payload, _ := json.Marshal(map[string]string{"sub": word(), "filler": strings.Repeat("x", long), "jti": word()})
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"` + word() + `"}`))
	body, signature := base64.RawURLEncoding.EncodeToString(payload), base64.RawURLEncoding.EncodeToString([]byte(word()+word()))
	return planted{name, head + "." + body + "." + signature, []string{body, signature}}
}

// newPrivateKey makes what looks like a private key in PEM; each line of it is searched for.
func newPrivateKey() planted {
	p := planted{name: "private key", value: "-----BEGIN PRIVATE KEY-----\n"}
	for range 4 {
		line := base64.StdEncoding.EncodeToString([]byte(word() + word()))[:64]
		p.value += line + "\n"
		p.parts = append(p.parts, line)
	}
	p.value += "-----END PRIVATE KEY-----\n"
	return p
}

func newPassword(name, form string) planted {
	secret := word()
	return planted{name, fmt.Sprintf(form, secret), []string{secret}}
}

// secretValues are the secrets that are given in the place of every argument and
// value.
func secretValues() []planted {
	long, short, key := newToken("token longer than a name", 400), newToken("token", 0), newPrivateKey()
	pair := newToken("token in a pair", 0)
	pair.value = "name=" + pair.value
	cut := newToken("token without its end", 400)
	cut.value = cut.value[:strings.LastIndexByte(cut.value, '.')-10]
	tagged := newToken("token as a tag", 0)
	tagged.value = "127.0.0.1:1/app:" + tagged.value
	cutKey := newPrivateKey()
	cutKey.name, cutKey.value = "private key without its end", cutKey.value[:150]
	cutKey.parts = cutKey.parts[:1]
	return []planted{
		long, short, pair, cut, tagged, key, cutKey,
		newPassword("address", "https://alice:%s@127.0.0.1:1/x"),
		newPassword("address with a user", "https://%s@127.0.0.1:1/x"),
		newPassword("image", "docker://alice:%s@127.0.0.1:1/app:1"),
		newPassword("image without scheme", "alice:%s@127.0.0.1:1/app:1"),
		newPassword("pair of addresses", "127.0.0.1:1=https://alice:%s@127.0.0.1:1"),
	}
}

// A secretWorld is a place in which every command finds what it needs.
type secretWorld struct {
	dir   string
	files map[string][]byte // made again before each run
	vars  map[string]string
	stdin string
	image string
	w     *sigtest.World
}

func newSecretWorld(t *testing.T) *secretWorld {
	t.Helper()
	w := sigtest.New(t)
	w.Clock.Set(time.Now().Truncate(time.Second))
	w.Logs = w.Logs[1:] // the one that is written to, and no other that isn't served
	s := &secretWorld{dir: t.TempDir(), w: w, files: map[string][]byte{}}
	app := []byte("an application")
	bundle, err := w.Sign(app).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"root.json": w.TUF().Root(), "trusted_root.json": w.TrustedRoot(), "signing_config.json": w.SigningConfig(),
		"token": []byte(w.Token(nil)), "app": app, "app.sigstore.json": bundle, "predicate.json": []byte(`{"a":1}`),
	} {
		s.files["in/"+name] = data
	}
	s.vars = map[string]string{
		"HALLMARK_CONFIG_DIR": filepath.Join(s.dir, "config"), "HALLMARK_CACHE_DIR": filepath.Join(s.dir, "cache"),
		"HALLMARK_STATE_DIR": filepath.Join(s.dir, "state"), "HALLMARK_RUNTIME_DIR": filepath.Join(s.dir, "run"),
		"HALLMARK_INSTANCE": "test", "HOME": filepath.Join(s.dir, "home"), "GCE_METADATA_HOST": "127.0.0.1:1", "PATH": os.Getenv("PATH"),
	}
	host := newRegistry(t, true)
	s.image = host + "/app@" + pushIndex(t, host+"/app:1", 1)
	t.Chdir(s.dir)
	s.fill(t)
	if status, _, stderr := s.run(t, "trust", "add", "test", "--mirror", w.TUF().URL, "--root", "in/root.json"); status != 0 {
		t.Fatal(stderr)
	}
	if status, _, stderr := s.run(t, "sign", s.image, "--identity-token", "in/token", "--yes", "--allow-http-registry"); status != 0 {
		t.Fatal(stderr)
	}
	return s
}

// fill makes the files of the world.
func (s *secretWorld) fill(t *testing.T) {
	t.Helper()
	for name, data := range s.files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, name, data)
	}
}

// try runs a command line with a secret in it, or in what it names, and searches what
// it says and writes.
func (s *secretWorld) try(t *testing.T, p planted, args ...string) {
	t.Helper()
	s.fill(t)
	status, stdout, stderr := s.run(t, args...)
	for stream, text := range map[string]string{"standard output": stdout, "standard error": stderr} {
		if form := p.betrays(text); form != "" {
			t.Errorf("hallmark %q with the %s: %s holds %q:\n%s", args, p.name, stream, form, text)
		}
	}
	if status == check.ExitInternal {
		t.Errorf("hallmark %q: exit status %d: %s", args, status, stderr)
	}
	list, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		if entry.IsDir() && slices.Contains([]string{"in", "config", "cache", "state", "run", "home"}, entry.Name()) {
			continue // looked at in the end
		}
		s.search(t, entry.Name(), p)
		if err := os.RemoveAll(entry.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *secretWorld) run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	e := &env{args: args, stdin: strings.NewReader(s.stdin), stdout: &out, stderr: &errs,
		getenv: func(name string) string { return s.vars[name] }, now: time.Now}
	status = run(t.Context(), e)
	return status, out.String(), errs.String()
}

// usual are arguments with which a command does its work; a command that is not
// here is run without any.
func (s *secretWorld) usual() map[string][]string {
	signing := []string{"--identity-token", "in/token", "--yes", "--bundle", "new.json", "--force"}
	from := []string{"--from", "alice@example.com", "--issuer", "https://accounts.example.com"}
	registry := []string{s.image, "--allow-http-registry"}
	return map[string][]string{
		"sign":           append([]string{"in/app"}, signing...),
		"attest":         append([]string{"in/app", "--predicate", "in/predicate.json", "--type", "https://example.com/t"}, signing...),
		"verify":         append([]string{"in/app", "--json"}, from...),
		"convert":        {"in/app.sigstore.json"},
		"whoami":         {"--identity-token", "in/token"},
		"trust add":      {"other", "--mirror", s.w.TUF().URL, "--root", "in/root.json"},
		"log get":        {"0"},
		"log find":       {"in/app"},
		"log verify":     {"in/app.sigstore.json"},
		"log upload":     {"in/app.sigstore.json", "--yes"},
		"log watch":      {"--identity", "alice@example.com"},
		"image tree":     registry,
		"image copy":     {s.image, strings.Split(s.image, "/")[0] + "/copy:1", "--allow-http-registry"},
		"image save":     append([]string{"--output", "saved.tar"}, registry...),
		"image load":     {"saved.tar", strings.Split(s.image, "/")[0] + "/loaded:1", "--allow-http-registry"},
		"image download": registry,
		"image clean":    append([]string{"--sboms", "--yes"}, registry...),
		"image attach":   append([]string{"--bundle", "in/app.sigstore.json"}, registry...),
	}
}

// leaves lists the commands that do something, by their path.
func leaves(cmd *cobra.Command) map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	all[path] = cmd
	for _, c := range cmd.Commands() {
		for path, leaf := range leaves(c) {
			all[path] = leaf
		}
	}
	return all
}

// lines are the command lines in which a value is in the place of each argument and
// of the value of each flag of a command. A command that is new is in them.
func (s *secretWorld) lines(value string) [][]string {
	var all [][]string
	usual := s.usual()
	var done outcome
	for path, cmd := range leaves(newRoot(&env{getenv: func(string) string { return "" }, stdout: io.Discard, stderr: io.Discard}, &done)) {
		words := strings.Fields(path)
		args := usual[path]
		add := func(args ...string) { all = append(all, slices.Concat(words, args)) }
		add(slices.Concat(args, []string{value})...)
		for i, arg := range args {
			if !strings.HasPrefix(arg, "-") && (i == 0 || !takesValue(cmd, args[i-1])) {
				add(slices.Replace(slices.Clone(args), i, i+1, value)...)
			}
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() == "bool" {
				add(slices.Concat(args, []string{"--" + f.Name + "=" + value})...)
				return
			}
			add(slices.Concat(args, []string{"--" + f.Name, value})...)
		})
	}
	return all
}

func takesValue(cmd *cobra.Command, arg string) bool {
	f := cmd.Flags().Lookup(strings.TrimLeft(arg, "-"))
	return strings.HasPrefix(arg, "-") && f != nil && f.Value.Type() != "bool"
}

// search looks for secrets in the files below a folder.
func (s *secretWorld) search(t *testing.T, dir string, secrets ...planted) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(path, "in"+string(os.PathSeparator)) {
			return err
		}
		data, err := os.ReadFile(path)
		for _, p := range secrets {
			if form := p.betrays(string(data)); form != "" {
				t.Errorf("the file %q holds %q of the %s", path, form, p.name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// M1, M3, M15: a secret in the place of any argument of any command is in no output
// and in no file.
func TestM1_M15_NoCommandRepeatsASecret(t *testing.T) {
	s := newSecretWorld(t)
	secrets := secretValues()
	runs := 0
	for _, p := range secrets {
		for _, args := range s.lines(p.value) {
			s.try(t, p, args...)
			runs++
		}
	}
	s.search(t, ".", secrets...)
	if runs < 3000 {
		t.Errorf("%d runs, want 3000 at least", runs)
	}
}

// M1, M3, M13: nor is one that lies in the file, or comes from the standard input, that
// any argument names.
func TestM1_M13_NoCommandRepeatsASecretOfAFile(t *testing.T) {
	s := newSecretWorld(t)
	config := newPassword("password of Docker's configuration", "")
	config.value = fmt.Sprintf(`{"auths":{"127.0.0.1:1":{"auth":%q,"password":%q}}}`,
		base64.StdEncoding.EncodeToString([]byte("alice:"+config.parts[0])), config.parts[0])
	secrets := []planted{newToken("token", 0), newToken("long token", 1<<10), newPrivateKey(), config, newPassword("line", "%s\n")}
	runs := 0
	for _, p := range secrets {
		s.files["in/secret"], s.stdin = []byte(p.value), p.value
		for _, value := range []string{"in/secret", "-"} {
			for _, args := range s.lines(value) {
				s.try(t, p, args...)
				runs++
			}
		}
	}
	s.search(t, ".", secrets...)
	if runs < 3000 {
		t.Errorf("%d runs, want 3000 at least", runs)
	}
}
