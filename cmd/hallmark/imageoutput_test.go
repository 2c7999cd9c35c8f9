package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oci"
)

// objects reads lines of JSON with the members of T.
func objects[T any](t *testing.T, text string) []T {
	t.Helper()
	var all []T
	for line := range strings.Lines(text) {
		var v T
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, v)
	}
	return all
}

// What the verbs on images print is there for programs as well, and not at all
// with --quiet.
func TestImage_JSONAndQuiet(t *testing.T) {
	w := newImageWorld(t)
	src, dst := newRegistry(t, true), newRegistry(t, true)
	digest := pushIndex(t, src+"/app:1", 1)
	w.must("sign", src+"/app:1", "--yes", "--no-recursive")

	tree := objects[branchJSON](t, w.must("image", "tree", src+"/app:1", "--json"))
	if len(tree) != 3 || tree[0].Schema != schema || tree[0].Kind != oci.KindIndex || tree[0].Digest != digest || tree[0].Of != "" {
		t.Fatalf("tree: %+v", tree)
	}
	for _, b := range tree[1:] {
		if b.Of != digest {
			t.Errorf("%s %s belongs to %q, want %s", b.Kind, b.Digest, b.Of, digest)
		}
		if b.Kind != oci.KindReferrer {
			continue
		}
		if len(b.Claims) != 1 || b.Claims[0].Subject != "alice@example.com" || b.Claims[0].Issuer != w.Issuer().URL ||
			b.Claims[0].NotBefore.IsZero() || len(b.Claims[0].Indexes) != 1 || b.Claims[0].Error != "" {
			t.Errorf("claims: %+v", b.Claims)
		}
	}
	moved := objects[movedJSON](t, w.must("image", "copy", src+"/app:1", dst+"/app:1", "--json"))
	if len(moved) != 3 || moved[1].Digest != digest || moved[1].Image != dst+"/app@"+digest {
		t.Errorf("copy: %+v", moved)
	}
	archive := filepath.Join(w.dir, "app.tar")
	if saved := objects[movedJSON](t, w.must("image", "save", src+"/app:1", "--output", archive, "--json")); len(saved) != 3 {
		t.Errorf("save: %+v", saved)
	}
	if loaded := objects[movedJSON](t, w.must("image", "load", archive, dst+"/loaded:1", "--json")); len(loaded) != 3 {
		t.Errorf("load: %+v", loaded)
	}
	bundle := filepath.Join(w.dir, "app.sigstore.json")
	write(t, bundle, []byte(w.must("image", "download", src+"/app:1")))
	type attached struct {
		Schema            int
		Image, Where, Ref string
		Before            bool
	}
	if a := objects[attached](t, w.must("image", "attach", bundle, src+"/app:1", "--json")); len(a) != 1 || !a[0].Before || a[0].Image != src+"/app@"+digest || a[0].Where != oci.WhereReferrers {
		t.Errorf("attach: %+v", a)
	}
	removed := objects[branchJSON](t, w.must("image", "clean", src+"/app:1", "--signatures", "--yes", "--json"))
	if len(removed) != 1 || removed[0].Kind != oci.KindReferrer || removed[0].Of != digest {
		t.Errorf("clean: %+v", removed)
	}
	for _, args := range [][]string{
		{"tree", dst + "/app:1"}, {"copy", dst + "/app:1", dst + "/again:1"}, {"attach", bundle, dst + "/app:1"},
		{"clean", src + "/app:1", "--signatures", "--yes"}, {"clean", dst + "/app:1", "--signatures", "--yes"},
	} {
		status, stdout, stderr := interactive(t, w.World, w.dir, "", append(append([]string{"image"}, args...), "--quiet")...)
		if status != check.ExitOK || stdout+stderr != "" {
			t.Errorf("%q with --quiet: status %d\n%s%s", args, status, stdout, stderr)
		}
	}
}
