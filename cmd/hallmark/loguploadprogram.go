package main

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/bounded"
	"github.com/hallmarksign/hallmark/internal/check"
)

// uploadProgram makes kinds of entries that need packages which this program does
// without.
const uploadProgram = "hallmark-log-upload"

// Bounds of the program.
const (
	uploadTime   = 2 * time.Minute
	uploadReason = 4 << 10 // bytes of its standard error that are kept
)

// runUploadProgram runs the program of the PATH and returns what it prints. It gets
// files to read and nothing else: no input, and no environment, which may hold
// secrets.
func runUploadProgram(ctx context.Context, args []string) ([]byte, error) {
	path, err := exec.LookPath(uploadProgram)
	if err != nil {
		return nil, missingProgram(err)
	}
	limited, stop := context.WithTimeout(ctx, uploadTime)
	defer stop()
	cmd := exec.CommandContext(limited, path, args...)
	cmd.Env = []string{}
	cmd.WaitDelay = time.Second
	out, reason := &bounded.Buffer{Most: maxProposed}, &bounded.Buffer{Most: uploadReason, Cut: true}
	cmd.Stdout, cmd.Stderr = out, reason
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case limited.Err() != nil:
		return nil, check.Refuse("", check.FS, "%s gives no answer within %s", uploadProgram, uploadTime)
	case out.Over:
		return nil, check.Refuse("", check.Limit, "%s says more than %d bytes", uploadProgram, out.Most)
	case errors.As(err, &exit):
		return nil, check.Refuse("", check.Entry, "%s makes no entry: %s", uploadProgram, programReason(string(reason.Bytes())))
	case err != nil:
		return nil, check.Refuse("", check.FS, "%s: %w", uploadProgram, err)
	}
	return out.Bytes(), nil
}

func programReason(text string) string {
	if text = strings.TrimSpace(text); text == "" {
		return "it gives no reason"
	}
	return printable(text, 768)
}
