package oci

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// release pushes an index of five platforms that is signed in every way: one
// statement about all attached to each, an old signature of the index, and a
// referrer of the referrer of the index.
func release(t *testing.T, w *sigtest.World, c *Client, h *host) Artifact {
	t.Helper()
	pushIndex(t, c, h, "app", "1", "amd64", "arm64", "arm", "s390x", "ppc64le")
	a := resolved(t, c, h.name+"/app:1")
	all := []Artifact{a}
	for _, p := range a.Platforms {
		all = append(all, must(a.Child(p))(t))
	}
	raw := signed(t, w, a, all[1:]...)
	var first string
	for _, about := range all {
		at := must(c.Attach(t.Context(), about, Signature{Bundle: raw}, Referrers))(t)
		if first == "" {
			first = at[0].Ref
		}
	}
	payload := must(SimplePayload(nil, a))(t)
	old := w.Make(sigtest.Maker{Artifact: payload, Logs: []*sigtest.Log{w.Log1}}).JSON
	must(c.Attach(t.Context(), a, Signature{Bundle: old, Payload: payload}, Tags))(t)
	referrer := resolved(t, c, first)
	must(c.Attach(t.Context(), referrer, Signature{Bundle: signed(t, w, referrer)}, Referrers))(t)
	return a
}

// kinds counts what was moved.
func kinds(all []Moved) map[string]int {
	n := map[string]int{}
	for _, m := range all {
		n[m.Kind]++
	}
	return n
}

var wholeRelease = map[string]int{KindImage: 5, KindIndex: 1, KindReferrer: 7, KindTag: 1}

func TestCopyMovesTheWholeGraph(t *testing.T) {
	for _, row := range []struct {
		name     string
		from, to bool // with referrers API
	}{{"to a registry without referrers", true, false}, {"to one with", false, true}} {
		t.Run(row.name, func(t *testing.T) {
			hosts := map[bool]func(testing.TB) *host{true: withReferrers, false: func(t testing.TB) *host { return newHost(t) }}
			src, dst := hosts[row.from](t), hosts[row.to](t)
			w, c := sigtest.New(t), newClient(t)
			a := release(t, w, c, src)
			report := must(c.Copy(t.Context(), a, dst.name+"/mirror/app:1"))(t)
			if d := cmp.Diff(wholeRelease, kinds(report.Moved)); d != "" {
				t.Errorf("moved (-want +got):\n%s", d)
			}
			src.Close()
			b := resolved(t, c, dst.name+"/mirror/app:1")
			if b.Digest != a.Digest || report.Ref != b.Ref() {
				t.Errorf("got %s and report of %s, want %s", b.Digest, report.Ref, a.Digest)
			}
			signedAll(t, w, c, b, 2)
			dst.forget()
			again := must(c.Copy(t.Context(), b, dst.name+"/mirror/app:1"))(t)
			for _, m := range again.Moved {
				if m.Blobs != 0 {
					t.Errorf("%s %s was sent again", m.Kind, m.Digest)
				}
			}
			for _, l := range dst.lines() {
				if strings.HasPrefix(l, "POST") || strings.HasPrefix(l, "PATCH") {
					t.Errorf("second copy asks %q, want no upload", l)
				}
			}
		})
	}
}

