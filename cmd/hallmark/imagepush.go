package main

import (
	"bytes"
	"context"
	"crypto"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/oci"
	"github.com/hallmarksign/hallmark/verify"
)

// push attaches a bundle that was made before to the image, and to those of its
// children that the bundle names. It is verified like one that is made now.
func (o *signOptions) push(ctx context.Context, e *env, args []string) (outcome, error) {
	if len(args) != 1 {
		return outcome{}, usage("--push-only goes with one image, got %d", len(args))
	}
	if o.bundle != "" || o.dryRun {
		return outcome{}, usage("--push-only excludes --bundle and --dry-run")
	}
	if err := o.output.check(); err != nil {
		return outcome{}, err
	}
	data, b, err := readBundle(o.image.pushOnly)
	if err != nil {
		return outcome{}, err
	}
	root, _, err := o.trust.root(ctx, e, &o.output)
	if err != nil {
		return outcome{}, err
	}
	verifier, err := verify.New(root, verify.PublicGood)
	if err != nil {
		return outcome{}, err
	}
	client, err := o.image.registry.client(e)
	if err != nil {
		return outcome{}, err
	}
	defer client.CloseIdle()
	a, err := client.Resolve(ctx, reference(args[0]))
	if err != nil {
		return outcome{}, named(args[0], err)
	}
	if !o.output.quiet {
		sayUsed(e, client)
	}
	t, err := o.pushed(ctx, client, a, b)
	if err != nil {
		return outcome{}, named(o.image.pushOnly, err)
	}
	run := &signRun{e: e, o: o, services: &services{root: root, verifier: verifier}, targets: []*target{t}}
	if err := run.accept(t, b); err != nil {
		return outcome{}, named(o.image.pushOnly, err)
	}
	if err := run.attach(ctx, t, data); err != nil {
		return outcome{}, named(args[0], err)
	}
	return run.finish()
}

// readBundle reads a file that holds one bundle.
func readBundle(path string) ([]byte, *bundle.Bundle, error) {
	data, err := readBounded(path, bundle.MaxSize)
	if err != nil {
		return nil, nil, err
	}
	data = bytes.TrimSpace(data)
	b, err := bundle.Parse(data)
	if err != nil {
		return nil, nil, named(path, err)
	}
	return data, b, nil
}

// pushed is what the signing of a bundle would have had as its target.
func (o *signOptions) pushed(ctx context.Context, client *oci.Client, a oci.Artifact, b *bundle.Bundle) (*target, error) {
	kind, err := storage(o.image.storage)
	if err != nil {
		return nil, err
	}
	t := &target{arg: a.Ref(), place: &place{client: client, to: []oci.Artifact{a}, storage: kind, digest: a.Digest}}
	if b.Envelope == nil {
		return t, o.pushedMessage(t, a, b)
	}
	t.statement = b.Envelope.Payload
	s, err := dsse.ParseStatement(t.statement)
	if err != nil {
		return nil, err
	}
	if s.PredicateType == oci.SignPredicate && kind != oci.Referrers {
		return nil, usage("--storage is %q, want referrers: the older scheme has no such signatures", o.image.storage)
	}
	family, err := o.family(ctx, client, a)
	if err != nil {
		return nil, err
	}
	for _, child := range artifacts(family)[1:] {
		if _, err := s.Match(map[string]string{"sha256": child.Digest[len("sha256:"):]}); err == nil {
			t.place.to = append(t.place.to, child)
		}
	}
	t.artifact, err = verify.ParseDigest(a.Digest)
	return t, err
}

// pushedMessage completes the target of a signature without statement: of the
// image itself, or of its payload in the older scheme.
func (o *signOptions) pushedMessage(t *target, a oci.Artifact, b *bundle.Bundle) (err error) {
	if t.place.storage == oci.Referrers {
		t.artifact, err = verify.ParseDigest(a.Digest)
		return err
	}
	notes, err := annotations(o.image.annotations)
	if err != nil {
		return err
	}
	if t.place.storage == oci.Both {
		return usage("--storage is both, want referrers or tags for one signature")
	}
	if t.place.payload, err = oldPayload(notes, a, b); err != nil {
		return err
	}
	t.artifact, err = verify.Hash(bytes.NewReader(t.place.payload), crypto.SHA256)
	return err
}

// oldPayload makes the payload that a signature of the older scheme is over.
func oldPayload(notes map[string]string, a oci.Artifact, b *bundle.Bundle) ([]byte, error) {
	payload, err := oci.SimplePayload(notes, a)
	if err != nil {
		return nil, err
	}
	hash, err := verify.Hash(bytes.NewReader(payload), crypto.SHA256)
	if err != nil {
		return nil, err
	}
	if d := b.Message.Digest; d != nil && !bytes.Equal(d.Value, hash.Sum(crypto.SHA256)) {
		return nil, check.Refuse("OC-4", check.Digest, "signature is over sha256:%x, want sha256:%x, the payload that names %s",
			d.Value, hash.Sum(crypto.SHA256), a.Ref()).WithNext("name the image as it was when it was signed, with the same annotations")
	}
	return payload, nil
}

func newImageAttach(e *env, done *outcome) *cobra.Command {
	var output outputFlags
	var kind string
	cmd := imageCommand(e, done, 2, &output, &cobra.Command{
		Use:   "attach BUNDLE IMAGE",
		Short: "Attach a bundle that exists to an image",
		Long: `Attach a bundle that another tool or another command made. It must name the
image; nothing else of it is verified, so that bundles of any instance and key can
be attached. Whoever verifies the image decides.`,
		Example: "  hallmark image attach app.sigstore.json registry.example.com/app:1.2",
	}, func(ctx context.Context, c *oci.Client, args []string) error {
		return attachTo(ctx, e, c, &output, args[0], args[1], kind)
	})
	cmd.Flags().StringVar(&kind, "storage", "referrers", "keep it in this `PLACE`: referrers, tags (the older scheme) or both")
	return cmd
}

func attachTo(ctx context.Context, e *env, client *oci.Client, output *outputFlags, file, image, storageName string) error {
	kind, err := storage(storageName)
	if err != nil {
		return err
	}
	data, b, err := readBundle(file)
	if err != nil {
		return err
	}
	a, err := client.Resolve(ctx, reference(image))
	if err != nil {
		return named(image, err)
	}
	signature := oci.Signature{Bundle: data}
	if b.Message != nil && kind&oci.Tags != 0 {
		if signature.Payload, err = oldPayload(nil, a, b); err != nil {
			return named(file, err)
		}
	}
	done, err := client.Attach(ctx, a, signature, kind)
	for _, d := range done {
		if err := output.printAttached(e.stdout, a.Ref(), d); err != nil {
			return err
		}
	}
	if err != nil {
		return named(image, err)
	}
	output.say(e, "it was not verified: hallmark verify %s --from ... does", quoted(a.Ref()))
	return nil
}
