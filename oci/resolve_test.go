package oci

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
)

func TestOC1_ResolveAsksOnce(t *testing.T) {
	c, h := newClient(t), newHost(t)
	index := pushIndex(t, c, h, "team/app", "1", "amd64", "arm64")
	h.forget()
	a := resolved(t, c, h.name+"/team/app:1")
	if got := h.lines(); len(got) != 1 {
		t.Errorf("asked %q, want one request", got)
	}
	children := index.children()
	want := Artifact{Name: h.name + "/team/app:1", Repository: h.name + "/team/app", Tag: "1", Digest: index.digest,
		MediaType: typeIndex, Size: int64(len(index.raw)), Platforms: []Platform{
			{Digest: children[0].Digest, MediaType: typeManifest, Size: children[0].Size, OS: "linux", Architecture: "amd64"},
			{Digest: children[1].Digest, MediaType: typeManifest, Size: children[1].Size, OS: "linux", Architecture: "arm64"},
		}}
	a.source, a.extras = nil, nil
	if d := cmp.Diff(want, a, cmp.AllowUnexported(Artifact{})); d != "" {
		t.Errorf("artifact (-want +got):\n%s", d)
	}
	if a.Ref() != h.name+"/team/app@"+index.digest {
		t.Errorf("got %q, want it by digest (O34)", a.Ref())
	}
}

// O1: a tag that moves after it was resolved changes nothing.
func TestO1_TagMoves(t *testing.T) {
	c, h := newClient(t), newHost(t)
	first := pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	pushImage(t, c, h, "app", "1", "y")
	tree := must(c.Tree(t.Context(), a))(t)
	if tree[0].Digest != first.digest || a.Digest != first.digest {
		t.Errorf("got %s, want %s", tree[0].Digest, first.digest)
	}
}

func TestOC1_ResolveRefuses(t *testing.T) {
	c, h := newClient(t, func(c *Config) { c.Retries = -1 }), newHost(t)
	image := pushImage(t, c, h, "app", "1", "x")
	other := pushImage(t, c, h, "app", "2", "y")
	reply := func(media string, body []byte) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", media)
			w.Header().Set("Docker-Content-Digest", image.digest)
			w.Write(body)
		}
	}
	edit := func(f func(m map[string]any)) []byte { return edited(t, image.raw, f) }
	rows := []struct {
		name  string
		ref   string
		reply func(http.ResponseWriter) // nil: the registry's own
		want  check.Check
	}{
		{"good tag", "app:1", nil, ""},
		{"good digest", "app@" + image.digest, nil, ""},
		{"O33 tag and digest agree", "app:1@" + image.digest, nil, ""},
		{"O33 tag and digest disagree", "app:2@" + image.digest, nil, check.Usage},
		{"no such tag", "app:3", nil, check.Net},
		{"O2 O3 other manifest for a digest", "app@" + image.digest, reply(typeManifest, other.raw), check.OCI},
		{"O6 manifests too", "app:1", reply(typeManifest, edit(func(m map[string]any) { m["manifests"] = []any{} })), check.OCI},
		{"O6 layers in an index", "app:1", reply(typeIndex, []byte(`{"schemaVersion":2,"manifests":[],"layers":[]}`)), check.OCI},
		{"O6 config in an index", "app:1", reply(typeIndex, []byte(`{"schemaVersion":2,"manifests":[],"config":`+
			`{"mediaType":"x","size":0,"digest":"`+emptyDigest+`"}}`)), check.OCI},
		{"O7 content type differs", "app:1", reply(typeDockerManifest, image.raw), check.OCI},
		{"O7 content type missing", "app:1", reply("", image.raw), check.OCI},
		{"O7 content type unknown", "app:1", reply("application/json", image.raw), check.OCI},
		{"O7 type field missing is good", "app:1", reply(typeManifest, edit(func(m map[string]any) { delete(m, "mediaType") })), ""},
		{"O8 schema 1", "app:1", reply("application/vnd.docker.distribution.manifest.v1+json", []byte(`{"schemaVersion":1}`)), check.OCI},
		{"O11 manifest of 200 MB", "app:1", reply(typeManifest, make([]byte, MaxManifest+1)), check.Limit},
		{"O11 10^6 layers", "app:1", reply(typeManifest, edit(func(m map[string]any) {
			l := m["layers"].([]any)
			for len(l) <= MaxLayers {
				l = append(l, l[0])
			}
			m["layers"] = l
		})), check.Limit},
		{"O38 duplicate key", "app:1", reply(typeManifest, []byte(strings.Replace(string(image.raw), `"digest":`, `"digest":"`+emptyDigest+`","digest":`, 1))), check.OCI},
		{"key in other case", "app:1", reply(typeManifest, []byte(strings.Replace(string(image.raw), `"layers"`, `"Layers"`, 1))), check.OCI},
		{"no JSON", "app:1", reply(typeManifest, []byte("<html>")), check.OCI},
		{"nested 100 deep is ignored only up to a bound", "app:1", reply(typeManifest, edit(func(m map[string]any) {
			var v any
			for range 100 {
				v = []any{v}
			}
			m["x"] = v
		})), check.Limit},
		{"500", "app:1", func(w http.ResponseWriter) { w.WriteHeader(500) }, check.Net},
		{"403", "app:1", func(w http.ResponseWriter) { w.WriteHeader(403) }, check.Net},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			h.set(func(w http.ResponseWriter, r *http.Request) bool {
				if row.reply == nil || !strings.Contains(r.URL.Path, "/manifests/") {
					return false
				}
				row.reply(w)
				return true
			})
			_, err := c.Resolve(t.Context(), h.name+"/"+row.ref)
			if row.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			refused(t, err, row.want)
		})
	}
}

