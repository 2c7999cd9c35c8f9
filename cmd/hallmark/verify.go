package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/verify"
)

type verifyOptions struct {
	bundle string
	signer signerFlags
	trust  trustFlags
	output outputFlags
}

func newVerify(e *env, done *outcome) *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify FILE... | sha256:HEX | -",
		Short: "Check who signed a file, when, and where it is logged",
		Long: `Check that each file was signed by the expected signer. The bundle is found
beside the file (FILE.sigstore.json, then FILE.sigstore) or named by --bundle.
Nothing is asked of any service: the bundle and the trust root decide.`,
		Example: `  hallmark verify app.tar.gz --from google:alice@example.com
  hallmark verify dist/* --from github:owner/repo
  hallmark verify sha256:9f86d0... --bundle app.sigstore.json --from key:release.pub`,
		RunE: func(cmd *cobra.Command, args []string) error {
			out, err := runVerify(cmd.Context(), e, &o, args)
			*done = out
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.bundle, "bundle", "b", "", "read the bundle from this `FILE`")
	o.signer.register(f)
	o.trust.register(f)
	o.output.register(f)
	f.BoolVar(&o.output.explain, "explain", false, "print each check with what it saw")
	return cmd
}

func runVerify(ctx context.Context, e *env, o *verifyOptions, args []string) (outcome, error) {
	if err := o.check(args); err != nil {
		return outcome{}, err
	}
	policy, err := o.signer.policy()
	if err != nil {
		return outcome{}, err
	}
	policy.Explain = o.output.explain
	root, _, err := o.trust.root(ctx, e, &o.output)
	if err != nil {
		return outcome{}, err
	}
	verifier, err := verify.New(root, verify.PublicGood)
	if err != nil {
		return outcome{}, err
	}
	run := &verifyRun{e: e, o: o, verifier: verifier, policy: policy, progress: newProgress(e, o.output.quiet || o.output.json)}
	return run.all(ctx, args)
}

func (o *verifyOptions) check(args []string) error {
	if len(args) == 0 {
		return usage("no file to verify").WithNext("hallmark verify FILE --from google:alice@example.com")
	}
	if o.bundle != "" && len(args) > 1 {
		return usage("--bundle goes with one file, got %d", len(args))
	}
	for _, a := range args {
		if o.bundle == "" && (a == "-" || isDigest(a)) {
			return usage("%q needs --bundle FILE", a)
		}
	}
	return o.output.check()
}

// A verifyRun is the work on all arguments of one command.
type verifyRun struct {
	e        *env
	o        *verifyOptions
	verifier *verify.Verifier
	policy   verify.Policy
	progress *progress
}

// all verifies every argument on all cores and prints the verdicts in order.
func (r *verifyRun) all(ctx context.Context, args []string) (outcome, error) {
	verdicts := make([]chan verdict, len(args))
	for i := range verdicts {
		verdicts[i] = make(chan verdict, 1)
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	go func() {
		for i, a := range args {
			g.Go(func() error {
				verdicts[i] <- r.one(ctx, a)
				return nil
			})
		}
	}()
	var results []*verify.Result
	var failed failures
	for i := range args {
		v := <-verdicts[i]
		if v.err != nil {
			failed = append(failed, v.err)
		}
		results = append(results, v.result)
		if status := check.Of(v.err).Exit(); v.err == nil || status == check.ExitNo || status == check.ExitNotFound {
			if err := r.o.output.print(r.e, v); err != nil {
				return outcome{}, err
			}
		}
	}
	if len(failed) > 0 {
		return outcome{}, failed
	}
	return proved(results), nil
}

// one verifies one argument.
func (r *verifyRun) one(ctx context.Context, arg string) (v verdict) {
	v.artifact = arg
	path, err := bundlePath(arg, r.o.bundle)
	if err != nil {
		v.err = named(arg, err)
		return v
	}
	v.bundle = path
	v.result, v.err = r.decide(ctx, arg, path)
	v.err = named(arg, v.err)
	return v
}

func (r *verifyRun) decide(ctx context.Context, arg, path string) (*verify.Result, error) {
	data, err := readBounded(path, bundle.MaxSize)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Parse(data)
	if err != nil {
		return nil, err
	}
	artifact, err := r.artifact(ctx, arg, b.Hashes())
	if err != nil {
		return nil, err
	}
	return r.verifier.Verify(b, artifact, r.policy, r.e.now())
}

func (r *verifyRun) artifact(ctx context.Context, arg string, hashes []crypto.Hash) (verify.Artifact, error) {
	switch {
	case isDigest(arg):
		return verify.ParseDigest(arg)
	case arg == "-":
		return hashReader(ctx, r.e.stdin, "standard input", hashes...)
	}
	return hashFile(ctx, arg, r.progress, hashes...)
}

// isDigest reports whether an argument is a digest and not the name of a file.
func isDigest(arg string) bool {
	return (strings.HasPrefix(arg, "sha256:") || strings.HasPrefix(arg, "sha384:") || strings.HasPrefix(arg, "sha512:")) && !exists(arg)
}

// bundlePath finds the bundle of a file: the given one, or the first of the
// usual names beside it (BP-12).
func bundlePath(artifact, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	if _, err := os.Stat(artifact); err != nil {
		return "", fileError(artifact, err)
	}
	for _, suffix := range []string{".sigstore.json", ".sigstore"} {
		if exists(artifact + suffix) {
			return artifact + suffix, nil
		}
	}
	return "", &check.Error{Check: check.NotFound, Err: errors.New("found neither " + printable(artifact, 256) + ".sigstore.json nor .sigstore beside the file"),
		Next: "download the bundle that belongs to the file, or name it with --bundle"}
}

// named puts the name of the artifact before an error, so that several can be
// told apart. Errors about files name theirs already.
func named(artifact string, err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) == 1 {
		err = joined.Unwrap()[0]
	}
	refused, ok := err.(*check.Error)
	switch {
	case err == nil:
		return nil
	case !ok:
		return fmt.Errorf("%s: %w", printable(artifact, 256), err)
	case refused.Check == check.FS:
		return err
	}
	return refused.At(strings.TrimSuffix(printable(artifact, 256)+": "+refused.Field, ": "))
}
