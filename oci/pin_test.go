package oci

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// kindsOf says what each request is about: referrers, manifests, blobs.
func kindsOf(h *host) string {
	var all []string
	for _, r := range h.requests() {
		parts := strings.Split(r.URL.Path, "/")
		all = append(all, parts[len(parts)-2])
	}
	return strings.Join(all, " ")
}

// What a verification asks: by digest nothing but what is attached, by tag what
// the tag means as well; where a password is wanted, one request finds that out.
func TestFewRequests(t *testing.T) {
	for name, wrap := range map[string]bool{"anonymous": false, "with a password": true} {
		t.Run(name, func(t *testing.T) {
			w, plain := sigtest.New(t), withReferrers(t)
			h := plain
			if wrap {
				h = serve(t, basic(plain.Config.Handler), httptest.NewServer)
			}
			c := newClient(t, mine(h))
			pushImage(t, c, h, "app", "1", "x")
			a := resolved(t, c, h.name+"/app:1")
			must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
			for ref, want := range map[string]string{
				"app@" + a.Digest:   "referrers manifests blobs",
				"app:1":             "manifests referrers manifests blobs",
				"app:1@" + a.Digest: "manifests referrers manifests blobs",
			} {
				if first, _, _ := strings.Cut(want, " "); wrap {
					want = first + " " + want
				}
				h.forget()
				fresh := newClient(t, mine(h))
				for f, err := range fresh.Bundles(t.Context(), must(fresh.Pin(t.Context(), h.name+"/"+ref))(t), 10) {
					if err != nil {
						t.Fatal(err)
					}
					verified(t, w, f, a.Digest)
					break
				}
				if got := kindsOf(h); got != want {
					t.Errorf("%s: asked for %q, want %q", ref, got, want)
				}
			}
		})
	}
}

// Many images at once share what one of them has learned.
func TestFewRequests_ManyAtOnce(t *testing.T) {
	const images = 20
	w, plain := sigtest.New(t), withReferrers(t)
	h := serve(t, basic(plain.Config.Handler), httptest.NewServer)
	c := newClient(t, mine(h))
	var refs []string
	for i := range images {
		pushImage(t, c, h, "app", fmt.Sprint(i), fmt.Sprint(i))
		a := resolved(t, c, fmt.Sprintf("%s/app:%d", h.name, i))
		must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
		refs = append(refs, a.Ref())
	}
	h.forget()
	fresh := newClient(t, mine(h))
	var all sync.WaitGroup
	for _, ref := range refs {
		all.Go(func() {
			a, err := fresh.Pin(t.Context(), ref)
			if err != nil {
				t.Error(err)
			}
			n := 0
			for _, err := range fresh.Bundles(t.Context(), a, 10) {
				if err != nil {
					t.Error(err)
				}
				n++
				break
			}
			if n != 1 {
				t.Errorf("%s: %d bundles, want 1", ref, n)
			}
		})
	}
	all.Wait()
	if n := len(h.requests()); n != 3*images+1 {
		t.Errorf("%d requests for %d images, want %d", n, images, 3*images+1)
	}
}

// Of a pinned image only the digest is compared, and that is.
func TestOC2_PinnedImageIsNamedByItsReferrers(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), withReferrers(t)
	pushImage(t, c, h, "app", "1", "x")
	pushImage(t, c, h, "app", "2", "y")
	a, other := resolved(t, c, h.name+"/app:1"), resolved(t, c, h.name+"/app:2")
	raw := signed(t, w, a)
	sub := func(m map[string]any) map[string]any { return m["subject"].(map[string]any) }
	for _, row := range []struct {
		name string
		edit func(m map[string]any)
		want check.Check
	}{
		{"good", nil, ""},
		{"O16 other subject", func(m map[string]any) { sub(m)["digest"] = other.Digest }, check.OCI},
		{"O16 no subject", func(m map[string]any) { delete(m, "subject") }, check.OCI},
		{"O16 no image", func(m map[string]any) { sub(m)["mediaType"] = "text/plain" }, check.OCI},
		{"O16 no size that an image has", func(m map[string]any) { sub(m)["size"] = MaxManifest + 1 }, check.OCI},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t, registry.WithReferrersSupport(false))
			pushImage(t, c, h, "app", "1", "x")
			attachListed(t, c, h, a, raw, row.edit)
			found, errs := collect(t, c, must(c.Pin(t.Context(), h.name+"/app@"+a.Digest))(t))
			if row.want == "" {
				if len(found) != 1 || len(errs) != 0 {
					t.Fatalf("found %d, %v, want one", len(found), errs)
				}
				verified(t, w, found[0], a.Digest)
				return
			}
			if len(found) != 0 || len(errs) != 1 {
				t.Fatalf("found %d, %v, want one refusal", len(found), errs)
			}
			refused(t, errs[0], row.want)
		})
	}
}

// attachListed attaches a manifest made of the good one by an edit, and lists it
// at the fallback tag, which takes anything.
func attachListed(t *testing.T, c *Client, h *host, a Artifact, raw []byte, edit func(m map[string]any)) {
	t.Helper()
	digest := attachRaw(t, c, h, a, raw, edit)
	doc := must(c.repository(h.name, "app").manifest(t.Context(), digest))(t)
	d := doc.descriptor()
	d.ArtifactType = doc.kind()
	push1(t, c.repository(h.name, "app"), fallbackTag(a.Digest), must(writeDocument(content{Manifests: &descriptors{d}}, typeIndex))(t))
}

// A pinned image goes no further than to what is attached to it.
func TestOC1_PinnedImageIsNotCopiedOrAttachedTo(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), withReferrers(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	h.forget()
	pinned := must(c.Pin(t.Context(), a.Ref()))(t)
	if !pinned.Pinned() || a.Pinned() || pinned.Ref() != a.Ref() || len(h.lines()) != 0 {
		t.Errorf("got %+v after %q, want the digest and no request", pinned, h.lines())
	}
	_, err := c.Attach(t.Context(), pinned, Signature{Bundle: signed(t, w, a)}, Referrers)
	refused(t, err, check.Internal)
	_, err = c.Copy(t.Context(), pinned, h.name+"/other:1")
	refused(t, err, check.Internal)
	_, err = c.Tree(t.Context(), pinned)
	refused(t, err, check.Internal)
}