// O32: a copy that breaks at any request is completed by the next, which sends no
// blob that arrived; the name comes last.
func TestO32_CopyAfterEachInterruption(t *testing.T) {
	src, w, c := withReferrers(t), sigtest.New(t), newClient(t)
	pushIndex(t, c, src, "app", "1", "amd64", "arm64")
	a := resolved(t, c, src.name+"/app:1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	done, kept := 0, 0
	for stop := 0; ; stop++ {
		dst := newHost(t)
		n, arrived := 0, map[string]bool{}
		var mu sync.Mutex
		dst.set(func(_ http.ResponseWriter, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if n++; n > stop {
				panic(http.ErrAbortHandler)
			}
			if digest := r.URL.Query().Get("digest"); digest != "" {
				arrived[digest] = true
			}
			return false
		})
		_, err := newClient(t, func(c *Config) { c.Retries = -1 }).Copy(t.Context(), a, dst.name+"/app:1")
		// What was under way when another request broke may have been given up.
		dst.set(nil)
		mu.Lock()
		first := maps.Clone(arrived)
		mu.Unlock()
		maps.DeleteFunc(first, func(digest string, _ bool) bool {
			res, err := http.Head(dst.URL + "/v2/app/blobs/" + digest)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			return res.StatusCode != http.StatusOK
		})
		kept += len(first)
		dst.set(func(_ http.ResponseWriter, r *http.Request) bool {
			if digest := r.URL.Query().Get("digest"); first[digest] {
				t.Errorf("stopped at request %d: %s is sent again", stop, digest)
			}
			return false
		})
		if err == nil {
			done = stop
			break
		}
		refused(t, err, check.Net)
		if _, err := c.Resolve(t.Context(), dst.name+"/app:1"); err == nil {
			t.Fatalf("stopped at request %d: the name is there", stop)
		}
		must(c.Copy(t.Context(), a, dst.name+"/app:1"))(t)
		if found, errs := collect(t, c, resolved(t, c, dst.name+"/app:1")); len(found) != 1 || len(errs) != 0 {
			t.Fatalf("stopped at request %d: found %d, %v, want one", stop, len(found), errs)
		}
	}
	if done < 20 || kept < done {
		t.Errorf("interrupted at %d places, after which %d blobs were there, want at least 20 and as many", done, kept)
	}
}

// signedAll demands that an index has so many verified bundles and each child one.
func signedAll(t *testing.T, w *sigtest.World, c *Client, a Artifact, bundles int) {
	t.Helper()
	found, errs := collect(t, c, a)
	if len(found) != bundles || errs != nil {
		t.Fatalf("index: found %d, %v, want %d", len(found), errs, bundles)
	}
	for _, f := range found {
		verified(t, w, f, a.Digest)
	}
	for _, p := range a.Platforms {
		child := resolved(t, c, must(a.Child(p))(t).Name)
		found, errs := collect(t, c, child)
		if len(found) != 1 || errs != nil {
			t.Fatalf("%s: found %d, %v, want one", p, len(found), errs)
		}
		verified(t, w, found[0], child.Digest)
	}
}

func TestCopyOfOneChild(t *testing.T) {
	src, dst := withReferrers(t), newHost(t)
	w, c := sigtest.New(t), newClient(t)
	a := release(t, w, c, src)
	child := must(a.Platform("linux/arm64"))(t)
	report := must(c.Copy(t.Context(), child, dst.name+"/app:arm"))(t)
	if d := cmp.Diff(map[string]int{KindImage: 1, KindReferrer: 1}, kinds(report.Moved)); d != "" {
		t.Errorf("moved (-want +got):\n%s", d)
	}
	found, errs := collect(t, c, resolved(t, c, dst.name+"/app:arm"))
	if len(found) != 1 || errs != nil {
		t.Fatalf("found %d, %v, want one", len(found), errs)
	}
	verified(t, w, found[0], child.Digest)
}

// Within a registry blobs are taken over, not sent, where it knows how; between
// registries nobody is told where they come from.
func TestCopyWithinARegistry(t *testing.T) {
	for name, row := range map[string]struct {
		status, mounts, sent int
		elsewhere            bool
	}{
		"taken over":       {http.StatusCreated, 2, 0, false},
		"not allowed":      {http.StatusForbidden, 2, 2, false},
		"not known":        {http.StatusNotFound, 2, 2, false},
		"another registry": {0, 0, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := withReferrers(t), newClient(t)
			pushImage(t, c, h, "app", "1", "x")
			to := h
			if row.elsewhere {
				to = withReferrers(t)
			}
			var mounts atomic.Int32
			to.set(func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case r.Method == http.MethodHead && strings.HasPrefix(r.URL.Path, "/v2/other/blobs/"):
					w.WriteHeader(http.StatusNotFound) // this registry would share them anyway
				case r.Method == http.MethodPost && r.URL.Query().Has("from"):
					if q := r.URL.Query(); q.Get("from") != "app" || !isDigest(q.Get("mount")) {
						t.Errorf("asked for %s", r.URL)
					}
					mounts.Add(1)
					w.WriteHeader(row.status)
				default:
					return false
				}
				return true
			})
			report := must(c.Copy(t.Context(), resolved(t, c, h.name+"/app:1"), to.name+"/other:1"))(t)
			if got := int(mounts.Load()); got != row.mounts || report.Moved[0].Blobs != row.sent {
				t.Errorf("asked for %d mounts and sent %d blobs, want %d and %d", got, report.Moved[0].Blobs, row.mounts, row.sent)
			}
			to.set(nil)
			resolved(t, c, to.name+"/other:1")
		})
	}
}

