package oidc

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// TokenFile reads a token that something else keeps fresh in a file: a projected
// volume of Kubernetes, or a helper of SPIFFE. It applies where
// SIGSTORE_ID_TOKEN_FILE names a file, or where the file exists that the
// clients of Sigstore agree on.
type TokenFile struct {
	Env     func(string) string
	Default string            // "/var/run/sigstore/cosign/oidc-token" if empty
	Warn    func(path string) // told if all users can read the file; may be nil
	Now     func() time.Time  // time.Now if nil
}

// Name returns "token file".
func (TokenFile) Name() string { return "token file" }

// Token reads the file.
func (f TokenFile) Token(_ context.Context, audience string) (Token, error) {
	path := f.Env("SIGSTORE_ID_TOKEN_FILE")
	asked := path != ""
	path = cmp.Or(path, f.Default, "/var/run/sigstore/cosign/oidc-token")
	raw, open, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		if f.Env("SPIFFE_ENDPOINT_SOCKET") != "" {
			return Token{}, unavailable("SPIFFE is here, but SIGSTORE_ID_TOKEN_FILE names no file in which a helper keeps a JWT-SVID")
		}
		return Token{}, unavailable("no SIGSTORE_ID_TOKEN_FILE (Kubernetes, SPIFFE), and no file %q", path)
	}
	if err != nil {
		return Token{}, err
	}
	if open && f.Warn != nil {
		f.Warn(path)
	}
	return Parse(raw, audience, clock(f.Now)())
}

// OthersRead reports whether every user of the machine can read a file. Where
// files have no such bits it is false.
func OthersRead(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o004 != 0
}

// readFile reads a regular file. Kubernetes puts links in the way, so they are
// followed; a device or a pipe behind one is not read (L40).
func readFile(path string) (raw string, open bool, err error) {
	// Opening a pipe without this flag would wait for its writer.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", false, &check.Error{Check: check.FS, Rule: "OI-1", Field: path, Err: plainFS(err)}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", false, check.Refuse("OI-1", check.FS, "want a regular file, got something else").At(path)
	}
	raw, err = read(file)
	return raw, OthersRead(info), err
}

// plainFS is err without the path, which the field has.
func plainFS(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