// O5: what HEAD says is not asked.
func TestO5_NoHeadForManifests(t *testing.T) {
	c, h := newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	h.forget()
	must(c.Tree(t.Context(), resolved(t, c, h.name+"/app:1")))(t)
	for _, l := range h.lines() {
		if strings.HasPrefix(l, "HEAD") {
			t.Errorf("asked %q, want GET alone", l)
		}
	}
}

func TestO33_References(t *testing.T) {
	good := map[string]reference{
		"ubuntu":                    {"index.docker.io", "library/ubuntu", "latest", ""},
		"me/app:1.2":                {"index.docker.io", "me/app", "1.2", ""},
		"ghcr.io/me/app":            {"ghcr.io", "me/app", "latest", ""},
		"localhost:5000/app:x":      {"localhost:5000", "app", "x", ""},
		"[::1]:5000/app":            {"[::1]:5000", "app", "latest", ""},
		"r.io/a@" + emptyDigest:     {"r.io", "a", "", emptyDigest},
		"r.io/a:t@" + emptyDigest:   {"r.io", "a", "t", emptyDigest},
		"r.io:443/a__b/c-d.e:T_.-1": {"r.io:443", "a__b/c-d.e", "T_.-1", ""},
	}
	for text, want := range good {
		got, err := parseReference(text)
		if err != nil || got != want {
			t.Errorf("O33 %q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	bad := []string{"", ":", "@", "a/b@sha256:short", "r.io/a@sha512:" + strings.Repeat("0", 128), "r.io/a@SHA256:" + strings.Repeat("0", 64),
		"r.io/a@sha256:" + strings.Repeat("A", 64), "r.io/a@" + emptyDigest + "@" + emptyDigest, "r.io/A", "r.io:99999/a", "r.io:0/a",
		"r.io/../a", "r.io/a/../b", "r.io/./a", "r.io/a//b", "r.io/a:", "r.io/a:-x", "r.io/a:b:c", "r.io/a b", "r.io/a\n", "r.io/a?x", "r.io/a#x",
		"r.io/a%2fb", "https://r.io/a", "u:p@r.io/a", "r.io/" + strings.Repeat("a/", 200) + "a", strings.Repeat("a", 2000), "r.io/a:" + strings.Repeat("t", 129)}
	for _, text := range bad {
		if _, err := parseReference(text); check.Of(err) != check.Usage {
			t.Errorf("O33 %.60q: got %v, want a refusal of check usage", text, err)
		}
	}
}

func TestO33_LongReference(t *testing.T) {
	for n, long := range map[int]bool{maxReference: false, maxReference + 1: true} {
		_, err := parseReference("r.io/a:" + strings.Repeat("t", n-len("r.io/a:")))
		if refused(t, err, check.Usage); strings.Contains(err.Error(), "image name has") != long {
			t.Errorf("%d bytes: got %v", n, err)
		}
	}
}

func FuzzReference(f *testing.F) {
	for _, s := range []string{"ubuntu", "r.io/a/b:t@" + emptyDigest, "[::1]:5000/app", "a@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseReference(text)
		if err != nil {
			if check.Of(err) != check.Usage {
				t.Fatalf("got %v, want check usage", err)
			}
			return
		}
		s := r.context()
		if r.tag != "" {
			s += ":" + r.tag
		}
		if r.digest != "" {
			s += "@" + r.digest
		}
		if again, err := parseReference(s); err != nil || again != r {
			t.Fatalf("%q is %+v; written as %q it is %+v, %v", text, r, s, again, err)
		}
	})
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[]}`), true)
	f.Add([]byte(`{"schemaVersion":2,"layers":[],"config":{"mediaType":"x","size":2,"digest":"`+emptyDigest+`"}}`), false)
	f.Fuzz(func(t *testing.T, raw []byte, index bool) {
		media, other := typeManifest, typeIndex
		if index {
			media, other = other, media
		}
		d, err := readDocument(raw, media)
		if err != nil {
			if _, ok := errors.AsType[*check.Error](err); !ok {
				t.Fatalf("got %v, want a check", err)
			}
			return
		}
		// OC-5: what can be read in one way can't be read in the other, unless it is
		// as good as empty.
		if _, err := readDocument(raw, other); err == nil && (d.Layers != nil || d.Manifests != nil) {
			t.Fatalf("%q is a manifest and an index", raw)
		}
		again, err := writeDocument(d.content, media)
		if err != nil {
			t.Fatalf("%q can't be written again: %v", raw, err)
		}
		// The writer sets the type field, and writes empty lists like absent ones.
		third, err := writeDocument(again.content, media)
		if err != nil || third.digest != again.digest {
			t.Fatalf("%q changes when it is written twice: %v", raw, err)
		}
	})
}

func TestO9_PlatformIsResolvedFirst(t *testing.T) {
	c, h := newClient(t), newHost(t)
	pushIndex(t, c, h, "app", "1", "amd64", "arm64")
	a := resolved(t, c, h.name+"/app:1")
	child := must(a.Platform("linux/arm64"))(t)
	if child.Digest != a.Platforms[1].Digest || child.IsIndex() || !a.IsIndex() {
		t.Errorf("got %s, want the child %s", child.Digest, a.Platforms[1].Digest)
	}
	if same := resolved(t, c, child.Ref()); same.Digest != child.Digest || same.Size != child.Size || same.MediaType != child.MediaType {
		t.Errorf("child is %+v, asked for it is %+v", child, same)
	}
	_, err := a.Platform("windows/amd64")
	refused(t, err, check.Usage)
	if e, ok := err.(*check.Error); !ok || e.Next != `the index has ["linux/amd64" "linux/arm64"]` {
		t.Errorf("got %#v, want the platforms that there are", err)
	}
	_, err = a.Child(Platform{Digest: a.Digest})
	refused(t, err, check.Usage)
}

// O9: a platform that is named in full is that one; else there must be one alone.
func TestO9_PlatformOfSeveralVariants(t *testing.T) {
	some := func(digest, arch, variant string) Platform {
		return Platform{Digest: digest, MediaType: typeManifest, Size: 1, OS: "linux", Architecture: arch, Variant: variant}
	}
	a := Artifact{Digest: emptyDigest, MediaType: typeIndex, Platforms: []Platform{
		some("1", "arm", "v6"), some("2", "arm", "v7"), some("3", "arm64", ""), some("4", "arm64", "v8"), some("5", "386", "x"),
	}}
	for want, digest := range map[string]string{
		"linux/arm/v7": "2", "linux/arm64": "3", "linux/arm64/v8": "4", "linux/386": "5", "linux/arm": "", "linux/arm/v5": "", "linux": "", "": "",
	} {
		got, err := a.Platform(want)
		if digest == "" {
			refused(t, err, check.Usage)
		} else if err != nil || got.Digest != digest {
			t.Errorf("%s: got %q, %v, want %q", want, got.Digest, err, digest)
		}
	}
	_, err := Artifact{Digest: emptyDigest, MediaType: typeManifest}.Platform("linux/arm64")
	if e, ok := err.(*check.Error); !ok || !strings.Contains(e.Next, "leave the platform out") {
		t.Errorf("got %#v for an image alone", err)
	}
}

// O10: indexes in indexes end somewhere.
func TestO10_NestedIndexes(t *testing.T) {
	c, h := newClient(t), newHost(t)
	r := c.repository(h.name, "app")
	doc := pushImage(t, c, h, "app", "0", "x")
	for i := range MaxDepth + 1 {
		doc = must(writeDocument(content{Manifests: &descriptors{doc.descriptor()}}, typeIndex))(t)
		push1(t, r, fmt.Sprint(i+1), doc)
	}
	must(c.Tree(t.Context(), resolved(t, c, h.name+"/app:"+fmt.Sprint(MaxDepth))))(t)
	_, err := c.Tree(t.Context(), resolved(t, c, h.name+"/app:"+fmt.Sprint(MaxDepth+1)))
	refused(t, err, check.Limit)
}

func TestSignatureRepository(t *testing.T) {
	h := newHost(t)
	c := newClient(t, func(c *Config) { c.SignatureRepository = h.name + "/signatures" })
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	if got := a.extras.String(); got != h.name+"/signatures" {
		t.Errorf("extras are in %q, want %q", got, h.name+"/signatures")
	}
	for _, bad := range []string{"x y", h.name + "/s:latest", h.name + "/s:1", h.name + "/s@" + emptyDigest} {
		_, err := newClient(t, func(c *Config) { c.SignatureRepository = bad }).Resolve(t.Context(), h.name+"/app:1")
		refused(t, err, check.Usage)
	}
}
