//go:build unix

package oidc

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

func TestL40_TokenFile(t *testing.T) {
	dir := t.TempDir()
	good := es256(goodClaims())
	path := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(path("token"), []byte(good+"\n"), 0o600))
	must(os.WriteFile(path("other"), []byte(es256(with(func(m map[string]any) { m["aud"] = "vault" }))), 0o600))
	must(os.WriteFile(path("big"), make([]byte, 1<<20), 0o600))
	must(os.Symlink(path("token"), path("link"))) // as Kubernetes does
	must(os.Symlink("/dev/zero", path("zero")))
	must(syscall.Mkfifo(path("fifo"), 0o600))
	for _, tt := range []struct {
		name, file, dflt string
		want             check.Check
		unavailable      bool
	}{
		{"named", path("token"), "", "", false},
		{"link", path("link"), "", "", false},
		{"default", "", path("token"), "", false},
		{"named wins", path("token"), path("big"), "", false},
		{"default absent", "", path("none"), check.OIDCToken, true},
		{"named absent", path("none"), "", check.FS, false},
		{"link to /dev/zero", path("zero"), "", check.FS, false},
		{"FIFO", path("fifo"), "", check.FS, false},
		{"folder", dir, "", check.FS, false},
		{"too long", path("big"), "", check.Limit, false},
		{"L39 other audience", path("other"), "", check.OIDCAud, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := TokenFile{Env: env("SIGSTORE_ID_TOKEN_FILE", tt.file), Default: tt.dflt, Now: testNow}
			token, err := f.Token(t.Context(), "sigstore")
			if got := check.Of(err); got != tt.want || errors.Is(err, ErrUnavailable) != tt.unavailable {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err == nil && token.Reveal() != good {
				t.Error("got another token")
			}
		})
	}
}

// TestOI1_SPIFFE: who has a SPIFFE agent is told which file is wanted.
func TestOI1_SPIFFE(t *testing.T) {
	f := TokenFile{Env: env("SPIFFE_ENDPOINT_SOCKET", "unix:///x"), Default: filepath.Join(t.TempDir(), "absent")}
	_, err := f.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCToken, "SPIFFE is here, but SIGSTORE_ID_TOKEN_FILE names no file")
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestL40_WarnsOfAFileThatAllCanRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(es256(goodClaims())), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]int{0o600: 0, 0o640: 0, 0o644: 1} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		warned := 0
		f := TokenFile{Env: env("SIGSTORE_ID_TOKEN_FILE", path), Warn: func(string) { warned++ }, Now: testNow}
		if _, err := f.Token(t.Context(), "sigstore"); err != nil || warned != want {
			t.Errorf("mode %v: %d warnings, want %d (%v)", mode, warned, want, err)
		}
	}
}
