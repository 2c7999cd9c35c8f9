package oci

import (
	"context"
	"errors"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Kinds of manifests in the graph of an image.
const (
	KindImage    = "image"
	KindIndex    = "index"
	KindReferrer = "referrer" // something with a subject
	KindTag      = "tag"      // something under an old tag: .sig, .att, .sbom
)

// A node is a manifest in the graph of an image, and how it belongs there.
type node struct {
	doc   *document
	kind  string
	of    string     // digest of what it belongs to; "" for the image itself
	about descriptor // of
	where string     // one of the Where constants; "" for images
	tag   string     // of KindTag
	from  source
	depth int
}

// A graph is all that belongs to an image: children, referrers, referrers of
// those, and what is under old tags of each.
type graph struct {
	image, extras source
	seen          map[string]bool
	visit         func(ctx context.Context, n node) error
}

// walk visits the manifests of a graph; whatever a manifest needs to exist comes
// before it: children before their index, subjects before their referrers.
func walk(ctx context.Context, a Artifact, visit func(context.Context, node) error) error {
	if a.source == nil || a.extras == nil || a.Pinned() {
		return check.Refuse("OC-1", check.Internal, "want a resolved image")
	}
	doc, err := fetch(ctx, a.source, a.descriptor())
	if err != nil {
		return err
	}
	g := &graph{image: a.source, extras: a.extras, seen: map[string]bool{}, visit: visit}
	return g.node(ctx, node{doc: doc, from: a.source})
}

// node visits a manifest and what belongs to it. seen is by digest and tag: one
// manifest may be under several tags.
func (g *graph) node(ctx context.Context, n node) error {
	if g.seen[n.doc.digest+n.tag] {
		return nil
	}
	if n.depth > MaxDepth {
		return check.Refuse("OC-8", check.Limit, "manifest %s is nested more than %d deep", n.doc.digest, MaxDepth)
	}
	if len(g.seen) == MaxNodes {
		return check.Refuse("OC-8", check.Limit, "image has a graph of more than %d manifests", MaxNodes)
	}
	g.seen[n.doc.digest+n.tag] = true
	if n.kind == "" {
		n.kind = KindImage
		if n.doc.index() {
			n.kind = KindIndex
		}
	}
	if n.doc.index() {
		if err := g.children(ctx, n); err != nil {
			return err
		}
	}
	if err := g.visit(ctx, n); err != nil {
		return err
	}
	if n.kind == KindTag {
		return nil
	}
	if err := g.referrers(ctx, n); err != nil {
		return err
	}
	return g.tags(ctx, n)
}

func (g *graph) children(ctx context.Context, n node) error {
	for _, d := range n.doc.children() {
		if !isDocumentType(d.MediaType) {
			return check.Refuse("OC-5", check.OCI, "index %s has a child of type %q, want images and indexes", n.doc.digest, d.MediaType)
		}
		if g.seen[d.Digest] {
			continue
		}
		doc, err := fetch(ctx, n.from, d)
		if err != nil {
			return err
		}
		if err := g.node(ctx, node{doc: doc, of: n.doc.digest, about: n.doc.descriptor(), from: n.from, depth: n.depth + 1}); err != nil {
			return err
		}
	}
	return nil
}

func (g *graph) referrers(ctx context.Context, n node) error {
	where := whereListed(g.extras)
	all, err := g.extras.referrers(ctx, n.doc.digest)
	if err != nil && !errors.Is(err, errMissing) {
		return err
	}
	if err := g.each(ctx, n, where, all); err != nil {
		return err
	}
	all, err = readFallback(ctx, g.extras, n.doc.digest)
	if err != nil {
		return err
	}
	return g.each(ctx, n, WhereFallback, all)
}

func (g *graph) each(ctx context.Context, n node, where string, all []descriptor) error {
	for _, d := range all {
		if g.seen[d.Digest] || !isDocumentType(d.MediaType) {
			continue
		}
		doc, err := fetch(ctx, g.extras, d)
		if err != nil {
			return err
		}
		if doc.Subject == nil || doc.Subject.Digest != n.doc.digest {
			return check.Refuse("OC-2", check.OCI, "manifest %s is listed for %s and is not about it", doc.digest, n.doc.digest)
		}
		referrer := node{doc: doc, kind: KindReferrer, of: n.doc.digest, about: n.doc.descriptor(), where: where, from: g.extras, depth: n.depth + 1}
		if err := g.node(ctx, referrer); err != nil {
			return err
		}
	}
	return nil
}

func (g *graph) tags(ctx context.Context, n node) error {
	for _, suffix := range []string{suffixSig, suffixAtt, ".sbom"} {
		tag := fallbackTag(n.doc.digest) + suffix
		doc, err := g.extras.manifest(ctx, tag)
		if errors.Is(err, errMissing) {
			continue
		}
		if err != nil {
			return err
		}
		where := "legacy tag " + suffix
		if err := g.node(ctx, node{doc: doc, kind: KindTag, of: n.doc.digest, about: n.doc.descriptor(), where: where, tag: tag, from: g.extras, depth: n.depth + 1}); err != nil {
			return err
		}
	}
	return nil
}
