package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/verify"
)

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Success needs results that a Verifier made (ER-1, ER-2, R8).
func TestER1_NothingIsProvedByNothing(t *testing.T) {
	for name, results := range map[string][]*verify.Result{
		"none": nil, "empty": {}, "nil": {nil}, "made by hand": {{}},
	} {
		if proved(results).success {
			t.Errorf("ER-2 %s: success", name)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// ER-5, N24: an answer that could not be written is no success.
func TestER5_FullDisk(t *testing.T) {
	var stderr bytes.Buffer
	e := &env{args: []string{"version"}, stdout: fullDisk{}, stderr: &stderr, getenv: func(string) string { return "" }, now: time.Now}
	if status := run(t.Context(), e); status != check.ExitUndecided {
		t.Errorf("exit status %d, want %d", status, check.ExitUndecided)
	}
	if !strings.Contains(stderr.String(), "standard output: no space left") {
		t.Errorf("stderr is %q", stderr.String())
	}
}

// R8: also one that happens while several files are verified at a time.
func TestR8_PanicOfOneVerificationIsInternal(t *testing.T) {
	var stdout bytes.Buffer
	r := &verifyRun{e: &env{stdout: &stdout}, o: &verifyOptions{}, parallel: 2}
	done, err := r.all(t.Context(), []string{"a", "b"}, func(context.Context, string) []verdict { panic("secret " + canary) })
	if done.success || exitStatus(err) != check.ExitInternal || stdout.Len() > 0 || strings.Contains(err.Error(), canary) {
		t.Errorf("got %+v, %v, printed %q", done, err, stdout.String())
	}
}

// R8, M4: a panic is exit status 70, and its value is not printed.
func TestR8_PanicIsInternal(t *testing.T) {
	var stdout, stderr bytes.Buffer
	e := &env{args: []string{"whoami"}, stdout: &stdout, stderr: &stderr, now: time.Now,
		getenv: func(string) string { panic("secret " + canary) }}
	if status := run(t.Context(), e); status != check.ExitInternal {
		t.Errorf("exit status %d, want %d", status, check.ExitInternal)
	}
	if all := stdout.String() + stderr.String(); strings.Contains(all, canary) || !strings.Contains(all, "this is a bug") {
		t.Errorf("printed %q", all)
	}
}

// N22, N23: text from outside can't move the cursor or forge a line.
func TestN22_PrintableEscapes(t *testing.T) {
	for in, want := range map[string]string{
		"alice@example.com":       "alice@example.com",
		"Zoë ☃":                   "Zoë ☃",
		"a\nok  b":                `a\u000aok  b`,
		"\x1b[31mred":             `\u001b[31mred`,
		"\u202egpj.exe":           `\u202egpj.exe`,
		"zero\u200bwidth":         `zero\u200bwidth`,
		"\u0085c1":                `\u0085c1`,
		"bad\xffbyte":             `bad\xffbyte`,
		"tag\U000e0041":           `tag\U000e0041`,
		"line\u2028separator":     `line\u2028separator`,
		"non\u00a0breaking":       `non\u00a0breaking`,
		strings.Repeat("x", 2000): strings.Repeat("x", 1025) + "…",
	} {
		if got := printable(in, 1024); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFromForm_IsReadBack(t *testing.T) {
	for _, test := range []struct{ subject, kind, issuer, want string }{
		{"alice@example.com", "email", issuerGoogle, "--from google:alice@example.com"},
		{"alice@example.com", "email", issuerMicrosoft, "--from microsoft:alice@example.com"},
		{"alice@example.com", "email", issuerGitHub, "--from github:alice@example.com"},
		{"https://github.com/o/r/.github/workflows/x.yml@refs/tags/v1", "uri", issuerActions, "--from github:o/r/.github/workflows/x.yml@refs/tags/v1"},
		{"https://gitlab.com/g/p//.gitlab-ci.yml@refs/heads/main", "uri", issuerGitLab, "--from gitlab:g/p//.gitlab-ci.yml@refs/heads/main"},
		{"o'brien@example.com", "email", "https://sso.example.com", `--from 'o'\''brien@example.com' --issuer https://sso.example.com`},
	} {
		got := fromForm(test.subject, test.kind, test.issuer)
		if got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
		form, issuer, _ := strings.Cut(strings.TrimPrefix(got, "--from "), " --issuer ")
		form = strings.ReplaceAll(strings.ReplaceAll(form, `'\''`, "\x00"), "'", "")
		signer, err := parseFrom(strings.ReplaceAll(form, "\x00", "'"), issuer)
		if err != nil {
			t.Fatal(err)
		}
		if id := signer.(verify.Identity); !id.Subject.Accepts(test.subject) || !id.Issuer.Accepts(test.issuer) {
			t.Errorf("%s does not accept %q of %q", got, test.subject, test.issuer)
		}
	}
}

// D5, D6, D27: short forms accept neither more nor less.
func TestFrom_Workflows(t *testing.T) {
	const at = "https://github.com/o/r/.github/workflows/"
	for _, test := range []struct {
		from, subject string
		want          bool
	}{
		{"github:o/r", at + "release.yml@refs/tags/v1", true},
		{"github:o/r", "https://github.com/o/rr/.github/workflows/release.yml@refs/tags/v1", false},
		{"github:o/r", "https://evil/?https://github.com/o/r/.github/workflows/x@y", false},
		{"github:o/r@refs/heads/main", at + "release.yml@refs/heads/main", true},
		{"github:o/r@refs/heads/main", at + "release.yml@refs/heads/main2", false},
		{"github:o/r@refs/heads/main", at + "release.yml@refs/tags/main", false},
		{"github:o/r/.github/workflows/release.yml@refs/tags/*", at + "release.yml@refs/tags/v1/x", true},
		{"github:o/r/.github/workflows/release.yml", at + "release.yml@refs/heads/main", true},
		{"github:o/r/.github/workflows/release.yml", at + "other.yml@refs/heads/main", false},
		{"gitlab:g/p", "https://gitlab.com/g/p//.gitlab-ci.yml@refs/heads/main", true},
		{"gitlab:g/p", "https://gitlab.com/g/p/sub//.gitlab-ci.yml@refs/heads/main", false},
	} {
		signer, err := parseFrom(test.from, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := signer.(verify.Identity).Subject.Accepts(test.subject); got != test.want {
			t.Errorf("%s accepts %s: %v, want %v", test.from, test.subject, got, test.want)
		}
	}
	for _, bad := range []string{"github:o", "github:*/r", "github:o/*", "github:o/r/", "github:o/r@", "gitlab:g", "gitlab:g/p//", "google:@", "x", "github:"} {
		if _, err := parseFrom(bad, ""); check.Of(err) != check.Usage {
			t.Errorf("%q: got %v, want a usage error", bad, err)
		}
	}
}

// R11: what a program reads says on which trust data a verdict rests.
func TestR11_ER3_RemarksOnTrustDataAreInTheResult(t *testing.T) {
	var stdout bytes.Buffer
	r := &verifyRun{e: &env{stdout: &stdout}, o: &verifyOptions{output: outputFlags{json: true}}, remarks: []string{"built in"}}
	if err := r.print(verdict{artifact: "a", result: &verify.Result{Warnings: []string{"other"}}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stdout.String(), `"warnings":["built in","other"]`) {
		t.Errorf("got %s", stdout.String())
	}
}
