package main

import (
	"context"
	"crypto"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/oci"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/verify"
)

type signOptions struct {
	bundle string
	force  bool
	yes    bool
	dryRun bool
	login  loginFlags
	trust  trustFlags
	config string
	output outputFlags
	attest *attestOptions // nil for a signature
	image  imageOptions
}

func newSign(e *env, done *outcome) *cobra.Command {
	var o signOptions
	cmd := &cobra.Command{
		Use:   "sign FILE... | IMAGE... | -",
		Short: "Sign files or images with your identity",
		Long: `Hash each file, log in once, and sign all of them with one certificate that
lives ten minutes. Each signature is timestamped, logged and verified before
FILE.sigstore.json appears. Your identity and the digests become public and stay
public; you are asked first.

An image is resolved to its digest once, and the digest is signed: with its index
all platforms, in one statement. The signature is attached to each of them in the
registry.`,
		Example: `  hallmark sign app.tar.gz
  hallmark sign dist/*
  hallmark sign --identity-token token.jwt --yes app.tar.gz
  tar c src | hallmark sign - --bundle src.tar.sigstore.json
  hallmark sign registry.example.com/app:1.2`,
		RunE: o.run(e, done),
	}
	o.register(cmd.Flags())
	return cmd
}

func (o *signOptions) run(e *env, done *outcome) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		out, err := runSign(cmd.Context(), e, o, args)
		*done = out
		return err
	}
}

func (o *signOptions) register(f *pflag.FlagSet) {
	f.StringVarP(&o.bundle, "bundle", "b", "", "write the bundle to this `FILE`")
	f.BoolVar(&o.force, "force", false, "replace a bundle that exists")
	f.BoolVarP(&o.yes, "yes", "y", false, "agree that identity and digests become public")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would become public, and stop")
	f.StringVar(&o.config, "signing-config", "", "use the services of this signing configuration `FILE`")
	o.login.register(f)
	o.login.registerAgent(f)
	o.trust.register(f)
	o.output.register(f)
	o.image.register(f)
}

// A target is one thing to sign and where its bundle goes.
type target struct {
	arg       string // as given
	output    string
	artifact  verify.Artifact
	statement []byte // what is stated about it; nil for a signature
	result    *verify.Result
	before    bool // an earlier run signed it
	kept      bool // the bundle is in a file of what is unfinished
	done      bool // this run put the bundle in its place

	reserved *atomicfile.Reservation // the place of the bundle; nil if it goes to a registry
	exists   bool                    // a file is in that place, which must be the signature that is wanted

	place    *place         // of an image; nil for a file
	attached []oci.Attached // of an image: where the bundle is
}

// content is what the bundle of a target must hold.
func (t *target) content() verify.Content {
	if t.statement != nil {
		return verify.Attestation
	}
	return verify.Message
}

func (t *target) digest() string {
	if t.place != nil {
		return t.place.digest
	}
	return fmt.Sprintf("sha256:%x", t.artifact.Sum(crypto.SHA256))
}

func runSign(ctx context.Context, e *env, o *signOptions, args []string) (outcome, error) {
	isImages, err := images(args)
	if err != nil {
		return outcome{}, err
	}
	if isImages && o.image.pushOnly != "" {
		return o.push(ctx, e, args)
	}
	if !isImages && o.bundle == "" {
		args = withoutBundles(e, &o.output, args)
	}
	targets, err := o.targets(args, isImages)
	if err != nil {
		return outcome{}, err
	}
	if !isImages {
		defer release(targets)
		if err := o.reserve(targets, args); err != nil {
			return outcome{}, err
		}
	}
	tokens, err := o.login.ready(ctx, e)
	if err != nil {
		return outcome{}, err
	}
	services, err := o.services(ctx, e)
	if err != nil {
		return outcome{}, err
	}
	progress := newProgress(e, o.output.quiet || o.output.json)
	if isImages {
		if targets, err = o.imageTargets(ctx, e, services, args); err != nil {
			return outcome{}, err
		}
		defer release(targets)
		if err := o.reserve(targets, nil); err != nil {
			return outcome{}, err
		}
	}
	for _, t := range targets {
		if t.place != nil {
			continue
		}
		if t.artifact, err = hashTarget(ctx, e, t.arg, progress); err != nil {
			return outcome{}, err
		}
	}
	if o.attest != nil {
		if err := o.attest.fill(targets); err != nil {
			return outcome{}, err
		}
	}
	run := &signRun{e: e, o: o, services: services, targets: targets, progress: progress}
	if o.dryRun {
		return informed(), run.describe(ctx, tokens)
	}
	return run.sign(ctx, tokens)
}

func hashTarget(ctx context.Context, e *env, arg string, p *progress) (verify.Artifact, error) {
	if arg == "-" {
		return hashStdin(ctx, e, crypto.SHA256)
	}
	return hashFile(ctx, arg, p, crypto.SHA256)
}

// targets checks the arguments and that no bundle is in the way, before any
// work is done.
func (o *signOptions) targets(args []string, isImages bool) ([]*target, error) {
	if len(args) == 0 {
		return nil, usage("no file to sign").WithNext("hallmark sign FILE")
	}
	if o.bundle != "" && len(args) > 1 {
		return nil, usage("--bundle goes with one file, got %d", len(args)).WithNext("without --bundle each file gets its own FILE.sigstore.json")
	}
	if err := o.output.check(); err != nil {
		return nil, err
	}
	if !isImages {
		if err := o.image.unused(); err != nil {
			return nil, err
		}
	} else if o.bundle != "" && o.image.storage != "referrers" {
		return nil, usage("--bundle keeps the signature in a file: --storage has no effect").WithNext("leave one of them out; --push-only attaches the bundle later")
	}
	suffix := ".sigstore.json"
	if o.attest != nil {
		if err := o.attest.check(args); err != nil {
			return nil, err
		}
		suffix = o.attest.suffix()
	}
	seen := map[string]bool{}
	var targets []*target
	for _, arg := range args {
		t := &target{arg: arg, output: o.bundle}
		switch {
		case arg == "-" && o.bundle == "":
			return nil, usage(`"-" needs --bundle FILE`)
		case arg == "-" && o.login.tokenFile == "-":
			return nil, usage("standard input can't be both the artifact and the token")
		case t.output == "":
			t.output = arg + suffix
		}
		if isImages && o.bundle == "" {
			t.output = arg // names of images are compared as they are
		}
		if seen[filepath.Clean(t.output)] {
			return nil, usage("%q is given twice", arg)
		}
		seen[filepath.Clean(t.output)] = true
		targets = append(targets, t)
	}
	return targets, nil
}

// jobs returns what the signer is to do, in the order of the targets.
func jobs(targets []*target) []sign.Job {
	var list []sign.Job
	for _, t := range targets {
		list = append(list, t.job())
	}
	return list
}

func (t *target) job() sign.Job {
	job := sign.Job{Name: t.arg, Statement: t.statement}
	if t.statement == nil {
		job.Digest = t.artifact.Sum(crypto.SHA256)
	}
	return job
}
