package oci

import (
	"context"
	"errors"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
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
	fault error      // instead of doc: why what is listed is no referrer, or can't be read
	list  descriptor // with fault: as it is listed
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
	alone         bool // only what belongs to the image itself, and of a listing what is read of it
	more          bool // than what was read of a listing
	seen          map[string]bool
	visit         func(ctx context.Context, n node) error
}

// walk visits the manifests of a graph; whatever a manifest needs to exist comes
// before it: children before their index, subjects before their referrers. Anybody who
// may push can list what is no referrer: that is visited with the fault that it has.
func walk(ctx context.Context, a Artifact, visit func(context.Context, node) error) error {
	return (&graph{visit: visit}).walk(ctx, a)
}

func (g *graph) walk(ctx context.Context, a Artifact) error {
	if a.source == nil || a.extras == nil || a.Pinned() {
		return check.Refuse("OC-1", check.Internal, "want a resolved image")
	}
	doc, err := fetch(ctx, a.source, a.descriptor())
	if err != nil {
		return err
	}
	g.image, g.extras, g.seen = a.source, a.extras, map[string]bool{}
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
	if err := g.met(n.doc.digest + n.tag); err != nil {
		return err
	}
	if n.kind == "" {
		n.kind = KindImage
		if n.doc.index() {
			n.kind = KindIndex
		}
	}
	if n.kind == KindImage || n.kind == KindIndex {
		if err := n.doc.bounded(); err != nil {
			return err
		}
	}
	if n.doc.index() && !g.alone {
		if err := g.children(ctx, n); err != nil {
			return err
		}
	}
	if err := g.visit(ctx, n); err != nil {
		return err
	}
	if n.kind == KindTag || n.kind == KindReferrer && g.alone {
		return nil
	}
	if err := g.referrers(ctx, n); err != nil {
		return err
	}
	return g.tags(ctx, n)
}

// met remembers what was visited.
func (g *graph) met(key string) error {
	if len(g.seen) == MaxNodes {
		return check.Refuse("OC-8", check.Limit, "image has a graph of more than %d manifests", MaxNodes)
	}
	g.seen[key] = true
	return nil
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
	var all []descriptor
	err := g.extras.referrers(ctx, n.doc.digest, func(d descriptor) bool {
		all = append(all, descriptor{MediaType: d.MediaType, Size: d.Size, Digest: d.Digest, ArtifactType: strictjson.Clip(d.ArtifactType)})
		return true
	})
	long := g.alone && errors.Is(err, errTooLong)
	if err != nil && !errors.Is(err, errMissing) && !long {
		return err
	}
	g.more = g.more || long
	if err := g.each(ctx, n, whereListed(g.extras), all); err != nil {
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
		if g.seen[d.Digest] || g.seen[d.Digest+n.doc.digest] || !isDocumentType(d.MediaType) {
			continue
		}
		r := node{kind: KindReferrer, of: n.doc.digest, about: n.doc.descriptor(), where: where, from: g.extras, depth: n.depth + 1}
		var err error
		if r.doc, err = g.referrer(ctx, n, d); err == nil {
			err = g.node(ctx, r)
		} else if faulty(err) {
			r.fault, r.list = err, d
			if err = g.met(d.Digest + n.doc.digest); err == nil { // it may belong elsewhere
				err = g.visit(ctx, r)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// referrer reads a manifest that is listed for another one.
func (g *graph) referrer(ctx context.Context, n node, d descriptor) (*document, error) {
	doc, err := fetch(ctx, g.extras, d)
	if err != nil {
		return nil, err
	}
	if doc.Subject == nil || doc.Subject.Digest != n.doc.digest {
		return nil, check.Refuse("OC-2", check.OCI, "manifest %s is listed for %s and %w", doc.digest, n.doc.digest, errOther)
	}
	return doc, nil
}

// errOther says that what is listed belongs to something else.
var errOther = errors.New("is not about it")

// left says of a node with a fault whether it can be left out of a copy: there is
// nothing that belongs to the image.
func (n *node) left() bool { return errors.Is(n.fault, errAbsent) || errors.Is(n.fault, errOther) }

// faulty says of an error that it is about what is listed, and would be the same the
// next time.
func faulty(err error) bool {
	c := check.Of(err)
	return errors.Is(err, errAbsent) || c.Exit() == check.ExitNo || c == check.Limit
}

func (g *graph) tags(ctx context.Context, n node) error {
	for _, suffix := range []string{suffixSig, suffixAtt, ".sbom"} {
		tag := fallbackTag(n.doc.digest) + suffix
		doc, err := g.extras.manifest(ctx, tag)
		if errors.Is(err, errMissing) {
			continue
		}
		if err != nil {
			return unread(tag, err)
		}
		where := "legacy tag " + suffix
		if err := g.node(ctx, node{doc: doc, kind: KindTag, of: n.doc.digest, about: n.doc.descriptor(), where: where, tag: tag, from: g.extras, depth: n.depth + 1}); err != nil {
			return err
		}
	}
	return nil
}
