package oci

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
)

// A Storage says where to keep what belongs to an image.
type Storage int

// The places. The zero Storage is none.
const (
	Referrers Storage = 1 << iota // OCI 1.1, with the fallback tag where a registry does not know it
	Tags                          // the older scheme
	Both      = Referrers | Tags
)

// A Signature is what Attach attaches.
type Signature struct {
	Bundle  []byte // as it was written
	Payload []byte // for a message signature under an old tag: what was signed
}

// An Attached says where something is now.
type Attached struct {
	Where  string // one of the Where constants
	Ref    string // repository@digest of the manifest, or repository:tag
	Before bool   // it was there before; nothing was written there
}

// Annotations of a manifest that holds a bundle.
const (
	noteCreated    = "org.opencontainers.image.created"
	noteContent    = "dev.sigstore.bundle.content"
	noteBundleType = "dev.sigstore.bundle.predicateType"
)

// Attach attaches a bundle to an image and reads it back. It may be called again
// after any failure: what is there is not written twice, and what is attached is
// the same each time. A message signature goes to the tag .sig and needs its
// payload, an envelope goes to the tag .att.
func (c *Client) Attach(ctx context.Context, a Artifact, s Signature, to Storage) ([]Attached, error) {
	into, err := a.attachable(to)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Parse(s.Bundle)
	if err != nil {
		return nil, err
	}
	var all []Attached
	if to&Referrers != 0 {
		at, err := c.attachReferrer(ctx, into, a, b, s.Bundle)
		if err != nil {
			return nil, err
		}
		all = append(all, at)
	}
	if to&Tags != 0 {
		at, err := attachOld(ctx, into, a, b, s.Payload)
		if err != nil {
			return all, err
		}
		all = append(all, at)
	}
	return all, nil
}

// attachable returns where to attach what belongs to an image.
func (a Artifact) attachable(to Storage) (store, error) {
	into, ok := a.extras.(store)
	if !ok || a.Pinned() {
		return nil, check.Refuse("OC-2", check.Internal, "want a resolved image")
	}
	if to&Both == 0 || to&^Both != 0 {
		return nil, check.Refuse("OC-9", check.Usage, "storage is %d, want referrers, tags or both", to)
	}
	return into, nil
}

// attachReferrer sends bundle, config, manifest and then, if the registry does
// not list referrers itself, the listing (OC-9).
func (c *Client) attachReferrer(ctx context.Context, into store, a Artifact, b *bundle.Bundle, raw []byte) (Attached, error) {
	doc, err := c.referrerOf(a, b, raw)
	if err != nil {
		return Attached{}, err
	}
	at := Attached{Where: whereListed(into), Ref: into.String() + "@" + doc.digest}
	if known, err := isListed(ctx, into, a.Digest, doc.digest); err == nil && known {
		at.Before = true
		return at, confirm(ctx, into, doc)
	}
	if _, err := into.writeBlob(ctx, doc.layers()[0], nil, inMemory(raw)); err != nil {
		return at, err
	}
	if _, err := into.writeBlob(ctx, *doc.Config, nil, inMemory([]byte("{}"))); err != nil {
		return at, err
	}
	accepted, err := into.writeManifest(ctx, doc.digest, doc)
	if err != nil {
		return at, err
	}
	where, wrote, err := into.link(ctx, a.Digest, []descriptor{listedAs(doc)}, accepted)
	if err != nil {
		return at, err
	}
	at.Where, at.Before = where[doc.digest], !wrote
	_, err = fetch(ctx, into, doc.descriptor())
	return at, err
}

// isListed says whether a place lists a manifest for its subject.
func isListed(ctx context.Context, in source, subject, digest string) (found bool, err error) {
	err = in.referrers(ctx, subject, func(d descriptor) bool {
		found = d.Digest == digest
		return !found
	})
	return found, err
}

// confirm reads a manifest back and asks for what it holds (O32).
func confirm(ctx context.Context, in store, doc *document) error {
	if _, err := fetch(ctx, in, doc.descriptor()); err != nil {
		return err
	}
	for _, d := range append(doc.layers(), *doc.Config) {
		there, err := in.has(ctx, d)
		if err != nil {
			return err
		}
		if !there {
			return missing(d.Digest, in.String())
		}
	}
	return nil
}

// link makes sure that manifests that were written are listed for their subject. A
// registry that says nothing about the subject may still list referrers, and one
// that lists may need a moment.
func (r *repository) link(ctx context.Context, subject string, all []descriptor, accepted bool) (map[string]string, bool, error) {
	where := map[string]string{}
	for _, d := range all {
		where[d.Digest] = WhereReferrers
	}
	left, err := r.unlinked(ctx, subject, all, accepted)
	if err != nil || len(left) == 0 {
		return where, true, err
	}
	for _, d := range left {
		where[d.Digest] = WhereFallback
	}
	wrote, err := r.update(ctx, listed(subject, left...))
	return where, wrote, err
}

