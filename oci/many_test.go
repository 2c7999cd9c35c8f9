package oci

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// flood is how many referrers anybody who may push puts beside a signature.
const flood = 1200

// flooded pushes an image with one signature, and then a flood of referrers that claim
// to be newer ones. Where the registry has no referrers API they are in the listing.
func flooded(t *testing.T, w *sigtest.World, c *Client, h *host, api bool) Artifact {
	t.Helper()
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	r := c.repository(h.name, "app")
	junk, subject := []byte("no bundle"), a.descriptor()
	const media = "application/vnd.dev.sigstore.bundle.v0.3+json"
	layer := descriptor{MediaType: media, Size: int64(len(junk)), Digest: sum(junk)}
	must(r.writeBlob(t.Context(), layer, nil, inMemory(junk)))(t)
	var all descriptors
	for i := range flood {
		doc := must(writeDocument(content{
			ArtifactType: media, Config: &descriptor{MediaType: typeEmpty, Size: 2, Digest: emptyDigest},
			Layers: &descriptors{layer}, Subject: &subject,
			Annotations: map[string]string{noteCreated: "2099-01-01T00:00:00Z", "n": fmt.Sprint(i)},
		}, typeManifest))(t)
		push1(t, r, "", doc)
		all = append(all, listedAs(doc))
	}
	if !api {
		old := must(r.manifest(t.Context(), fallbackTag(a.Digest)))(t)
		all = append(all, old.children()...)
		push1(t, r, fallbackTag(a.Digest), must(writeDocument(content{Manifests: &all}, typeIndex))(t))
	}
	h.forget()
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		if !api || !strings.Contains(r.URL.Path, "/referrers/") || strings.HasSuffix(r.URL.Path, a.Digest) {
			return false
		}
		w.Header().Set("Content-Type", typeIndex) // the registry reads all it has each time
		_, _ = w.Write([]byte(`{"schemaVersion":2,"manifests":[]}`))
		return true
	})
	return a
}

// OC-8: a flood of referrers hides no signature, keeps nobody from adding one, and can
// be removed.
func TestOC8_ManyReferrers(t *testing.T) {
	for name, api := range map[string]bool{WhereReferrers: true, WhereFallback: false} {
		t.Run(name, func(t *testing.T) {
			w, c, h := sigtest.New(t), newClient(t), newHost(t)
			if api {
				h = withReferrers(t)
			}
			a := flooded(t, w, c, h, api)
			good, tried := 0, 0
			for f, err := range c.Bundles(t.Context(), a, 10_000) {
				if tried++; err == nil {
					good++
					verified(t, w, f, a.Digest)
				}
			}
			if good != 1 || tried != flood+1 {
				t.Errorf("%d good of %d, want 1 of %d", good, tried, flood+1)
			}
			if n := len(h.requests()); n > 2*(flood+1)+10 {
				t.Errorf("%d requests, want two for each candidate", n)
			}
			last := error(nil)
			for _, err := range c.Bundles(t.Context(), a, flood) {
				last = err
			}
			refused(t, last, check.Limit)
			if err := c.CanAttach(t.Context(), Referrers, false, a); err != nil {
				t.Fatal(err)
			}
			statement := must(SigningStatement(map[string]string{"second": "yes"}, a))(t)
			must(c.Attach(t.Context(), a, Signature{Bundle: w.Make(sigtest.Maker{Statement: statement}).JSON}, Referrers))(t)
			if api {
				if tree := must(c.Tree(t.Context(), a))(t); len(tree) != flood+3 {
					t.Errorf("tree of %d, want %d", len(tree), flood+3)
				}
			} else {
				copied(t, c, a)
			}
			h.forget()
			list := cleanable(t, c, a, Selection{Signatures: true})
			if n := len(h.requests()); n > flood+20 {
				t.Errorf("%d requests for a list of %d", n, len(list))
			}
			if removed := must(c.Clean(t.Context(), a, list))(t); len(removed) != flood+2 {
				t.Errorf("removed %d, want %d", len(removed), flood+2)
			}
			if found, errs := collect(t, c, a); len(found) != 0 || errs != nil {
				t.Errorf("found %d, %v, want nothing", len(found), errs)
			}
		})
	}
}

