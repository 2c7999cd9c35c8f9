package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// operations are all that reads registries.
var operations = map[string]func(t *testing.T, c *Client, ref string) error{
	"bundles": func(t *testing.T, c *Client, ref string) error {
		a, err := c.Resolve(t.Context(), ref)
		if err != nil {
			return err
		}
		for _, err := range c.Bundles(t.Context(), a, 100) {
			if err != nil {
				return err
			}
		}
		return nil
	},
	"copy": func(t *testing.T, c *Client, ref string) error {
		a, err := c.Resolve(t.Context(), ref)
		if err == nil {
			_, err = c.Copy(t.Context(), a, newHost(t).name+"/app:1")
		}
		return err
	},
	"save": func(t *testing.T, c *Client, ref string) error {
		a, err := c.Resolve(t.Context(), ref)
		if err == nil {
			_, err = c.Save(t.Context(), a, io.Discard)
		}
		return err
	},
}

// An original is what a good registry answers.
type original struct {
	path, media string
	body        []byte
}

// reads returns what an operation gets from a good registry.
func reads(t *testing.T, h *host, do func(*testing.T, *Client, string) error) (all []original) {
	t.Helper()
	h.set(nil)
	h.forget()
	if err := do(t, newClient(t), h.name+"/app:1"); err != nil {
		t.Fatal(err)
	}
	for _, line := range h.lines() {
		path, ok := strings.CutPrefix(line, "GET ")
		if !ok || path == "/v2/" || slices.ContainsFunc(all, func(o original) bool { return o.path == path }) {
			continue
		}
		res, err := http.Get(h.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, original{path, res.Header.Get("Content-Type"), body})
	}
	return all
}

// published is a small image with something of everything.
func published(t *testing.T, h *host) {
	t.Helper()
	w, c := sigtest.New(t), newClient(t)
	pushIndex(t, c, h, "app", "1", "amd64")
	a := resolved(t, c, h.name+"/app:1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	must(c.Attach(t.Context(), a, signatureFor(t, w, a, Tags), Tags))(t)
}

var byDigest = regexp.MustCompile(`/(manifests|blobs)/sha256:[0-9a-f]{64}$`)

// OC-1, O2, O4: whichever object is another than the one that was announced, the
// operation that reads it is refused, also if it has the announced size.
func TestOC1_EveryObjectIsCompared(t *testing.T) {
	h := newHost(t)
	published(t, h)
	for name, do := range operations {
		t.Run(name, func(t *testing.T) {
			n := 0
			for _, o := range reads(t, h, do) {
				if !byDigest.MatchString(o.path) {
					continue
				}
				n++
				for _, body := range [][]byte{append(slices.Clone(o.body), ' '), swapped(o.body)} {
					h.set(func(w http.ResponseWriter, r *http.Request) bool {
						if r.Method != http.MethodGet || r.URL.Path != o.path {
							return false
						}
						w.Header().Set("Content-Type", o.media)
						w.(http.Flusher).Flush() // no length in advance
						w.Write(body)
						return true
					})
					refused(t, do(t, newClient(t), h.name+"/app:1"), check.OCI)
				}
			}
			if least := map[string]int{"bundles": 3, "copy": 9, "save": 9}[name]; n < least {
				t.Errorf("%d objects, want at least %d", n, least)
			}
		})
	}
}

// swapped is another text of the same length and, for documents, of the same
// meaning.
func swapped(body []byte) []byte {
	text := string(body)
	for _, pair := range [][2]string{{`"amd64"`, `"arm64"`}, {"{}", "[]"}, {"layer", "other"}, {`"schemaVersion":2`, `"schemaversioN":2`}, {"a", "b"}} {
		if other := strings.Replace(text, pair[0], pair[1], 1); other != text {
			return []byte(other)
		}
	}
	panic("nothing to swap")
}

// endless answers with JSON that never ends, and counts what is taken of it.
func endless(media string, status int, header http.Header, sent *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		chunk := []byte(strings.Repeat(" ", 64<<10))
		for sent.Load() < 300<<20 {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
}

// OC-8, O11, O12, O13: whatever is read, an answer of hundreds of megabytes,
// announced or not, is refused after its bound, in bounded memory.
func TestOC8_EveryAnswerIsBounded(t *testing.T) {
	h := newHost(t)
	published(t, h)
	for name, do := range operations {
		t.Run(name, func(t *testing.T) {
			n := 0
			for _, o := range reads(t, h, do) {
				for _, header := range []http.Header{nil, {"Content-Length": {fmt.Sprint(200 << 20)}}} {
					n++
					endsEarly(t, h, o, header, do)
				}
			}
			if n < 10 {
				t.Errorf("%d answers, want at least 10", n)
			}
		})
	}
}

func endsEarly(t *testing.T, h *host, o original, header http.Header, do func(*testing.T, *Client, string) error) {
	t.Helper()
	var sent atomic.Int64
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || r.URL.Path != o.path {
			return false
		}
		media := typeManifest
		if strings.Contains(o.path, "/referrers/") {
			media = typeIndex
		}
		endless(media, http.StatusOK, header, &sent)(w, r)
		return true
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := do(t, newClient(t), h.name+"/app:1")
	runtime.ReadMemStats(&after)
	if c := check.Of(err); c != check.Limit && c != check.OCI {
		t.Errorf("%s: got %v, want a refusal of check limit or oci", o.path, err)
	}
	const most = 16 << 20 // 4 MiB of a document, and what is on its way
	if sent.Load() > most {
		t.Errorf("%s: %d bytes were taken, want at most %d", o.path, sent.Load(), most)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
		t.Errorf("%s: %d bytes of memory", o.path, used)
	}
}

// OC-8: the text of an error is cut, whatever its length.
func TestOC8_ErrorsAreBounded(t *testing.T) {
	h, c := newHost(t), newClient(t, func(c *Config) { c.Retries = -1 })
	var sent atomic.Int64
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		endless("application/json", http.StatusBadRequest, nil, &sent)(w, r)
		return true
	})
	begun := time.Now()
	_, err := c.Resolve(t.Context(), h.name+"/app:1")
	refused(t, err, check.Net)
	if sent.Load() > 8<<20 || time.Since(begun) > 5*time.Second || len(err.Error()) > 1000 {
		t.Errorf("took %d bytes and %v for an error of %d bytes", sent.Load(), time.Since(begun), len(err.Error()))
	}
}

