package oci

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Where something that belongs to an image was found.
const (
	WhereReferrers = "referrers API"
	WhereFallback  = "fallback tag"
	WhereSig       = "legacy tag .sig"
	WhereAtt       = "legacy tag .att"
	WhereLayout    = "image layout"
)

// A Found is a bundle that somebody attached to an image: a claim.
type Found struct {
	Bundle *bundle.Bundle
	Raw    []byte // as attached; nil for what is not kept as a bundle
	Where  string // one of the Where constants
	Digest string // of the manifest that holds it; of the layer under an old tag

	// Payload is what was signed, where that is neither the image nor a
	// statement: a message signature under an old tag is to be verified over it.
	// It has been checked to name the image (OC-4).
	Payload []byte
}

// Bundles yields what is attached to an image and claims to be a signature or an
// attestation of it: by the referrers API, at the fallback tag, at the old tags,
// in this order, each place asked only if the caller goes on, and of each place the
// newest first, as far as it says. What can't be read is yielded as an error, with
// where it was found, and is never silence: it has the digest of the candidate that it
// is about, and none if a place may hold more. No more than limit candidates are read,
// limit ≥ 1; one more is an error of check limit. Nothing at all means that no signature
// was found.
func (c *Client) Bundles(ctx context.Context, a Artifact, limit int) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		if a.extras == nil || limit < 1 {
			yield(Found{}, check.Refuse("OC-3", check.Internal, "want a resolved image and a limit of at least 1"))
			return
		}
		l := &listing{ctx: ctx, a: a, left: limit, limit: limit, seen: map[announced]bool{}, yield: yield}
		for _, place := range []func() bool{l.api, l.fallback, l.signatures, l.attestations} {
			if !place() || l.ended() {
				return
			}
		}
	}
}

// A listing is one walk over all places. Its methods return false when there is
// nothing more to yield.
type listing struct {
	ctx   context.Context
	a     Artifact
	left  int
	limit int
	seen  map[announced]bool
	yield func(Found, error) bool
}

// An announced is what a listing says of a manifest. Somebody may list the digest of a
// signature with another size or type, which must not hide the signature.
type announced struct {
	digest, media string
	size          int64
}

// isBundleType knows all media types that bundles had.
func isBundleType(t string) bool {
	return strings.HasPrefix(t, "application/vnd.dev.sigstore.bundle")
}

func (l *listing) api() bool {
	where := whereListed(l.a.extras)
	var all []candidate
	err := l.a.extras.referrers(l.ctx, l.a.Digest, func(d descriptor) bool {
		all = l.add(all, d)
		return true
	})
	if !l.referrers(where, all) {
		return false
	}
	return err == nil || errors.Is(err, errMissing) || l.yield(Found{Where: where}, err)
}

// whereListed names the own listing of a place.
func whereListed(place source) string {
	if _, ok := place.(*layout); ok {
		return WhereLayout
	}
	return WhereReferrers
}

func (l *listing) fallback() bool {
	list, err := readFallback(l.ctx, l.a.extras, l.a.Digest)
	if err != nil {
		return l.yield(Found{Where: WhereFallback}, err)
	}
	var all []candidate
	for _, d := range list {
		all = l.add(all, d)
	}
	return l.referrers(WhereFallback, all)
}

// readFallback reads the listing at the fallback tag; nil if there is none.
func readFallback(ctx context.Context, from source, digest string) ([]descriptor, error) {
	doc, err := from.manifest(ctx, fallbackTag(digest))
	if errors.Is(err, errMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, unread(fallbackTag(digest), err)
	}
	if !doc.index() {
		return nil, check.Refuse("OC-3", check.OCI, "%q is of type %q, want %q", fallbackTag(digest), doc.media, typeIndex)
	}
	return doc.children(), nil
}

// A candidate is what is kept of a listed referrer that may be a bundle until it is
// its turn.
type candidate struct {
	descriptor       // type, size and digest
	vague      bool  // its artifact type says nothing
	made       int64 // seconds; as it says
}

// add adds a listed referrer, if it may be a bundle and was not met before. Registries
// that do not know artifact types list the type of the config, or nothing.
func (l *listing) add(all []candidate, d descriptor) []candidate {
	vague := d.ArtifactType == "" || d.ArtifactType == typeEmpty
	as := announced{d.Digest, d.MediaType, d.Size}
	if l.seen[as] || !isManifestType(d.MediaType) || !vague && !isBundleType(d.ArtifactType) {
		return all
	}
	l.seen[as] = true
	c := candidate{descriptor: descriptor{MediaType: d.MediaType, Size: d.Size, Digest: d.Digest}, vague: vague}
	if t, err := time.Parse(time.RFC3339, d.Annotations[noteCreated]); err == nil {
		c.made = t.Unix()
	}
	return append(all, c)
}

