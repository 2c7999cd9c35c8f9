package logs

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
	"github.com/hallmarksign/hallmark/e2e/internal/peer"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// binary builds hallmark once for all tests of this package.
var binary = cli.Program(".", "./cmd/hallmark", "hallmark-logs")

// started is the sandbox of all tests that want real servers. They run one after
// the other, for a fault is before a server and not before a user.
var started *sandbox.Sandbox

func TestMain(m *testing.M) {
	flag.Parse()
	status := sandbox.Main(m, sandbox.Options{SecondOperator: true}, &started)
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// A generation of logs, with what the sandbox has of it.
type generation struct {
	name     string
	number   uint32
	service  sandbox.Service
	log      string // its name, for --log
	checkout string // path of its newest checkpoint
}

func (s *scene) first() generation {
	return generation{"first generation", 1, sandbox.Rekor1, host(s.URL(sandbox.Rekor1)), "/api/v1/log"}
}

func (s *scene) second() generation {
	return generation{"second generation", 2, sandbox.Rekor, "127.0.0.1", "/api/v2/checkpoint"}
}

func host(url string) string { return strings.TrimPrefix(url, "http://") }

// forBoth runs a test on each generation, with a new user.
func forBoth(t *testing.T, f func(t *testing.T, s *scene, g generation)) {
	for i := range 2 {
		s := newScene(t)
		g := s.first()
		if i == 1 {
			g = s.second()
		}
		t.Run(g.name, func(t *testing.T) { f(t, s, g) })
	}
}

// A scene is a user of the sandbox with an address that nobody had before.
type scene struct {
	*sandbox.Sandbox
	hallmark *cli.Hallmark
	peer     *peer.Trust
	email    string
}

var users atomic.Int64

func newScene(t *testing.T) *scene {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	h, err := cli.New(t.Context(), path, t.TempDir(), started)
	if err != nil {
		t.Fatal(err)
	}
	p, err := peer.Open(started.TrustedRoot(), started.SigningConfig())
	if err != nil {
		t.Fatal(err)
	}
	return &scene{started, h, p, fmt.Sprintf("user%d.%d@example.com", users.Add(1), os.Getpid())}
}

func (s *scene) path(name string) string { return filepath.Join(s.hallmark.Dir, name) }

func (s *scene) write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(s.path(name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *scene) read(t *testing.T, name string) []byte {
	t.Helper()
	return s.readFile(t, s.path(name))
}

func (s *scene) readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// run runs hallmark and wants a status.
func (s *scene) run(t *testing.T, status int, args ...string) *cli.Result {
	t.Helper()
	r, err := s.hallmark.Run(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Want(status); err != nil {
		t.Fatal(err)
	}
	return r
}

// A refusal is how a command must fail.
type refusal struct {
	check string // any of these, separated by blanks
	text  string // what the message says besides
}

// refused runs hallmark and wants it to say no as it should: the status of the
// check, its name first, and not a word on standard output.
func (s *scene) refused(t *testing.T, want refusal, args ...string) *cli.Result {
	t.Helper()
	r, err := s.hallmark.Run(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	s.refusal(t, r, want)
	if r.Stdout != "" {
		t.Errorf("%s\nprints %s", r.Line, r.Stdout)
	}
	return r
}

func (s *scene) refusal(t *testing.T, r *cli.Result, want refusal) {
	t.Helper()
	for _, check := range strings.Fields(want.check) {
		if r.Status == statusOf(check) && strings.Contains(r.Stderr, " "+check+": ") && strings.Contains(r.Stderr, want.text) {
			return
		}
	}
	t.Errorf("%s\nended with status %d, want check %q and %q\n%s%s", r.Line, r.Status, want.check, want.text, r.Stdout, r.Stderr)
}

func statusOf(check string) int {
	switch check {
	case "usage":
		return 2
	case "net", "fs", "trustroot", "limit":
		return 3
	case "not_found":
		return 4
	}
	return 1
}

// token writes a fresh identity token into a file and returns its name.
func (s *scene) token(t *testing.T) string {
	t.Helper()
	token, err := s.Token(t.Context(), s.email)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "token.jwt", []byte(token))
	return "token.jwt"
}

// offers writes a signing configuration and returns the arguments that make
// hallmark use it.
func (s *scene) offers(t *testing.T, logs sandbox.Logs) []string {
	t.Helper()
	config, err := s.SigningConfigOf(logs)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "services.json", config)
	return []string{"--trusted-root", s.TrustedRoot(), "--signing-config", "services.json"}
}

// own keeps to the log of the first operator of the first generation.
func (s *scene) own(t *testing.T) []string {
	t.Helper()
	args := s.offers(t, sandbox.Logs{Versions: []uint32{1}})
	var config map[string]any
	if err := json.Unmarshal(s.read(t, "services.json"), &config); err != nil {
		t.Fatal(err)
	}
	for _, l := range config["rekorTlogUrls"].([]any) {
		if l.(map[string]any)["url"] == s.URL(sandbox.Rekor1) {
			config["rekorTlogUrls"] = []any{l}
		}
	}
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "services.json", data)
	return args
}

// signing are the arguments that sign a file into a log of a generation.
func (s *scene) signing(t *testing.T, g generation, file, bundle string) []string {
	t.Helper()
	args := []string{"sign", file, "--bundle", bundle, "--identity-token", s.token(t), "--yes"}
	if g.number == 1 {
		args = append(args, s.own(t)...)
	}
	return args
}

// sign signs new content and returns the entry and the name of the bundle.
func (s *scene) sign(t *testing.T, g generation, content string) (*protobundle.Bundle, string) {
	t.Helper()
	name := strings.ReplaceAll(content, " ", "-")
	bundle := fmt.Sprintf("%s.%d.json", name, g.number)
	s.write(t, name, []byte(content))
	s.run(t, 0, s.signing(t, g, name, bundle)...)
	return parse(t, s.read(t, bundle)), bundle
}

func parse(t *testing.T, data []byte) *protobundle.Bundle {
	t.Helper()
	var b protobundle.Bundle
	if err := protojson.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	return &b
}

func entryOf(b *protobundle.Bundle) int64 { return b.VerificationMaterial.TlogEntries[0].LogIndex }

// from are the arguments that name the user as the expected signer.
func (s *scene) from() []string {
	return []string{"--certificate-identity", s.email, "--certificate-oidc-issuer", s.Issuer()}
}

// shown is an entry as the commands print it in JSON.
type shown struct {
	Schema                                      int
	Log, ID, Kind, Subject, Issuer, Digest, Key string
	LeafHash                                    string `json:"leaf_hash"`
	Authority                                   string
	Index                                       int64
	Time                                        *time.Time
	TimeSource                                  string     `json:"time_source"`
	FirstSeen                                   *time.Time `json:"first_seen"`
	TreeSize                                    int64      `json:"tree_size"`
}

// lines reads output of one JSON object per line.
func lines[T any](t *testing.T, stdout string) (out []T) {
	t.Helper()
	for line := range strings.Lines(stdout) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		out = append(out, v)
	}
	return out
}
