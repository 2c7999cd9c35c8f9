package oci

import (
	"archive/tar"
	"context"
	"io"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Save writes an image with all that belongs to it as one tar archive: an image
// layout that "oci:FILE" reads, and from which Copy loads it into a registry.
// Equal graphs give equal archives.
func (c *Client) Save(ctx context.Context, a Artifact, w io.Writer) (Report, error) {
	s := &saving{tar: tar.NewWriter(w), have: map[string]bool{}}
	report := Report{Digest: a.Digest, Ref: a.Ref()}
	if err := s.bytes("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return report, err
	}
	err := walk(ctx, a, func(ctx context.Context, n node) error {
		if n.fault != nil && !n.left() {
			return n.fault
		}
		if n.fault != nil {
			report.Left = append(report.Left, branchOf(n))
			return nil
		}
		m := Moved{Kind: n.kind, Digest: n.doc.digest, MediaType: n.doc.media, Of: n.of, From: n.where}
		if n.doc.ArtifactType != "" {
			m.MediaType = strictjson.Clip(n.doc.ArtifactType)
		}
		if n.where != "" {
			m.To = WhereLayout
		}
		var err error
		if m.Blobs, m.Bytes, err = s.node(ctx, n); err == nil {
			report.Moved = append(report.Moved, m)
		}
		return err
	})
	if err != nil {
		return report, err
	}
	s.entries = append(descriptors{named(a)}, s.entries...)
	index, err := writeDocument(content{Manifests: &s.entries}, typeIndex)
	if err != nil {
		return report, err
	}
	if err := s.bytes("index.json", index.raw); err != nil {
		return report, err
	}
	return report, s.translate(s.tar.Close())
}

func named(a Artifact) descriptor {
	d := a.descriptor()
	if a.Tag != "" {
		d.Annotations = map[string]string{noteRef: a.Tag}
	}
	return d
}

// saving writes an archive.
type saving struct {
	tar     *tar.Writer
	have    map[string]bool
	entries descriptors // of index.json, after the image
}

// node writes one manifest with its blobs.
func (s *saving) node(ctx context.Context, n node) (count int, bytes int64, err error) {
	if n.kind == KindReferrer || n.kind == KindTag {
		d := n.doc.descriptor()
		d.ArtifactType = n.doc.ArtifactType
		if n.tag != "" {
			d.Annotations = map[string]string{noteRef: n.tag}
		}
		s.entries = append(s.entries, d)
	}
	for _, d := range n.doc.blobs() {
		if s.have[d.Digest] {
			continue
		}
		if err := s.blob(ctx, n, d); err != nil {
			return count, bytes, explainBlob(n, d, err)
		}
		count, bytes = count+1, bytes+d.Size
	}
	if s.have[n.doc.digest] {
		return count, bytes, nil
	}
	s.have[n.doc.digest] = true
	return count, bytes, s.bytes(blobPath(n.doc.digest), n.doc.raw)
}

func (s *saving) blob(ctx context.Context, n node, d descriptor) error {
	r, err := n.from.blob(ctx, d)
	if err != nil {
		return err
	}
	defer r.Close()
	s.have[d.Digest] = true
	if err := s.header(blobPath(d.Digest), d.Size); err != nil {
		return err
	}
	// The reader fails before its end if these are not the announced bytes.
	_, err = io.Copy(s.tar, r)
	return s.translate(err)
}

func (s *saving) bytes(name string, data []byte) error {
	if err := s.header(name, int64(len(data))); err != nil {
		return err
	}
	_, err := s.tar.Write(data)
	return s.translate(err)
}

func (s *saving) header(name string, size int64) error {
	return s.translate(s.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644,
		ModTime: time.Unix(0, 0), Format: tar.FormatPAX}))
}

// translate gives errors of the writer their check.
func (s *saving) translate(err error) error {
	if err == nil || check.Of(err) != check.Internal {
		return err
	}
	return &check.Error{Check: check.FS, Rule: "O36", Err: err}
}

// Load copies an image with all that belongs to it from an image layout, folder
// or archive, into a registry.
func (c *Client) Load(ctx context.Context, place, dst string) (Report, error) {
	a, err := resolveLayout(place)
	if err != nil {
		return Report{}, err
	}
	return c.Copy(ctx, a, dst)
}
