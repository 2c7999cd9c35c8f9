//go:build unix

package oidc

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
)

// script puts a program in dir that writes its arguments and environment down.
func script(t *testing.T, dir, name string, status int) (record string) {
	t.Helper()
	record = filepath.Join(t.TempDir(), name)
	text := "#!/bin/sh\nfor a in \"$@\"; do printf '<%s>' \"$a\"; done >'" + record + "'\nenv >'" + record + ".env'\nexit " + string(rune('0'+status)) + "\n"
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return record
}

func contents(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		return "" // it did not run
	}
	return string(data)
}

func TestL33_OneArgumentNoShell(t *testing.T) {
	dir := t.TempDir()
	record := script(t, dir, "xdg-open", 0)
	for _, address := range []string{
		"https://x.example/$(id)?a=b&c=`id`;rm%20-rf#f", "https://x.example/' \"|<>*", "http://127.0.0.1:1/auth?x=y",
	} {
		if err := OpenBrowser(t.Context(), address, env("PATH", dir)); err != nil {
			t.Errorf("%q: %v", address, err)
		}
		if got := contents(t, record); got != "<"+address+">" {
			t.Errorf("%q: arguments %q", address, got)
		}
	}
	os.Remove(record)
	for _, address := range []string{"file:///etc/passwd", "-flag", "javascript:alert(1)", "", "https:", "data:,x", "https://", "HTTPS2://x/"} {
		wantCheck(t, OpenBrowser(t.Context(), address, env("PATH", dir)), check.OIDCCallback, "http or https")
	}
	if got := contents(t, record); got != "" {
		t.Errorf("something was opened: %q", got)
	}
}

func TestL34_NotFromTheWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	record := script(t, dir, "xdg-open", 0)
	t.Chdir(dir)
	below := filepath.Join(dir, "bin")
	if err := os.Mkdir(below, 0o700); err != nil {
		t.Fatal(err)
	}
	recordBelow := script(t, below, "xdg-open", 0)
	for _, e := range []func(string) string{
		env("PATH", "."), env("PATH", "bin"), env("PATH", "./bin:"), env("PATH", ""), env("PATH", ":"), env("PATH", "sub/../"), env(),
		env("PATH", "", "BROWSER", "./xdg-open"), env("PATH", "", "BROWSER", "xdg-open"), env("PATH", "", "BROWSER", "../"+filepath.Base(dir)+"/xdg-open"),
	} {
		wantCheck(t, OpenBrowser(t.Context(), "https://x.example/", e), check.FS, "xdg-open")
		if got := contents(t, record) + contents(t, recordBelow); got != "" {
			t.Fatalf("PATH %q BROWSER %q: it ran", e("PATH"), e("BROWSER"))
		}
	}
}

func TestM8_ChildrenDoNotInheritTokens(t *testing.T) {
	dir := t.TempDir()
	record := script(t, dir, "xdg-open", 0)
	secrets := []string{
		"SIGSTORE_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CIRCLE_OIDC_TOKEN_V2", "BUILDKITE_AGENT_ACCESS_TOKEN",
		"GITHUB_TOKEN", "my_password", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS",
	}
	for _, name := range secrets {
		t.Setenv(name, canary)
	}
	t.Setenv("DISPLAY", ":7")
	t.Setenv("DROPPED", "x")
	e := func(name string) string {
		switch name {
		case "PATH":
			return dir + ":/usr/bin:/bin"
		case "DROPPED":
			return ""
		}
		return os.Getenv(name)
	}
	if err := OpenBrowser(t.Context(), "https://x.example/", e); err != nil {
		t.Fatal(err)
	}
	got := contents(t, record+".env")
	if strings.Contains(got, canary) {
		t.Errorf("the child has a token: %s", got)
	}
	if !strings.Contains(got, "DISPLAY=:7\n") || strings.Contains(got, "DROPPED") {
		t.Errorf("the child has %s", got)
	}
	if list := environment(nil, e); list == nil {
		t.Error("an empty environment would mean to inherit everything")
	}
}

func TestOpenBrowser_TriesInTurn(t *testing.T) {
	dir := t.TempDir()
	bad, good := script(t, dir, "mine", 3), script(t, dir, "xdg-open", 0)
	if err := OpenBrowser(t.Context(), "https://x.example/", env("PATH", dir, "BROWSER", "absent:mine --new %s --end")); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, bad); got != "<--new><https://x.example/><--end>" {
		t.Errorf("BROWSER got %q", got)
	}
	if got := contents(t, good); got != "<https://x.example/>" {
		t.Errorf("xdg-open got %q", got)
	}
	os.Remove(filepath.Join(dir, "xdg-open"))
	wantCheck(t, OpenBrowser(t.Context(), "https://x.example/", env("PATH", dir, "BROWSER", "mine")), check.FS,
		`exit status 3; program "xdg-open" is not in PATH; program "wslview"`)
}

func TestL34_Paths(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	record := script(t, dir, "mine", 0)
	_, err := find("sub/../mine", env("PATH", dir))
	wantCheck(t, err, check.FS, "want a program name or an absolute path")
	wantCheck(t, OpenBrowser(t.Context(), "https://x.example/", env("BROWSER", filepath.Join(dir, "absent"))), check.FS, "does not start: no such file")
	if err := OpenBrowser(t.Context(), "https://x.example/", env("BROWSER", filepath.Join(dir, "mine"))); err != nil || contents(t, record) == "" {
		t.Errorf("absolute path: got %v", err)
	}
}

// A program that stays is the browser itself.
func TestOpenBrowser_DoesNotWaitForTheBrowser(t *testing.T) {
	dir := t.TempDir()
	ended := filepath.Join(dir, "ended")
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte("#!/bin/sh\nsleep 3\n: >'"+ended+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := OpenBrowser(t.Context(), "https://x.example/", env("PATH", dir+":/usr/bin:/bin")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ended); err == nil || time.Since(start) < openGrace {
		t.Errorf("returned after %v, browser ended: %v", time.Since(start), err == nil)
	}
	for range 100 { // let the child end, for the leak check
		if _, err := os.Stat(ended); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the browser was ended")
}

func TestOpeners(t *testing.T) {
	for system, want := range map[string][][]string{
		"windows": {{`D:\W\System32\rundll32.exe`, "url.dll,FileProtocolHandler"}},
		"darwin":  {{"firefox"}, {"/usr/bin/open"}},
		"linux":   {{"firefox"}, {"xdg-open"}, {"wslview"}, {"x-www-browser"}},
	} {
		if d := cmp.Diff(want, openers(system, env("BROWSER", "firefox", "SystemRoot", `D:\W`))); d != "" {
			t.Errorf("%s (-want +got):\n%s", system, d)
		}
	}
	if got := openers("windows", env())[0][0]; !strings.HasPrefix(got, `C:\Windows\`) {
		t.Errorf("got %q", got)
	}
	if got := arguments([]string{"a", "b"}, "u"); !slices.Equal(got, []string{"a", "b", "u"}) {
		t.Errorf("got %q", got)
	}
}
