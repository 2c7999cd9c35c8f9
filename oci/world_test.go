package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// A host is a registry in this process that remembers what it was asked.
type host struct {
	*httptest.Server
	name string // host:port

	mu    sync.Mutex
	asked []*http.Request
	// before may answer instead of the registry, or change the request; false
	// passes on.
	before func(w http.ResponseWriter, r *http.Request) bool
}

func newHost(t testing.TB, options ...registry.Option) *host {
	t.Helper()
	quiet := registry.Logger(log.New(io.Discard, "", 0))
	return serve(t, registry.New(append(options, quiet)...), httptest.NewServer)
}

func withReferrers(t testing.TB) *host { return newHost(t, registry.WithReferrersSupport(true)) }

func serve(t testing.TB, handler http.Handler, start func(http.Handler) *httptest.Server) *host {
	t.Helper()
	h := &host{}
	h.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.asked = append(h.asked, r.Clone(context.Background()))
		before := h.before
		h.mu.Unlock()
		if before == nil || !before(w, r) {
			handler.ServeHTTP(w, r)
		}
	}))
	h.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(h.Close)
	_, h.name, _ = strings.Cut(h.URL, "://")
	return h
}

func (h *host) set(f func(w http.ResponseWriter, r *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = f
}

func (h *host) requests() []*http.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*http.Request(nil), h.asked...)
}

func (h *host) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = nil
}

func (h *host) lines() []string {
	var all []string
	for _, r := range h.requests() {
		all = append(all, r.Method+" "+r.URL.Path)
	}
	return all
}

// newClient makes a client that does not wait long.
func newClient(t testing.TB, edits ...func(*Config)) *Client {
	t.Helper()
	config := Config{Deadline: 20 * time.Second}
	for _, edit := range edits {
		edit(&config)
	}
	c := New(config)
	c.pause, c.settle = time.Millisecond, 20*time.Millisecond
	t.Cleanup(c.CloseIdle)
	return c
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// pushImage pushes an image with a config and one layer under a tag.
func pushImage(t testing.TB, c *Client, h *host, repository, tag, text string) *document {
	t.Helper()
	r := c.repository(h.name, repository)
	config, layer := []byte(`{"architecture":"amd64","os":"linux","text":"`+text+`"}`), []byte("layer "+text)
	for _, data := range [][]byte{config, layer} {
		if _, err := r.writeBlob(t.Context(), descriptor{Digest: sum(data), Size: int64(len(data))}, nil, inMemory(data)); err != nil {
			t.Fatal(err)
		}
	}
	doc := must(writeDocument(content{
		Config: &descriptor{MediaType: typeConfig, Size: int64(len(config)), Digest: sum(config)},
		Layers: &descriptors{{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Size: int64(len(layer)), Digest: sum(layer)}},
	}, typeManifest))(t)
	push1(t, r, tag, doc)
	return doc
}

func push1(t testing.TB, r *repository, ref string, doc *document) {
	t.Helper()
	if ref == "" {
		ref = doc.digest
	}
	if _, err := r.writeManifest(t.Context(), ref, doc); err != nil {
		t.Fatal(err)
	}
}

// pushIndex pushes an index of several platforms.
func pushIndex(t testing.TB, c *Client, h *host, repository, tag string, architectures ...string) *document {
	t.Helper()
	var children descriptors
	for _, a := range architectures {
		d := pushImage(t, c, h, repository, "", a).descriptor()
		d.Platform = &platform{OS: "linux", Architecture: a}
		children = append(children, d)
	}
	doc := must(writeDocument(content{Manifests: &children}, typeIndex))(t)
	push1(t, c.repository(h.name, repository), tag, doc)
	return doc
}

func resolved(t testing.TB, c *Client, ref string) Artifact {
	t.Helper()
	return must(c.Resolve(t.Context(), ref))(t)
}

// signed makes a bundle with the statement for artifacts.
func signed(t testing.TB, w *sigtest.World, a Artifact, more ...Artifact) []byte {
	t.Helper()
	statement := must(SigningStatement(nil, a, more...))(t)
	return w.Make(sigtest.Maker{Statement: statement}).JSON
}

// collect reads all bundles of an artifact.
func collect(t testing.TB, c *Client, a Artifact) (found []Found, errs []error) {
	t.Helper()
	for f, err := range c.Bundles(t.Context(), a, 100) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, f)
	}
	return found, errs
}

// refused fails the test unless err is a refusal by a check.
func refused(t testing.TB, err error, want check.Check) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one of check %q", want)
	}
	if got := check.Of(err); got != want {
		t.Fatalf("got check %q (%v), want %q", got, err, want)
	}
}

func sameBundle(t testing.TB, raw []byte) *bundle.Bundle {
	t.Helper()
	return must(bundle.Parse(raw))(t)
}

// edited returns the JSON with changes.
func edited(t testing.TB, raw []byte, edit func(map[string]any)) []byte {
	t.Helper()
	doc := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	edit(doc)
	return must(json.Marshal(doc))(t)
}

// cleanable lists what Clean would remove of an image whose listings are read whole.
func cleanable(t testing.TB, c *Client, a Artifact, what Selection) []Branch {
	t.Helper()
	list, more, err := c.Cleanable(t.Context(), a, what)
	if err != nil || more {
		t.Fatalf("more %v, %v, want a whole list", more, err)
	}
	return list
}
