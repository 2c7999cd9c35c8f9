package registry

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// stream answers with so many bytes that look like the beginning of a document.
func stream(media string, size int, announce bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		if announce {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		chunk := bytes.Repeat([]byte(" "), 1<<20)
		for n := 0; n < size; n += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
}

// list answers with a page of n referrers that do not exist, and one more page.
func list(n int) http.HandlerFunc {
	var page atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", typeIndex)
		p := page.Add(1)
		w.Header().Set("Link", fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, p))
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`{"mediaType":%q,"artifactType":%q,"size":1,"digest":%q}`, typeManifest, typeBundle, sum(fmt.Append(nil, p, i))))
		}
		fmt.Fprintf(w, `{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, typeIndex, strings.Join(all, ","))
	}
}

func asked(kind string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/"+kind+"/")
	}
}

// What a registry that means harm answers ends the command soon, in little
// memory, with the name of the check. It never looks like an image without
// signatures.
func TestHostile_Answers(t *testing.T) {
	s := newScene(t)
	h := s.open(t, plain)
	digest, _ := s.push(t, h, "app:1", 1)
	s.sign(t, 0, sandbox.Alice, h.name+"/app:1")
	_, index := s.get(t, h, "/v2/app/manifests/"+digest, typeIndex)
	tests := []struct {
		name   string
		ref    string
		match  func(*http.Request) bool
		answer http.HandlerFunc
		status int
		says   string
	}{
		{"O11 manifest of 200 MB", ":1", asked("manifests"), stream(typeManifest, 200<<20, false), 3, "limit: "},
		{"O11 manifest of 200 MB, announced", ":1", asked("manifests"), stream(typeManifest, 200<<20, true), 3, "limit: "},
		{"O11 manifest of the bundle of 200 MB", "@" + digest, asked("manifests"), stream(typeManifest, 200<<20, false), 3, "limit: "},
		{"O12 bundle of 200 MB", "@" + digest, asked("blobs"), stream("application/json", 200<<20, false), 1, "oci: "},
		{"O13 listing of 200 MB", "@" + digest, asked("referrers"), stream(typeIndex, 200<<20, false), 3, "not read to its end"},
		{"O13 pages for ever", "@" + digest, asked("referrers"), list(1), 3, "more than 2000 pages"},
		{"O13 too many referrers", "@" + digest, asked("referrers"), list(900), 3, "more than 10000 candidates"},
		{"OC-5 index as manifest", ":1", asked("manifests"), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", typeManifest)
			w.Write(index)
		}, 1, "oci: "},
		{"O6 index and manifest", ":1", asked("manifests"), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", typeIndex)
			w.Write(bytes.Replace(index, []byte(`{`), []byte(`{"layers":[],`), 1))
		}, 1, "oci: "},
		{"O2 other manifest", "@" + digest, asked("manifests"), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", typeIndex)
			w.Write(index)
		}, 1, "oci: "},
		{"O4 other bundle", "@" + digest, asked("blobs"), func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) }, 1, "oci: "},
		{"O14 listing is a page for people", "@" + digest, asked("referrers"), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>")
		}, 1, "oci: "},
		{"O14 listing does not work", "@" + digest, asked("referrers"), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotImplemented) }, 3, "net: "},
		{"O21 nothing can be read", "@" + digest, asked("manifests"), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, 3, "net: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.first(1<<30, tt.match, tt.answer)
			r := s.verify(t, tt.status, sandbox.Alice, h.name+"/app"+tt.ref)
			if !strings.Contains(r.Stderr, tt.says) || strings.Contains(r.Stdout, "ok  ") {
				t.Errorf("want the check %q, got\n%s%s", tt.says, r.Stdout, r.Stderr)
			}
			if r.Wall > 20*time.Second || r.Peak > 100<<20 {
				t.Errorf("took %v and %d MB", r.Wall, r.Peak>>20)
			}
		})
	}
	h.set(nil)
	s.verify(t, 0, sandbox.Alice, h.name+"/app:1")
}
