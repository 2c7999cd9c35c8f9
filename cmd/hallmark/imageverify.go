package main

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oci"
	"github.com/hallmarksign/hallmark/verify"
)

// maxCandidates bounds the signatures that are tried for one image.
const maxCandidates = 10_000 // unit: candidates beside one image, all places together; if none of them proves what was asked, more leave the verdict open

// imagesAtOnce is how many images are verified at a time: registries, not cores,
// are waited for.
const imagesAtOnce = 8

// platformFlags say which of the images behind an index are verified.
type platformFlags struct {
	registry registryFlags
	one      string
	all      bool
}

func (p *platformFlags) register(f *pflag.FlagSet) {
	p.registry.register(f)
	f.StringVar(&p.one, "platform", "", "image: verify the image of this `PLATFORM`, such as linux/arm64")
	f.BoolVar(&p.all, "all-platforms", false, "image: verify the index and every image behind it")
}

func (p *platformFlags) check(isImages bool) error {
	switch {
	case p.one != "" && p.all:
		return usage("--platform excludes --all-platforms")
	case !isImages && (p.one != "" || p.all || p.registry.repository != ""):
		return usage("--platform, --all-platforms and --signature-repository are for images")
	}
	return nil
}

// An imageRun is the verification of images; registry sessions are shared.
type imageRun struct {
	*verifyRun
	client *oci.Client
}

// image verifies one image, or several behind an index.
func (r *imageRun) image(ctx context.Context, arg string) []verdict {
	flags := &r.o.platforms
	find := r.client.Pin // the manifest of a digest is needed for its platforms alone
	if flags.one != "" || flags.all {
		find = r.client.Resolve
	}
	a, err := find(ctx, reference(arg))
	if err != nil {
		return []verdict{{artifact: arg, err: named(arg, err)}}
	}
	if flags.one != "" {
		child, err := a.Platform(flags.one)
		if err != nil {
			return []verdict{{artifact: arg, err: named(arg, err)}}
		}
		return []verdict{r.member(ctx, child, a)}
	}
	list := []verdict{r.member(ctx, a)}
	if flags.all {
		for m, err := range r.client.Behind(ctx, a) {
			list = append(list, r.behind(ctx, m, err))
		}
	}
	return list
}

// behind verifies a manifest behind an index, or says why nobody knows what is
// behind that.
func (r *imageRun) behind(ctx context.Context, m oci.Member, err error) verdict {
	if err != nil {
		return verdict{artifact: m.Ref(), err: named(m.Ref(), err)}
	}
	return r.member(ctx, m.Artifact, m.Parents...)
}

// member verifies one manifest: by what is attached to it, else by what is
// attached to an index that has it, if that names it.
func (r *imageRun) member(ctx context.Context, a oci.Artifact, parents ...oci.Artifact) verdict {
	v := verdict{artifact: a.Ref()}
	var no refusals
	for _, holder := range append([]oci.Artifact{a}, parents...) {
		for f, err := range r.client.Bundles(ctx, holder, maxCandidates) {
			result := (*verify.Result)(nil)
			if err == nil {
				result, err = r.candidate(a, holder, f)
			}
			if err == nil {
				v.result, v.found, v.claim = result, f.Where+", "+f.Digest, f.Bundle
				if no.n > 0 {
					v.result.Warnings = append(v.result.Warnings, fmt.Sprintf("%d other signatures were not accepted: %v", no.n, no.first))
				}
				return v
			}
			if v.claim == nil {
				v.claim = f.Bundle
			}
			no.add(err, f.Digest == "")
		}
	}
	if no.n == 0 && a.Pinned() {
		if _, err := r.client.Resolve(ctx, a.Ref()); err != nil {
			v.err = named(a.Ref(), err) // nothing is attached because there is no such image
			return v
		}
	}
	if no.n == 0 {
		v.err = named(a.Ref(), &check.Error{Check: check.NotFound, Err: errors.New("nothing is attached to the image"), Next: "ask the publisher for a signature, or name its place with --signature-repository"})
		return v
	}
	v.err = named(a.Ref(), no.err())
	return v
}

