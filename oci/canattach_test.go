package oci

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// signable pushes an image that has a signature of each kind already.
func signable(t *testing.T, w *sigtest.World, c *Client, h *host) Artifact {
	t.Helper()
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	must(c.Attach(t.Context(), a, signatureFor(t, w, a, Tags), Tags))(t)
	return a
}

// turnAway answers requests of a method to paths with a piece of text in them.
func turnAway(method, text string, code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.Contains(r.URL.Path, text) {
			return false
		}
		w.WriteHeader(code)
		return true
	}
}

// OC-9: what a registry refuses is known without a signature, with a way out.
func TestOC9_CanAttach(t *testing.T) {
	for name, row := range map[string]struct {
		api    bool
		to     Storage
		before func(http.ResponseWriter, *http.Request) bool
		want   check.Check
		text   string
	}{
		"referrers":                     {true, Both, nil, "", ""},
		"fallback tag":                  {false, Both, nil, "", ""},
		"no cancelling":                 {true, Referrers, turnAway("DELETE", "uploads", 405), "", ""},
		"read-only token":               {true, Referrers, turnAway("POST", "uploads", 403), check.Net, "nothing can be pushed"},
		"registry in read-only mode":    {false, Tags, turnAway("POST", "uploads", 405), check.Net, "nothing can be pushed"},
		"immutable tags, referrers API": {true, Referrers, turnAway("PUT", "sha256-", 400), "", ""},
		"immutable listing":             {false, Referrers, turnAway("PUT", "sha256-", 400), check.Net, "can't be replaced"},
		"immutable signatures":          {true, Tags, turnAway("PUT", ".sig", 409), check.Net, "can't be replaced"},
		"an attestation goes elsewhere": {true, Tags, turnAway("PUT", ".att", 409), "", ""},
		"a registry that is down":       {false, Referrers, turnAway("PUT", "sha256-", 502), check.Net, "answers 502"},
		"nothing says what is listed":   {true, Referrers, turnAway("GET", "referrers", 400), check.Net, "answers 400"},
		"a listing that can't be read":  {false, Referrers, turnAway("GET", "sha256-", 400), check.Net, "answers 400"},
	} {
		t.Run(name, func(t *testing.T) {
			w, c, h := sigtest.New(t), newClient(t, func(c *Config) { c.Retries = 1 }), newHost(t)
			if row.api {
				h = withReferrers(t)
			}
			a := signable(t, w, c, h)
			h.set(row.before)
			err := c.CanAttach(t.Context(), row.to, false, a)
			if check.Of(err) != row.want || err != nil && !strings.Contains(err.Error(), row.text) {
				t.Fatalf("got %v, want check %q with %q", err, row.want, row.text)
			}
			if strings.Contains(row.text, "can't") || strings.Contains(row.text, "nothing can") {
				for _, way := range []string{"--signature-repository", "--bundle"} {
					if next := err.(*check.Error).Next; !strings.Contains(next, way) {
						t.Errorf("next step is %q, want %s in it", next, way)
					}
				}
			}
			h.set(nil)
			if found, errs := collect(t, c, a); len(found) != 2 || errs != nil {
				t.Errorf("found %d, %v afterwards, want 2", len(found), errs)
			}
		})
	}
}

// A tag is written again only where that has to be known, once for all images, and
// says the same afterwards; nothing else is written.
func TestOC9_CanAttachWritesOnce(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	a := signable(t, w, c, h)
	pushImage(t, c, h, "app", "2", "y")
	b := resolved(t, c, h.name+"/app:2")
	must(c.Attach(t.Context(), b, Signature{Bundle: signed(t, w, b)}, Referrers))(t)
	for range 2 {
		h.forget()
		if err := c.CanAttach(t.Context(), Referrers, false, a, b); err != nil {
			t.Fatal(err)
		}
		var wrote []string
		for _, line := range h.lines() {
			if method, where, _ := strings.Cut(line, " "); method != "GET" {
				wrote = append(wrote, method+" "+path.Base(path.Dir(where)))
			}
		}
		if want := []string{"POST uploads", "DELETE uploads", "PUT manifests"}; !slices.Equal(wrote, want) {
			t.Errorf("wrote %q, want %q", wrote, want)
		}
		if found, errs := collect(t, c, a); len(found) != 2 || errs != nil {
			t.Errorf("found %d, %v, want 2", len(found), errs)
		}
	}
	c2 := newClient(t)
	pushImage(t, c, h, "app", "3", "z")
	h.forget()
	if err := c2.CanAttach(t.Context(), Both, false, resolved(t, c2, h.name+"/app:3")); err != nil {
		t.Fatal(err)
	}
	for _, line := range h.lines() {
		if strings.HasPrefix(line, "PUT") {
			t.Errorf("%s, although there was nothing to replace", line)
		}
	}
}

// OC-5, OC-8: a document to which nothing can be added.
func TestOC9_CanAttachWithoutRoom(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	r := c.repository(h.name, "app")
	image := pushImage(t, c, h, "app", "", "y")
	push1(t, r, fallbackTag(a.Digest), image)
	err := c.CanAttach(t.Context(), Referrers, false, a)
	if refused(t, err, check.OCI); !strings.Contains(err.Error(), "no signature can be added") {
		t.Error(err)
	}
	for size, fits := range map[int]bool{MaxManifest - roomInListing: true, MaxManifest - roomInListing + 1: false} {
		doc := must(writeDocument(content{Manifests: &descriptors{}, Annotations: map[string]string{"x": ""}}, typeIndex))(t)
		doc = must(writeDocument(content{Manifests: &descriptors{}, Annotations: map[string]string{"x": strings.Repeat("x", size-len(doc.raw))}}, typeIndex))(t)
		push1(t, r, fallbackTag(a.Digest), doc)
		err := c.CanAttach(t.Context(), Referrers, false, a)
		if (err == nil) != fits || !fits && !strings.Contains(err.Error(), "no room") {
			t.Errorf("%d bytes: got %v, want it taken: %v", len(doc.raw), err, fits)
		}
		if fits {
			must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
		}
	}
}