// What the target has under an old tag stays.
func TestCopyMergesOldTags(t *testing.T) {
	src, dst := newHost(t), newHost(t)
	w, c := sigtest.New(t), newClient(t)
	for i, h := range []*host{src, dst} {
		pushImage(t, c, h, "app", "1", "x")
		a := resolved(t, c, h.name+"/app:1")
		payload := must(SimplePayload(map[string]string{"n": fmt.Sprint(i)}, a))(t)
		must(c.Attach(t.Context(), a, Signature{Bundle: w.Make(sigtest.Maker{Artifact: payload, Logs: []*sigtest.Log{w.Log1}}).JSON, Payload: payload}, Tags))(t)
	}
	a := resolved(t, c, src.name+"/app:1")
	for range 2 {
		must(c.Copy(t.Context(), a, dst.name+"/app:1"))(t)
		b := resolved(t, c, dst.name+"/app:1")
		found, errs := collect(t, c, b)
		if len(found) != 2 || errs != nil {
			t.Fatalf("found %d, %v, want both signatures", len(found), errs)
		}
		for _, f := range found {
			verified(t, w, f, b.Digest)
		}
	}
}

func TestQ16_SlowBodies(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	slow := watch(r, 20*time.Millisecond)
	defer slow.Close()
	_, err := slow.Read(make([]byte, 10))
	refused(t, err, check.Net)
	fast := watch(io.NopCloser(strings.NewReader("abc")), time.Hour)
	defer fast.Close()
	if got := must(io.ReadAll(fast))(t); string(got) != "abc" {
		t.Errorf("got %q, want abc", got)
	}
}

// What a graph may hold, and how large it may be.
func TestOC5_OC8_Graphs(t *testing.T) {
	var index document
	index.Manifests = &descriptors{{MediaType: "text/plain", Digest: emptyDigest, Size: 2}}
	err := (&graph{seen: map[string]bool{}}).children(t.Context(), node{doc: &index})
	if refused(t, err, check.OCI); !strings.Contains(err.Error(), "want images and indexes") {
		t.Errorf("OC-5 child that is no image: got %v", err)
	}
	g := &graph{seen: map[string]bool{}}
	for i := range MaxNodes {
		g.seen[fmt.Sprint(i)] = true
	}
	err = g.node(t.Context(), node{doc: &index})
	if refused(t, err, check.Limit); !strings.Contains(err.Error(), "more than") {
		t.Errorf("OC-8 graph too large: got %v", err)
	}
	_, err = fetch(t.Context(), nil, descriptor{Digest: emptyDigest, Size: MaxManifest + 1})
	if refused(t, err, check.Limit); !strings.Contains(err.Error(), "is announced with") {
		t.Errorf("OC-8 manifest announced too large: got %v", err)
	}
}

// A tag that holds something else than a listing, or than signatures, is not
// written over; and a full one is not added to.
func TestOC3_OC8_WhatIsAddedTo(t *testing.T) {
	some := descriptor{MediaType: typeManifest, Digest: emptyDigest, Size: 2}
	full := func(n int) *descriptors {
		list := make(descriptors, n)
		for i := range list {
			list[i] = descriptor{MediaType: typeManifest, Digest: sum(fmt.Append(nil, i)), Size: 1}
		}
		return &list
	}
	image := func(n int) *document {
		return must(writeDocument(content{Config: &some, Layers: full(n)}, typeManifest))(t)
	}
	index := func(n int) *document { return must(writeDocument(content{Manifests: full(n)}, typeIndex))(t) }
	add := listed(emptyDigest, some).add
	old := func(d *document) error { _, _, err := appended(suffixSig, d, some); return err }
	most := func(make func(int) *document) int { // that fit into a manifest
		return MaxManifest / (len(make(200).raw) - len(make(100).raw)) * 100 * 95 / 100
	}
	for name, row := range map[string]struct {
		do   func() error
		want check.Check
		text string
	}{
		"listing":                  {func() error { _, err := add(index(1)); return err }, "", ""},
		"long listing":             {func() error { _, err := add(index(most(index))); return err }, "", ""},
		"OC-3 listing is an image": {func() error { _, err := add(image(1)); return err }, check.OCI, "is of type"},
		"signatures":               {func() error { return old(image(1)) }, "", ""},
		"many signatures":          {func() error { return old(image(most(image))) }, "", ""},
		"OC-5 signatures an index": {func() error { return old(index(1)) }, check.OCI, "want an image manifest"},
	} {
		if err := row.do(); check.Of(err) != row.want || err != nil && !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: got %v, want check %q with %q", name, err, row.want, row.text)
		}
	}
}

