package main

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oci"
	"github.com/hallmarksign/hallmark/verify"
)

// imageOptions say how images are signed.
type imageOptions struct {
	registry    registryFlags
	alone       bool
	storage     string
	annotations []string
	pushOnly    string
}

func (o *imageOptions) register(f *pflag.FlagSet) {
	o.registry.register(f)
	f.BoolVar(&o.alone, "no-recursive", false, "image: sign the index alone, not its children")
	f.StringVar(&o.storage, "storage", "referrers", "image: keep the signature in this `PLACE`: referrers, tags (the older scheme) or both")
	f.StringArrayVarP(&o.annotations, "annotation", "a", nil, "image: sign `KEY=VALUE` as well")
	f.StringVar(&o.pushOnly, "push-only", "", "image: verify and attach the bundle in this `FILE` that was made before, and sign nothing")
}

// A place is where the bundle of an image goes.
type place struct {
	client  *oci.Client
	to      []oci.Artifact
	storage oci.Storage
	payload []byte // what was signed, for the older scheme
	digest  string // of the image
}

// imageTargets resolves each image once and says what is to be signed for it.
func (o *signOptions) imageTargets(ctx context.Context, e *env, s *services, args []string) ([]*target, error) {
	client, err := o.image.registry.client(e)
	if err != nil {
		return nil, err
	}
	kind, err := storage(o.image.storage)
	if err != nil {
		return nil, err
	}
	if kind&oci.Tags != 0 {
		if err := s.logsForTags(); err != nil {
			return nil, err
		}
	}
	notes, err := annotations(o.image.annotations)
	if err != nil {
		return nil, err
	}
	var targets []*target
	for _, arg := range args {
		a, err := client.Resolve(ctx, reference(arg))
		if err != nil {
			return nil, named(arg, err)
		}
		family, err := o.family(ctx, client, a)
		if err != nil {
			return nil, named(arg, err)
		}
		o.output.say(e, "%s is %s", printable(arg, 1024), describeImage(a, family))
		if o.bundle == "" && !o.dryRun {
			if err := client.CanAttach(ctx, kind, o.attest != nil, artifacts(family)...); err != nil {
				return nil, named(arg, err)
			}
		}
		list, err := o.imageParts(client, a, artifacts(family), kind, notes)
		if err != nil {
			return nil, err
		}
		for _, t := range list {
			if slices.ContainsFunc(targets, func(other *target) bool { return other.arg == t.arg }) {
				return nil, usage("%s is to be signed twice: it has two names here", printable(t.arg, 1024)).WithNext("name each image once")
			}
			targets = append(targets, t)
		}
	}
	if !o.output.quiet {
		sayUsed(e, client)
	}
	return targets, nil
}

// logsForTags refuses an instance of which any log that may be used makes entries
// that the older scheme can't hold.
func (s *services) logsForTags() error {
	for _, log := range s.chosen.Logs.Candidates {
		if log.Version != 1 {
			return &check.Error{Check: check.SignCfg, Err: fmt.Errorf("the older scheme holds entries of Rekor v1 only, this instance may sign into Rekor v%d at %s", log.Version, host(log.URL)),
				Next: "use --storage referrers, or a --signing-config with Rekor v1"}
		}
	}
	return nil
}

// family returns the image and, unless it is to be signed alone, everything behind it.
func (o *signOptions) family(ctx context.Context, client *oci.Client, a oci.Artifact) ([]oci.Member, error) {
	if o.image.alone || o.attest != nil {
		return []oci.Member{{Artifact: a}}, nil
	}
	return client.Family(ctx, a)
}

// artifacts are the members of a family as they are signed.
func artifacts(family []oci.Member) []oci.Artifact {
	var all []oci.Artifact
	for _, m := range family {
		all = append(all, m.Artifact)
	}
	return all
}

// imageParts returns one statement about the whole family for the present scheme
// and one payload for each member for the older one.
func (o *signOptions) imageParts(client *oci.Client, a oci.Artifact, family []oci.Artifact, kind oci.Storage, notes map[string]string) ([]*target, error) {
	var targets []*target
	if kind&oci.Referrers != 0 || o.attest != nil {
		artifact, err := verify.ParseDigest(a.Digest)
		if err != nil {
			return nil, err
		}
		t := &target{arg: a.Ref(), output: o.bundle, artifact: artifact, place: &place{client: client, to: family, storage: oci.Referrers, digest: a.Digest}}
		if o.attest != nil {
			t.place.storage = kind
		} else if t.statement, err = oci.SigningStatement(notes, a, family[1:]...); err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	if kind&oci.Tags != 0 && o.attest == nil {
		for _, m := range family {
			payload, err := oci.SimplePayload(notes, m)
			if err != nil {
				return nil, err
			}
			artifact, err := verify.Hash(bytes.NewReader(payload), crypto.SHA256)
			if err != nil {
				return nil, err
			}
			targets = append(targets, &target{arg: m.Ref() + " (tag)", artifact: artifact,
				place: &place{client: client, to: []oci.Artifact{m}, storage: oci.Tags, payload: payload, digest: m.Digest}})
		}
	}
	return targets, nil
}

// describeImage says what an image is, and what of it is signed.
func describeImage(a oci.Artifact, family []oci.Member) string {
	if !a.IsIndex() {
		return printable(a.Digest, 4096)
	}
	if len(family) == 1 {
		return printable(fmt.Sprintf("%s (index of %d; only the index is signed)", a.Digest, len(a.Platforms)), 4096)
	}
	var parts []string
	indexes, others := 0, 0
	for _, m := range family[1:] {
		switch p := m.Platform.String(); {
		case m.IsIndex():
			indexes++
		case p == "":
			others++
		default:
			parts = append(parts, p)
		}
	}
	parts = append(parts, counted(others, "without platform")...)
	parts = append(parts, counted(indexes, "more index", "more indexes")...)
	return printable(fmt.Sprintf("%s (index of %d: %s)", a.Digest, len(family)-1, strings.Join(parts, ", ")), 4096)
}

// counted is "3 things", or nothing if there is none.
func counted(n int, what string, plural ...string) []string {
	switch {
	case n == 0:
		return nil
	case n > 1 && len(plural) > 0:
		what = plural[0]
	}
	return []string{fmt.Sprintf("%d %s", n, what)}
}

// unused refuses options of images when files are signed (ID-7).
func (o *imageOptions) unused() error {
	if o.alone || o.storage != "referrers" || len(o.annotations) > 0 || o.pushOnly != "" || o.registry.repository != "" {
		return usage("--no-recursive, --storage, --annotation, --push-only and --signature-repository are for images")
	}
	return nil
}
