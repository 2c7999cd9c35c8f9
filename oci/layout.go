package oci

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// noteRef is the annotation with a name in the index of a layout (OCI
// image-layout).
const noteRef = "org.opencontainers.image.ref.name"

// maxFiles bounds an archive.
const maxFiles = 200_000 // unit: files of one archive; more are refused

// A layout is an image layout on disk. A tar file is only read; see layoutwrite.go for
// what is written to a folder.
type layout struct {
	path  string
	files files

	writing sync.Mutex // one change at a time
	mu      sync.Mutex
	now     *contents // guarded by mu
}

// contents are what index.json says at a moment.
type contents struct {
	index *document
	tags  map[string]descriptor
	media map[string]string // by digest

	once   sync.Once
	about  map[string][]descriptor // what is listed by the digest of its subject
	faulty error                   // why about may lack something
}

// read returns what index.json said when it was read last.
func (l *layout) read() *contents {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// files gives access to the files of a layout by their name in it.
type files interface {
	// open opens a regular file; fs.ErrNotExist if there is none. Anything that
	// is not a regular file inside of the layout is refused (O36).
	open(name string) (io.ReadCloser, int64, error)
}

func (l *layout) String() string { return layoutPrefix + l.path }

// blobPath is where a layout keeps content.
func blobPath(digest string) string { return "blobs/sha256/" + digest[len("sha256:"):] }

// resolveLayout opens "PATH", "PATH:TAG" or "PATH@DIGEST".
func resolveLayout(text string) (Artifact, error) {
	place, digest, pinned := strings.Cut(text, "@")
	if pinned && !isDigest(digest) {
		return Artifact{}, check.Refuse("O33", check.Usage, "digest is %q, want sha256: and 64 lower-case hex digits", strictjson.Clip(digest))
	}
	tag := ""
	if _, err := os.Lstat(place); errors.Is(err, fs.ErrNotExist) {
		if i := strings.LastIndexByte(place, ':'); i > 0 {
			place, tag = place[:i], place[i+1:]
		}
	}
	l, err := openLayout(place)
	if err != nil {
		return Artifact{}, err
	}
	doc, err := l.find(tag, digest)
	if err != nil {
		return Artifact{}, err
	}
	a, err := artifactOf(doc)
	a.Name, a.Repository, a.Tag, a.source, a.extras = layoutPrefix+text, l.String(), tag, l, l
	return a, err
}

var errNoLayout = errors.New("is neither a folder nor a file")

// placeError says why the place of a layout can't be used, without naming it twice.
func placeError(place string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return &check.Error{Check: check.FS, Rule: "O36", Field: strictjson.Clip(place), Err: err}
}

// openLayout opens a folder or an archive.
func openLayout(place string) (*layout, error) {
	info, err := os.Stat(place)
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		err = errNoLayout // opening a pipe would wait for its writer
	}
	if err != nil {
		return nil, placeError(place, err)
	}
	l := &layout{path: place}
	if info.IsDir() {
		l.files = folder(place)
	} else if l.files, err = openArchive(place); err != nil {
		return nil, err
	}
	var version struct {
		Version string `json:"imageLayoutVersion"`
	}
	text, err := l.small("oci-layout")
	if err != nil {
		return nil, err
	}
	if err := strictjson.UnmarshalOpen(text, &version); err != nil || version.Version != "1.0.0" {
		return nil, check.Refuse("O36", check.OCI, "layout version is %q, want 1.0.0", strictjson.Clip(version.Version))
	}
	return l, l.reload()
}

// reload reads index.json.
func (l *layout) reload() error {
	raw, err := l.small("index.json")
	if err != nil {
		return unread("index.json", err)
	}
	index, err := readDocument(raw, typeIndex)
	if err != nil {
		return unread("index.json", err)
	}
	c := &contents{index: index, tags: map[string]descriptor{}, media: map[string]string{}}
	for _, d := range index.children() {
		if _, known := c.media[d.Digest]; !known {
			c.media[d.Digest] = d.MediaType
		}
		if tag := d.Annotations[noteRef]; tag != "" {
			if have, twice := c.tags[tag]; twice && have.Digest != d.Digest {
				return check.Refuse("O36", check.OCI, "index.json has two manifests for %q", strictjson.Clip(tag))
			}
			c.tags[tag] = d
		}
	}
	l.mu.Lock()
	l.now = c
	l.mu.Unlock()
	return nil
}

