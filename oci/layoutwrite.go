package oci

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
)

// roomInIndex is by how much index.json may grow while it is reserved.
const roomInIndex = 64 << 10 // unit: bytes; more is written without having been reserved

// maxWaits bounds how often a layout that another process writes to is waited for.
const maxWaits = 50 // unit: waits of about 100 ms; then the layout is refused as busy

// folder returns the folder that a layout is, if it can be written to.
func (l *layout) folder() (string, error) {
	if dir, ok := l.files.(folder); ok {
		return string(dir), nil
	}
	return "", check.Refuse("OC-9", check.Usage, "%q is an archive, which is not written to", l.path).
		WithNext("unpack it with tar and sign the folder, or keep the signature in a file with --bundle FILE")
}

// reserve takes index.json, which is what makes a change of the layout visible.
func (l *layout) reserve() (*atomicfile.Reservation, error) {
	dir, err := l.folder()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "index.json")
	info, err := os.Lstat(path)
	if err != nil {
		return nil, placeError(path, err)
	}
	return atomicfile.Reserve(path, int(info.Size())+roomInIndex, info.Mode().Perm(), atomicfile.Options{Overwrite: true})
}

// writable tries what a change of the layout will do, and leaves nothing.
func (l *layout) writable() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	index, err := l.reserve()
	if err != nil {
		return err
	}
	defer index.Release()
	blob, err := atomicfile.Reserve(filepath.Join(l.path, "blobs", "sha256", "hallmark"), roomInIndex, 0o644, atomicfile.Options{})
	if err != nil {
		return err
	}
	blob.Release()
	return nil
}

// canAttach finds out whether the folder can be written to, and whether the documents
// that Attach adds to can be read and have room, index.json included.
func (l *layout) canAttach(ctx context.Context, to Storage, attestation bool, images []Artifact) error {
	if err := l.writable(); err != nil {
		return err
	}
	room := 0
	for _, a := range images {
		for _, tag := range tagsOf(a, to&Referrers != 0, to&Tags != 0, attestation) {
			if err := l.addable(ctx, a.Digest, tag); err != nil {
				return err
			}
			room += roomInEntries
		}
	}
	return roomFor("index.json", l, len(l.read().index.raw), room)
}

// addable tries what Attach will make of a document, and writes nothing.
func (l *layout) addable(ctx context.Context, subject string, tag sharedTag) error {
	old, err := withRoom(ctx, l, tag)
	if err != nil || !tag.index {
		return err
	}
	list, err := l.listing(ctx, subject, nil).add(old)
	if refused, ok := errors.AsType[*check.Error](err); ok && refused.Next == "" {
		return refused.WithNext(elsewhere)
	}
	if err != nil {
		return err
	}
	return roomFor(tag.name, l, len(list.raw), tag.room)
}