// listedAs is how a listing describes a referrer.
func listedAs(doc *document) descriptor {
	d := doc.descriptor()
	d.ArtifactType, d.Annotations = doc.kind(), doc.Annotations
	return d
}

// unlinked waits until the registry lists manifests for their subject, and returns
// those that it does not list.
func (r *repository) unlinked(ctx context.Context, subject string, all []descriptor, accepted bool) ([]descriptor, error) {
	for tries := 0; ; tries++ {
		missing := map[string]bool{}
		for _, d := range all {
			missing[d.Digest] = true
		}
		err := r.referrers(ctx, subject, func(d descriptor) bool {
			delete(missing, d.Digest)
			return len(missing) > 0
		})
		if errors.Is(err, errMissing) {
			return all, nil
		}
		long := errors.Is(err, errTooLong)
		if err != nil && !long {
			return nil, err
		}
		if long && accepted {
			return nil, nil // it has seen the subject; its listing is too long to look
		}
		all = slices.DeleteFunc(slices.Clone(all), func(d descriptor) bool { return !missing[d.Digest] })
		if len(all) == 0 {
			return nil, nil
		}
		if tries >= 4 && accepted {
			return nil, check.Refuse("OC-9", check.Server, "%q took manifest %s and does not list it", r.String(), all[0].Digest)
		}
		if tries >= 4 || long {
			return all, nil // it lists, but not these: what other clients fall back to will be right
		}
		if err := r.client.sleep(ctx, r.client.jitter(r.client.settle<<tries)); err != nil {
			return nil, &check.Error{Check: check.Net, Rule: "OC-9", Field: r.String(), Err: err}
		}
	}
}

// referrerOf makes the manifest that holds a bundle (OC-2), with the annotations
// and artifact type that other clients write and look for. The date is that of
// the signature, so that the manifest is the same whenever it is made.
func (c *Client) referrerOf(a Artifact, b *bundle.Bundle, raw []byte) (*document, error) {
	notes := map[string]string{noteCreated: c.created(b).UTC().Format(time.RFC3339), noteContent: "message-signature"}
	if b.Envelope != nil {
		s, err := dsse.ParseStatement(b.Envelope.Payload)
		if err != nil {
			return nil, err
		}
		if _, err := s.Match(map[string]string{"sha256": a.Digest[len("sha256:"):]}); err != nil {
			return nil, err
		}
		notes[noteContent], notes[noteBundleType] = "dsse-envelope", s.PredicateType
	}
	if b.Message != nil && b.Message.Digest != nil && "sha256:"+hex.EncodeToString(b.Message.Digest.Value) != a.Digest {
		return nil, check.Refuse("OC-4", check.Digest, "signature is over %x, want %s", b.Message.Digest.Value, a.Digest)
	}
	subject := a.descriptor()
	return writeDocument(content{
		ArtifactType: b.MediaType,
		Config:       &descriptor{MediaType: typeEmpty, Size: 2, Digest: emptyDigest, ArtifactType: b.MediaType},
		Layers:       &descriptors{{MediaType: b.MediaType, Size: int64(len(raw)), Digest: sum(raw)}},
		Subject:      &subject,
		Annotations:  notes,
	}, typeManifest)
}

// created is when a bundle was made, as far as it says; nothing relies on it.
func (c *Client) created(b *bundle.Bundle) time.Time {
	for i := range b.Entries {
		if t := b.Entries[i].IntegratedTime; t > 0 {
			return time.Unix(t, 0)
		}
	}
	if b.Certificate != nil {
		if cert, err := x509.ParseCertificate(b.Certificate); err == nil {
			return cert.NotBefore
		}
	}
	return c.config.Now()
}

// attachOld adds a layer to the manifest under an old tag.
func attachOld(ctx context.Context, into store, a Artifact, b *bundle.Bundle, payload []byte) (Attached, error) {
	l, err := oldLayerOf(b, payload, a.Digest)
	if err != nil {
		return Attached{}, err
	}
	tag := fallbackTag(a.Digest) + l.suffix
	at := Attached{Where: WhereSig, Ref: into.String() + ":" + tag}
	if l.suffix == suffixAtt {
		at.Where = WhereAtt
	}
	if _, err := into.writeBlob(ctx, l.descriptor, nil, inMemory(l.data)); err != nil {
		return at, err
	}
	wrote, err := into.update(ctx, withLayers(ctx, into, tag, l.suffix, l.descriptor))
	at.Before = !wrote
	return at, err
}

// withLayers returns the merge that adds layers to the manifest at an old tag. What the
// layers announce is there already.
func withLayers(ctx context.Context, into store, tag, suffix string, layers ...descriptor) merge {
	return merge{tag: tag, add: func(old *document) (*document, error) {
		lack := missingIn(old, layers)
		if len(lack) == 0 {
			return old, nil
		}
		doc, config, err := appended(suffix, old, lack...)
		if err != nil {
			return nil, err
		}
		_, err = into.writeBlob(ctx, *doc.Config, nil, inMemory(config))
		return doc, err
	}}
}
