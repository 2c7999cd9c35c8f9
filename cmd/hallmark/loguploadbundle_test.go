package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// uploading makes a signature of another tool, and returns the command that uploads it
// to a log of a generation with a bundle, and the name of the bundle.
func (i imageWorld) uploading(generation int) (args []string, output string) {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		i.t.Fatal(err)
	}
	file := i.file("app")
	sum := sha256.Sum256([]byte("content of app"))
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		i.t.Fatal(err)
	}
	write(i.t, file+".sig", signature)
	write(i.t, file+".pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
	output = filepath.Join(i.dir, "bundle.json")
	args = []string{"log", "upload", file, "--signature", file + ".sig", "--key", file + ".pub", "--yes", "--bundle", output}
	if generation == 1 {
		return append(append(args, i.rekor1()...), "--log", "127.0.0.1/log1"), output
	}
	return append(args, "--log", "127.0.0.1/log2"), output
}

// good asserts that the bundle of an upload is in its place, and nothing kept.
func (i imageWorld) good(output string) {
	i.t.Helper()
	file := filepath.Join(i.dir, "app")
	i.must("verify", file, "--bundle", output, "--from", "key:"+file+".pub", "--insecure-skip-time")
	if left := i.kept("*"); len(left) != 0 {
		i.t.Errorf("%q is left", left)
	}
}

// The place of the bundle is taken while the log is waited for: the bundle is kept,
// and the same command finishes.
func TestLogUpload_PlaceTakenMeanwhile(t *testing.T) {
	for generation := 1; generation <= 2; generation++ {
		w := newImageWorld(t)
		args, output := w.uploading(generation)
		w.Rekor(generation).SetFault(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			write(t, output, []byte("mine"))
			next.ServeHTTP(rw, r)
		})
		stderr := w.fails(check.ExitUndecided, args...)
		if n := len(w.kept("*.sigstore.json")); n != 1 || !strings.Contains(stderr, "puts the bundle, which is kept in") {
			t.Errorf("%d bundles are kept, want 1\n%s", n, stderr)
		}
		if data, err := os.ReadFile(output); err != nil || string(data) != "mine" {
			t.Errorf("what was in the place is %q, %v", data, err)
		}
		w.Rekor(generation).SetFault(nil)
		if err := os.Remove(output); err != nil {
			t.Fatal(err)
		}
		if out := w.must(args...); !strings.Contains(out, "in the log already") {
			t.Errorf("got %s", out)
		}
		w.good(output)
	}
}

// A bundle that can't be kept either is printed.
func TestLogUpload_BundleIsPrinted(t *testing.T) {
	w := newImageWorld(t)
	args, output := w.uploading(2)
	if err := os.MkdirAll(filepath.Join(w.dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(w.dir, "state", "unfinished"), []byte("in the way"))
	w.Rekor(2).SetFault(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		write(t, output, []byte("mine"))
		next.ServeHTTP(rw, r)
	})
	stderr := w.fails(check.ExitUndecided, args...)
	if !strings.Contains(stderr, "the bundle that is printed above") {
		t.Errorf("got %s", stderr)
	}
	line, _, _ := strings.Cut(stderr[max(strings.Index(stderr, "{"), 0):], "\n")
	if !json.Valid([]byte(line)) {
		t.Fatalf("no bundle in %s", stderr)
	}
	printed := filepath.Join(w.dir, "printed.json")
	write(t, printed, []byte(line))
	file := filepath.Join(w.dir, "app")
	w.must("verify", file, "--bundle", printed, "--from", "key:"+file+".pub", "--insecure-skip-time")
}

// Every answer of the log is lost: an entry may be public, and the same command finds it.
func TestLogUpload_AnswerLost(t *testing.T) {
	for generation := 1; generation <= 2; generation++ {
		w := newImageWorld(t)
		args, output := w.uploading(generation)
		w.Rekor(generation).SetFault(lostAnswer)
		stderr := w.fails(check.ExitUndecided, args...)
		if !strings.Contains(stderr, "an entry may be public") || !strings.Contains(stderr, "next: run the same command again") {
			t.Errorf("got %s", stderr)
		}
		if _, err := os.Stat(output); err == nil {
			t.Error("there is a bundle")
		}
		w.Rekor(generation).SetFault(nil)
		if out := w.must(args...); !strings.Contains(out, "in the log already") {
			t.Errorf("got %s", out)
		}
		w.good(output)
	}
}

// One answer is lost: nobody needs to know.
func TestLogUpload_OneAnswerLost(t *testing.T) {
	for generation := 1; generation <= 2; generation++ {
		w := newImageWorld(t)
		args, output := w.uploading(generation)
		w.Rekor(generation).SetFault(sigtest.Times(1, lostAnswer))
		if out := w.must(args...); !strings.HasPrefix(out, "logged  ") {
			t.Errorf("got %s", out)
		}
		w.good(output)
	}
}

// An entry that does not verify is kept, named as unverified.
func TestLogUpload_EntryDoesNotVerify(t *testing.T) {
	for generation := 1; generation <= 2; generation++ {
		w := newImageWorld(t)
		args, output := w.uploading(generation)
		w.Rekor(generation).SetFault(sigtest.Rewrite(func(answer []byte) []byte {
			return bytes.Replace(answer, []byte(`"treeSize":`), []byte(`"x":1,"treeSize_":`), 1)
		}))
		stderr := w.fails(check.ExitNo, args...)
		kept := w.kept("*.unverified.json")
		if len(kept) != 1 || !strings.Contains(stderr, "kept, unverified, in "+kept[0]) || !strings.Contains(stderr, "an entry may be public") {
			t.Errorf("%q is kept\n%s", kept, stderr)
		}
		w.Rekor(generation).SetFault(nil)
		w.must(args...)
		w.good(output)
	}
}