// copied copies and saves a flood.
func copied(t *testing.T, c *Client, a Artifact) {
	t.Helper()
	dst := newHost(t)
	report := must(c.Copy(t.Context(), a, dst.name+"/app:1"))(t)
	if len(report.Moved) != flood+3 || report.Moved[flood+2].To != WhereFallback {
		t.Errorf("moved %d, the last is %+v", len(report.Moved), report.Moved[len(report.Moved)-1])
	}
	if listing := must(readFallback(t.Context(), c.repository(dst.name, "app"), a.Digest))(t); len(listing) != flood+2 {
		t.Errorf("%d are listed where they were copied to, want %d", len(listing), flood+2)
	}
	var archive bytes.Buffer
	if report := must(c.Save(t.Context(), a, &archive))(t); len(report.Moved) != flood+3 {
		t.Errorf("saved %d, want %d", len(report.Moved), flood+3)
	}
	file := filepath.Join(t.TempDir(), "app.tar")
	if err := os.WriteFile(file, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for range c.Bundles(t.Context(), resolved(t, c, "oci:"+file), 10_000) {
		tried++
	}
	if tried != flood+2 {
		t.Errorf("%d candidates in the archive, want %d", tried, flood+2)
	}
}

// OC-8: the same under a tag of the older scheme.
func TestOC8_ManyOldSignatures(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	must(c.Attach(t.Context(), a, signatureFor(t, w, a, Tags), Tags))(t)
	r := c.repository(h.name, "app")
	tag := fallbackTag(a.Digest) + suffixSig
	old := must(r.manifest(t.Context(), tag))(t)
	layers := append(descriptors{}, old.layers()...)
	for i := range flood {
		l := layers[0]
		l.Annotations = map[string]string{noteSignature: fmt.Sprintf("%08d", i)}
		layers = append(layers, l)
	}
	doc, config, err := appended(suffixSig, nil, layers...)
	if err != nil {
		t.Fatal(err)
	}
	must(r.writeBlob(t.Context(), *doc.Config, nil, inMemory(config)))(t)
	push1(t, r, tag, doc)
	good, tried := 0, 0
	for _, err := range c.Bundles(t.Context(), a, 10_000) {
		if tried++; err == nil {
			good++
		}
	}
	if good < 1 || tried != flood+1 {
		t.Errorf("%d good of %d, want some of %d", good, tried, flood+1)
	}
	if err := c.CanAttach(t.Context(), Tags, false, a); err != nil {
		t.Fatal(err)
	}
	w.Clock.Add(1e9)
	must(c.Attach(t.Context(), a, signatureFor(t, w, a, Tags), Tags))(t)
	dst := newHost(t)
	must(c.Copy(t.Context(), a, dst.name+"/app:1"))(t)
	must(c.Copy(t.Context(), a, dst.name+"/app:1"))(t)
	if doc := must(c.repository(dst.name, "app").manifest(t.Context(), tag))(t); len(doc.layers()) != flood+2 {
		t.Errorf("%d layers where they were copied to, want %d", len(doc.layers()), flood+2)
	}
}

// OC-8: a document with signatures that is over its bound is no silence, and decides nothing.
func TestOC8_TooLongForAVerdict(t *testing.T) {
	c, h := newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	for _, suffix := range []string{"", suffixSig, suffixAtt} {
		h.set(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, fallbackTag(a.Digest)+suffix) {
				return false
			}
			w.Header().Set("Content-Type", typeManifest)
			_, _ = w.Write(bytes.Repeat([]byte(" "), MaxManifest+1))
			return true
		})
		found, errs := collect(t, c, a)
		if len(found) != 0 || len(errs) != 1 {
			t.Fatalf("found %d, %v, want one error", len(found), errs)
		}
		refused(t, errs[0], check.Limit)
	}
}

// What a listing names and does not exist, or belongs elsewhere, keeps nobody from
// anything; it is taken out of the listing, and nothing else is done to it.
func TestOC9_ListedAndNoReferrer(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	other := pushImage(t, c, h, "app", "2", "y")
	r := c.repository(h.name, "app")
	listing := must(r.manifest(t.Context(), fallbackTag(a.Digest)))(t)
	gone := pushImage(t, c, h, "app", "", "z").descriptor()
	lies := other.descriptor()
	lies.Size++
	all := append(descriptors{gone, other.descriptor()}, listing.children()...)
	push1(t, r, fallbackTag(a.Digest), must(writeDocument(content{Manifests: &all}, typeIndex))(t))
	if err := r.remove(t.Context(), gone.Digest); err != nil {
		t.Fatal(err)
	}
	h.forget()
	if report := must(c.Copy(t.Context(), a, newHost(t).name+"/app:1"))(t); len(report.Left) != 2 || len(report.Moved) != 2 {
		t.Errorf("left %d and moved %d, want 2 and 2", len(report.Left), len(report.Moved))
	}
	if report := must(c.Save(t.Context(), a, &bytes.Buffer{}))(t); len(report.Left) != 2 || len(report.Moved) != 2 {
		t.Errorf("left %d and saved %d, want 2 and 2", len(report.Left), len(report.Moved))
	}
	all[0].Size, all[1] = MaxManifest+1, lies // one that is too large says nothing about the others
	lying := must(writeDocument(content{Manifests: &all}, typeIndex))(t)
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, fallbackTag(a.Digest)) {
			return false
		}
		w.Header().Set("Content-Type", typeIndex)
		_, _ = w.Write(lying.raw)
		return true
	})
	_, err := c.Copy(t.Context(), a, newHost(t).name+"/app:1")
	refused(t, err, check.Limit) // it may be a referrer
	problems := 0
	for _, b := range must(c.Tree(t.Context(), a))(t) {
		if b.Problem != nil {
			problems++
		}
	}
	if problems != 2 {
		t.Errorf("%d problems in the tree, want 2", problems)
	}
	list := cleanable(t, c, a, Selection{Attestations: true})
	h.set(refuse(http.MethodPut, 0))
	removed, err := c.Clean(t.Context(), a, list)
	if refused(t, err, check.Net); len(removed) != 0 {
		t.Errorf("says that %d are removed, which are listed still", len(removed))
	}
	h.set(nil)
	if removed := must(c.Clean(t.Context(), a, list))(t); len(removed) != 2 {
		t.Errorf("removed %d, want 2", len(removed))
	}
	if left := must(readFallback(t.Context(), r, a.Digest))(t); len(left) != 1 {
		t.Errorf("%d are listed, want the signature", len(left))
	}
	resolved(t, c, h.name+"/app:2")
	for _, line := range h.lines() {
		if strings.HasPrefix(line, "DELETE") {
			t.Error(line)
		}
	}
}
