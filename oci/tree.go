package oci

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// A Branch is one manifest in the tree of an image.
type Branch struct {
	Kind         string // one of the Kind constants
	Digest       string
	MediaType    string
	ArtifactType string
	Of           string // digest of what it belongs to; "" for the image itself
	Where        string // one of the Where constants; "" for images
	Tag          string // of KindTag
	Size         int64
	Annotations  map[string]string // those that Attach writes
	Platform     Platform          // of a child of an index; else zero
	Problem      error             // of what is listed as a referrer: why it is none, or can't be read

	from  source
	about descriptor // of what it belongs to
}

func branchOf(n node) Branch {
	b := Branch{Kind: n.kind, Of: n.of, Where: n.where, Tag: n.tag, Problem: n.fault, from: n.from, about: n.about}
	if n.fault != nil {
		b.Digest, b.MediaType, b.Size, b.ArtifactType = n.list.Digest, n.list.MediaType, n.list.Size, strictjson.Clip(n.list.ArtifactType)
		return b
	}
	b.Digest, b.MediaType, b.Size, b.ArtifactType = n.doc.digest, n.doc.media, int64(len(n.doc.raw)), strictjson.Clip(n.doc.ArtifactType)
	for _, name := range []string{noteCreated, noteContent, noteBundleType} {
		if value, ok := n.doc.Annotations[name]; ok {
			if b.Annotations == nil {
				b.Annotations = map[string]string{}
			}
			b.Annotations[name] = strictjson.Clip(value)
		}
	}
	return b
}

func (b Branch) descriptor() descriptor {
	return descriptor{MediaType: b.MediaType, Size: b.Size, Digest: b.Digest}
}

// Bundles yields what the branch holds that claims to be a signature or an
// attestation of what it belongs to, like Client.Bundles: none if it is another
// thing, several under an old tag.
func (b Branch) Bundles(ctx context.Context) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		media := map[string]string{WhereSig: typeSimple, WhereAtt: typeEnvelope}[b.Where]
		bundled := b.Kind == KindReferrer && (isBundleType(b.ArtifactType) || b.ArtifactType == "")
		if b.Problem != nil || !bundled && (b.Kind != KindTag || media == "") {
			return
		}
		doc, err := fetch(ctx, b.from, b.descriptor())
		if err != nil {
			yield(Found{Where: b.Where, Digest: b.Digest}, err)
			return
		}
		if bundled && !isBundleType(doc.kind()) {
			return
		}
		if bundled {
			found, err := held(ctx, b.from, doc, b.about)
			if found == nil {
				found = &Found{}
			}
			found.Where, found.Digest = b.Where, b.Digest
			yield(*found, err)
			return
		}
		for _, layer := range doc.layers() {
			found, err := heldOld(ctx, b.from, layer, media, b.Of)
			found.Where, found.Digest = b.Where, layer.Digest
			if !yield(found, err) {
				return
			}
		}
	}
}

// Tree returns the image and all that belongs to it, subjects before what
// belongs to them. It is as the places say, nothing in it is verified.
func (c *Client) Tree(ctx context.Context, a Artifact) ([]Branch, error) {
	var all []Branch
	err := walk(ctx, a, func(_ context.Context, n node) error {
		b := branchOf(n)
		for _, p := range a.Platforms {
			if p.Digest == b.Digest {
				b.Platform = p
			}
		}
		all = append(all, b)
		return nil
	})
	return ordered(all), err
}

// ordered puts everything right behind what it belongs to; a walk has children
// before their index.
func ordered(all []Branch) []Branch {
	belong := map[string][]Branch{}
	for _, b := range all {
		belong[b.Of] = append(belong[b.Of], b)
	}
	list := make([]Branch, 0, len(all))
	var add func(of string)
	add = func(of string) {
		these := belong[of]
		delete(belong, of)
		for _, b := range these {
			list = append(list, b)
			add(b.Digest)
		}
	}
	add("")
	return list
}

// A Selection says what to clean.
type Selection struct {
	Signatures   bool // bundles that sign, and the tag .sig
	Attestations bool // bundles that attest anything else, and the tag .att
	SBOMs        bool // the tag .sbom
}

// predicateOf says what a referrer attests, as its annotations claim; false if it
// is no bundle.
func (b Branch) predicateOf() (string, bool) {
	return b.Annotations[noteBundleType], isBundleType(b.ArtifactType)
}