func (l *layout) has(_ context.Context, d descriptor) (bool, error) {
	r, size, err := l.files.open(blobPath(d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, l.translate(blobPath(d.Digest), err)
	}
	return size == d.Size, r.Close()
}

func (l *layout) writeBlob(ctx context.Context, d descriptor, _ *repository, open opener) (bool, error) {
	dir, err := l.folder()
	if err != nil {
		return false, err
	}
	if there, err := l.has(ctx, d); err != nil || there {
		return false, err
	}
	r, err := open(ctx)
	if err != nil {
		return false, err
	}
	r = compared(r, d)
	defer r.Close()
	path := filepath.Join(dir, filepath.FromSlash(blobPath(d.Digest)))
	return true, atomicfile.Stream(path, 0o644, atomicfile.Options{Overwrite: true}, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// writeManifest writes the blob of a manifest; link and update make it visible.
func (l *layout) writeManifest(ctx context.Context, _ string, d *document) (bool, error) {
	_, err := l.writeBlob(ctx, d.descriptor(), nil, inMemory(d.raw))
	return false, err
}

// link lists manifests in index.json, as Save does, and at the fallback tag of their
// subject, where other tools look, with what was listed in index.json alone.
func (l *layout) link(ctx context.Context, subject string, all []descriptor, _ bool) (map[string]string, bool, error) {
	where := map[string]string{}
	var plain []descriptor
	for _, d := range all {
		where[d.Digest] = WhereLayout
		plain = append(plain, descriptor{MediaType: d.MediaType, Size: d.Size, Digest: d.Digest, ArtifactType: d.ArtifactType})
	}
	wrote, err := l.change(ctx, l.listing(ctx, subject, all), func(have []descriptor) []descriptor { return withAll(have, plain) })
	return where, wrote, err
}

// listing returns the merge that adds manifests to the listing at the fallback tag,
// with what was listed in index.json alone.
func (l *layout) listing(ctx context.Context, subject string, all []descriptor) merge {
	return merge{tag: fallbackTag(subject), add: func(old *document) (*document, error) {
		var known []descriptor
		err := l.referrers(ctx, subject, func(d descriptor) bool {
			known = append(known, d)
			return true
		})
		if err != nil {
			return nil, err
		}
		return listed(subject, withAll(known, all)...).add(old)
	}}
}

// withAll returns a list with what it lacks of more.
func withAll(all, more []descriptor) []descriptor {
	have := map[string]bool{}
	for _, d := range all {
		have[d.Digest] = true
	}
	for _, d := range more {
		if !have[d.Digest] {
			all = append(all, d)
		}
	}
	return all
}

func (l *layout) update(ctx context.Context, m merge) (bool, error) {
	return l.change(ctx, m, func(all []descriptor) []descriptor { return all })
}

// change applies a merge and an edit to index.json in one step, while no other process
// does. It says whether anything had to be written.
func (l *layout) change(ctx context.Context, m merge, edit func([]descriptor) []descriptor) (bool, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	index, err := l.waitFor(ctx)
	if err != nil {
		return false, err
	}
	defer index.Release()
	if err := l.reload(); err != nil {
		return false, err
	}
	doc, err := l.changed(ctx, m, edit)
	if err != nil || doc == nil {
		return false, err
	}
	if err := index.Write(doc.raw); err != nil {
		return false, err
	}
	return true, l.reload()
}

// changed writes what the merge makes, and returns the index.json that has it; nil if
// nothing changes.
func (l *layout) changed(ctx context.Context, m merge, edit func([]descriptor) []descriptor) (*document, error) {
	old, err := l.manifest(ctx, m.tag)
	if err != nil && !errors.Is(err, errMissing) {
		return nil, err
	}
	want, err := m.add(old)
	if err != nil {
		return nil, err
	}
	c := l.read().index.content
	all := edit(append([]descriptor(nil), c.children()...))
	if want != nil && want != old {
		if _, err := l.writeManifest(ctx, want.digest, want); err != nil {
			return nil, err
		}
		d := want.descriptor()
		d.Annotations = map[string]string{noteRef: m.tag}
		all = append(untagged(all, m.tag), d)
	} else if len(all) == len(c.children()) {
		return nil, nil
	}
	list := descriptors(all)
	c.Manifests = &list
	return writeDocument(c, typeIndex)
}

// untagged returns a list without the descriptor of a tag.
func untagged(all []descriptor, tag string) []descriptor {
	var left []descriptor
	for _, d := range all {
		if d.Annotations[noteRef] != tag {
			left = append(left, d)
		}
	}
	return left
}

// waitFor is reserve that waits for another process for a while.
func (l *layout) waitFor(ctx context.Context) (*atomicfile.Reservation, error) {
	for tries := 0; ; tries++ {
		index, err := l.reserve()
		if err == nil || check.Of(err) != check.FS || tries == maxWaits {
			return index, err
		}
		if serr := sleep(ctx, 100*time.Millisecond); serr != nil {
			return nil, err
		}
	}
}