// referrers yields the bundles of listed referrers. Of two that say nothing else, the
// one that is listed later is newer.
func (l *listing) referrers(where string, all []candidate) bool {
	slices.Reverse(all)
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.made, a.made) })
	return l.each(where, len(all), func(i int) (*Found, error) {
		found, err := l.referrer(all[i])
		if found == nil && err != nil {
			found = &Found{}
		}
		if found != nil {
			found.Digest = all[i].Digest
		}
		return found, err
	})
}

// each yields what read returns for 0 to n-1, in this order: one alone, which is as a
// rule the only one or the one that is wanted, and then a few at a time. Nil is
// nothing.
func (l *listing) each(where string, n int, read func(i int) (*Found, error)) bool {
	width := 1
	for next := 0; next < n; width = parallel {
		width = min(width, n-next, l.left)
		if width == 0 {
			l.yield(Found{Where: where}, check.Refuse("OC-8", check.Limit, "image has more than %d candidates for signatures", l.limit).
				WithNext("remove what is not wanted from the image with hallmark image clean, or verify a bundle with --bundle FILE"))
			return false
		}
		found, errs := make([]*Found, width), make([]error, width)
		var readers sync.WaitGroup
		for i := range width {
			readers.Go(func() { found[i], errs[i] = read(next + i) })
		}
		readers.Wait()
		l.left, next = l.left-width, next+width
		for i, f := range found {
			if f == nil {
				continue
			}
			if f.Where = where; !l.yield(*f, errs[i]) {
				return false
			}
		}
		if l.ended() {
			return false
		}
	}
	return true
}

// ended says so of a walk that was told to stop: what was not looked at is no silence.
func (l *listing) ended() bool {
	if l.ctx.Err() == nil {
		return false
	}
	l.yield(Found{}, &check.Error{Check: check.Net, Rule: "OC-3", Field: l.a.extras.String(), Err: context.Cause(l.ctx)})
	return true
}

// referrer reads one candidate; nil if it turns out to be something else.
func (l *listing) referrer(c candidate) (*Found, error) {
	doc, err := fetch(l.ctx, l.a.extras, c.descriptor)
	if err != nil {
		return nil, err
	}
	if c.vague && !isBundleType(doc.kind()) {
		return nil, nil
	}
	return held(l.ctx, l.a.extras, doc, l.a.descriptor())
}

// held reads the bundle in a manifest.
func held(ctx context.Context, from source, doc *document, image descriptor) (*Found, error) {
	layer, err := bundleLayer(doc, image)
	if err != nil {
		return nil, err
	}
	raw, err := read(ctx, from, layer, MaxBundle)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Parse(raw)
	if err != nil {
		return nil, err
	}
	return &Found{Bundle: b, Raw: raw}, nil
}

// bundleLayer returns the layer of a manifest that holds a bundle of an image
// (OC-2). Of a pinned image there is only the digest to compare.
func bundleLayer(doc *document, image descriptor) (descriptor, error) {
	if doc.Subject == nil {
		return descriptor{}, check.Refuse("OC-2", check.OCI, "manifest %s has no subject, want %s", doc.digest, image.Digest)
	}
	if image.MediaType == "" && isDocumentType(doc.Subject.MediaType) && doc.Subject.Size <= MaxManifest {
		image.MediaType, image.Size = doc.Subject.MediaType, doc.Subject.Size
	}
	if !doc.Subject.same(image) {
		return descriptor{}, check.Refuse("OC-2", check.OCI, "manifest %s is about %s (%d bytes, %q), want %s (%d bytes, %q)", doc.digest,
			doc.Subject.Digest, doc.Subject.Size, strictjson.Clip(doc.Subject.MediaType), image.Digest, image.Size, image.MediaType)
	}
	if doc.index() || !isBundleType(doc.ArtifactType) {
		return descriptor{}, check.Refuse("OC-2", check.OCI, "manifest %s is of artifact type %q, want that of a bundle", doc.digest, strictjson.Clip(doc.ArtifactType))
	}
	if doc.Config.Digest != emptyDigest || doc.Config.Size != 2 {
		return descriptor{}, check.Refuse("OC-2", check.OCI, "manifest %s has a config of %d bytes, want the empty one", doc.digest, doc.Config.Size)
	}
	if n := len(doc.layers()); n != 1 {
		return descriptor{}, check.Refuse("OC-2", check.OCI, "manifest %s has %d layers, want one", doc.digest, n)
	}
	layer := doc.layers()[0]
	if layer.MediaType != doc.ArtifactType {
		return descriptor{}, check.Refuse("OC-2", check.OCI, "manifest %s has a layer of type %q, want %q", doc.digest,
			strictjson.Clip(layer.MediaType), strictjson.Clip(doc.ArtifactType))
	}
	return layer, nil
}
