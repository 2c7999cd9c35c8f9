package main

import (
	"context"
	"crypto"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/verify"
)

type verifyOptions struct {
	source    claimSource
	allClaims bool
	predicate string
	signer    signerFlags
	evidence  evidenceFlags
	platforms platformFlags
	trust     trustFlags
	output    outputFlags
}

func newVerify(e *env, done *outcome) *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify FILE... | IMAGE... | sha256:HEX | -",
		Short: "Check who signed a file or an image, when, and where it is logged",
		Long: `Check that each file was signed by the expected signer. The bundle is found
beside the file (FILE.sigstore.json, then FILE.sigstore) or named by --bundle.
Nothing is asked of any service: the bundle and the trust root decide. Arguments
that are the bundles of others are left out, so that dist/* means the files in it.

The signatures of an image are looked for in its registry: by the referrers API,
under the fallback tag and under the tags of the older scheme.`,
		Example: `  hallmark verify app.tar.gz --from google:alice@example.com
  hallmark verify dist/* --from github:owner/repo
  hallmark verify registry.example.com/app:1.2 --from github:owner/repo --all-platforms
  hallmark verify app.tar.gz --from github:owner/repo --type spdx --output predicate
  hallmark verify sha256:9f86d0... --bundle app.sigstore.json --from key:release.pub`,
		RunE: func(cmd *cobra.Command, args []string) error {
			out, err := runVerify(cmd.Context(), e, &o, args)
			*done = out
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.source.bundle, "bundle", "b", "", "read the bundle from this `FILE`; one that ends in .jsonl holds several, and one that proves it is enough")
	f.BoolVar(&o.allClaims, "all-claims", false, "demand that every bundle in a file of several proves it")
	f.StringVar(&o.source.signature, "signature", "", "read a detached signature from this `FILE` instead of a bundle")
	f.StringVar(&o.source.certificate, "certificate", "", "`FILE` with the certificate of --signature")
	f.StringVar(&o.predicate, "type", "", "demand an attestation with this predicate `TYPE`: slsaprovenance1, spdx, cyclonedx, ... or a URI")
	o.signer.register(f)
	o.evidence.register(f)
	o.platforms.register(f)
	o.trust.register(f)
	o.output.register(f)
	f.StringVar(&o.output.form, "output", "", "print in this `FORM`: json, the same as --json, or the predicate and nothing else")
	f.BoolVar(&o.output.explain, "explain", false, "print each check with what it saw")
	return cmd
}

func runVerify(ctx context.Context, e *env, o *verifyOptions, args []string) (outcome, error) {
	isImages, err := images(args)
	if err != nil {
		return outcome{}, err
	}
	if !isImages && o.source == (claimSource{}) {
		args = withoutBundles(e, &o.output, args)
	}
	if err := o.check(args, isImages); err != nil {
		return outcome{}, err
	}
	policy, err := o.signer.policy()
	if err != nil {
		return outcome{}, err
	}
	policy.Explain = o.output.explain
	if err := demandAttestation(&policy, o.predicate); err != nil {
		return outcome{}, err
	}
	evidence, err := o.evidence.evidence()
	if err != nil {
		return outcome{}, err
	}
	root, client, err := o.trust.root(ctx, e, &o.output)
	if err != nil {
		return outcome{}, err
	}
	verifier, err := verify.New(root, evidence)
	if err != nil {
		return outcome{}, err
	}
	run := &verifyRun{e: e, o: o, verifier: verifier, policy: policy, parallel: runtime.GOMAXPROCS(0), progress: newProgress(e, o.output.quiet || o.output.json)}
	if client != nil {
		run.remarks = client.Warnings()
	}
	if isImages && o.source == (claimSource{}) {
		client, err := o.platforms.registry.client(e)
		if err != nil {
			return outcome{}, err
		}
		defer client.CloseIdle()
		run.parallel = imagesAtOnce
		if o.output.explain {
			defer sayUsed(e, client)
		} else if !o.output.quiet {
			defer warnUsed(e, client)
		}
		return run.all(ctx, args, (&imageRun{run, client}).image)
	}
	return run.all(ctx, args, run.one)
}

func (o *verifyOptions) check(args []string, isImages bool) error {
	if len(args) == 0 {
		return usage("no file to verify").WithNext("hallmark verify FILE --from google:alice@example.com")
	}
	given := o.source.bundle != "" || o.source.signature != ""
	switch {
	case given && len(args) > 1:
		return usage("--bundle and --signature go with one file, got %d", len(args))
	case o.source.bundle != "" && o.source.signature != "":
		return usage("--bundle excludes --signature")
	case o.source.certificate != "" && o.source.signature == "":
		return usage("--certificate goes with --signature")
	case given && (o.platforms.one != "" || o.platforms.all || o.platforms.registry.repository != ""):
		return usage("--bundle and --signature are about one manifest: --platform, --all-platforms and --signature-repository have no effect").
			WithNext("name the image of the platform by its digest")
	case o.allClaims && isImages && !given:
		return usage("--all-claims is for bundles in files, not for what is attached to an image").WithNext("name the bundles with --bundle FILE.jsonl")
	case o.output.form == predicateForm && o.predicate == "":
		return usage("--output predicate needs --type")
	}
	for _, a := range args {
		if !given && (a == "-" || isDigest(a)) {
			return usage("%q needs --bundle FILE", a)
		}
	}
	if err := o.platforms.check(isImages); err != nil {
		return err
	}
	return o.output.check()
}