// O12: a bundle in an encoding is refused, not undone.
func TestO12_EncodedBundle(t *testing.T) {
	w, h := sigtest.New(t), withReferrers(t)
	c := newClient(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/blobs/") {
			w.Header().Set("Content-Encoding", "gzip")
		}
		return false
	})
	_, errs := collect(t, c, a)
	if len(errs) != 1 {
		t.Fatalf("got %v, want one refusal", errs)
	}
	refused(t, errs[0], check.OCI)
}

// O3: a header that lies about a tag changes nothing, the bytes are hashed.
func TestO3_DigestHeaderLies(t *testing.T) {
	h, c := newHost(t), newClient(t)
	image := pushImage(t, c, h, "app", "1", "x")
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Docker-Content-Digest", emptyDigest)
		w.Header().Set("Content-Type", image.media)
		w.Write(image.raw)
		return true
	})
	if a := resolved(t, c, h.name+"/app:1"); a.Digest != image.digest {
		t.Errorf("got %s, want %s", a.Digest, image.digest)
	}
}

// O33: sha512, which the specification allows, is refused and says so.
func TestO33_SHA512(t *testing.T) {
	long := "sha512:" + strings.Repeat("0", 128)
	_, err := parseReference("r.io/a@" + long)
	refused(t, err, check.Usage)
	_, refusal := readDocument(fmt.Appendf(nil, `{"schemaVersion":2,"manifests":[{"mediaType":%q,"size":2,"digest":%q}]}`, typeManifest, long), typeIndex)
	refused(t, refusal, check.OCI)
	for _, err := range []error{err, refusal} {
		if !strings.Contains(err.Error(), "digest is of sha512, want sha256") {
			t.Errorf("got %v, want the reason", err)
		}
	}
}

// TestCatalogue_O: every row of group O of the bad inputs, O1 to O38, has a test
// that names it, here, in the command or against real registries.
func TestCatalogue_O(t *testing.T) {
	found := map[string]int{}
	row := regexp.MustCompile(`[^A-Z0-9](O[1-9][0-9]?)\b`)
	for _, pattern := range []string{"*_test.go", "../cmd/hallmark/*_test.go", "../e2e/registry/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text, _, _ := strings.Cut(strings.ReplaceAll(string(data), "_", " "), "TestCatalogue O: every")
			for _, id := range row.FindAllStringSubmatch(text, -1) {
				found[id[1]]++
			}
		}
	}
	for i := range 38 {
		if id := fmt.Sprintf("O%d", i+1); found[id] == 0 {
			t.Errorf("%s: no test names it", id)
		}
	}
}

// OC-8: a registry that was there may be restarting and is waited for; at an address
// where nobody listens it is not.
func TestOC8_NobodyListens(t *testing.T) {
	h, c := newHost(t), newClient(t)
	waits := 0
	c.sleep = func(context.Context, time.Duration) error { waits++; return nil }
	pushImage(t, c, h, "app", "1", "x")
	if _, err := c.Resolve(t.Context(), h.name+"/app:1"); err != nil {
		t.Fatal(err)
	}
	h.Close()
	_, err := c.Resolve(t.Context(), h.name+"/app:1")
	refused(t, err, check.Net)
	if waits == 0 {
		t.Error("a registry that was there is not waited for")
	}
	c, waits = newClient(t), 0
	c.sleep = func(context.Context, time.Duration) error { waits++; return nil }
	_, err = c.Resolve(t.Context(), h.name+"/app:1")
	refused(t, err, check.Net)
	if e, ok := errors.AsType[*check.Error](err); !ok || waits != 0 || !strings.Contains(e.Next, "runs at this address") {
		t.Errorf("waited %d times for nobody: %v", waits, err)
	}
}
