package main

import (
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hallmarksign/hallmark/internal/sigtest"
)

var update = flag.Bool("update", false, "rewrite the expected output of the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hallmark": main, "hallmark-crashing": crashing})
}

// canary is a word that every secret of the scripts holds; it must appear in no
// output (M1-M7).
const canary = "c4n4ry"

// TestScripts drives the real command against a Sigstore in this process, one
// script for one behaviour.
func TestScripts(t *testing.T) {
	var mu sync.Mutex // scripts are set up in parallel
	byDir := map[string]*sigtest.World{}
	worldOf := func(ts *testscript.TestScript) *sigtest.World {
		mu.Lock()
		defer mu.Unlock()
		return byDir[ts.Getenv("WORK")]
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			w := sigtest.New(t)
			w.Clock.Set(time.Now().Truncate(time.Second))
			mu.Lock()
			byDir[env.WorkDir] = w
			mu.Unlock()
			return prepare(env, w)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status,
			"fault": func(ts *testscript.TestScript, neg bool, args []string) {
				fault(ts, worldOf(ts), args)
			},
			"requests": func(ts *testscript.TestScript, neg bool, args []string) {
				requests(ts, worldOf(ts), args)
			},
			"token": func(ts *testscript.TestScript, neg bool, args []string) {
				mint(ts, worldOf(ts), args)
			},
			"sparse":     sparse,
			"signedwith": signedWith,
			"program":    uploadProgramThat,
			"append": func(ts *testscript.TestScript, _ bool, args []string) {
				text := ts.ReadFile(args[0]) + ts.ReadFile(args[1])
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
			},
			"tokenenv": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Setenv("SIGSTORE_ID_TOKEN", worldOf(ts).Token(map[string]any{"jti": canary}))
			},
		},
	})
}

// prepare gives a script an instance of its own, a token and a file to sign.
func prepare(env *testscript.Env, w *sigtest.World) error {
	work := env.WorkDir
	env.Setenv("HALLMARK_CONFIG_DIR", filepath.Join(work, ".config"))
	env.Setenv("HALLMARK_CACHE_DIR", filepath.Join(work, ".cache"))
	env.Setenv("HALLMARK_STATE_DIR", filepath.Join(work, ".state"))
	env.Setenv("HALLMARK_INSTANCE", "test")
	env.Setenv("MIRROR", w.TUF().URL)
	env.Setenv("ISSUER", w.Issuer().URL)
	env.Setenv("CI", "")
	files := map[string][]byte{
		"root.json":           w.TUF().Root(),
		"token.jwt":           []byte(w.Token(map[string]any{"jti": canary})),
		"trusted_root.json":   w.TrustedRoot(),
		"signing_config.json": w.SigningConfig(),
		"both_logs.json":      w.SigningConfig(withFirstLog(w)),
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(work, name), data, 0o600); err != nil {
			return err
		}
	}
	add := exec.Command("hallmark", "trust", "add", "test", "--mirror", w.TUF().URL, "--root", filepath.Join(work, "root.json"))
	add.Env = append(os.Environ(), env.Vars...)
	out, err := add.CombinedOutput()
	if err != nil {
		return errors.New(string(out))
	}
	return nil
}

// withFirstLog also names the log of the first generation in a signing configuration.
func withFirstLog(w *sigtest.World) func(doc map[string]any) {
	return func(doc map[string]any) {
		logs := doc["rekorTlogUrls"].([]any)
		first := maps.Clone(logs[0].(map[string]any))
		first["url"], first["majorApiVersion"] = w.Rekor(1).URL, 1
		doc["rekorTlogUrls"] = append(logs, first)
	}
}

// status N COMMAND... runs a command that must end with exit status N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	for _, stream := range []string{"stdout", "stderr"} {
		out := ts.ReadFile(stream)
		if got != want {
			ts.Logf("%s:\n%s", stream, out)
		}
		if strings.Contains(out, canary) || strings.Contains(out, "eyJ") {
			ts.Fatalf("%s holds a secret", stream)
		}
	}
	if got != want {
		ts.Fatalf("exit status is %d, want %d", got, want)
	}
}

func service(ts *testscript.TestScript, w *sigtest.World, name string) *sigtest.Service {
	switch name {
	case "fulcio":
		return w.Fulcio()
	case "rekor":
		return w.Rekor(2)
	case "rekor1":
		return w.Rekor(1)
	case "tsa":
		return w.Stamper()
	case "tuf":
		return w.TUF().Service
	}
	ts.Fatalf("unknown service %q", name)
	return nil
}

// fault SERVICE KIND makes a service fail: a status, "html", "empty", "cut",
// "reflect" (sends the request back), "conflict" (what is posted is there already, at
// index 0), "slow N" or "none".
func fault(ts *testscript.TestScript, w *sigtest.World, args []string) {
	s, kind := service(ts, w, args[0]), args[1]
	code, err := strconv.Atoi(kind)
	switch {
	case err == nil:
		s.SetFault(sigtest.Answer(code, "out of order"))
	case kind == "html":
		s.SetFault(func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
			rw.Header().Set("Content-Type", "text/html")
			_, _ = rw.Write([]byte("<!doctype html><title>Welcome to the hotel</title>"))
		})
	case kind == "empty":
		s.SetFault(sigtest.Answer(200, "{}"))
	case kind == "cut":
		s.SetFault(sigtest.Rewrite(func(b []byte) []byte { return b[:len(b)/2] }))
	case kind == "reflect":
		s.SetFault(func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
			rw.WriteHeader(http.StatusBadRequest)
			_ = r.Write(rw)
		})
	case kind == "conflict":
		s.SetFault(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == http.MethodPost {
				sigtest.Answer(409, "an equivalent entry already exists in the transparency log with index 0")(rw, r, next)
				return
			}
			next.ServeHTTP(rw, r)
		})
	case kind == "none":
		s.SetFault(nil)
	default:
		ts.Fatalf("unknown fault %q", kind)
	}
}

// requests SERVICE N asserts how many requests a service has got.
func requests(ts *testscript.TestScript, w *sigtest.World, args []string) {
	if got := strconv.Itoa(len(service(ts, w, args[0]).Requests())); got != args[1] {
		ts.Fatalf("%s got %s requests, want %s", args[0], got, args[1])
	}
}

// token FILE [NAME=VALUE...] writes a token with other claims.
func mint(ts *testscript.TestScript, w *sigtest.World, args []string) {
	claims := map[string]any{"jti": canary}
	for _, a := range args[1:] {
		name, value, _ := strings.Cut(a, "=")
		switch {
		case value == "true", value == "false":
			claims[name] = value == "true"
		case name == "exp":
			claims[name] = json.Number(value)
		default:
			claims[name] = value
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(w.Token(claims)), 0o600))
}

// sparse FILE BYTES makes a file of that length.
func sparse(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(f.Truncate(size))
	ts.Check(f.Close())
}