func TestCopyRefuses(t *testing.T) {
	h, c := withReferrers(t), newClient(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	_, err := c.Copy(t.Context(), a, h.name+"/other@"+emptyDigest)
	refused(t, err, check.Usage)
	_, err = c.Copy(t.Context(), a, "x y")
	refused(t, err, check.Usage)
	_, err = c.Copy(t.Context(), Artifact{}, h.name+"/other:1")
	refused(t, err, check.Internal)
}

// O29, OC-7: a layer that is elsewhere is never fetched from there.
func TestO29_LayerURLsAreNotFollowed(t *testing.T) {
	listener := newHost(t)
	h, c := newHost(t), newClient(t, func(c *Config) { c.Retries = -1 })
	r := c.repository(h.name, "app")
	must(r.writeBlob(t.Context(), descriptor{Digest: emptyDigest, Size: 2}, nil, inMemory([]byte("{}"))))(t)
	doc := must(writeDocument(content{Config: &descriptor{MediaType: typeConfig, Size: 2, Digest: emptyDigest},
		Layers: &descriptors{{MediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Size: 3, Digest: sum([]byte("abc")), URLs: []string{listener.URL + "/layer"}}}}, typeManifest))(t)
	push1(t, r, "1", doc)
	_, err := c.Copy(t.Context(), resolved(t, c, h.name+"/app:1"), newHost(t).name+"/app:1")
	refused(t, err, check.OCI)
	if n := len(listener.requests()); n != 0 {
		t.Errorf("the other host got %d requests, want none", n)
	}
}

func TestSaveAndLoad(t *testing.T) {
	src, dst := newHost(t), withReferrers(t)
	w, c := sigtest.New(t), newClient(t)
	a := release(t, w, c, src)
	var first, second bytes.Buffer
	report := must(c.Save(t.Context(), a, &first))(t)
	must(newClient(t).Save(t.Context(), a, &second))(t)
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same image gives two archives")
	}
	if d := cmp.Diff(wholeRelease, kinds(report.Moved)); d != "" {
		t.Errorf("saved (-want +got):\n%s", d)
	}
	src.Close()
	file := filepath.Join(t.TempDir(), "app.tar")
	if err := os.WriteFile(file, first.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := unpack(t, first.Bytes())
	for _, place := range []string{file, dir, dir + ":1", file + "@" + a.Digest} {
		b := resolved(t, c, "oci:"+place)
		if b.Digest != a.Digest || len(b.Platforms) != 5 {
			t.Fatalf("%s is %s with %d children, want %s", place, b.Digest, len(b.Platforms), a.Digest)
		}
		found, errs := collect(t, c, b)
		if len(found) != 2 || errs != nil {
			t.Fatalf("%s: found %d, %v, want two", place, len(found), errs)
		}
		for _, f := range found {
			verified(t, w, f, a.Digest)
		}
		child := must(b.Platform("linux/s390x"))(t)
		found, _ = collect(t, c, child)
		if len(found) != 1 || found[0].Where != WhereLayout {
			t.Fatalf("%s: child has %+v, want one in the layout", place, found)
		}
		verified(t, w, found[0], child.Digest)
	}
	loaded := must(c.Load(t.Context(), file, dst.name+"/app:1"))(t)
	if d := cmp.Diff(wholeRelease, kinds(loaded.Moved)); d != "" {
		t.Errorf("loaded (-want +got):\n%s", d)
	}
	signedAll(t, w, c, resolved(t, c, dst.name+"/app:1"), 2)
}

// unpack writes an archive of regular files into a new folder.
func unpack(t *testing.T, data []byte) string {
	t.Helper()
	dir := t.TempDir()
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(h.Name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, h.Name), must(io.ReadAll(r))(t), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// saved returns the archive of a small signed image.
func saved(t testing.TB) ([]byte, Artifact) {
	t.Helper()
	h, c := withReferrers(t), newClient(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, sigtest.New(t), a)}, Referrers))(t)
	var b bytes.Buffer
	must(c.Save(t.Context(), a, &b))(t)
	return b.Bytes(), a
}

