// Package conformance_test runs the cases of the Sigstore client conformance
// suite through the program that the suite itself would start.
package conformance_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hallmarksign/hallmark/internal/vectors"
)

// vectorFolder is the folder beside the project that may have the cases.
const vectorFolder = "../../../shared/vectors"

// What applies to a case that does not say otherwise.
const (
	usualIdentity = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
	usualIssuer   = "https://token.actions.githubusercontent.com"
)

// A vector is one directory of the suite.
type vector struct{ name, dir string }

// TestConformance gives every case to the program twice, by file and by digest:
// 140 verdicts, and for each refusal the check that has to be named.
func TestConformance(t *testing.T) {
	all := find(t)
	program := build(t)
	var right atomic.Int64
	t.Run("cases", func(t *testing.T) {
		for _, v := range all {
			for _, mode := range []string{"file", "digest"} {
				t.Run(v.name+"/"+mode, func(t *testing.T) {
					t.Parallel()
					v.verify(t, program, mode == "digest")
					if !t.Failed() {
						right.Add(1)
					}
				})
			}
		}
	})
	want := int64(2 * len(all))
	t.Logf("%d/%d", right.Load(), want)
	if len(all) != 70 || right.Load() != want {
		t.Errorf("%d right verdicts on %d directories, want 140 on 70", right.Load(), len(all))
	} else {
		fmt.Printf("conformance: %d/%d\n", right.Load(), want)
	}
	accepted := 0
	for _, v := range all {
		if !v.bad() {
			accepted++
		}
	}
	if accepted != len(all)-len(vectors.Suite) {
		t.Errorf("%d cases are good and %d have a check in the table, want %d in all", accepted, len(vectors.Suite), len(all))
	}
}

// find returns the cases. Without the folder the test is skipped.
func find(t *testing.T) []vector {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(vectorFolder, "sigstore-conformance", "*", "bundle.sigstore.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Skipf("NOT RUN: no vectors under %s, 0/140 verdicts", vectorFolder)
	}
	var all []vector
	for _, f := range found {
		dir := filepath.Dir(f)
		all = append(all, vector{name: filepath.Base(dir), dir: dir})
	}
	return all
}

// build makes the program and, beside it, the one that it translates for.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, b := range []struct{ module, pkg, name string }{
		{"../..", "./cmd/hallmark", "hallmark"},
		{"..", "./cmd/conformance", "conformance"},
	} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, b.name), b.pkg)
		cmd.Dir = b.module
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build %s: %v\n%s", b.pkg, err, out)
		}
	}
	return filepath.Join(dir, "conformance")
}

func (v vector) bad() bool { return strings.HasSuffix(v.name, "_fail") }

// verify gives one case to the program.
func (v vector) verify(t *testing.T, program string, byDigest bool) {
	status, stdout, stderr := v.run(t, program, byDigest)
	if !v.bad() {
		if status != 0 || !strings.HasPrefix(stdout, "ok ") {
			t.Errorf("status %d, want 0:\n%s%s", status, stdout, stderr)
		}
		return
	}
	want, listed := vectors.Suite[v.name]
	if !listed {
		t.Errorf("no check is named for this case; it said:\n%s", stderr)
	}
	if status == 0 || strings.HasPrefix(stdout, "ok") {
		t.Errorf("accepted:\n%s", stdout)
	}
	if !strings.HasPrefix(stderr, "hallmark: "+string(want)+": ") {
		t.Errorf("status %d, refused with\n%swant check %q", status, stderr, want)
	}
}

// run returns how the program ended. Nothing of this machine's user reaches it.
func (v vector) run(t *testing.T, program string, byDigest bool) (status int, stdout, stderr string) {
	t.Helper()
	args := []string{"verify-bundle", "--bundle", filepath.Join(v.dir, "bundle.sigstore.json")}
	if key := v.file("key.pub", ""); key != "" {
		args = append(args, "--key", key)
	} else {
		args = append(args, "--certificate-identity", v.text(t, "identity", usualIdentity),
			"--certificate-oidc-issuer", v.text(t, "issuer", usualIssuer))
	}
	args = append(args, "--trusted-root", v.file("trusted_root.json", filepath.Join(vectorFolder, "public-good", "trusted_root.json")))
	artifact := v.file("artifact", filepath.Join(vectorFolder, "sigstore-conformance", "a.txt"))
	if byDigest {
		data, err := os.ReadFile(artifact)
		if err != nil {
			t.Fatal(err)
		}
		artifact = fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	}
	cmd := exec.CommandContext(context.Background(), program, append(args, artifact)...)
	home := t.TempDir()
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C", "NO_COLOR=1", "TMPDIR=" + home}
	if runtime.GOOS == "windows" {
		cmd.Env = append(cmd.Env, "SYSTEMROOT="+os.Getenv("SYSTEMROOT"))
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// file is a file of the case, or another where it has none.
func (v vector) file(name, fallback string) string {
	path := filepath.Join(v.dir, name)
	if _, err := os.Stat(path); err != nil {
		return fallback
	}
	return path
}

func (v vector) text(t *testing.T, name, fallback string) string {
	t.Helper()
	path := v.file(name, "")
	if path == "" {
		return fallback
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}