// small reads a file of at most the size of a manifest.
func (l *layout) small(name string) ([]byte, error) {
	r, size, err := l.files.open(name)
	if err != nil {
		return nil, l.translate(name, err)
	}
	defer r.Close()
	if size > MaxManifest {
		return nil, check.Refuse("OC-8", check.Limit, "%q has %d bytes, want at most %d", name, size, MaxManifest)
	}
	raw, err := io.ReadAll(io.LimitReader(r, size+1))
	if err != nil {
		return nil, l.translate(name, err)
	}
	if int64(len(raw)) != size {
		return nil, check.Refuse("O36", check.FS, "%q changed while it was read", name)
	}
	return raw, nil
}

func (l *layout) translate(name string, err error) error {
	if refused, ok := errors.AsType[*check.Error](err); ok {
		return refused
	}
	return &check.Error{Check: check.FS, Rule: "O36", Field: l.path + "/" + name, Err: err}
}

// find returns the manifest that is meant: by digest, by name, or the only one
// that is about nothing else.
func (l *layout) find(tag, digest string) (*document, error) {
	if digest != "" {
		return resolve(context.Background(), l, tag, digest)
	}
	if tag != "" {
		return resolve(context.Background(), l, tag, "")
	}
	var images []*document
	for _, d := range l.read().index.children() {
		if strings.HasPrefix(d.Annotations[noteRef], "sha256-") || !isDocumentType(d.MediaType) {
			continue
		}
		doc, err := fetch(context.Background(), l, d)
		if err != nil {
			return nil, err
		}
		if doc.Subject == nil && (len(images) == 0 || images[0].digest != doc.digest) {
			images = append(images, doc)
		}
	}
	if len(images) != 1 {
		return nil, check.Refuse("O36", check.Usage, "%q has %d images, want one, or its name or digest", l.path, len(images))
	}
	return images[0], nil
}