func TestO36_Archives(t *testing.T) {
	good, a := saved(t)
	add := func(headers ...tar.Header) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		r := tar.NewReader(bytes.NewReader(good))
		for h, err := r.Next(); err == nil; h, err = r.Next() {
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			must(io.Copy(w, r))(t)
		}
		for _, h := range headers {
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		return b.Bytes()
	}
	replace := func(old, with string) []byte { return bytes.Replace(bytes.Clone(good), []byte(old), []byte(with), 1) }
	rows := []struct {
		name string
		data []byte
		want check.Check
	}{
		{"good", good, ""},
		{"folders and other files are good", add(tar.Header{Typeflag: tar.TypeDir, Name: "./blobs/"}, tar.Header{Typeflag: tar.TypeReg, Name: "repositories"}), ""},
		{"absolute name", add(tar.Header{Typeflag: tar.TypeReg, Name: "/etc/passwd"}), check.OCI},
		{"name that leads out", add(tar.Header{Typeflag: tar.TypeReg, Name: "../x"}), check.OCI},
		{"name that leads out inside", add(tar.Header{Typeflag: tar.TypeReg, Name: "blobs/../../x"}), check.OCI},
		{"name with backslash", add(tar.Header{Typeflag: tar.TypeReg, Name: `blobs\x`}), check.OCI},
		{"duplicate name", add(tar.Header{Typeflag: tar.TypeReg, Name: "index.json"}), check.OCI},
		{"duplicate name in another form", add(tar.Header{Typeflag: tar.TypeReg, Name: "./index.json"}), check.OCI},
		{"symbolic link", add(tar.Header{Typeflag: tar.TypeSymlink, Name: "blobs/x", Linkname: "/etc/passwd"}), check.OCI},
		{"hard link", add(tar.Header{Typeflag: tar.TypeLink, Name: "blobs/x", Linkname: "index.json"}), check.OCI},
		{"device", add(tar.Header{Typeflag: tar.TypeChar, Name: "blobs/x"}), check.OCI},
		{"folder that leads out", add(tar.Header{Typeflag: tar.TypeDir, Name: "../x/"}), check.OCI},
		{"no tar", []byte(strings.Repeat("x", 2000)), check.OCI},
		{"without its end", good[:1000], check.FS},
		{"truncated in index.json", good[:len(good)-1500], check.OCI},
		{"other layout version", replace(`"1.0.0"`, `"2.0.0"`), check.OCI},
		{"manifest changed", replace(`"schemaVersion":2,"mediaType":"`+typeManifest, `"schemaVersion":3,"mediaType":"`+typeManifest), check.OCI},
		{"empty", nil, check.FS},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.tar")
			if err := os.WriteFile(file, row.data, 0o600); err != nil {
				t.Fatal(err)
			}
			b, err := newClient(t).Resolve(t.Context(), "oci:"+file)
			if row.want != "" {
				refused(t, err, row.want)
				if strings.HasPrefix(row.name, "duplicate") && !strings.Contains(err.Error(), "twice") {
					t.Errorf("got %v, want that it is there twice", err)
				}
				return
			}
			if err != nil || b.Digest != a.Digest {
				t.Fatalf("got %s, %v, want %s", b.Digest, err, a.Digest)
			}
		})
	}
}

