package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Media types of manifests that are read, and of what is written.
const (
	typeManifest       = "application/vnd.oci.image.manifest.v1+json"
	typeIndex          = "application/vnd.oci.image.index.v1+json"
	typeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	typeDockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"

	typeEmpty  = "application/vnd.oci.empty.v1+json"
	typeConfig = "application/vnd.oci.image.config.v1+json"
)

// emptyDigest is the digest of "{}", the empty config (OC-2).
const emptyDigest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

func isIndexType(t string) bool    { return t == typeIndex || t == typeDockerIndex }
func isManifestType(t string) bool { return t == typeManifest || t == typeDockerManifest }
func isDocumentType(t string) bool { return isIndexType(t) || isManifestType(t) }

// A descriptor announces content (OCI image-spec, descriptor.md).
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Size         int64             `json:"size"`
	Digest       string            `json:"digest"`
	Data         []byte            `json:"data,omitempty"`
	URLs         []string          `json:"urls,omitempty"` // kept when copied, never followed (OC-7)
	Annotations  map[string]string `json:"annotations,omitempty"`
	Platform     *platform         `json:"platform,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
}

// descriptors are counted while they are read: some bytes of a document become a
// hundred in memory (OC-8).
type descriptors []descriptor

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (l *descriptors) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*l = descriptors{} // empty is not absent
	all, err := strictjson.List(d, MaxReferrers, func(d *jsontext.Decoder) (v descriptor, err error) {
		return v, jsonv2.UnmarshalDecode(d, &v)
	})
	*l = append(*l, all...)
	return err
}

type platform struct {
	Architecture string   `json:"architecture"`
	OS           string   `json:"os"`
	OSVersion    string   `json:"os.version,omitempty"`
	OSFeatures   []string `json:"os.features,omitempty"`
	Variant      string   `json:"variant,omitempty"`
	Features     []string `json:"features,omitempty"`
}

// A content is what a manifest or an index says. Pointers tell absent from empty.
type content struct {
	SchemaVersion int64             `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        *descriptors      `json:"layers,omitempty"`
	Manifests     *descriptors      `json:"manifests,omitempty"`
	Subject       *descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

func (c *content) layers() []descriptor {
	if c.Layers == nil {
		return nil
	}
	return *c.Layers
}

func (c *content) children() []descriptor {
	if c.Manifests == nil {
		return nil
	}
	return *c.Manifests
}

// A document is a manifest or an index that was hashed and read.
type document struct {
	content
	raw    []byte
	digest string
	media  string // the type that it was delivered as
}

func (d *document) index() bool { return isIndexType(d.media) }

// descriptor announces the document.
func (d *document) descriptor() descriptor {
	return descriptor{MediaType: d.media, Size: int64(len(d.raw)), Digest: d.digest}
}

// blobs are the config and the layers, each once.
func (d *document) blobs() []descriptor {
	var all []descriptor
	seen := map[string]bool{}
	if d.Config != nil {
		all, seen[d.Config.Digest] = append(all, *d.Config), true
	}
	for _, l := range d.layers() {
		if !seen[l.Digest] {
			all, seen[l.Digest] = append(all, l), true
		}
	}
	return all
}

// bounded refuses an image or index of more parts than one has. A listing of
// signatures may have more (OC-8).
func (d *document) bounded() error {
	if len(d.layers()) > MaxLayers || len(d.children()) > MaxLayers {
		return check.Refuse("OC-8", check.Limit, "manifest %s has %d layers and %d manifests, want at most %d",
			d.digest, len(d.layers()), len(d.children()), MaxLayers)
	}
	return nil
}

// kind is the artifact type as a listing of referrers shows it: that of the
// manifest, else the type of its config (distribution-spec, listing referrers).
func (d *document) kind() string {
	if d.ArtifactType != "" || d.Config == nil {
		return d.ArtifactType
	}
	return d.Config.MediaType
}