// manifest reads a manifest by its name in index.json or by digest.
func (l *layout) manifest(_ context.Context, ref string) (*document, error) {
	digest := ref
	if !isDigest(ref) {
		d, ok := l.read().tags[ref]
		if !ok {
			return nil, errMissing
		}
		digest = d.Digest
	}
	raw, err := l.small(blobPath(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errMissing
	}
	if err != nil {
		return nil, err
	}
	if sum(raw) != digest {
		return nil, check.Refuse("OC-1", check.OCI, "blob has digest %s, want %s", sum(raw), digest)
	}
	return readDocument(raw, l.mediaOf(digest, raw))
}

// mediaOf finds out as what a manifest was meant. Where index.json does not
// announce it, the manifest says so itself.
func (l *layout) mediaOf(digest string, raw []byte) string {
	if media, ok := l.read().media[digest]; ok {
		return media
	}
	var c content
	if err := strictjson.UnmarshalOpen(raw, &c); err != nil {
		return ""
	}
	switch {
	case c.MediaType != "":
		return c.MediaType
	case c.Manifests != nil:
		return typeIndex
	}
	return typeManifest
}

func (l *layout) blob(_ context.Context, d descriptor) (io.ReadCloser, error) {
	name := blobPath(d.Digest)
	r, size, err := l.files.open(name)
	if err != nil {
		return nil, l.translate(name, err)
	}
	if size != d.Size {
		r.Close()
		return nil, check.Refuse("OC-1", check.OCI, "blob %s has %d bytes, want %d as announced", d.Digest, size, d.Size)
	}
	return compared(r, d), nil
}

// referrers looks at what index.json lists. The specification of layouts does
// not say where referrers are; other tools list them there as well.
func (l *layout) referrers(ctx context.Context, digest string, visit func(descriptor) bool) error {
	c := l.read()
	c.once.Do(func() { c.about, c.faulty = l.subjects(ctx, c) })
	for _, d := range c.about[digest] {
		if !visit(d) {
			return nil
		}
	}
	return c.faulty
}

// subjects reads every manifest in index.json once, for what it is about. The error is
// about the first one that can't be read.
func (l *layout) subjects(ctx context.Context, c *contents) (about map[string][]descriptor, faulty error) {
	about = map[string][]descriptor{}
	for _, d := range c.index.children() {
		if !isDocumentType(d.MediaType) {
			continue
		}
		doc, err := fetch(ctx, l, d)
		if err != nil {
			faulty = cmp.Or(faulty, err)
			continue
		}
		if doc.Subject != nil && doc.Subject.Digest != d.Digest {
			d.ArtifactType, d.Annotations = doc.kind(), doc.Annotations
			about[doc.Subject.Digest] = append(about[doc.Subject.Digest], d)
		}
	}
	return about, faulty
}

// A folder is a layout that is not packed.
type folder string

func (f folder) open(name string) (io.ReadCloser, int64, error) {
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return nil, 0, err
	}
	defer root.Close()
	for dir := name; dir != "."; dir = path.Dir(dir) {
		info, err := root.Lstat(dir)
		if err != nil {
			return nil, 0, err
		}
		if dir == name && !info.Mode().IsRegular() || dir != name && !info.IsDir() {
			return nil, 0, check.Refuse("O36", check.FS, "%q is not a regular file in the layout", name)
		}
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = check.Refuse("O36", check.FS, "%q is not a regular file in the layout", name)
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// An archive is a layout in a tar file, which is looked through once.
type archive struct {
	path  string
	found map[string]section
}

type section struct{ offset, size int64 }

func openArchive(place string) (*archive, error) {
	file, err := os.Open(place)
	if err != nil {
		return nil, placeError(place, err)
	}
	defer file.Close()
	a := &archive{path: place, found: map[string]section{}}
	for r := tar.NewReader(file); ; {
		h, err := r.Next()
		if err == io.EOF {
			return a, nil
		}
		if err != nil {
			return nil, check.Refuse("O36", check.OCI, "%q is not a tar archive: %v", place, err)
		}
		offset, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, &check.Error{Check: check.FS, Rule: "O36", Err: err}
		}
		if err := a.add(h, offset); err != nil {
			return nil, err
		}
	}
}

// add notes where a file is. Nothing is ever unpacked under the names in an
// archive; those that no layout has are refused all the same (O36).
func (a *archive) add(h *tar.Header, offset int64) error {
	name := strings.TrimSuffix(strings.TrimPrefix(h.Name, "./"), "/")
	if h.Typeflag == tar.TypeDir && (name == "" || fs.ValidPath(name)) {
		return nil
	}
	if h.Typeflag != tar.TypeReg {
		return check.Refuse("O36", check.OCI, "archive has %q of type %q, want regular files", strictjson.Clip(h.Name), h.Typeflag)
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return check.Refuse("O36", check.OCI, "archive has the sparse file %q, want regular files", strictjson.Clip(h.Name))
		}
	}
	if !fs.ValidPath(name) || name == "." || strings.Contains(name, `\`) {
		return check.Refuse("O36", check.OCI, "archive has the name %q, want one inside of it", strictjson.Clip(h.Name))
	}
	if _, twice := a.found[name]; twice {
		return check.Refuse("O36", check.OCI, "archive has %q twice", strictjson.Clip(h.Name))
	}
	if len(a.found) == maxFiles {
		return check.Refuse("O36", check.Limit, "archive has more than %d files", maxFiles)
	}
	a.found[name] = section{offset, h.Size}
	return nil
}

func (a *archive) open(name string) (io.ReadCloser, int64, error) {
	s, ok := a.found[name]
	if !ok {
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	file, err := os.Open(a.path)
	if err != nil {
		return nil, 0, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(file, s.offset, s.size), file}, s.size, nil
}
