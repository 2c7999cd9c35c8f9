package oci

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// An Artifact is an image or index that was resolved to its digest. Only
// Client.Resolve, Client.Pin and Artifact.Child make one; it is read-only.
type Artifact struct {
	Name         string // as it was asked for
	Repository   string // "registry/repository", or "oci:PATH"
	Tag          string // as it was asked for; "" if by digest
	Digest       string // "sha256:" and hex
	MediaType    string
	ArtifactType string // "" for images
	Size         int64
	Platforms    []Platform // children of an index, in its order; nil for an image

	source source // where it is
	extras source // where what belongs to it is
}

// A Platform is a child of an index.
type Platform struct {
	Digest       string
	MediaType    string
	Size         int64
	OS           string // "unknown" for what is no image, such as build provenance
	Architecture string
	Variant      string
}

// String returns "linux/arm64/v8", or "" if the index does not say.
func (p Platform) String() string {
	if p.OS == "" && p.Architecture == "" {
		return ""
	}
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Ref names the artifact by digest: what was resolved, and nothing else.
func (a Artifact) Ref() string { return a.Repository + "@" + a.Digest }

// PublicName names the repository in what is published: of a layout on disk, whose
// place is nobody else's business, the last element of its path.
func (a Artifact) PublicName() string {
	if path, ok := strings.CutPrefix(a.Repository, layoutPrefix); ok {
		return layoutPrefix + filepath.Base(path)
	}
	return a.Repository
}

// String is Ref.
func (a Artifact) String() string { return a.Ref() }

// Pinned says that nothing is known of the artifact but its digest, see Pin.
func (a Artifact) Pinned() bool { return a.Digest != "" && a.MediaType == "" }

// IsIndex says whether the artifact has children.
func (a Artifact) IsIndex() bool { return isIndexType(a.MediaType) }

func (a Artifact) descriptor() descriptor {
	return descriptor{MediaType: a.MediaType, Size: a.Size, Digest: a.Digest}
}

// Child returns a child of the index as an artifact of its own, from what the
// index says about it; nothing is asked for. It is refused as check usage if p
// is none of the children.
func (a Artifact) Child(p Platform) (Artifact, error) {
	for _, q := range a.Platforms {
		if q == p {
			child := a
			child.Name, child.Tag = a.Repository+"@"+p.Digest, ""
			child.Digest, child.MediaType, child.Size = p.Digest, p.MediaType, p.Size
			child.Platforms, child.ArtifactType = nil, ""
			return child, nil
		}
	}
	return Artifact{}, check.Refuse("O9", check.Usage, "%s has no child %q", a.Digest, strictjson.Clip(p.Digest))
}

// Platform returns the child for a platform such as "linux/arm/v7", or the one
// child for "linux/arm64" whatever its variant. None, or several, is refused as
// check usage.
func (a Artifact) Platform(want string) (Artifact, error) {
	var fits []Platform
	for _, p := range a.Platforms {
		if p.String() == want {
			return a.Child(p)
		}
		if p.OS+"/"+p.Architecture == want {
			fits = append(fits, p)
		}
	}
	if len(fits) != 1 {
		refused := check.Refuse("O9", check.Usage, "%d of %d children are for platform %q, want one",
			len(fits), len(a.Platforms), strictjson.Clip(want))
		if !a.IsIndex() {
			return Artifact{}, refused.WithNext("this is one image, not an index: leave the platform out")
		}
		return Artifact{}, refused.WithNext(fmt.Sprintf("the index has %q", a.Platforms))
	}
	return a.Child(fits[0])
}

// layoutPrefix marks an image layout on disk.
const layoutPrefix = "oci:"

// Resolve finds what an image name means, asking once (OC-1). With a tag and a
// digest both must mean the same. Errors have the check usage for a name that is
// none, net if the registry does not give it, oci if what it gives is wrong.
func (c *Client) Resolve(ctx context.Context, ref string) (Artifact, error) {
	return c.find(ctx, ref, false)
}

// Pin is Resolve that asks nothing about a name which is a digest already: what
// is attached to the digest can be listed without its manifest. Media type, size
// and platforms are unknown then, and so is whether the repository has it; see
// Pinned. Only Bundles and Resolve take such an artifact further.
func (c *Client) Pin(ctx context.Context, ref string) (Artifact, error) {
	return c.find(ctx, ref, true)
}

func (c *Client) find(ctx context.Context, ref string, pin bool) (Artifact, error) {
	ref = strings.TrimPrefix(ref, "docker://")
	if path, ok := strings.CutPrefix(ref, layoutPrefix); ok {
		a, err := resolveLayout(path)
		if err != nil || c.config.SignatureRepository == "" {
			return a, err
		}
		a.extras, err = c.extras(nil)
		return a, err
	}
	r, err := parseReference(ref)
	if err != nil {
		return Artifact{}, err
	}
	from := c.repository(r.registry, r.repository)
	extras, err := c.extras(from)
	if err != nil {
		return Artifact{}, err
	}
	a := Artifact{Digest: r.digest}
	if !pin || r.tag != "" {
		doc, err := resolve(ctx, from, r.tag, r.digest)
		if err != nil {
			return Artifact{}, err
		}
		if a, err = artifactOf(doc); err != nil {
			return Artifact{}, err
		}
	}
	a.Name, a.Repository, a.Tag = ref, r.context(), r.tag
	a.source, a.extras = from, extras
	return a, nil
}

// extras returns the repository of what belongs to images.
func (c *Client) extras(of *repository) (*repository, error) {
	if c.config.SignatureRepository == "" {
		return of, nil
	}
	r, err := parseReference(c.config.SignatureRepository)
	if err != nil {
		return nil, err
	}
	if r.digest != "" || r.tag != "latest" || strings.HasSuffix(c.config.SignatureRepository, ":latest") {
		return nil, check.Refuse("O33", check.Usage, "signature repository is %q, want one without tag and digest",
			strictjson.Clip(c.config.SignatureRepository))
	}
	return c.repository(r.registry, r.repository), nil
}

func resolve(ctx context.Context, from source, tag, digest string) (*document, error) {
	ref := tag
	if ref == "" {
		ref = digest
	}
	doc, err := from.manifest(ctx, ref)
	if errors.Is(err, errMissing) {
		return nil, missing(ref, from.String()).WithNext("check the name; registries also say so of what they hide from strangers")
	}
	if err != nil {
		return nil, err
	}
	if tag != "" && digest != "" && doc.digest != digest {
		return nil, check.Refuse("O33", check.Usage, "tag %q is %s, want %s as the name says", tag, doc.digest, digest)
	}
	return doc, nil
}

func artifactOf(d *document) (Artifact, error) {
	a := Artifact{Digest: d.digest, MediaType: d.media, Size: int64(len(d.raw)), ArtifactType: d.ArtifactType}
	for _, child := range d.children() {
		if !isDocumentType(child.MediaType) {
			continue // an index may list other things (OCI image-spec, image index)
		}
		p := Platform{Digest: child.Digest, MediaType: child.MediaType, Size: child.Size}
		if child.Platform != nil {
			p.OS, p.Architecture, p.Variant = child.Platform.OS, child.Platform.Architecture, child.Platform.Variant
		}
		a.Platforms = append(a.Platforms, p)
	}
	return a, d.bounded()
}
