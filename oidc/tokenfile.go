package oidc

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
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
	Default string           // "/var/run/sigstore/cosign/oidc-token" if empty
	Now     func() time.Time // time.Now if nil
}

// Name returns "token file".
func (TokenFile) Name() string { return "token file" }

// Token reads the file.
func (f TokenFile) Token(_ context.Context, audience string) (Token, error) {
	path := f.Env("SIGSTORE_ID_TOKEN_FILE")
	asked := path != ""
	path = cmp.Or(path, f.Default, "/var/run/sigstore/cosign/oidc-token")
	raw, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return Token{}, unavailable("no file %q", path)
	}
	if err != nil {
		return Token{}, err
	}
	return Parse(raw, audience, clock(f.Now)())
}

// readFile reads a regular file. Kubernetes puts links in the way, so they are
// followed; a device or a pipe behind one is not read (L40).
func readFile(path string) (string, error) {
	// Opening a pipe without this flag would wait for its writer.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", &check.Error{Check: check.FS, Rule: "OI-1", Field: path, Err: plainFS(err)}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", check.Refuse("OI-1", check.FS, "want a regular file, got something else").At(path)
	}
	return read(file)
}

// plainFS is err without the path, which the field has.
func plainFS(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
