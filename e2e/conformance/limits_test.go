package conformance_test

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// bulk is the size of the largest bundle that is read, in bytes.
const bulk = 16 << 20

// What a refusal of 16 MiB may cost above that of a small file, on an idle
// machine: reading and refusing together.
const (
	maxCPU  = 50 * time.Millisecond
	maxPeak = 64 << 20 // bytes
)

// TestLimits_HugeBundlesAreRefusedFast gives the program bundles of 16 MiB that
// are made of one thing, and compares it with what a small bundle costs.
func TestLimits_HugeBundlesAreRefusedFast(t *testing.T) {
	program := filepath.Join(filepath.Dir(build(t)), "hallmark")
	dir := t.TempDir()
	const head = `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{`
	const proof = head + `"tlogEntries":[{"inclusionProof":{`
	cases := []struct {
		name, before, piece, after string
		check                      check.Check
	}{
		{"entries", head + `"tlogEntries":[`, `{"logId":{"keyId":"` + strings.Repeat("A", 43) + `="}},`, `]}}`, check.Limit},
		{"proof hashes", proof + `"hashes":[`, `"` + strings.Repeat("A", 43) + `=",`, `]}}]}}`, check.Limit},
		{"signature lines", proof + `"checkpoint":{"envelope":"log\n1\n` + strings.Repeat("A", 43) + `=\n\n`, `— log AAAAAAAA\n`, `"}}]}}`, check.Limit},
		{"nesting", "", "[", "", check.Limit},
		{"digits", "", "7", "", check.Parse},
		{"one string", `{"mediaType":"`, "x", `"}`, check.Limit},
		{"certificate", head + `"certificate":{"rawBytes":"`, "AAAA", `"}}}`, check.Limit},
		{"beyond 16 MiB", "", strings.Repeat(" ", 64), strings.Repeat(" ", 128), check.Limit},
	}
	small, root := filepath.Join(dir, "small"), filepath.Join(dir, "root.json")
	if err := errors.Join(os.WriteFile(small, []byte("{}"), 0o600), os.WriteFile(root, sigtest.New(t).TrustedRoot(), 0o600)); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		path := filepath.Join(dir, c.name)
		size := fill(t, path, c.before, c.piece, c.after)
		if size < bulk-4096 {
			t.Fatalf("%s: %d bytes", c.name, size)
		}
		took, peak := time.Duration(1<<62), int64(1<<62)
		for range 10 { // the machine may be busy
			none, _ := refuse(t, program, root, small, "")
			cpu, rss := refuse(t, program, root, path, c.check)
			took, peak = min(took, cpu-none), min(peak, rss)
			if took <= maxCPU && peak <= maxPeak {
				break
			}
		}
		t.Logf("%-16s %6v above a small bundle, %d MiB resident", c.name, took.Round(time.Millisecond), peak>>20)
		if took > 2*maxCPU { // loosely: others may have the machine
			t.Errorf("%s: took %v more than a small bundle, want at most %v", c.name, took, maxCPU)
		}
		if runtime.GOOS == "linux" && peak > maxPeak {
			t.Errorf("%s: %d MiB resident, want at most %d", c.name, peak>>20, maxPeak>>20)
		}
		if i == len(cases)-1 && len(cases) != 8 {
			t.Errorf("ran %d cases, want 8", len(cases))
		}
		os.Remove(path)
	}
}

// fill writes as many pieces as fit into 16 MiB. It holds no file in memory:
// on Linux the peak of a child counts from the size of its parent.
func fill(t *testing.T, path, before, piece, after string) (size int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	n := (bulk - len(before) - min(len(after), 64)) / len(piece)
	w.WriteString(before)
	for range n {
		w.WriteString(piece)
	}
	w.WriteString(after)
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return len(before) + n*len(piece) + len(after)
}

// refuse runs hallmark on a bundle that it must refuse by a check, and says what
// that cost. Any check will do if none is named.
func refuse(t *testing.T, program, root, bundle string, want check.Check) (cpu time.Duration, peak int64) {
	t.Helper()
	cmd := exec.Command(program, "verify", "sha256:"+strings.Repeat("0", 64), "--bundle", bundle, "--trusted-root", root,
		"--certificate-identity", "a@example.com", "--certificate-oidc-issuer", "https://example.com")
	cmd.Env = []string{"HOME=" + t.TempDir(), "LC_ALL=C", "NO_COLOR=1"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		t.Fatalf("%s: %v, want a refusal", filepath.Base(bundle), err)
	}
	if want != "" && !strings.HasPrefix(stderr.String(), "hallmark: "+string(want)+": ") {
		t.Fatalf("%s: want check %q: %.300s", filepath.Base(bundle), want, stderr.String())
	}
	state := cmd.ProcessState
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		peak = usage.Maxrss << 10 // Linux counts kibibytes
	}
	return state.UserTime() + state.SystemTime(), peak
}