func (s Selection) picks(b Branch) bool {
	switch {
	case b.Problem != nil: // nobody misses it; what another place lists can't be corrected
		return b.Where == WhereFallback && s != Selection{}
	case b.Kind == KindTag && b.Where == WhereSig:
		return s.Signatures
	case b.Kind == KindTag && b.Where == WhereAtt:
		return s.Attestations
	case b.Kind == KindTag:
		return s.SBOMs
	case b.Kind != KindReferrer:
		return false
	}
	predicate, ok := b.predicateOf()
	if !ok {
		return false
	}
	if predicate == SignPredicate || predicate == "" {
		return s.Signatures
	}
	return s.Attestations
}

// Cleanable returns what Clean would remove: what belongs to the image itself, not to
// its children. What a listing names and is no referrer goes with any selection. more
// says that a listing is longer than what is read of it: there may be more to remove.
func (c *Client) Cleanable(ctx context.Context, a Artifact, what Selection) (list []Branch, more bool, err error) {
	g := &graph{alone: true, visit: func(_ context.Context, n node) error {
		if b := branchOf(n); b.Of == a.Digest && what.picks(b) {
			list = append(list, b)
		}
		return nil
	}}
	err = g.walk(ctx, a)
	return list, g.more, err
}

// Clean removes what Cleanable returned, and returns what is removed. A listing at
// a fallback tag is corrected after what it lists is gone: where a registry removes
// nothing, everything can still be found.
func (c *Client) Clean(ctx context.Context, a Artifact, list []Branch) ([]Branch, error) {
	from, ok := a.extras.(*repository)
	if !ok {
		return nil, check.Refuse("OC-9", check.Usage, "want an image in a registry to clean, got %q", a.Repository)
	}
	for _, b := range list {
		if b.Of != a.Digest || (b.Kind != KindReferrer && b.Kind != KindTag) {
			return nil, check.Refuse("OC-9", check.Usage, "%s does not belong to %s", b.Digest, a.Digest)
		}
	}
	var removed []Branch
	gone := map[string]bool{}
	var failed error
	for _, b := range list {
		if failed = from.clean(ctx, b); failed != nil {
			break
		}
		removed = append(removed, b)
		if b.Kind == KindReferrer {
			gone[b.Digest] = true
		}
	}
	if len(gone) == 0 {
		return removed, failed
	}
	if _, err := from.update(ctx, unlisted(a.Digest, gone)); err != nil {
		failed = errors.Join(failed, stillListed(a.Digest, len(gone), err))
		removed = slices.DeleteFunc(removed, func(b Branch) bool { return b.Problem != nil }) // they were to be unlisted, no more
	}
	return removed, failed
}

// stillListed says of a listing that could not be corrected what it names.
func stillListed(subject string, gone int, err error) error {
	return check.Refuse("OC-9", check.Of(err), "the tag %q still lists %d manifests that are removed or are no referrers: %w", fallbackTag(subject), gone, err).
		WithNext("run the same command again; it corrects the listing")
}

// clean removes one branch: of an old tag the tag alone, because one manifest may be
// under tags of several images, or be something else. Where the tag is still there
// after that, whatever the registry answered, what it names is removed.
func (r *repository) clean(ctx context.Context, b Branch) error {
	if b.Problem != nil {
		return nil // it may be anything, of anybody: it is not listed any more, that is all
	}
	if b.Kind != KindTag {
		return r.remove(ctx, b.Digest)
	}
	for _, ref := range []string{b.Tag, b.Digest} {
		if err := r.remove(ctx, ref); err != nil {
			return err
		}
		if _, err := r.manifest(ctx, b.Tag); errors.Is(err, errMissing) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return check.Refuse("OC-9", check.OCI, "registry %q keeps the tag %q", r.s.host, b.Tag).
		WithNext("remove the tag by the means of the registry")
}

// unlisted returns the merge that takes referrers out of a listing.
func unlisted(subject string, gone map[string]bool) merge {
	isGone := func(d descriptor) bool { return gone[d.Digest] }
	return merge{tag: fallbackTag(subject), add: func(old *document) (*document, error) {
		if old == nil || !slices.ContainsFunc(old.children(), isGone) {
			return old, nil
		}
		c := old.content
		left := descriptors(slices.DeleteFunc(slices.Clone(c.children()), isGone))
		c.Manifests = &left
		return writeDocument(c, typeIndex)
	}}
}
