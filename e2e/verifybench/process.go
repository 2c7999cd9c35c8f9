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
// system time from start to end, one program right after the other. cosign is
// left out if it is "".
func processes(ctx context.Context, hallmark, cosign string, runs int) error {
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
		if err := process(ctx, dir, hallmark, minimal, cosign, r, runs); err != nil {
			return err
		}
	}
	return nil
}

func process(ctx context.Context, dir, hallmark, minimal, cosign string, r recipe, runs int) error {
	c := newCorpus(r, 1)
	root, bundle, file := filepath.Join(dir, "root.json"), filepath.Join(dir, "bundle.json"), filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(root, c.root, 0o600), os.WriteFile(bundle, c.samples[0].bundle, 0o600),
		os.WriteFile(file, c.samples[0].artifact, 0o600)); err != nil {
		return err
	}
	signer := []string{"--bundle", bundle, "--trusted-root", root, "--certificate-identity", subject, "--certificate-oidc-issuer", issuer}
	type program struct {
		name string
		argv []string
		took []time.Duration
	}
	programs := []*program{
		{name: "hallmark", argv: append([]string{hallmark, "verify", file}, signer...)},
		{name: "the minimal program", argv: []string{minimal, root, bundle, issuer, subject, file}},
	}
	if cosign != "" {
		programs = append(programs, &program{name: "cosign", argv: append([]string{cosign, "verify-blob", file, "--use-signed-timestamps"}, signer...)})
	}
	for range runs {
		for _, p := range programs {
			took, err := once(ctx, dir, p.argv[0], p.argv[1:]...)
			if err != nil {
				return err
			}
			p.took = append(p.took, took)
		}
	}
	ours := median(programs[0].took)
	for _, p := range programs[1:] {
		theirs := median(p.took)
		fmt.Printf("%-52s %8v %8v  CPU %.2f of %s\n", "whole process, "+c.name,
			ours.Round(10*time.Microsecond), theirs.Round(10*time.Microsecond), float64(ours)/float64(theirs), p.name)
	}
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
