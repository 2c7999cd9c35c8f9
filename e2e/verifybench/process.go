package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// processes compares whole processes that verify one small bundle: user and
// system time from start to end, one program right after the other.
func processes(ctx context.Context, hallmark string, runs int) error {
	dir, err := os.MkdirTemp("", "verifybench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	hallmark, err = filepath.Abs(hallmark)
	if err != nil {
		return err
	}
	minimal := filepath.Join(dir, "minimal")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", minimal, "./verifybench/minimal")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the minimal program: %w", err)
	}
	for _, r := range []recipe{{generation: 1, stamped: true}, {generation: 2}} {
		if err := process(ctx, dir, hallmark, minimal, r, runs); err != nil {
			return err
		}
	}
	return nil
}

func process(ctx context.Context, dir, hallmark, minimal string, r recipe, runs int) error {
	c := newCorpus(r, 1)
	root, bundle, file := filepath.Join(dir, "root.json"), filepath.Join(dir, "bundle.json"), filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(root, c.root, 0o600), os.WriteFile(bundle, c.samples[0].bundle, 0o600),
		os.WriteFile(file, c.samples[0].artifact, 0o600)); err != nil {
		return err
	}
	var ours, theirs []time.Duration
	for range runs {
		took, err := once(ctx, dir, hallmark, "verify", file, "--bundle", bundle, "--trusted-root", root,
			"--certificate-identity", subject, "--certificate-oidc-issuer", issuer)
		if err != nil {
			return err
		}
		ours = append(ours, took)
		if took, err = once(ctx, dir, minimal, root, bundle, issuer, subject, file); err != nil {
			return err
		}
		theirs = append(theirs, took)
	}
	a, b := median(ours), median(theirs)
	fmt.Printf("%-52s %8v %8v  CPU %.2f of the minimal program\n", "whole process, "+c.name,
		a.Round(10*time.Microsecond), b.Round(10*time.Microsecond), float64(a)/float64(b))
	return nil
}

// once runs a program and returns its processor time.
func once(ctx context.Context, dir, program string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
