package oci

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/hallmarksign/hallmark/internal/check"
)

// What one signature adds to a document that is shared, at most as a rule. A document
// with less room is refused before anything is signed.
const (
	roomInListing = 8 << 10  // unit: bytes of the listing at a fallback tag
	roomInTag     = 64 << 10 // unit: bytes of the manifest at an old tag
	roomInEntries = 1 << 10  // unit: bytes of the index.json of a layout, for each document
)

// elsewhere is what to do where a registry keeps nothing beside an image.
const elsewhere = "keep the signature in another repository with --signature-repository REPOSITORY, or in a file with --bundle FILE"

// CanAttach finds out whether Attach could keep a signature, or an attestation, with
// each of the images, as far as that can be known: whether there is a right to push,
// and whether the documents that others add to as well have room and can be replaced.
// It is for a caller that must not publish a signature which can be kept nowhere.
//
// The right to push is tried with an upload that is begun and cancelled. Whether a tag
// can be replaced is only known by replacing it: a document that is there is written
// again, with a line break more or less at its end, which says the same. To write
// exactly the same bytes would prove nothing, because registries with immutable tags
// take those. Somebody who adds to the document in the same moment may be overwritten,
// as by Attach, and adds again as Attach does. It is done for one document of those
// that are there.
func (c *Client) CanAttach(ctx context.Context, to Storage, attestation bool, images ...Artifact) error {
	if len(images) == 0 {
		return nil
	}
	into, err := images[0].attachable(to)
	if err != nil {
		return err
	}
	if l, ok := into.(*layout); ok {
		return l.canAttach(ctx, to, attestation, images)
	}
	r := into.(*repository)
	if err := r.canPush(ctx); err != nil {
		return err
	}
	shared, err := r.shared(ctx, to, attestation, images)
	if err != nil {
		return err
	}
	for _, s := range shared {
		if s.old != nil {
			return r.canReplace(ctx, s.tag)
		}
	}
	return nil
}

// canPush begins an upload and cancels it. What becomes of the upload if the registry
// knows no cancelling is its own business: it forgets it after a while.
func (r *repository) canPush(ctx context.Context) error {
	at, _, err := r.begin(ctx, call{method: http.MethodPost, path: r.path("blobs", "uploads/"), scopes: push(r.name)})
	if err != nil {
		return wayOut("nothing can be pushed to", r.String(), err)
	}
	if at == nil {
		return nil
	}
	if res, err := r.do(ctx, call{method: http.MethodDelete, location: at, scopes: push(r.name), single: true}); err == nil {
		res.Body.Close()
	}
	return nil
}

// wayOut says of what a registry refuses for good what it is and what to do instead.
func wayOut(what, where string, err error) error {
	s, ok := errors.AsType[*status](err)
	if !ok || s.code >= 500 || s.limited {
		return err
	}
	next := elsewhere
	if e, ok := errors.AsType[*check.Error](err); ok && e.Next != "" {
		next = e.Next + "; or " + next
	}
	return check.Refuse("OC-9", check.Net, "%s %q: %w", what, where, s).WithNext(next)
}

// A sharedDocument is one that Attach will add to.
type sharedDocument struct {
	tag string
	old *document // nil if there is none yet
}

// shared reads the documents that Attach will add to for the images, a few at a time.
func (r *repository) shared(ctx context.Context, to Storage, attestation bool, images []Artifact) ([]sharedDocument, error) {
	tags, err := r.sharedTags(ctx, to, attestation, images)
	if err != nil {
		return nil, err
	}
	list := make([]sharedDocument, len(tags))
	errs := make([]error, len(tags))
	var wg sync.WaitGroup
	turns := make(chan struct{}, parallel)
	for i, tag := range tags {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			list[i].tag = tag.name
			list[i].old, errs[i] = withRoom(ctx, r, tag)
		})
	}
	wg.Wait()
	return list, errors.Join(errs...)
}

// A sharedTag is a tag with a document that Attach adds to.
type sharedTag struct {
	name  string
	index bool // it is a listing, not an image manifest
	room  int
}

// sharedTags names the documents. Where the registry lists referrers there is none
// for them.
func (r *repository) sharedTags(ctx context.Context, to Storage, attestation bool, images []Artifact) ([]sharedTag, error) {
	fallback := false
	if to&Referrers != 0 {
		_, _, err := r.page(ctx, r.path("referrers", images[0].Digest), nil)
		if fallback = errors.Is(err, errMissing); err != nil && !fallback {
			return nil, err
		}
	}
	var tags []sharedTag
	for _, a := range images {
		tags = append(tags, tagsOf(a, fallback, to&Tags != 0, attestation)...)
	}
	return tags, nil
}

// tagsOf names the documents for one image: the listing, and the old tag.
func tagsOf(a Artifact, listing, old, attestation bool) (tags []sharedTag) {
	if listing {
		tags = append(tags, sharedTag{fallbackTag(a.Digest), true, roomInListing})
	}
	suffix := suffixSig
	if attestation {
		suffix = suffixAtt
	}
	if old {
		tags = append(tags, sharedTag{fallbackTag(a.Digest) + suffix, false, roomInTag})
	}
	return tags
}

// withRoom reads a document that can be added to; nil if there is none yet.
func withRoom(ctx context.Context, in source, tag sharedTag) (*document, error) {
	old, err := in.manifest(ctx, tag.name)
	if errors.Is(err, errMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if old.index() != tag.index {
		return nil, check.Refuse("OC-5", check.OCI, "%q in %q is of type %q, to which no signature can be added", tag.name, in.String(), old.media).
			WithNext(elsewhere)
	}
	return old, roomFor(tag.name, in, len(old.raw), tag.room)
}

// roomFor refuses a document to which not so much can be added.
func roomFor(name string, in source, size, room int) error {
	if size+room <= MaxManifest {
		return nil
	}
	next := elsewhere
	if _, ok := in.(*repository); ok {
		next = "remove what is not wanted with hallmark image clean, or " + elsewhere
	}
	return check.Refuse("OC-8", check.Limit, "%q in %q has %d bytes of at most %d: there is no room for another signature", name, in.String(), size, MaxManifest).
		WithNext(next)
}

// canReplace writes a document that is there again, saying the same in other bytes.
func (r *repository) canReplace(ctx context.Context, tag string) error {
	l := r.client.lock(r.String() + ":" + tag)
	l.Lock()
	defer l.Unlock()
	for tries := 0; ; tries++ {
		old, err := r.manifest(ctx, tag)
		if errors.Is(err, errMissing) {
			return nil
		}
		if err != nil {
			return err
		}
		same, err := respaced(old)
		if err != nil {
			return err
		}
		_, err = r.putOnce(ctx, tag, same)
		if err == nil {
			return nil
		}
		after, transient := again(err, call{})
		if !transient || tries >= r.client.config.Retries || after > r.client.config.Deadline {
			return wayOut("a tag that exists can't be replaced in", r.String(), err)
		}
		if r.client.sleep(ctx, max(after, r.client.pause)) != nil {
			return err
		}
	}
}

// respaced returns a document that says the same in other bytes.
func respaced(d *document) (*document, error) {
	raw, had := bytes.CutSuffix(d.raw, []byte("\n"))
	if !had {
		raw = append(bytes.Clone(raw), '\n')
	}
	return readDocument(raw, d.media)
}
