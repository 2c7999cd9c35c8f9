package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
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
		if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, data) {
			continue
		}
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
	token := newToken("token", 0)
	secrets := []planted{token, newPrivateKey(), config}
	runs := 0
	for i, value := range []string{"in/secret", "in/secret", "in/secret", "-"} {
		p := secrets[i%len(secrets)]
		s.files["in/secret"], s.stdin = []byte(p.value), p.value
		for _, args := range s.lines(value) {
			s.try(t, p, args...)
			runs++
		}
	}
	s.search(t, ".", secrets...)
	if runs < 1000 {
		t.Errorf("%d runs, want 1000 at least", runs)
	}
}

// variables lists the variables that the packages of the command ask for.
func variables(t *testing.T) []string {
	t.Helper()
	asks := regexp.MustCompile(`(?i)env\("([A-Z_]+)"\)|"((?:HALLMARK|SIGSTORE|CIRCLE|BUILDKITE|ACTIONS)_[A-Z_0-9]+)"`)
	names := []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "DOCKER_AUTH_CONFIG"}
	for _, dir := range []string{".", "../../oidc", "../../oci", "../../agent"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range asks.FindAllStringSubmatch(string(text), -1) {
				names = append(names, found[1]+found[2])
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// M6, M8, M15: a secret in a variable is repeated by no command, whichever variable it
// is; each command runs as a program of its own.
func TestM6_M15_NoCommandRepeatsASecretOfAVariable(t *testing.T) {
	names := variables(t)
	if len(names) < 20 {
		t.Fatalf("found %d variables, want 20 at least: %q", len(names), names)
	}
	s := newSecretWorld(t)
	usual := s.usual()
	usual["whoami"], usual["agent serve"] = nil, []string{"unwanted"} // it would not end
	usual["log watch"] = append(usual["log watch"], "--json")
	forms := []func() planted{
		func() planted { return newToken("token", 0) },
		func() planted { return newPassword("password of a proxy", "http://alice:%s@127.0.0.1:1") },
		func() planted { return newPassword("address that is none", "http://alice:%s@127.0.0.1:x y") },
		newPrivateKey,
	}
	// Nothing goes through a proxy on its way to this machine.
	if status, _, stderr := s.run(t, "trust", "add", "far", "--mirror", "https://tuf.invalid", "--root", "in/root.json"); status != 0 {
		t.Fatal(stderr)
	}
	usual["trust update"], usual["image tree"] = []string{"--instance", "far"}, []string{"registry.invalid/app:1"}
	var done outcome
	runs := 0
	for path := range leaves(newRoot(&env{getenv: func(string) string { return "" }}, &done)) {
		for _, form := range forms {
			s.fill(t)
			cmd := exec.CommandContext(t.Context(), "hallmark", append(strings.Fields(path), usual[path]...)...)
			var secrets []planted
			var vars []string
			for name, value := range s.vars {
				vars = append(vars, name+"="+value)
			}
			for _, name := range names {
				p := form()
				if strings.HasSuffix(name, "_PROXY") && runs%3 == 0 { // where the scheme may be left out
					p = newPassword("password without scheme", "alice:%s@127.0.0.1:1")
				}
				p.name += " in " + name
				if _, needed := s.vars[name]; !needed || name == "HALLMARK_INSTANCE" && runs%2 == 0 {
					vars = append(vars, name+"="+p.value)
					secrets = append(secrets, p)
				}
			}
			cmd.Env = vars
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			_ = cmd.Run() // how it ends is not the question
			runs++
			for _, p := range secrets {
				for stream, text := range map[string]string{"standard output": out.String(), "standard error": errs.String()} {
					if form := p.betrays(text); form != "" {
						t.Errorf("hallmark %s with the %s: %s holds %q:\n%s", path, p.name, stream, form, text)
					}
				}
			}
			if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == check.ExitInternal {
				t.Errorf("hallmark %s with a %s in each variable: exit status 70: %s", path, form().name, errs.String())
			}
			s.search(t, ".", secrets...)
		}
	}
	if runs < 100 {
		t.Errorf("%d runs, want 100 at least", runs)
	}
}

// echo answers with what it was sent: as it is, percent encoded and in base64. It counts
// the requests with a credential or an identity token.
func echo(status int, shown *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request bytes.Buffer
		_ = r.Write(&request)
		text, credential := request.String(), r.Header.Get("Authorization")
		if credential != "" || strings.Contains(text, `"eyJ`) {
			shown.Add(1)
		}
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		w.Header().Set("Www-Authenticate", `Basic realm="`+credential+`"`)
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"errors": []any{map[string]any{"code": "DENIED", "message": credential, "detail": text}},
			"error":  credential, "error_description": text,
			"message": text + base64.StdEncoding.EncodeToString([]byte(text)) + url.QueryEscape(text),
		})
	}
}

