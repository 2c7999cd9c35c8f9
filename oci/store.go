package oci

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A source is a place that images are read from: a repository of a registry, or
// a layout on disk.
type source interface {
	// manifest reads a manifest by tag or digest; errMissing if there is none.
	manifest(ctx context.Context, ref string) (*document, error)
	// blob opens a blob. It has been compared with its descriptor when the
	// reader says io.EOF.
	blob(ctx context.Context, d descriptor) (io.ReadCloser, error)
	// referrers visits what names digest as its subject by the place's own listing,
	// each once, until visit returns false; errMissing if it has none. An error may
	// come after some visits, errTooLong in it says that there is more.
	referrers(ctx context.Context, digest string, visit func(descriptor) bool) error
	String() string
}

// A store is a source that what belongs to images is written to.
type store interface {
	source
	// has says whether there is a blob, of the right size.
	has(ctx context.Context, d descriptor) (bool, error)
	// writeBlob writes a blob unless it is there, and says whether it did. from names
	// another repository of the same registry that has it, if there is one.
	writeBlob(ctx context.Context, d descriptor, from *repository, open opener) (bool, error)
	// writeManifest puts a manifest under a tag or its digest, and says whether the
	// store has seen what its subject is.
	writeManifest(ctx context.Context, ref string, d *document) (bool, error)
	// link makes sure that manifests that were written are listed for their subject as
	// they are given, and says where each of them is, by digest. accepted says that the store has seen
	// the subject of all of them.
	link(ctx context.Context, subject string, all []descriptor, accepted bool) (where map[string]string, wrote bool, err error)
	// update changes a document that others change as well, and says whether anything
	// had to be written.
	update(ctx context.Context, m merge) (bool, error)
}

// errMissing says that a manifest or listing does not exist, which can be a good
// answer.
var errMissing = errors.New("does not exist")

// errTooLong says that a listing goes on after the bound of it.
var errTooLong = errors.New("it is longer than what is read of it")

// errAbsent says that what a descriptor announces does not exist.
var errAbsent = errors.New("is announced and does not exist")

// fallbackTag is the tag of the listing of a registry without the referrers API
// (distribution-spec, referrers tag schema).
func fallbackTag(digest string) string { return "sha256-" + digest[len("sha256:"):] }

// missing says so of a thing; as an error for the user.
func missing(what, where string) *check.Error {
	kind := "tag"
	if isDigest(what) {
		kind = "digest"
	}
	e := check.Refuse("OC-1", check.Net, "want %s %q in %q, got none", kind, what, where)
	e.Err = absent{e.Err}
	return e
}

// absent marks an error as errAbsent.
type absent struct{ error }

func (absent) Is(target error) bool { return target == errAbsent }

// unread says of a document that lists signatures, and of which a bound was reached,
// that no signature in it is ruled out.
func unread(tag string, err error) error {
	if check.Of(err) != check.Limit {
		return err
	}
	return check.Refuse("OC-8", check.Limit, "what is under %q is not read to its end: %w", tag, err).
		WithNext("remove what is not wanted from the image with hallmark image clean, or verify a bundle with --bundle FILE")
}

// fetch reads a manifest by its descriptor.
func fetch(ctx context.Context, from source, d descriptor) (*document, error) {
	if d.Size > MaxManifest {
		return nil, check.Refuse("OC-8", check.Limit, "manifest %s is announced with %d bytes, want at most %d", d.Digest, d.Size, MaxManifest)
	}
	doc, err := from.manifest(ctx, d.Digest)
	if errors.Is(err, errMissing) {
		return nil, missing(d.Digest, from.String())
	}
	if err != nil {
		return nil, err
	}
	return doc, doc.expect(d)
}

// read reads a whole blob of at most limit bytes.
func read(ctx context.Context, from source, d descriptor, limit int64) ([]byte, error) {
	if d.Size > limit {
		return nil, check.Refuse("OC-8", check.Limit, "blob %s is announced with %d bytes, want at most %d", d.Digest, d.Size, limit)
	}
	r, err := from.blob(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b bytes.Buffer
	b.Grow(int(min(d.Size, 1<<20)))
	if _, err := b.ReadFrom(r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// compared returns r bounded and compared with a descriptor: its last bytes come
// only after exactly the announced bytes were seen (OC-1, O4). Whoever passes on
// what is read has not passed on a whole blob that is another one.
func compared(r io.ReadCloser, d descriptor) io.ReadCloser {
	return &comparing{ReadCloser: r, want: d, left: d.Size, hash: sha256.New()}
}

type comparing struct {
	io.ReadCloser
	want  descriptor
	left  int64
	hash  hash.Hash
	ended bool // compared to the end
}

func (c *comparing) Read(p []byte) (int, error) {
	if c.ended || len(p) == 0 && c.left > 0 {
		return 0, c.end()
	}
	n, err := 0, error(nil)
	if c.left > 0 {
		n, err = c.ReadCloser.Read(p[:min(int64(len(p)), c.left)])
		c.left -= int64(n)
		c.hash.Write(p[:n]) // a hash.Hash never returns an error
	}
	switch {
	case err == io.EOF && c.left > 0:
		return n, check.Refuse("OC-1", check.OCI, "blob %s has %d bytes, want %d as announced", c.want.Digest, c.want.Size-c.left, c.want.Size)
	case err != nil && err != io.EOF || c.left > 0:
		return n, err
	}
	if err == nil {
		err = c.nothingMore()
	}
	if err != io.EOF {
		return 0, err
	}
	if got := "sha256:" + hex.EncodeToString(c.hash.Sum(nil)); got != c.want.Digest {
		return 0, check.Refuse("OC-1", check.OCI, "blob has digest %s, want %s", got, c.want.Digest)
	}
	c.ended = true
	return n, io.EOF
}

// end is what a reader says that was asked for nothing, or again.
func (c *comparing) end() error {
	if c.ended {
		return io.EOF
	}
	return nil
}

// nothingMore is io.EOF if that is all.
func (c *comparing) nothingMore() error {
	var more [1]byte
	switch _, err := io.ReadFull(c.ReadCloser, more[:]); err {
	case nil:
		return check.Refuse("OC-1", check.OCI, "blob %s has more than the announced %d bytes", c.want.Digest, c.want.Size)
	default:
		return err
	}
}