func TestO36_Folders(t *testing.T) {
	good, a := saved(t)
	rows := []struct {
		name string
		edit func(dir string) error
		want check.Check
		text string
	}{
		{"good", func(string) error { return nil }, "", ""},
		{"blob is a symbolic link", func(dir string) error {
			path := filepath.Join(dir, blobPath(a.Digest))
			return errors.Join(os.Rename(path, dir+"/elsewhere"), os.Symlink("../../elsewhere", path))
		}, check.FS, ""},
		{"blob is a link out", func(dir string) error {
			path := filepath.Join(dir, blobPath(a.Digest))
			return errors.Join(os.Remove(path), os.Symlink("/etc/passwd", path))
		}, check.FS, ""},
		{"folder of blobs is a link", func(dir string) error {
			return errors.Join(os.Rename(dir+"/blobs", dir+"/b"), os.Symlink("b", dir+"/blobs"))
		}, check.FS, ""},
		{"index.json is a folder", func(dir string) error {
			return errors.Join(os.Remove(dir+"/index.json"), os.Mkdir(dir+"/index.json", 0o700))
		}, check.FS, ""},
		{"no oci-layout", func(dir string) error { return os.Remove(dir + "/oci-layout") }, check.FS, ""},
		{"digest that leads out", func(dir string) error {
			text := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"size":1,"digest":"sha256:../../../etc/passwd"}]}`, typeManifest)
			return os.WriteFile(dir+"/index.json", []byte(text), 0o600)
		}, check.OCI, ""},
		{"two manifests of one name", func(dir string) error {
			text := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%[1]q,"size":%[3]d,"digest":%[2]q,"annotations":{%[4]q:"x"}},`+
				`{"mediaType":%[1]q,"size":1,"digest":%[5]q,"annotations":{%[4]q:"x"}}]}`, typeManifest, a.Digest, a.Size, noteRef, emptyDigest)
			return os.WriteFile(dir+"/index.json", []byte(text), 0o600)
		}, check.OCI, "two manifests for"},
		{"index.json over the bound", func(dir string) error {
			return os.WriteFile(dir+"/index.json", bytes.Repeat([]byte(" "), MaxManifest+1), 0o600)
		}, check.Limit, "want at most"},
		{"no image", func(dir string) error {
			return os.WriteFile(dir+"/index.json", []byte(`{"schemaVersion":2,"manifests":[]}`), 0o600)
		}, check.Usage, ""},
		{"blob of other bytes", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, blobPath(a.Digest)), bytes.Repeat([]byte("x"), int(a.Size)), 0o600)
		}, check.OCI, ""},
		{"blob of another size", func(dir string) error {
			return os.WriteFile(dir+"/index.json", []byte(fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"size":%d,"digest":%q}]}`,
				typeManifest, a.Size+1, a.Digest)), 0o600)
		}, check.OCI, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			dir := unpack(t, good)
			if err := row.edit(dir); err != nil {
				t.Fatal(err)
			}
			b, err := newClient(t).Resolve(t.Context(), "oci:"+dir)
			if row.want != "" {
				refused(t, err, row.want)
				if text := row.text; !strings.Contains(err.Error(), text) {
					t.Errorf("got %v, want %q", err, text)
				}
				return
			}
			if err != nil || b.Digest != a.Digest {
				t.Fatalf("got %s, %v, want %s", b.Digest, err, a.Digest)
			}
		})
	}
	_, err := newClient(t).Resolve(t.Context(), "oci:"+t.TempDir()+"/none")
	refused(t, err, check.FS)
}

func TestTree(t *testing.T) {
	h := newHost(t)
	w, c := sigtest.New(t), newClient(t)
	a := release(t, w, c, h)
	tree := must(c.Tree(t.Context(), a))(t)
	if tree[0].Digest != a.Digest || tree[0].Of != "" {
		t.Errorf("first is %+v, want the index", tree[0])
	}
	got := map[string]int{}
	for i, b := range tree {
		got[b.Kind+" "+b.Where+" "+b.Platform.String()]++
		if i > 0 && !slices.ContainsFunc(tree[:i], func(s Branch) bool { return s.Digest == b.Of }) {
			t.Errorf("%s comes before what it belongs to", b.Digest)
		}
	}
	want := map[string]int{"index  ": 1, "referrer fallback tag ": 7, "tag legacy tag .sig ": 1,
		"image  linux/amd64": 1, "image  linux/arm64": 1, "image  linux/arm": 1, "image  linux/s390x": 1, "image  linux/ppc64le": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("tree (-want +got):\n%s", d)
	}
	held, line := map[string]int{}, []string{""} // of digests, from the image to the last branch
	for _, b := range tree {
		at := slices.Index(line, b.Of)
		if at < 0 {
			t.Fatalf("%s is not with what it belongs to", b.Digest)
		}
		line = append(line[:at+1], b.Digest)
		for f, err := range b.Bundles(t.Context()) {
			if err != nil || f.Bundle == nil || f.Where != b.Where {
				t.Errorf("%s: got %+v, %v, want a bundle", b.Digest, f, err)
			}
			held[b.Kind]++
		}
	}
	if d := cmp.Diff(map[string]int{"referrer": 7, "tag": 1}, held); d != "" {
		t.Errorf("bundles by kind (-want +got):\n%s", d)
	}
}

func TestClean(t *testing.T) {
	for name, h := range map[string]*host{WhereReferrers: withReferrers(t), WhereFallback: newHost(t)} {
		t.Run(name, func(t *testing.T) {
			w, c := sigtest.New(t), newClient(t)
			pushImage(t, c, h, "app", "1", "x")
			a := resolved(t, c, h.name+"/app:1")
			must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
			provenance := strings.Replace(string(must(SigningStatement(nil, a))(t)), SignPredicate, "https://slsa.dev/provenance/v1", 1)
			must(c.Attach(t.Context(), a, Signature{Bundle: w.Make(sigtest.Maker{Statement: []byte(provenance)}).JSON}, Referrers))(t)
			s := signatureFor(t, w, a, Tags)
			must(c.Attach(t.Context(), a, s, Tags))(t)
			if list := cleanable(t, c, a, Selection{}); len(list) != 0 {
				t.Errorf("nothing selected, got %d", len(list))
			}
			list := cleanable(t, c, a, Selection{Signatures: true})
			if len(list) != 2 {
				t.Fatalf("got %+v, want the signature and the tag .sig", list)
			}
			if removed := must(c.Clean(t.Context(), a, list))(t); len(removed) != 2 {
				t.Errorf("removed %d, want 2", len(removed))
			}
			found, errs := collect(t, c, a)
			if len(found) != 1 || errs != nil {
				t.Errorf("found %d, %v, want the provenance alone", len(found), errs)
			}
			// OC-9: the image itself, and what belongs to others, is never removed.
			for _, b := range []Branch{
				{Kind: KindImage, Digest: a.Digest}, {Kind: KindImage, Of: a.Digest, Digest: a.Digest},
				{Kind: KindReferrer, Of: emptyDigest, Digest: found[0].Digest}, {Kind: KindTag, Of: emptyDigest, Tag: "1", Digest: a.Digest},
			} {
				_, err := c.Clean(t.Context(), a, []Branch{b})
				refused(t, err, check.Usage)
			}
			if found, errs := collect(t, c, a); len(found) != 1 || errs != nil {
				t.Errorf("found %d, %v after refusals, want the provenance", len(found), errs)
			}
		})
	}
}

// OC-9: what is under a tag of the older scheme may be under one of another image as
// well, or be an image.
func TestOC9_CleanRemovesNothingOfOthers(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	other := pushImage(t, c, h, "app", "2", "y")
	a, b := resolved(t, c, h.name+"/app:1"), resolved(t, c, h.name+"/app:2")
	both := must(SigningStatement(nil, a, b))(t)
	s := Signature{Bundle: w.Make(sigtest.Maker{Statement: both, Logs: []*sigtest.Log{w.Log1}}).JSON}
	for _, image := range []Artifact{a, b} {
		must(c.Attach(t.Context(), image, s, Tags))(t)
	}
	push1(t, c.repository(h.name, "app"), fallbackTag(a.Digest)+".sbom", other)
	list := cleanable(t, c, a, Selection{Attestations: true, SBOMs: true})
	if len(list) != 2 {
		t.Fatalf("got %+v, want the tags .att and .sbom", list)
	}
	if removed := must(c.Clean(t.Context(), a, list))(t); len(removed) != 2 {
		t.Errorf("removed %d, want 2", len(removed))
	}
	if found, errs := collect(t, c, a); len(found) != 0 || errs != nil {
		t.Errorf("found %d, %v, want nothing", len(found), errs)
	}
	if found, errs := collect(t, c, b); len(found) != 1 || errs != nil {
		t.Errorf("found %d, %v of the other image, want its attestation", len(found), errs)
	}
	resolved(t, c, h.name+"/app@"+b.Digest)
}

// OC-9: a registry that can't remove a tag says so in one way or another; what was to
// be removed is gone all the same, or it is said that it is not.
func TestOC9_CleanWhereTagsStay(t *testing.T) {
	for _, answer := range []int{http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusAccepted} {
		for _, byDigest := range []bool{true, false} {
			w, c, h := sigtest.New(t), newClient(t), newHost(t)
			pushImage(t, c, h, "app", "1", "x")
			a := resolved(t, c, h.name+"/app:1")
			must(c.Attach(t.Context(), a, signatureFor(t, w, a, Tags), Tags))(t)
			list := cleanable(t, c, a, Selection{Signatures: true})
			var gone atomic.Bool
			h.set(func(w http.ResponseWriter, r *http.Request) bool {
				isTag := strings.HasSuffix(r.URL.Path, ".sig")
				switch {
				case r.Method == http.MethodDelete && isTag:
					w.WriteHeader(answer)
				case r.Method == http.MethodDelete && byDigest:
					gone.Store(true)
					w.WriteHeader(http.StatusAccepted)
				case isTag && gone.Load():
					w.WriteHeader(http.StatusNotFound)
				default:
					return false
				}
				return true
			})
			removed, err := c.Clean(t.Context(), a, list)
			if byDigest && (err != nil || len(removed) != 1) {
				t.Errorf("answer %d: removed %d, %v, want 1", answer, len(removed), err)
			}
			if !byDigest {
				refused(t, err, check.OCI)
				if len(removed) != 0 {
					t.Errorf("answer %d: says that %d are removed", answer, len(removed))
				}
			}
		}
	}
}

func TestOC1_BlobsAreCompared(t *testing.T) {
	for name, row := range map[string]struct {
		body string
		size int64
		want check.Check
	}{
		"good": {"abc", 3, ""}, "empty is good": {"", 0, ""},
		"short": {"ab", 3, check.OCI}, "long": {"abcd", 3, check.OCI}, "other": {"abd", 3, check.OCI},
	} {
		want := "abc"
		if row.size == 0 {
			want = ""
		}
		r := compared(io.NopCloser(strings.NewReader(row.body)), descriptor{Digest: sum([]byte(want)), Size: row.size})
		data, err := io.ReadAll(r)
		if check.Of(err) != row.want || err == nil && string(data) != want {
			t.Errorf("OC-1 %s: got %q, %v, want check %q", name, data, err, row.want)
		}
	}
}

func TestOC9_LargeBlobs(t *testing.T) {
	h, c := newHost(t), newClient(t)
	r := c.repository(h.name, "app")
	data := bytes.Repeat([]byte("0123456789abcdef"), wholeUpload/16+1)
	d := descriptor{Digest: sum(data), Size: int64(len(data))}
	var mu sync.Mutex
	broke := 0
	h.set(func(w http.ResponseWriter, q *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if q.Method != http.MethodPatch || broke == 2 {
			return false
		}
		broke++
		io.CopyN(io.Discard, q.Body, 1<<20)
		panic(http.ErrAbortHandler) // drops the connection in the middle
	})
	if sent := must(r.writeBlob(t.Context(), d, nil, inMemory(data)))(t); !sent || broke != 2 {
		t.Errorf("sent %v after %d broken attempts, want true after 2", sent, broke)
	}
	if sent := must(r.writeBlob(t.Context(), d, nil, inMemory(data)))(t); sent {
		t.Error("the blob was sent twice")
	}
	got := must(read(t.Context(), r, d, d.Size))(t)
	if !bytes.Equal(got, data) {
		t.Error("the blob came back as something else")
	}
	_, err := read(t.Context(), r, d, d.Size-1)
	refused(t, err, check.Limit)
}

func TestCancelledContextEndsWaiting(t *testing.T) {
	h, c := newHost(t), New(Config{})
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	ctx, cancel := context.WithCancel(t.Context())
	c.sleep = func(ctx context.Context, d time.Duration) error { cancel(); return sleep(ctx, d) }
	_, err := c.Resolve(ctx, h.name+"/app:1")
	refused(t, err, check.Net)
	if n := len(h.requests()); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

// OC-9: where a registry removes nothing, or not all, what is left can be found.
func TestOC9_CleanLosesNothing(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	for range 3 {
		must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
		w.Clock.Add(time.Second)
	}
	list := cleanable(t, c, a, Selection{Signatures: true})
	if len(list) != 3 {
		t.Fatalf("got %+v, want three signatures", list)
	}
	h.set(refuse(http.MethodDelete, 0))
	left := func(want int) {
		t.Helper()
		if found, errs := collect(t, c, a); len(found) != want || errs != nil {
			t.Errorf("found %d, %v, want %d", len(found), errs, want)
		}
	}
	removed, err := c.Clean(t.Context(), a, list)
	refused(t, err, check.Net)
	if left(3); len(removed) != 0 {
		t.Errorf("says that %d are removed, want 0", len(removed))
	}
	h.set(refuse(http.MethodDelete, 1))
	removed, err = c.Clean(t.Context(), a, list)
	refused(t, err, check.Net)
	if left(2); len(removed) != 1 {
		t.Errorf("says that %d are removed, want 1", len(removed))
	}
	h.set(refuse(http.MethodPut, 0))
	removed, err = c.Clean(t.Context(), a, stillThere(list, removed))
	if refused(t, err, check.Net); !strings.Contains(err.Error(), "still lists 2 manifests that are removed or are no referrers") || len(removed) != 2 {
		t.Errorf("removed %d, %v, want it said that two are listed", len(removed), err)
	}
}

// stillThere returns what of a list is not removed yet.
func stillThere(list, removed []Branch) []Branch {
	return slices.DeleteFunc(slices.Clone(list), func(b Branch) bool { return b.Digest == removed[0].Digest })
}

// refuse answers requests of a method with 405, but for the first few.
func refuse(method string, but int) func(http.ResponseWriter, *http.Request) bool {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || seen.Add(1) <= int64(but) {
			return false
		}
		w.WriteHeader(http.StatusMethodNotAllowed)
		return true
	}
}