// candidate verifies one bundle that claims to be about an image. The statement
// must name its digest; in the older scheme the signed payload does, which names
// what it is attached to and nothing else.
func (r *imageRun) candidate(a, holder oci.Artifact, f oci.Found) (*verify.Result, error) {
	policy := r.policy
	image, err := verify.ParseDigest(a.Digest)
	if err != nil {
		return nil, err
	}
	if f.Payload != nil {
		if holder.Digest != a.Digest {
			return nil, check.Refuse("OC-4", check.Statement, "signature names %s, want %s", holder.Digest, a.Digest)
		}
		payload, err := verify.Hash(bytes.NewReader(f.Payload), crypto.SHA256)
		if err != nil {
			return nil, err
		}
		if policy.Content == verify.AnyContent {
			policy.Content = verify.Message
		}
		result, err := r.verifier.Verify(f.Bundle, payload, policy, r.e.now())
		if err == nil {
			result.Artifact = verify.Digest{Algorithm: crypto.SHA256, Value: image.Sum(crypto.SHA256)}
		}
		return result, err
	}
	demandSigning(&policy, f.Bundle)
	return r.verifier.Verify(f.Bundle, image, policy, r.e.now())
}

// demandSigning makes a policy about an image demand a signature, unless a type
// of attestation is wanted: that an image has a report on what is wrong with it
// is no approval.
func demandSigning(p *verify.Policy, b *bundle.Bundle) {
	if b.Envelope != nil && p.Predicate == "" {
		p.Predicate = oci.SignPredicate
	}
}

// maxReasons bounds the reasons that one error repeats.
const maxReasons = 5 // unit: reasons beside the most telling one; the others are counted

// refusals are why signatures were not accepted. There may be very many: what is kept
// of them does not grow.
type refusals struct {
	n     int
	first error
	best  error // the most telling one
	rank  int   // of best
	said  []string
	more  int // with reasons that are not in said
}

// telling says how telling a refusal is. What could not be read might have been good,
// so that nothing is decided then (O21); a place that was not read to its end may hold
// most.
func telling(err error, place bool) int {
	switch c := check.Of(err); {
	case c.Exit() != check.ExitNo && place:
		return 4
	case c.Exit() != check.ExitNo:
		return 3
	case c == check.Predicate:
		return 2
	case c == check.Identity:
		return 1
	}
	return 0
}

// add adds a refusal: of a candidate, or of a place that may hold more.
func (r *refusals) add(err error, place bool) {
	if r.n++; r.first == nil {
		r.first = err
	}
	if rank := telling(err, place); r.best == nil || rank > r.rank {
		r.best, r.rank = err, rank
	}
	text := err.Error()
	switch {
	case slices.Contains(r.said, text):
	case len(r.said) <= maxReasons:
		r.said = append(r.said, text)
	default:
		r.more++
	}
}

// err says why no signature of several was accepted: each reason, under the check of
// the most telling one.
func (r *refusals) err() error {
	refused, ok := r.best.(*check.Error)
	if !ok || r.n == 1 {
		return r.best
	}
	e := *refused
	e.Err = fmt.Errorf("none of %d signatures was accepted: %w", r.n, refused.Err)
	said := slices.DeleteFunc(slices.Clone(r.said), func(text string) bool { return text == refused.Error() })
	more := r.more
	if len(said) > maxReasons { // the most telling one came late
		said, more = said[:maxReasons], more-1+len(said)-maxReasons
	}
	if more > 0 {
		said = append(said, fmt.Sprintf("and %d other reasons", more))
	}
	if len(said) > 0 {
		e.Err = fmt.Errorf("%w; %s", e.Err, strings.Join(said, "; "))
	}
	return &e
}