// readDocument reads bytes that were delivered as a media type. It has one
// reading or is refused (OC-5).
func readDocument(raw []byte, media string) (*document, error) {
	if len(raw) > MaxManifest {
		return nil, check.Refuse("OC-8", check.Limit, "manifest is more than %d bytes", MaxManifest)
	}
	media, _, err := mime.ParseMediaType(media)
	if err != nil || !isDocumentType(media) {
		return nil, check.Refuse("OC-5", check.OCI, "manifest is of type %q, want an image manifest or index", strictjson.Clip(media))
	}
	d := &document{raw: raw, digest: sum(raw), media: media}
	if err := strictjson.UnmarshalOpen(raw, &d.content); err != nil {
		if check.Of(err) == check.Limit {
			return nil, err
		}
		return nil, check.Refuse("OC-5", check.OCI, "manifest %s: %v", d.digest, err)
	}
	return d, d.oneReading()
}

// oneReading checks that media type, type field and members agree (OC-5).
func (d *document) oneReading() error {
	if d.SchemaVersion != 2 {
		return check.Refuse("OC-5", check.OCI, "is %d, want 2", d.SchemaVersion).At("schemaVersion")
	}
	if d.MediaType != "" && d.MediaType != d.media {
		return check.Refuse("OC-5", check.OCI, "is %q, want %q as it was delivered", strictjson.Clip(d.MediaType), d.media).At("mediaType")
	}
	if d.index() && (d.Layers != nil || d.Config != nil) {
		return check.Refuse("OC-5", check.OCI, "index %s has layers or a config", d.digest)
	}
	if !d.index() && d.Manifests != nil {
		return check.Refuse("OC-5", check.OCI, "image manifest %s has manifests", d.digest)
	}
	if !d.index() && (d.Layers == nil || d.Config == nil) {
		return check.Refuse("OC-5", check.OCI, "image manifest %s lacks layers or config", d.digest)
	}
	return d.announced()
}

// announced checks every descriptor in the document.
func (d *document) announced() error {
	for i, l := range d.layers() {
		if err := l.wellFormed(); err != nil {
			return err.At(fmt.Sprintf("layers[%d]", i))
		}
	}
	for i, m := range d.children() {
		if err := m.wellFormed(); err != nil {
			return err.At(fmt.Sprintf("manifests[%d]", i))
		}
	}
	if d.Config != nil {
		if err := d.Config.wellFormed(); err != nil {
			return err.At("config")
		}
	}
	if d.Subject != nil {
		if err := d.Subject.wellFormed(); err != nil {
			return err.At("subject")
		}
	}
	return nil
}

func (d *descriptor) wellFormed() *check.Error {
	if isSHA512(d.Digest) {
		return check.Refuse("OC-1", check.OCI, "digest is of sha512, want sha256, by which alone images are known here")
	}
	if !isDigest(d.Digest) {
		return check.Refuse("OC-1", check.OCI, "digest is %q, want sha256: and 64 hex digits", strictjson.Clip(d.Digest))
	}
	if d.Size < 0 {
		return check.Refuse("OC-1", check.OCI, "size is %d, want 0 or more", d.Size)
	}
	return nil
}

// same says whether two descriptors announce the same thing (OC-2).
func (d *descriptor) same(e descriptor) bool {
	return d.Digest == e.Digest && d.Size == e.Size && d.MediaType == e.MediaType
}

func isDigest(s string) bool {
	value, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(value) == 2*sha256.Size && strings.Trim(value, "0123456789abcdef") == ""
}

// isSHA512 knows the other digest of the OCI image-spec, which is optional there
// and not supported here: one image would have two names, and what is attached
// to one would not be found by the other.
func isSHA512(s string) bool { return strings.HasPrefix(s, "sha512:") }

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(h[:])
}

// writeDocument makes the document that says c.
func writeDocument(c content, media string) (*document, error) {
	c.SchemaVersion, c.MediaType = 2, media
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, check.Refuse("", check.Internal, "%v", err)
	}
	return readDocument(raw, media)
}

// expect checks that the document is what a descriptor announced, size first
// (OC-1, OC-5).
func (d *document) expect(want descriptor) error {
	if want.Size != int64(len(d.raw)) {
		return check.Refuse("OC-1", check.OCI, "manifest %s has %d bytes, want %d as announced", want.Digest, len(d.raw), want.Size)
	}
	if want.Digest != d.digest {
		return check.Refuse("OC-1", check.OCI, "manifest has digest %s, want %s", d.digest, want.Digest)
	}
	if want.MediaType != d.media {
		return check.Refuse("OC-5", check.OCI, "manifest %s is of type %q, want %q as announced", d.digest, d.media, strictjson.Clip(want.MediaType))
	}
	return nil
}