// A verifyRun is the work on all arguments of one command.
type verifyRun struct {
	e        *env
	o        *verifyOptions
	verifier *verify.Verifier
	policy   verify.Policy
	remarks  []string // about the trust data; people have read them on standard error
	parallel int      // arguments at a time
	progress *progress
}

// all verifies every argument, several at a time, and prints the verdicts in order.
func (r *verifyRun) all(ctx context.Context, args []string, one func(context.Context, string) []verdict) (outcome, error) {
	verdicts := make([]chan []verdict, len(args))
	for i := range verdicts {
		verdicts[i] = make(chan []verdict, 1)
	}
	var g errgroup.Group
	g.SetLimit(r.parallel)
	go func() {
		for i, a := range args {
			g.Go(func() error {
				verdicts[i] <- guarded(ctx, a, one)
				return nil
			})
		}
	}()
	var results []*verify.Result
	var failed failures
	for i := range args {
		for _, v := range <-verdicts[i] {
			if v.err != nil {
				v.err = r.advise(ctx, v)
				failed = append(failed, v.err)
			}
			results = append(results, v.result)
			if err := r.print(v); err != nil {
				return outcome{}, err
			}
		}
	}
	if len(failed) > 0 {
		return outcome{}, failed
	}
	return proved(results), nil
}

// guarded makes a refusal of a panic: outside of the goroutine that run watches it
// would end the process with another status than that of an internal error (R8).
func guarded(ctx context.Context, arg string, one func(context.Context, string) []verdict) (list []verdict) {
	defer func() {
		if r := recover(); r != nil {
			err := check.Refuse("R8", check.Internal, "%s", firstFrame()).WithNext(reportBug)
			list = []verdict{{artifact: arg, err: named(arg, err)}}
		}
	}()
	return one(ctx, arg)
}

// print prints what is decided; what is not is left to the error (ER-5).
func (r *verifyRun) print(v verdict) error {
	if status := check.Of(v.err).Exit(); v.err != nil && status != check.ExitNo && status != check.ExitNotFound {
		return nil
	}
	if v.result != nil && r.o.output.json {
		v.result.Warnings = slices.Concat(r.remarks, v.result.Warnings) // R11, ER-3
	}
	return r.o.output.print(r.e, v)
}

// one verifies one argument against the claims about it.
func (r *verifyRun) one(ctx context.Context, arg string) []verdict {
	source, err := r.o.source.find(arg, r.o.predicate)
	if err != nil {
		return []verdict{{artifact: arg, err: named(arg, err)}}
	}
	v := verdict{artifact: arg, bundle: source.String()}
	c, err := source.open()
	if err != nil {
		v.err = named(v.bundle, err)
		return []verdict{v}
	}
	defer c.close()
	// Hashed once for all of its bundles, and not if there is none.
	hashes := c.hashes()
	artifact := sync.OnceValues(func() (verify.Artifact, error) { return r.artifact(ctx, arg, hashes) })
	if c.lines != nil {
		return r.lines(ctx, c, arg, artifact)
	}
	v.claim = c.one
	a, err := artifact()
	if err == nil {
		v.result, err = r.decide(arg, a, c.one)
	}
	v.err = named(arg, err)
	return []verdict{v}
}

func (r *verifyRun) decide(arg string, artifact verify.Artifact, b *bundle.Bundle) (*verify.Result, error) {
	policy := r.policy
	if isImage(arg) {
		demandSigning(&policy, b)
	}
	return r.verifier.Verify(b, artifact, policy, r.e.now())
}

func (r *verifyRun) artifact(ctx context.Context, arg string, hashes []crypto.Hash) (verify.Artifact, error) {
	switch {
	case isImage(arg):
		client, err := r.o.platforms.registry.client(r.e)
		if err != nil {
			return verify.Artifact{}, err
		}
		defer client.CloseIdle()
		a, err := client.Pin(ctx, reference(arg))
		if err != nil {
			return verify.Artifact{}, err
		}
		return verify.ParseDigest(a.Digest)
	case isDigest(arg):
		return verify.ParseDigest(arg)
	case arg == "-":
		return hashStdin(ctx, r.e, hashes...)
	}
	return hashFile(ctx, arg, r.progress, hashes...)
}

// isDigest reports whether an argument is a digest and not the name of a file.
func isDigest(arg string) bool {
	return (strings.HasPrefix(arg, "sha256:") || strings.HasPrefix(arg, "sha384:") || strings.HasPrefix(arg, "sha512:")) && !exists(arg)
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
	case refused.Check == check.FS, refused.Field == printable(artifact, 256):
		return err
	}
	return refused.At(strings.TrimSuffix(printable(artifact, 256)+": "+refused.Field, ": "))
}
