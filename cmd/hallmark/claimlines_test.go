package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// A lineWorld is a Sigstore without servers, and a file that somebody signed.
type lineWorld struct {
	*sigtest.World
	t       testing.TB
	program []string // a child that is run; nil: in this process
	dir     string
}

func newLineWorld(t testing.TB) *lineWorld {
	w := &lineWorld{sigtest.At(t, "sigstore.example"), t, nil, t.TempDir()}
	t.Chdir(w.dir)
	w.put("root.json", w.TrustedRoot())
	w.put("a.txt", artifactText)
	return w
}

var artifactText = []byte("an application\n")

func (w *lineWorld) put(name string, parts ...[]byte) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), bytes.Join(parts, nil), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// line returns a bundle on a line of its own.
func (w *lineWorld) line(m sigtest.Maker) []byte {
	w.t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, w.Make(m).JSON); err != nil {
		w.t.Fatal(err)
	}
	return append(b.Bytes(), '\n')
}

// statement returns one of a type about an artifact, with a predicate of some length.
func statement(artifact []byte, predicate string, length int) []byte {
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"%s"}}],"predicateType":%q,"predicate":{"x":"%s"}}`,
		hexDigest(artifact), predicate, strings.Repeat("x", length))
}

type lineRun struct {
	status         int
	stdout, stderr string
}

func (w *lineWorld) verify(args ...string) lineRun {
	w.t.Helper()
	alice := sigtest.Alice()
	args = append([]string{"verify", "a.txt", "--trusted-root", "root.json", "--from", alice.Subject, "--issuer", alice.Issuer}, args...)
	if w.program == nil {
		var stdout, stderr bytes.Buffer
		e := &env{args: args, stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: time.Now, getenv: func(string) string { return "" }}
		return lineRun{run(w.t.Context(), e), stdout.String(), stderr.String()}
	}
	args = append(slices.Clone(w.program), args...)
	cmd := exec.CommandContext(w.t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env = w.dir, append(os.Environ(), "HOME="+w.dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		w.t.Fatal(exit, err)
	}
	return lineRun{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// verdicts returns what a run with --json said.
func (r lineRun) verdicts(t testing.TB) (all []verdictJSON) {
	t.Helper()
	for line := range strings.Lines(r.stdout) {
		var v verdictJSON
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func bob() *sigtest.Identity {
	who := sigtest.Alice()
	who.Subject = "bob@example.com"
	return &who
}

// One line that proves what was asked is enough; what the others are is remarked on.
func TestBP12_LinesOneProofIsEnough(t *testing.T) {
	w := newLineWorld(t)
	good := w.line(sigtest.Maker{Artifact: artifactText})
	other := w.line(sigtest.Maker{Artifact: []byte("another")})
	byBob := w.line(sigtest.Maker{Artifact: artifactText, Who: bob()})
	const slsa, spdx = "https://slsa.dev/provenance/v1", "https://spdx.dev/Document"
	attested := w.line(sigtest.Maker{Statement: statement(artifactText, slsa, 0)})
	broken := w.line(sigtest.Maker{Artifact: artifactText, Signature: func(b []byte) []byte { b[len(b)-1] ^= 1; return b }})
	blank, unknown, junk := []byte(" \r\n"), []byte(`{"mediaType":"application/x"}`+"\n"), []byte("{}x\n")
	cat := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	indented := func(b []byte) []byte {
		var out bytes.Buffer
		if err := json.Indent(&out, b, "", "  "); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for _, c := range []struct {
		name    string
		text    []byte
		flags   []string
		status  int
		check   check.Check
		bundles string // of the verdicts
		says    string // some remark, or a part of the error
	}{
		{"two good ones", cat(good, good), nil, 0, "", "x.jsonl:1 x.jsonl:2", ""},
		{"among all kinds", cat(blank, unknown, junk, other, byBob, broken, good), nil, 0, "", "x.jsonl:7", "x.jsonl: 2 lines are no bundles that hallmark reads: 2, 3"},
		{"blank line at the end", cat(good, blank), nil, 0, "", "x.jsonl:1", "x.jsonl: line 2 is blank"},
		{"another artifact", cat(other, good), nil, 0, "", "x.jsonl:2", "x.jsonl: line 1 is not about this artifact"},
		{"another signer", cat(byBob, good), nil, 0, "", "x.jsonl:2", "x.jsonl: line 1 is by another signer"},
		{"another type", cat(good, attested), []string{"--type", "slsaprovenance1"}, 0, "", "x.jsonl:2", "x.jsonl: line 1 is of another type"},
		{"no type of these", cat(good, attested), []string{"--type", spdx}, 1, check.Predicate, "x.jsonl:2", "2 lines are of another type: 1, 2"},
		{"the signer came furthest", cat(other, broken, byBob, junk), nil, 1, check.Identity, "x.jsonl:3", "(line 1 is not about this artifact; line 2 was refused (signature); line 3 is by another signer; line 4 is no bundle that hallmark reads)"},
		{"the signature came furthest", cat(other, broken, junk), nil, 1, check.Signature, "x.jsonl:2", ""},
		{"all about others", cat(other, other), nil, 1, check.Digest, "x.jsonl:1", "2 lines are not about this artifact: 1, 2"},
		{"nothing to read", cat(junk, unknown), nil, 1, check.Version, "x.jsonl:2", ""},
		{"only blank lines", cat(blank, blank), nil, 4, check.NotFound, "x.jsonl", "holds no bundle"},
		{"nothing at all", nil, nil, 4, check.NotFound, "x.jsonl", "holds no bundle"},
		{"all are demanded", cat(good, blank, good), []string{"--all-claims"}, 0, "", "x.jsonl:1 x.jsonl:3", "line 2 is blank"},
		{"all are demanded, one is bad", cat(good, junk), []string{"--all-claims"}, 1, check.Parse, "x.jsonl:2", ""},
		{"all are demanded, one is of others", cat(good, other), []string{"--all-claims"}, 1, check.Digest, "x.jsonl:2", ""},
		{"one document of several lines", indented(good), nil, 0, "", "x.jsonl", ""},
		{"one document on one line", good[:len(good)-1], nil, 0, "", "x.jsonl:1", ""},
		{"first line cut off", cat(good[:100], []byte("\n"), good), nil, 0, "", "x.jsonl:2", "line 1 is no bundle"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.put("x.jsonl", c.text)
			r := w.verify(append([]string{"--bundle", "x.jsonl", "--json"}, c.flags...)...)
			if r.status != c.status {
				t.Fatalf("exit status %d, want %d\n%s%s", r.status, c.status, r.stdout, r.stderr)
			}
			var bundles []string
			var said string
			for _, v := range r.verdicts(t) {
				bundles = append(bundles, v.Bundle)
				if v.OK != (c.status == 0) || v.Check != c.check {
					t.Errorf("ok %v, check %q, want %q: %s", v.OK, v.Check, c.check, v.Error)
				}
				said += strings.Join(v.Warnings, "\n") + "\n" + v.Error
			}
			if got := strings.Join(bundles, " "); got != c.bundles || !strings.Contains(said, c.says) {
				t.Errorf("verdicts on %q, want %q; says %q, want %q", got, c.bundles, said, c.says)
			}
			// People get one verdict.
			r = w.verify(append([]string{"--bundle", "x.jsonl"}, c.flags...)...)
			if n := strings.Count(r.stdout, "ok  ") + strings.Count(r.stdout, "NO  "); n != 1 {
				t.Errorf("%d verdicts:\n%s", n, r.stdout)
			}
		})
	}
}

// What a bound keeps from being read decides nothing, and does not hide a proof.
func TestLM1_LinesAtTheirBounds(t *testing.T) {
	w := newLineWorld(t)
	good := w.line(sigtest.Maker{Artifact: artifactText})
	byBob := w.line(sigtest.Maker{Artifact: artifactText, Who: bob()})
	for _, c := range []struct {
		name   string
		text   [][]byte
		status int
		says   string
	}{
		{"lines", [][]byte{bytes.Repeat([]byte("\n"), bundle.MaxLines-1), good}, 0, "99999 lines are blank: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 99989 more"},
		{"one line more", [][]byte{bytes.Repeat([]byte("\n"), bundle.MaxLines), good}, 3, "limit: x.jsonl:100001: is line 100001, want at most 100000"},
		{"one line more, all of others", [][]byte{byBob, bytes.Repeat([]byte("{}\n"), bundle.MaxLines)}, 3, "line 1 is by another signer; 99999 lines are no bundles"},
		{"one line more behind a proof", [][]byte{good, bytes.Repeat([]byte("\n"), bundle.MaxLines)}, 0, "line 100001 could not be decided (limit)"},
		{"bundles", [][]byte{bytes.Repeat(byBob, maxClaims-1), good}, 0, "1023 lines are by another signer"},
		{"one bundle more", [][]byte{bytes.Repeat(byBob, maxClaims), good}, 3, "limit: x.jsonl:1025: is one of more than 1024 bundles"},
		{"long line", [][]byte{good[:len(good)-1], bytes.Repeat([]byte(" "), bundle.MaxSize-len(good)+1), []byte("\n")}, 0, ""},
		{"long line and a carriage return", [][]byte{good[:len(good)-1], bytes.Repeat([]byte(" "), bundle.MaxSize-len(good)+1), []byte("\r\n")}, 0, ""},
		{"longer line", [][]byte{good[:len(good)-1], bytes.Repeat([]byte(" "), bundle.MaxSize-len(good)+2), []byte("\n")}, 3, "limit: x.jsonl:1: is more than 16777216 bytes"},
		{"text behind a carriage return", [][]byte{good[:len(good)-1], bytes.Repeat([]byte(" "), bundle.MaxSize-len(good)+1), []byte("\rx\n")}, 3, "limit: x.jsonl:1: is more than 16777216 bytes"},
		{"longer document of several lines", [][]byte{[]byte("{\n\"a\":\""), bytes.Repeat([]byte("x"), 2*bundle.MaxSize)}, 3, "limit: x.jsonl: is larger than 16777216 bytes"},
		{"longer line of spaces before text", [][]byte{bytes.Repeat([]byte(" "), bundle.MaxSize+2), good}, 3, "limit: x.jsonl:1: is more than 16777216 bytes"},
		{"longer line before a proof", [][]byte{bytes.Repeat([]byte(" "), bundle.MaxSize+1), []byte("x\n"), good}, 0, "line 1 could not be decided (limit)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.put("x.jsonl", c.text...)
			r := w.verify("--bundle", "x.jsonl")
			if all := r.stdout + r.stderr; r.status != c.status || !strings.Contains(all, c.says) || len(all) > 4096 {
				t.Errorf("exit status %d, want %d, with %q:\n%.4096s", r.status, c.status, c.says, all)
			}
			if r.status == 3 && r.stdout != "" {
				t.Errorf("a verdict: %s", r.stdout)
			}
		})
	}
}

// The predicates that are printed have a bound of their own.
func TestLM1_LinesWithPredicates(t *testing.T) {
	w := newLineWorld(t)
	line := w.line(sigtest.Maker{Statement: statement(artifactText, "https://spdx.dev/Document", 6<<20)})
	for n, status := range map[int]int{2: 0, 3: 3} {
		w.put("x.jsonl", bytes.Repeat(line, n))
		r := w.verify("--bundle", "x.jsonl", "--type", "spdx", "--output", "predicate", "--all-claims")
		if r.status != status || strings.Count(r.stdout, "\n") != []int{2, 0}[min(status, 1)] {
			t.Errorf("%d of 6 MiB: exit status %d, want %d: %s, %d bytes", n, r.status, status, r.stderr, len(r.stdout))
		}
	}
}

// measured builds the program as it is released, without the race detector, and
// returns how to run it, and how to read the most memory that it had, in bytes.
func measured(t *testing.T) (program []string, used func() int64) {
	dir := t.TempDir()
	for name, source := range map[string]string{"hallmark": ".", "measure": "./testdata/measure"} {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, name), source)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	file := filepath.Join(dir, "memory")
	return []string{filepath.Join(dir, "measure"), file, filepath.Join(dir, "hallmark")}, func() int64 {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// 64 MB of whatever kind take 64 MiB of memory at most, and a page of output.
func TestLM1_LinesTakeLittleMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: measures as Linux does")
	}
	program, used := measured(t)
	w := newLineWorld(t)
	w.program = program
	const size = 64_000_000
	fill := func(line []byte) []byte { return bytes.Repeat(line, size/len(line)) }
	good := w.line(sigtest.Maker{Artifact: artifactText})
	large := w.line(sigtest.Maker{Statement: statement([]byte("another"), "x:y", 10<<20)})
	mine := w.line(sigtest.Maker{Statement: statement(artifactText, "x:y", 10<<20)})
	for _, c := range []struct {
		name   string
		text   []byte
		status int
	}{
		{"line breaks", fill([]byte("\n")), 3},
		{"tiny objects", fill([]byte("{}\n")), 3},
		{"objects", fill(slices.Concat([]byte(`{"a":"`), bytes.Repeat([]byte("x"), 650), []byte("\"}\n"))), 1},
		{"one line", fill([]byte("x")), 3},
		{"brackets", fill([]byte("[")), 3},
		{"members", fill(slices.Concat(bytes.Repeat([]byte(`{"a":1,"b":[[{}]]}`), 1), []byte("\n"))), 3},
		{"long names", fill(slices.Concat([]byte(`{"`), bytes.Repeat([]byte("x"), 60_000), []byte("\":1}\n"))), 1},
		{"bundles about it", fill(good), 0},
		{"bundles about others", fill(w.line(sigtest.Maker{Artifact: []byte("another")})), 1},
		{"large statements about others", fill(large), 1},
		{"large statements about it", fill(mine), 0},
		{"legacy", fill([]byte(`{"base64Signature":"AAAA"}` + "\n")), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.put("x.jsonl", c.text)
			r := w.verify("--bundle", "x.jsonl")
			memory := used()
			t.Logf("%d MiB", memory>>20)
			if r.status != c.status {
				t.Errorf("exit status %d, want %d: %.500s", r.status, c.status, r.stderr)
			}
			if n := len(r.stdout) + len(r.stderr); n > 2048 {
				t.Errorf("%d bytes of output", n)
			}
			if memory == 0 || memory > 64<<20 {
				t.Errorf("took %d MiB of memory, want at most 64", memory>>20)
			}
		})
	}
}

func hexDigest(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
