package main

import (
	"context"
	"crypto"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/verify"
)

// hashFile hashes the file at path in constant memory and refuses one that
// changed while it was read (SG-16, N7-N9).
func hashFile(ctx context.Context, path string, p *progress, hashes ...crypto.Hash) (verify.Artifact, error) {
	f, before, err := openRegular(path)
	if err != nil {
		return verify.Artifact{}, artifactError(path, err)
	}
	defer f.Close()
	artifact, err := hashReader(ctx, p.reader(f, path, before.Size()), path, hashes...)
	if err != nil {
		return verify.Artifact{}, err
	}
	after, err := f.Stat()
	if err != nil {
		return verify.Artifact{}, fileError(path, err)
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return verify.Artifact{}, &check.Error{Check: check.FS, Rule: "SG-16", Field: printable(path, 256),
			Err: errors.New("changed while it was read"), Next: "run again when nothing writes to the file"}
	}
	return artifact, nil
}

// artifactError says why an argument is no file to hash, and what to write instead.
func artifactError(arg string, err error) error {
	refused := fileError(arg, err)
	switch info, _ := os.Stat(arg); {
	case info != nil && info.IsDir():
		return refused.WithNext("name the files in it, or make one archive of them")
	case errors.Is(err, errNotRegular):
		return refused.WithNext(`for a pipe or a device use "-" and redirect standard input`)
	case errors.Is(err, fs.ErrNotExist) && likeImage(arg):
		return refused.WithNext("if you mean an image, write docker://" + arg)
	}
	return refused
}

// hashStdin hashes standard input.
func hashStdin(ctx context.Context, e *env, hashes ...crypto.Hash) (verify.Artifact, error) {
	in, done := e.input(ctx)
	defer done()
	return hashReader(ctx, in, "standard input", hashes...)
}

func hashReader(ctx context.Context, r io.Reader, name string, hashes ...crypto.Hash) (verify.Artifact, error) {
	artifact, err := verify.Hash(contextReader{ctx, r}, hashes...)
	if err != nil {
		return verify.Artifact{}, fileError(name, err)
	}
	return artifact, nil
}

// A contextReader ends reading when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
