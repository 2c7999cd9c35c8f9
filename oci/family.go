package oci

import (
	"context"
	"iter"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A Member is a manifest behind an index.
type Member struct {
	Artifact
	Platform Platform   // as its index describes it
	Parents  []Artifact // the indexes that lead to it, the nearest first
}

// Behind yields every manifest behind an index once, an index before what is
// behind it. What can't be read is yielded as an error, with the member that it is
// about; the walk goes on with the next one, but for a bound that is reached.
func (c *Client) Behind(ctx context.Context, a Artifact) iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) {
		f := &family{ctx: ctx, seen: map[string]bool{a.Digest: true}, yield: yield}
		f.behind(Member{Artifact: a})
	}
}

// Family returns an artifact and every manifest behind it, each once.
func (c *Client) Family(ctx context.Context, a Artifact) ([]Member, error) {
	all := []Member{{Artifact: a}}
	for m, err := range c.Behind(ctx, a) {
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// A family is one walk over what is behind an index.
type family struct {
	ctx   context.Context
	seen  map[string]bool
	yield func(Member, error) bool
}

// behind returns false when nothing more is to be yielded.
func (f *family) behind(of Member) bool {
	parents := append([]Artifact{of.Artifact}, of.Parents...)
	for _, p := range of.Platforms {
		if f.seen[p.Digest] {
			continue
		}
		f.seen[p.Digest] = true
		if len(parents) > MaxDepth || len(f.seen) > MaxNodes {
			f.yield(of, check.Refuse("OC-8", check.Limit, "has more than %d manifests behind it, or indexes nested more than %d deep", MaxNodes, MaxDepth))
			return false
		}
		child, err := of.Child(p)
		m := Member{Artifact: child, Platform: p, Parents: parents}
		if err == nil && child.IsIndex() {
			m.Artifact, err = child.opened(f.ctx)
		}
		if !f.yield(m, err) {
			return false
		}
		if err == nil && !f.behind(m) {
			return false
		}
	}
	return true
}

// opened reads the manifest of an index, so that its children are known.
func (a Artifact) opened(ctx context.Context) (Artifact, error) {
	doc, err := fetch(ctx, a.source, a.descriptor())
	if err != nil {
		return a, err
	}
	read, err := artifactOf(doc)
	a.ArtifactType, a.Platforms = read.ArtifactType, read.Platforms
	return a, err
}
