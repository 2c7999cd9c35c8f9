package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/trustroot"
)

// interactive runs the command as a person at a terminal who types answer.
func interactive(t *testing.T, w *sigtest.World, dir, answer string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return interactiveWith(t, dir, w.Token(nil), answer, args...)
}

// interactiveWith is interactive with this token.
func interactiveWith(t *testing.T, dir, token, answer string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	vars := map[string]string{
		"HALLMARK_CONFIG_DIR": filepath.Join(dir, "config"), "HALLMARK_CACHE_DIR": filepath.Join(dir, "cache"),
		"HALLMARK_STATE_DIR": filepath.Join(dir, "state"),
		"HALLMARK_INSTANCE":  "test", tokenVariable: token,
	}
	e := &env{args: args, stdin: strings.NewReader(answer), stdout: &out, stderr: &errs,
		getenv: func(name string) string { return vars[name] }, now: time.Now, terminal: true}
	return run(t.Context(), e), out.String(), errs.String()
}

// A person is asked before the first entry of an identity, once.
func TestConsent_IsAskedOnce(t *testing.T) {
	w := sigtest.New(t)
	w.Clock.Set(time.Now().Truncate(time.Second))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "root.json"), w.TUF().Root())
	file := filepath.Join(dir, "app")
	write(t, file, []byte("an application"))
	if status, _, stderr := interactive(t, w, dir, "", "trust", "add", "test", "--mirror", w.TUF().URL, "--root", filepath.Join(dir, "root.json")); status != 0 {
		t.Fatal(stderr)
	}
	for _, test := range []struct {
		name, answer string
		want         int
		asked        bool
		requests     int
	}{
		{"no", "n\n", check.ExitUsage, true, 0},
		{"end of input", "", check.ExitUsage, true, 0},
		{"yes", "y\n", check.ExitOK, true, 1},
		{"again", "", check.ExitOK, false, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, _, stderr := interactive(t, w, dir, test.answer, "sign", file, "--force")
			if status != test.want {
				t.Errorf("exit status %d, want %d: %s", status, test.want, stderr)
			}
			if asked := strings.Contains(stderr, "Publish this"); asked != test.asked {
				t.Errorf("asked: %v, want %v", asked, test.asked)
			}
			if got := len(w.Fulcio().Requests()); got != test.requests {
				t.Errorf("%d requests to the certificate authority, want %d", got, test.requests)
			}
		})
	}
}

// Who agreed to publish with the services of files did not agree for an instance.
func TestConsent_OfFilesIsNotOneOfAnInstance(t *testing.T) {
	w := sigtest.New(t)
	w.Clock.Set(time.Now().Truncate(time.Second))
	dir := t.TempDir()
	root, trusted, config := filepath.Join(dir, "root.json"), filepath.Join(dir, "trusted.json"), filepath.Join(dir, "config.json")
	write(t, root, w.TUF().Root())
	file := filepath.Join(dir, "app")
	write(t, file, []byte("an application"))
	for _, args := range [][]string{
		{"trust", "add", "test", "--mirror", w.TUF().URL, "--root", root},
		{"trust", "export", "--output", trusted},
		{"trust", "export", "--output", config, "--signing-config"},
		{"sign", file, "--trusted-root", trusted, "--signing-config", config},
	} {
		if status, _, stderr := interactive(t, w, dir, "y\n", args...); status != 0 {
			t.Fatal(stderr)
		}
	}
	status, _, stderr := interactive(t, w, dir, "", "sign", file, "--force", "--trusted-root", trusted, "--signing-config", config)
	if status != check.ExitOK || strings.Contains(stderr, "Publish this") {
		t.Errorf("the same services: status %d, %s", status, stderr)
	}
	published := len(w.Fulcio().Requests())
	status, _, stderr = interactive(t, w, dir, "n\n", "sign", file, "--force")
	if status != check.ExitUsage || !strings.Contains(stderr, "Publish this") || len(w.Fulcio().Requests()) != published {
		t.Errorf("the instance: status %d, %d certificates, want %d: %s", status, len(w.Fulcio().Requests()), published, stderr)
	}
}

// SC-7: a log that takes the place of one that fails is named in the question, too.
func TestSC7_ConsentNamesEveryLog(t *testing.T) {
	of := func(need int, hosts ...string) trustroot.Selection {
		s := trustroot.Selection{Need: need}
		for _, h := range hosts {
			s.Candidates = append(s.Candidates, trustroot.Service{URL: "https://" + h})
		}
		return s
	}
	s := &services{chosen: &trustroot.Services{CA: trustroot.Service{URL: "https://ca.example"},
		TSAs: of(2, "t1.example", "t2.example"), Logs: of(1, "one.example", "two.example")}}
	want := "certificate from ca.example|timestamp from t1.example|timestamp from t2.example|entry in the public log one.example|entry in the public log two.example, if another fails"
	if got := strings.Join(s.describe(), "|"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// SG-7: where a token leaves open which of two names is certified, the question has
// both, and a certificate in the name that is not expected signs nothing.
func TestSG7_NameThatIsCertifiedIsTheExpectedOne(t *testing.T) {
	w := sigtest.New(t)
	w.Clock.Set(time.Now().Truncate(time.Second))
	dir := t.TempDir()
	root, file := filepath.Join(dir, "root.json"), filepath.Join(dir, "app")
	write(t, root, w.TUF().Root())
	write(t, file, []byte("an application"))
	if status, _, stderr := interactive(t, w, dir, "", "trust", "add", "test", "--mirror", w.TUF().URL, "--root", root); status != 0 {
		t.Fatal(stderr)
	}
	const workflow, sub = "https://github.com/o/r/.github/workflows/x.yml@refs/heads/main", "https://ci.example.com/o/r"
	token := w.Token(map[string]any{"email": nil, "sub": sub, "job_workflow_ref": strings.TrimPrefix(workflow, "https://github.com/")})
	status, _, stderr := interactiveWith(t, dir, token, "y\n", "sign", file, "--expect", workflow)
	if want := `identity: certificate is for "` + sub + `" of `; status != check.ExitNo || !strings.Contains(stderr, want) {
		t.Errorf("exit status %d, %s, want %d, %s", status, stderr, check.ExitNo, want)
	}
	for _, want := range []string{"  identity  " + workflow + " (", "        or  " + sub + "\n"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("the question lacks %q: %s", want, stderr)
		}
	}
	if n := len(w.Rekor(2).Requests()); n != 0 || exists(file+".sigstore.json") {
		t.Errorf("%d entries were logged, want none, and no bundle", n)
	}
	if status, _, stderr := interactiveWith(t, dir, token, "", "sign", file, "--expect", sub); status != check.ExitOK {
		t.Errorf("the other name: exit status %d: %s", status, stderr)
	}
}