// M3, M13: services that give back what they were sent, in an error, are not repeated.
func TestM3_M13_NoCommandRepeatsWhatServicesGiveBack(t *testing.T) {
	s := newSecretWorld(t)
	token := planted{name: "identity token", value: s.w.Token(map[string]any{"jti": word()})}
	token.parts = strings.Split(token.value, ".")[1:]
	s.files["in/token"] = []byte(token.value)
	runs := 0
	var shown atomic.Int64
	for _, service := range []*sigtest.Service{s.w.Fulcio(), s.w.Rekor(2), s.w.Stamper(), s.w.TUF().Service} {
		for _, status := range []int{200, 400, 401, 403, 409, 500} {
			service.SetFault(func(w http.ResponseWriter, r *http.Request, _ http.Handler) { echo(status, &shown)(w, r) })
			paths := []string{"sign", "attest", "trust update", "log find", "log info"}
			if status == 500 { // which is asked again, after a while
				paths = paths[:1]
			}
			for _, path := range paths {
				s.try(t, token, append(strings.Fields(path), s.usual()[path]...)...)
				runs++
			}
		}
		service.SetFault(nil)
	}
	tokens := shown.Swap(0)
	for _, status := range []int{200, 400, 401, 403, 404} {
		registry := httptest.NewServer(echo(status, &shown))
		host := strings.TrimPrefix(registry.URL, "http://")
		password := newPassword("registry password", "%s")
		config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("alice:"+password.value)))
		s.files["in/docker/config.json"] = []byte(config)
		s.vars["DOCKER_CONFIG"] = filepath.Join(s.dir, "in", "docker")
		here := strings.Split(s.image, "/")[0]
		for _, path := range []string{"sign", "attest", "verify", "image tree", "image copy", "image clean", "image download", "image attach", "image save"} {
			args := append(strings.Fields(path), s.usual()[path]...)
			for i, arg := range args {
				if arg == "in/app" {
					arg = s.image
				}
				args[i] = strings.ReplaceAll(arg, here, host)
			}
			if slices.Contains([]string{"sign", "attest", "verify"}, path) {
				args = append(args, "--allow-http-registry")
			}
			s.try(t, password, args...)
			runs++
		}
		registry.Close()
	}
	s.search(t, ".", token)
	if runs < 140 || tokens < 5 || shown.Load() < 5 {
		t.Errorf("%d runs, want 140 at least; services were shown %d tokens and %d passwords, want 5 at least of each", runs, tokens, shown.Load())
	}
}

// withLogin takes no other word for a password.
func TestM1_NamesOfImages(t *testing.T) {
	for arg, want := range map[string]bool{
		"alice:s3cret@registry.example.com/app:1": true, "alice:s3cret@127.0.0.1:5000/app": true,
		"log:4@127.0.0.1/log2": false, "key:a@b.c/d.pem": false, "google:alice@example.com": false, "github:o/r@refs/heads/main": false,
		"app:1@sha256:9f86d0": false, "registry.example.com/app:1@sha256:9f86d0": false, "git@github.com:owner/repo": false, "a:b": false,
	} {
		if got := withLogin(arg); got != want {
			t.Errorf("%q: got %v, want %v", arg, got, want)
		}
	}
}

// crashing is the command with a clock that breaks down when it was asked so often as
// the variable CRASH says.
func crashing() {
	left, _ := strconv.ParseInt(os.Getenv("CRASH"), 10, 64)
	var asked atomic.Int64
	e := systemEnv()
	e.now = func() time.Time {
		if asked.Add(1) == left {
			panic("the clock is broken")
		}
		return time.Now()
	}
	os.Exit(run(context.Background(), e))
}

// M4: wherever the program crashes, in a goroutine or not, what it says then holds no
// secret.
func TestM4_NoCrashShowsASecret(t *testing.T) {
	s := newSecretWorld(t)
	token := planted{name: "identity token", value: s.w.Token(map[string]any{"jti": word()})}
	token.parts = strings.Split(token.value, ".")[1:]
	s.files["in/token"] = []byte(token.value)
	s.fill(t)
	crashes := 0
	for n := 1; ; n++ {
		cmd := exec.CommandContext(t.Context(), "hallmark-crashing", append([]string{"sign"}, s.usual()["sign"]...)...)
		for name, value := range s.vars {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		cmd.Env = append(cmd.Env, "GOTRACEBACK=all", "CRASH="+strconv.Itoa(n))
		said, err := cmd.CombinedOutput()
		if err == nil {
			break // it came to its end before that
		}
		crashes++
		if form := token.betrays(string(said)); form != "" {
			t.Errorf("crash %d shows %q:\n%s", n, form, said)
		}
	}
	if crashes < 3 {
		t.Errorf("saw %d crashes, want 3 at least", crashes)
	}
	s.search(t, ".", token)
}

// A bundle that can be kept nowhere else is printed as it is, though the payload in it
// looks like a part of a token.
func TestM1_PrintedBundlesAreWhole(t *testing.T) {
	w := sigtest.New(t)
	data, err := w.Attest(sigtest.Statement("app", []byte("app"), "https://example.com/t")).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	e := &env{stderr: redacting{&errs}}
	fmt.Fprintf(e.stderr, "%s\n", data)
	if errs.String() == string(data)+"\n" {
		t.Errorf("nothing in the bundle looks like a token, so that this test shows nothing")
	}
	errs.Reset()
	printBundle(e, data)
	if got := errs.String(); got != string(data)+"\n" {
		t.Errorf("got %s, want %s", got, data)
	}
}
