package main

import (
	"bytes"
	"context"
	"crypto"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/atomicfile"
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
	f.StringVar(&o.storage, "storage", "referrers", "image: where to keep the signature: referrers, tags (the older scheme) or both")
	f.StringArrayVarP(&o.annotations, "annotation", "a", nil, "image: sign `KEY=VALUE` as well")
	f.StringVar(&o.pushOnly, "push-only", "", "image: attach this bundle `FILE` that was made before, and sign nothing")
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
	if kind&oci.Tags != 0 && s.chosen.Logs.Candidates[0].Version != 1 {
		return nil, &check.Error{Check: check.SignCfg, Err: errors.New("the older scheme holds entries of Rekor v1 only, this instance signs into Rekor v2"),
			Next: "use --storage referrers, or a --signing-config with Rekor v1"}
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
		family, err := o.family(a)
		if err != nil {
			return nil, err
		}
		o.output.say(e, "%s is %s", printable(arg, 1024), describeImage(a))
		list, err := o.imageParts(client, a, family, kind, notes)
		if err != nil {
			return nil, err
		}
		targets = append(targets, list...)
	}
	return targets, nil
}

// family returns the image and, unless it is to be signed alone, its children.
func (o *signOptions) family(a oci.Artifact) ([]oci.Artifact, error) {
	family := []oci.Artifact{a}
	if o.image.alone || o.attest != nil {
		return family, nil
	}
	for _, p := range a.Platforms {
		child, err := a.Child(p)
		if err != nil {
			return nil, err
		}
		family = append(family, child)
	}
	return family, nil
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

func describeImage(a oci.Artifact) string {
	text := a.Digest
	if a.IsIndex() {
		var platforms []string
		for _, p := range a.Platforms {
			platforms = append(platforms, p.String())
		}
		text += fmt.Sprintf(" (index of %d: %s)", len(platforms), strings.Join(platforms, ", "))
	}
	return printable(text, 4096)
}

// attach keeps a finished bundle with its image. Should that fail, the bundle is
// kept here, so that the next run attaches it and makes no second log entry.
func (r *signRun) attach(ctx context.Context, t *target, serialised []byte) error {
	done := make([][]oci.Attached, len(t.place.to))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, a := range t.place.to {
		g.Go(func() (err error) {
			done[i], err = t.place.client.Attach(ctx, a, oci.Signature{Bundle: serialised, Payload: t.place.payload}, t.place.storage)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return r.keep(t, serialised, err)
	}
	for _, list := range done {
		for _, d := range list {
			t.attached = append(t.attached, d.Where+" "+d.Ref)
		}
	}
	pendingOf(r.e, t).remove()
	return nil
}

func (r *signRun) keep(t *target, serialised []byte, err error) error {
	p := pendingOf(r.e, t)
	if t.result == nil || p.write(t.result.Signer, serialised) != nil {
		return err
	}
	next := "run the same command again: the signature was made and is kept; nothing will be logged twice"
	var refused *check.Error
	if errors.As(err, &refused) {
		if refused.Next != "" {
			next = refused.Next + "; then " + next
		}
		return refused.WithNext(next)
	}
	return &check.Error{Check: check.OCI, Err: err, Next: next}
}

// A pending is a signature that was made and logged, but not attached yet.
type pending struct{ path string }

type pendingJSON struct {
	Subject string          `json:"subject"`
	Issuer  string          `json:"issuer"`
	Bundle  json.RawMessage `json:"bundle"`
}

func pendingOf(e *env, t *target) pending {
	dir := e.cacheDir()
	if dir == "" {
		return pending{}
	}
	about := t.place.payload
	if t.statement != nil {
		about = t.statement
	}
	name, err := verify.Hash(bytes.NewReader(about), crypto.SHA256)
	if err != nil {
		return pending{}
	}
	return pending{filepath.Join(dir, "pending", hex.EncodeToString(name.Sum(crypto.SHA256))+".json")}
}

func (p pending) write(who verify.Signed, serialised []byte) error {
	if p.path == "" {
		return errNoConfigDir
	}
	data, err := json.Marshal(pendingJSON{who.Subject, who.Issuer, serialised})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(p.path, data, 0o600, atomicfile.Options{Overwrite: true})
}

func (p pending) remove() {
	if p.path != "" {
		_ = os.Remove(p.path) // if it stays, the next run finds what is attached already
	}
}

// resume attaches what an earlier run has signed, and returns what is left to sign.
func (r *signRun) resume(ctx context.Context) ([]*target, error) {
	var left []*target
	for _, t := range r.targets {
		if t.place == nil || !r.verifiedPending(t) {
			left = append(left, t)
			continue
		}
		r.o.output.say(r.e, "%s was signed by %s before; attaching that", printable(t.arg, 1024), signerText(t.result.Signer))
		if err := r.attach(ctx, t, t.serialised); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// verifiedPending reports whether an earlier run made the signature that is to be
// made now; it is verified like a new one.
func (r *signRun) verifiedPending(t *target) bool {
	p := pendingOf(r.e, t)
	data, err := readBounded(p.path, 2*bundle.MaxSize)
	var kept pendingJSON
	if err != nil || json.Unmarshal(data, &kept) != nil {
		return false
	}
	b, err := bundle.Parse(kept.Bundle)
	if err != nil || t.statement != nil && (b.Envelope == nil || !bytes.Equal(b.Envelope.Payload, t.statement)) {
		return false
	}
	policy := verify.AnyOf(verify.Identity{Issuer: verify.Exactly(kept.Issuer), Subject: verify.Exactly(kept.Subject)})
	policy.Content = t.content()
	result, err := r.services.verifier.Verify(b, t.artifact, policy, r.e.now())
	if err != nil {
		return false
	}
	t.result, t.serialised = result, kept.Bundle
	return true
}

// unused refuses options of images when files are signed (ID-7).
func (o *imageOptions) unused() error {
	if o.alone || o.storage != "referrers" || len(o.annotations) > 0 || o.pushOnly != "" || o.registry.repository != "" {
		return usage("--no-recursive, --storage, --annotation, --push-only and --signature-repository are for images")
	}
	return nil
}

// push attaches a bundle that was made before. Nothing is verified but that it is
// one: who verifies the image decides.
func (o *signOptions) push(ctx context.Context, e *env, args []string) (outcome, error) {
	if len(args) != 1 {
		return outcome{}, usage("--push-only goes with one image, got %d", len(args))
	}
	data, err := readBounded(o.image.pushOnly, bundle.MaxSize)
	if err != nil {
		return outcome{}, err
	}
	if _, err := bundle.Parse(bytes.TrimSpace(data)); err != nil {
		return outcome{}, named(o.image.pushOnly, err)
	}
	return attachTo(ctx, e, &o.image.registry, args[0], bytes.TrimSpace(data), o.image.storage)
}

func attachTo(ctx context.Context, e *env, registry *registryFlags, arg string, data []byte, storageName string) (outcome, error) {
	client, err := registry.client(e)
	if err != nil {
		return outcome{}, err
	}
	kind, err := storage(storageName)
	if err != nil {
		return outcome{}, err
	}
	a, err := client.Resolve(ctx, reference(arg))
	if err != nil {
		return outcome{}, named(arg, err)
	}
	done, err := client.Attach(ctx, a, oci.Signature{Bundle: data}, kind)
	if err != nil {
		return outcome{}, named(arg, err)
	}
	for _, d := range done {
		if _, err := fmt.Fprintf(e.stdout, "attached to %s  %s\n", a.Ref(), printable(d.Where+" "+d.Ref, 1024)); err != nil {
			return outcome{}, err
		}
	}
	return informed(), nil
}
