package oci

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// unpacked saves an index of an image that has no signature, and unpacks it.
func unpacked(t *testing.T, c *Client) (dir, archive string) {
	t.Helper()
	h := newHost(t)
	pushIndex(t, c, h, "app", "1", "amd64", "arm64")
	dir = t.TempDir()
	archive = filepath.Join(t.TempDir(), "app.tar")
	var b bytes.Buffer
	must(c.Save(t.Context(), resolved(t, c, h.name+"/app:1"), &b))(t)
	if err := os.WriteFile(archive, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	untar(t, &b, dir)
	return dir, archive
}

func untar(t *testing.T, from io.Reader, dir string) {
	t.Helper()
	for r := tar.NewReader(from); ; {
		head, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, filepath.FromSlash(head.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, must(io.ReadAll(r))(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What is attached in a layout is found there, survives another writer, and goes where
// the image goes; the listing is where other tools look.
func TestOC9_AttachToLayout(t *testing.T) {
	w, c := sigtest.New(t), newClient(t)
	dir, _ := unpacked(t, c)
	a := resolved(t, c, "oci:"+dir)
	if err := c.CanAttach(t.Context(), Both, false, a); err != nil {
		t.Fatal(err)
	}
	before := a
	raw := signed(t, w, a)
	for i := range 2 { // the second time nothing is written
		at := must(c.Attach(t.Context(), a, Signature{Bundle: raw}, Referrers))(t)
		if len(at) != 1 || at[0].Where != WhereLayout || at[0].Before != (i == 1) {
			t.Errorf("attached %+v", at)
		}
	}
	must(c.Attach(t.Context(), a, signatureFor(t, w, a, Tags), Tags))(t)
	w.Clock.Add(time.Second)
	// Another client opened the layout before.
	must(newClient(t).Attach(t.Context(), before, Signature{Bundle: signed(t, w, a)}, Referrers))(t)

	a = resolved(t, c, "oci:"+dir)
	if found, errs := collect(t, c, a); len(found) != 3 || errs != nil {
		t.Fatalf("found %d, %v, want 3", len(found), errs)
	}
	l := must(openLayout(dir))(t)
	if listing := must(readFallback(t.Context(), l, a.Digest))(t); len(listing) != 2 || listing[0].ArtifactType == "" {
		t.Errorf("listing for other tools is %+v", listing)
	}
	h := withReferrers(t)
	must(c.Load(t.Context(), dir, h.name+"/loaded:1"))(t)
	if found, errs := collect(t, c, resolved(t, c, h.name+"/loaded:1")); len(found) != 3 || errs != nil {
		t.Errorf("found %d, %v in the registry, want 3", len(found), errs)
	}
	for _, left := range must(filepath.Glob(filepath.Join(dir, ".*")))(t) {
		t.Errorf("%s is left", left)
	}
}

// What Save wrote is in the listing as well, once there is one.
func TestOC9_LayoutListsWhatWasThere(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), withReferrers(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	var b bytes.Buffer
	must(c.Save(t.Context(), a, &b))(t)
	dir := t.TempDir()
	untar(t, &b, dir)
	w.Clock.Add(time.Second)
	a = resolved(t, c, "oci:"+dir)
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	if listing := must(readFallback(t.Context(), must(openLayout(dir))(t), a.Digest))(t); len(listing) != 2 || listing[0].Annotations == nil {
		t.Errorf("listing is %+v, want both", listing)
	}
}

// Nobody who writes to a layout undoes what another does.
func TestO31_PublishersOnALayout(t *testing.T) {
	w, c := sigtest.New(t), newClient(t)
	dir, _ := unpacked(t, c)
	var all [][]byte
	for range 6 {
		all = append(all, signed(t, w, resolved(t, c, "oci:"+dir)))
		w.Clock.Add(time.Second)
	}
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, raw := range all {
		c := newClient(t) // each has opened the layout by itself
		a := resolved(t, c, "oci:"+dir)
		wg.Go(func() { _, errs[i] = c.Attach(t.Context(), a, Signature{Bundle: raw}, Referrers) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if found, errs := collect(t, c, resolved(t, c, "oci:"+dir)); len(found) != len(all) || errs != nil {
		t.Errorf("found %d, %v, want %d", len(found), errs, len(all))
	}
}

// What can't be written to is known before.
func TestOC9_LayoutsThatAreNotWrittenTo(t *testing.T) {
	w, c := sigtest.New(t), newClient(t)
	dir, archive := unpacked(t, c)
	a := resolved(t, c, "oci:"+archive)
	refused(t, c.CanAttach(t.Context(), Referrers, false, a), check.Usage)
	_, err := c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers)
	refused(t, err, check.Usage)
	a = resolved(t, c, "oci:"+dir)
	index := filepath.Join(dir, "index.json")
	moved := filepath.Join(t.TempDir(), "index.json")
	if err := os.Rename(index, moved); err != nil {
		t.Fatal(err)
	}
	refused(t, c.CanAttach(t.Context(), Referrers, false, a), check.FS)
	if err := os.Symlink(moved, index); err != nil {
		t.Skipf("SKIPPED: no symbolic links here (%v)", err)
	}
	refused(t, c.CanAttach(t.Context(), Referrers, false, a), check.FS)
	if err := os.Remove(index); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(moved, index); err != nil {
		t.Fatal(err)
	}
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.Rename(blobs, blobs+"x"); err != nil {
		t.Fatal(err)
	}
	refused(t, c.CanAttach(t.Context(), Referrers, false, a), check.FS)
}

// rewritten changes the index.json of a layout.
func rewritten(t *testing.T, dir string, edit func(*content)) {
	t.Helper()
	path := filepath.Join(dir, "index.json")
	c := must(readDocument(must(os.ReadFile(path))(t), typeIndex))(t).content
	edit(&c)
	if err := os.WriteFile(path, must(writeDocument(c, typeIndex))(t).raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// OC-9: a layout to which nothing can be added is refused before there is a signature,
// and one that is taken takes it.
func TestOC9_LayoutsThatCannotBeAddedTo(t *testing.T) {
	var image, child descriptor
	add := func(d descriptor, tag string) func(*content) {
		return func(c *content) {
			if tag != "" {
				d.Annotations = map[string]string{noteRef: tag}
			}
			*c.Manifests = append(*c.Manifests, d)
		}
	}
	filled := func(size int) func(*content) {
		return func(c *content) {
			c.Annotations = map[string]string{"x": ""}
			c.Annotations["x"] = strings.Repeat("x", size-len(must(writeDocument(*c, typeIndex))(t).raw))
		}
	}
	for name, row := range map[string]struct {
		to   Storage
		edit func() func(*content)
		want check.Check
		text string
	}{
		"a manifest that is listed":     {Both, func() func(*content) { return add(child, "") }, "", ""},
		"a manifest that is not there":  {Referrers, func() func(*content) { d := child; d.Digest = sum([]byte("x")); return add(d, "") }, check.Net, "got none"},
		"the same under an old tag":     {Tags, func() func(*content) { d := child; d.Digest = sum([]byte("x")); return add(d, "") }, "", ""},
		"no listing under its tag":      {Referrers, func() func(*content) { return add(child, fallbackTag(image.Digest)) }, check.OCI, "no signature can be added"},
		"an index under the tag .sig":   {Tags, func() func(*content) { return add(image, fallbackTag(image.Digest)+suffixSig) }, check.OCI, "no signature can be added"},
		"an index.json with room":       {Both, func() func(*content) { return filled(MaxManifest - 2*roomInEntries) }, "", ""},
		"an index.json without room":    {Both, func() func(*content) { return filled(MaxManifest - 2*roomInEntries + 1) }, check.Limit, "no room"},
		"room for one document of both": {Referrers, func() func(*content) { return filled(MaxManifest - 2*roomInEntries + 1) }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, c := sigtest.New(t), newClient(t)
			dir, _ := unpacked(t, c)
			a := resolved(t, c, "oci:"+dir)
			image, child = a.descriptor(), must(a.Child(a.Platforms[0]))(t).descriptor()
			rewritten(t, dir, row.edit())
			a = resolved(t, c, "oci:"+dir+"@"+a.Digest)
			err := c.CanAttach(t.Context(), row.to, false, a)
			if check.Of(err) != row.want || err != nil && !strings.Contains(err.Error(), row.text) {
				t.Fatalf("got %v, want check %q with %q", err, row.want, row.text)
			}
			if err != nil {
				if next := err.(*check.Error).Next; !strings.HasPrefix(next, elsewhere) {
					t.Errorf("next step is %q", next)
				}
				return
			}
			if row.to&Referrers != 0 {
				must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
			}
			if row.to&Tags != 0 {
				must(c.Attach(t.Context(), a, signatureFor(t, w, a, Tags), Tags))(t)
			}
		})
	}
}

// The listing that Attach will make of what index.json alone lists must have room too.
func TestOC9_LayoutListingWithoutRoom(t *testing.T) {
	for size, want := range map[int]check.Check{MaxManifest / 2: "", MaxManifest - roomInListing: check.Limit} {
		c := newClient(t)
		dir, _ := unpacked(t, c)
		subject := resolved(t, c, "oci:"+dir).descriptor()
		doc := must(writeDocument(content{Config: &descriptor{MediaType: typeEmpty, Size: 2, Digest: emptyDigest}, Layers: &descriptors{}, Subject: &subject,
			Annotations: map[string]string{"x": strings.Repeat("x", size)}}, typeManifest))(t)
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(blobPath(doc.digest))), doc.raw, 0o600); err != nil {
			t.Fatal(err)
		}
		rewritten(t, dir, func(c *content) { *c.Manifests = append(*c.Manifests, doc.descriptor()) })
		if err := c.CanAttach(t.Context(), Referrers, false, resolved(t, c, "oci:"+dir)); check.Of(err) != want {
			t.Errorf("%d bytes: got %v, want check %q", size, err, want)
		}
	}
}

// A layout keeps what it says besides.
func TestOC9_LayoutKeepsItsIndex(t *testing.T) {
	w, c := sigtest.New(t), newClient(t)
	dir, _ := unpacked(t, c)
	path := filepath.Join(dir, "index.json")
	index := edited(t, must(os.ReadFile(path))(t), func(doc map[string]any) { doc["annotations"] = map[string]any{"mine": "yes"} })
	if err := os.WriteFile(path, index, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	a := resolved(t, c, "oci:"+dir+":1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	var doc content
	if err := json.Unmarshal(must(os.ReadFile(path))(t), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Annotations["mine"] != "yes" || len(doc.children()) != 3 || doc.children()[0].Annotations[noteRef] != "1" {
		t.Errorf("index.json is %+v", doc)
	}
	if info := must(os.Stat(path))(t); info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, want it as it was", info.Mode())
	}
}

// A signature repository holds what belongs to the image of a layout.
func TestSignatureRepository_OfALayout(t *testing.T) {
	w, h := sigtest.New(t), withReferrers(t)
	c := newClient(t, func(c *Config) { c.SignatureRepository = h.name + "/sigs" })
	dir, archive := unpacked(t, newClient(t))
	for i, place := range []string{dir, archive} {
		a := resolved(t, c, "oci:"+place)
		must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
		w.Clock.Add(time.Second)
		if found, errs := collect(t, c, a); len(found) != i+1 || errs != nil {
			t.Errorf("found %d, %v, want %d", len(found), errs, i+1)
		}
	}
}
