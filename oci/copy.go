package oci

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// A Moved is one manifest that was copied or saved.
type Moved struct {
	Kind      string // one of the Kind constants
	Digest    string
	MediaType string // artifact type where there is one
	Of        string // digest of what it belongs to; "" for the image itself
	From, To  string // where it was listed and where it is now: a Where constant; "" for images
	Blobs     int    // that were sent; the others were there
	Bytes     int64  // of them
}

// A Report lists what was moved, in the order in which it was.
type Report struct {
	Digest string // of the image
	Ref    string // by digest, at its new place
	Moved  []Moved
	Left   []Branch // that are listed as referrers and are none; see Branch.Problem
}

// parallel bounds what is in memory and under way at once.
const parallel = 4 // unit: blobs of one manifest that are sent, or bundles that are read, at a time; the others wait

// Copy copies an image with all that belongs to it to another place: children,
// referrers and what refers to those, old tags. What is there already is not
// sent again, so that a copy that broke off can be repeated. The image gets the
// tag of dst, if that has one. The report is of what was done, also after an
// error.
func (c *Client) Copy(ctx context.Context, a Artifact, dst string) (Report, error) {
	report := Report{Digest: a.Digest}
	r, err := parseReference(dst)
	if err != nil {
		return report, err
	}
	if r.digest != "" && r.digest != a.Digest {
		return report, check.Refuse("O33", check.Usage, "target is %s, want it without digest or with that of the image, %s", r.digest, a.Digest)
	}
	into := c.repository(r.registry, r.repository)
	extras, err := c.extras(into)
	if err != nil {
		return report, err
	}
	report.Ref = r.at(a.Digest)
	cp := &copying{into: into, extras: extras, links: map[string]*linked{}, report: &report}
	err = walk(ctx, a, cp.visit)
	if lerr := cp.link(ctx); err == nil { // what was written is listed, whatever happened then
		err = lerr
	}
	if err != nil || r.tag == "" {
		return report, err
	}
	// The name comes last: whoever finds it finds everything.
	doc, err := fetch(ctx, a.source, a.descriptor())
	if err != nil {
		return report, err
	}
	_, err = into.writeManifest(ctx, r.tag, doc)
	return report, err
}

type copying struct {
	into, extras *repository
	report       *Report
	links        map[string]*linked // by subject
	subjects     []string           // in order
	size         int                // bytes of annotations in links, about
}

// maxLater bounds what is remembered of referrers that are to be listed.
const maxLater = 1 << 20 // unit: bytes of annotations of referrers that are to be listed; with more they are listed at once

// linked are referrers of one subject that were written and are not listed yet.
type linked struct {
	all      []descriptor
	moved    []int // of the report
	accepted bool  // the registry has seen the subject of all of them
}

func (c *copying) visit(ctx context.Context, n node) error {
	if n.fault != nil && !n.left() {
		return n.fault
	}
	if n.fault != nil {
		c.report.Left = append(c.report.Left, branchOf(n))
		return nil
	}
	m, err := c.node(ctx, n)
	if err == nil {
		c.report.Moved = append(c.report.Moved, m)
	}
	return err
}

// node copies one manifest with its blobs.
func (c *copying) node(ctx context.Context, n node) (Moved, error) {
	to := c.into
	if n.kind == KindReferrer || n.kind == KindTag {
		to = c.extras
	}
	m := Moved{Kind: n.kind, Digest: n.doc.digest, MediaType: n.doc.media, Of: n.of, From: n.where, To: n.where}
	if n.doc.ArtifactType != "" {
		m.MediaType = strictjson.Clip(n.doc.ArtifactType)
	}
	var err error
	if m.Blobs, m.Bytes, err = copyBlobs(ctx, n, to); err != nil {
		return m, err
	}
	if n.kind == KindTag {
		_, err = to.update(ctx, merged(ctx, to, n))
		return m, err
	}
	accepted, err := to.writeManifest(ctx, n.doc.digest, n.doc)
	if err != nil || n.kind != KindReferrer {
		return m, err
	}
	m.To = "" // until it is listed there
	return m, c.later(ctx, n, accepted)
}

// later remembers a referrer that is to be listed: all of one subject together, for
// there may be very many.
func (c *copying) later(ctx context.Context, n node, accepted bool) error {
	d, size := listedAs(n.doc), 0
	for name, value := range d.Annotations {
		size += len(name) + len(value)
	}
	if c.size+size > maxLater {
		if err := c.link(ctx); err != nil {
			return err
		}
	}
	c.size += size
	l := c.links[n.of]
	if l == nil {
		l = &linked{accepted: true}
		c.links[n.of] = l
		c.subjects = append(c.subjects, n.of)
	}
	l.all, l.moved, l.accepted = append(l.all, d), append(l.moved, len(c.report.Moved)), l.accepted && accepted
	return nil
}

// link lists what was written.
func (c *copying) link(ctx context.Context) error {
	for _, subject := range c.subjects {
		l := c.links[subject]
		where, _, err := c.extras.link(ctx, subject, l.all, l.accepted)
		if err != nil {
			return err
		}
		for i, d := range l.all {
			c.report.Moved[l.moved[i]].To = where[d.Digest]
		}
	}
	c.links, c.subjects, c.size = map[string]*linked{}, nil, 0
	return nil
}

// merged returns the merge that adds the layers under an old tag to those that the
// target has. Other things than signatures are replaced.
func merged(ctx context.Context, to *repository, n node) merge {
	added := withLayers(ctx, to, n.tag, strings.TrimPrefix(n.tag, fallbackTag(n.of)), n.doc.layers()...)
	return merge{tag: n.tag, add: func(old *document) (*document, error) {
		if old != nil && old.digest == n.doc.digest {
			return old, nil
		}
		if old == nil || (n.where != WhereSig && n.where != WhereAtt) {
			return n.doc, nil
		}
		return added.add(old)
	}}
}

// copyBlobs copies what a manifest holds, a few blobs at a time.
func copyBlobs(ctx context.Context, n node, to *repository) (count int, bytes int64, err error) {
	wanted := n.doc.blobs()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	from, _ := n.from.(*repository)
	queue := make(chan descriptor)
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range min(parallel, len(wanted)) {
		workers.Go(func() {
			for d := range queue {
				if ctx.Err() != nil {
					continue
				}
				sent, err := to.writeBlob(ctx, d, from, func(ctx context.Context) (io.ReadCloser, error) { return n.from.blob(ctx, d) })
				if err != nil {
					cancel(explainBlob(n, d, err))
					continue
				}
				if sent {
					mu.Lock()
					count, bytes = count+1, bytes+d.Size
					mu.Unlock()
				}
			}
		})
	}
	for _, d := range wanted {
		queue <- d
	}
	close(queue)
	workers.Wait()
	return count, bytes, context.Cause(ctx)
}

// explainBlob says of a blob that a registry keeps elsewhere that it is not
// copied, rather than that it is missing (OC-7).
func explainBlob(n node, d descriptor, err error) error {
	if len(d.URLs) == 0 || check.Of(err) != check.Net {
		return err
	}
	return check.Refuse("OC-7", check.OCI, "layer %s of %s is at %q, which is not followed", d.Digest, n.doc.digest, strictjson.Clip(d.URLs[0]))
}
