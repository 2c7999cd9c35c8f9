package registry

import (
	"archive/tar"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// whole answers with what the registry answers, and says with which status.
func (h *host) whole(w http.ResponseWriter, r *http.Request) int {
	rec := httptest.NewRecorder()
	h.handler.ServeHTTP(rec, r)
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
	return rec.Code
}

// immutable refuses what a registry with immutable tags refuses: another manifest under
// a tag that exists. The same manifest is taken, as such registries do.
func (h *host) immutable(w http.ResponseWriter, r *http.Request) bool {
	if !writesManifest(r) || strings.Contains(r.URL.Path, "sha256:") {
		return false
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return true
	}
	there := httptest.NewRecorder()
	get := httptest.NewRequest(http.MethodGet, r.URL.Path, nil)
	get.Header = http.Header{"Accept": {r.Header.Get("Content-Type")}, "Authorization": r.Header["Authorization"]}
	h.handler.ServeHTTP(there, get)
	if there.Code == http.StatusOK && there.Body.String() != string(body) {
		w.WriteHeader(http.StatusBadRequest)
		return true
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	return false
}

// What a registry will refuse is found out before anything is published, and what it
// has stays as it was.
func TestBefore_NothingIsPublished(t *testing.T) {
	s := newScene(t)
	rekor1 := s.rekor1(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			h := s.open(t, k)
			s.push(t, h, "app:1", 1)
			ref := h.name + "/app:1"
			s.made(t, 0, 0)
			h.set(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet || r.Method == http.MethodHead {
					return false
				}
				w.WriteHeader(http.StatusForbidden)
				return true
			})
			r := s.sign(t, 3, sandbox.Alice, ref)
			for _, way := range []string{"--signature-repository", "--bundle"} {
				if !strings.Contains(r.Stderr, way) {
					t.Errorf("%s is not named:\n%s", way, r.Stderr)
				}
			}
			s.made(t, 0, 0)
			h.set(h.immutable)
			s.sign(t, 0, sandbox.Alice, ref, append([]string{"--storage", "both"}, rekor1...)...)
			s.certificates.Store(0)
			s.entries.Store(0)
			for _, storage := range []string{"referrers", "tags"} {
				want := 3
				if storage == "referrers" && k.referrers {
					want = 0
				}
				s.sign(t, want, sandbox.Bob, ref, append([]string{"--storage", storage}, rekor1...)...)
				if want == 3 {
					s.made(t, 0, 0)
				}
				s.certificates.Store(0)
				s.entries.Store(0)
			}
			s.verify(t, 0, sandbox.Alice, ref, "--all-platforms")
			s.sign(t, 0, sandbox.Bob, ref, "--signature-repository", h.name+"/sigs")
			s.verify(t, 0, sandbox.Bob, ref, "--signature-repository", h.name+"/sigs")
			s.certificates.Store(0)
			s.entries.Store(0)
		})
	}
}

// The upload that asks for the right to push is cancelled.
func TestBefore_UploadIsCancelled(t *testing.T) {
	s := newScene(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			h := s.open(t, k)
			s.push(t, h, "app:1", 1)
			var cancelled, status atomic.Int64
			h.set(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodDelete {
					return false
				}
				cancelled.Add(1)
				status.Store(int64(h.whole(w, r)))
				return true
			})
			s.sign(t, 0, sandbox.Alice, h.name+"/app:1")
			if cancelled.Load() != 1 {
				t.Errorf("%d uploads were cancelled, want 1", cancelled.Load())
			}
			t.Logf("%s answers %d", k.name, status.Load())
		})
	}
}

// A registry that deletes nothing loses nothing.
func TestClean_WhereNothingIsDeleted(t *testing.T) {
	s := newScene(t)
	rekor1 := s.rekor1(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			h := s.open(t, k)
			s.push(t, h, "app:1", 1)
			ref := h.name + "/app:1"
			s.sign(t, 0, sandbox.Alice, ref, append([]string{"--storage", "both"}, rekor1...)...)
			h.set(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodDelete {
					return false
				}
				w.WriteHeader(http.StatusMethodNotAllowed)
				return true
			})
			if r := s.run(t, 3, "image", "clean", ref, "--signatures", "--yes"); !strings.Contains(r.Stdout, "removed 0 of 2") {
				t.Errorf("removed something:\n%s", r.Stdout)
			}
			s.verify(t, 0, sandbox.Alice, ref, "--all-platforms")
			h.set(nil)
			s.run(t, 0, "image", "clean", ref, "--signatures", "--yes")
			s.verify(t, 4, sandbox.Alice, ref)
		})
	}
}

// A layout that was saved from a registry is signed on disk and goes to another one.
func TestLayout_SignedOnDisk(t *testing.T) {
	s := newScene(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			h := s.open(t, k)
			_, children := s.push(t, h, "app:1", 2)
			dir := "layout-" + strings.ReplaceAll(k.name, " ", "-")
			s.run(t, 0, "image", "save", h.name+"/app:1", "--output", dir+".tar")
			s.unpack(t, dir+".tar", dir)
			s.sign(t, 0, sandbox.Alice, "oci:"+dir)
			s.verify(t, 0, sandbox.Alice, "oci:"+dir, "--all-platforms")
			s.run(t, 0, "image", "load", dir, h.name+"/loaded:1")
			s.verify(t, 0, sandbox.Alice, h.name+"/loaded:1", "--all-platforms")
			s.accepted(t, h, "loaded", children[1], sandbox.Alice)
		})
	}
}

// unpack unpacks an archive, both named from the folder of the user.
func (s *scene) unpack(t testing.TB, archive, dir string) {
	t.Helper()
	file, err := os.Open(s.path(archive))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for r := tar.NewReader(file); ; {
		head, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(s.path(dir), filepath.FromSlash(head.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
