package oci

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

func TestOC1_LayersAreNotRead(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), withReferrers(t)
	doc := pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	h.forget()
	if found, _ := collect(t, c, a); len(found) != 1 {
		t.Fatalf("found %d bundles, want 1", len(found))
	}
	for _, l := range h.lines() {
		if strings.Contains(l, doc.layers()[0].Digest) || strings.Contains(l, doc.Config.Digest) {
			t.Errorf("asked for %q, want no content of the image", l)
		}
	}
}

// attachRaw attaches a manifest made of the good one by an edit, and a layer.
func attachRaw(t *testing.T, c *Client, h *host, a Artifact, raw []byte, edit func(m map[string]any)) string {
	t.Helper()
	r := c.repository(h.name, "app")
	good := must(c.referrerOf(a, sameBundle(t, raw), raw))(t)
	for _, data := range [][]byte{raw, []byte("{}"), []byte("{ }")} {
		must(r.writeBlob(t.Context(), descriptor{Digest: sum(data), Size: int64(len(data))}, nil, inMemory(data)))(t)
	}
	bad := good.raw
	if edit != nil {
		bad = edited(t, good.raw, edit)
	}
	doc := &document{raw: bad, digest: sum(bad), media: typeManifest}
	push1(t, r, "", doc)
	return doc.digest
}

// answer answers the referrers API with these manifests.
func answer(h *host, a Artifact, media string, body string) {
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/referrers/"+a.Digest) {
			return false
		}
		w.Header().Set("Content-Type", media)
		fmt.Fprint(w, body)
		return true
	})
}

func listOf(t *testing.T, all ...descriptor) string {
	t.Helper()
	list := descriptors(all)
	return string(must(writeDocument(content{Manifests: &list}, typeIndex))(t).raw)
}

func TestOC2_ReferrersThatAreNotWhatTheySay(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), withReferrers(t)
	pushImage(t, c, h, "app", "1", "x")
	other := pushImage(t, c, h, "app", "2", "y").descriptor()
	a := resolved(t, c, h.name+"/app:1")
	raw := signed(t, w, a)
	sub := func(m map[string]any) map[string]any { return m["subject"].(map[string]any) }
	rows := []struct {
		name string
		edit func(m map[string]any)
		want check.Check // "" for the repair twin
	}{
		{"good", nil, ""},
		{"O16 other subject", func(m map[string]any) { m["subject"] = other }, check.OCI},
		{"O16 no subject", func(m map[string]any) { delete(m, "subject") }, check.OCI},
		{"O16 other size", func(m map[string]any) { sub(m)["size"] = 1 }, check.OCI},
		{"O16 other media type", func(m map[string]any) { sub(m)["mediaType"] = typeIndex }, check.OCI},
		{"O17 other layer type", func(m map[string]any) {
			m["layers"].([]any)[0].(map[string]any)["mediaType"] = "application/json"
		}, check.OCI},
		{"O17 two layers", func(m map[string]any) { m["layers"] = append(m["layers"].([]any), m["layers"].([]any)[0]) }, check.OCI},
		{"O17 no layer", func(m map[string]any) { m["layers"] = []any{} }, check.OCI},
		{"O17 config not empty", func(m map[string]any) {
			m["config"] = descriptor{MediaType: typeEmpty, Size: 3, Digest: sum([]byte("{ }"))}
		}, check.OCI},
		{"O17 config of another digest", func(m map[string]any) {
			m["config"] = descriptor{MediaType: typeEmpty, Size: 2, Digest: sum([]byte("[]"))}
		}, check.OCI},
		{"O17 config of another size", func(m map[string]any) {
			m["config"] = descriptor{MediaType: typeEmpty, Size: 3, Digest: emptyDigest}
		}, check.OCI},
		{"O17 other artifact type", func(m map[string]any) {
			m["artifactType"] = "application/json"
			m["layers"].([]any)[0].(map[string]any)["mediaType"] = "application/json"
		}, check.OCI},
		{"O4 layer larger", func(m map[string]any) {
			m["layers"].([]any)[0].(map[string]any)["size"] = len(raw) + 1
		}, check.OCI},
		{"O4 layer smaller", func(m map[string]any) {
			m["layers"].([]any)[0].(map[string]any)["size"] = len(raw) - 1
		}, check.OCI},
		{"O12 layer of 10 GiB", func(m map[string]any) {
			m["layers"].([]any)[0].(map[string]any)["size"] = 10 << 30
		}, check.Limit},
		{"O8 schema version 1", func(m map[string]any) { m["schemaVersion"] = 1 }, check.OCI},
		{"O8 schema version text", func(m map[string]any) { m["schemaVersion"] = "2" }, check.OCI},
		{"O8 schema version missing", func(m map[string]any) { delete(m, "schemaVersion") }, check.OCI},
		{"O7 type field differs", func(m map[string]any) { m["mediaType"] = typeDockerManifest }, check.OCI},
		{"O6 manifests too", func(m map[string]any) { m["manifests"] = []any{} }, check.OCI},
		{"no layers", func(m map[string]any) { delete(m, "layers") }, check.OCI},
		{"digest of a layer malformed", func(m map[string]any) {
			m["layers"].([]any)[0].(map[string]any)["digest"] = "sha256:AB"
		}, check.OCI},
		{"negative size", func(m map[string]any) { m["config"].(map[string]any)["size"] = -1 }, check.OCI},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			digest := attachRaw(t, c, h, a, raw, row.edit)
			size := int64(len(rawManifest(t, h, digest)))
			answer(h, a, typeIndex, listOf(t, descriptor{MediaType: typeManifest, Digest: digest, Size: size,
				ArtifactType: "application/vnd.dev.sigstore.bundle.v0.3+json"}))
			defer h.set(nil)
			found, errs := collect(t, newClient(t), a)
			if row.want == "" {
				if len(found) != 1 || errs != nil {
					t.Fatalf("found %d, %v, want one", len(found), errs)
				}
				return
			}
			if len(found) != 0 || len(errs) != 1 {
				t.Fatalf("found %d, %v, want one error", len(found), errs)
			}
			refused(t, errs[0], row.want)
			if strings.Contains(row.name, " subject") { // it belongs to nothing, which is said
				tree := must(newClient(t).Tree(t.Context(), a))(t)
				if last := tree[len(tree)-1]; check.Of(last.Problem) != row.want {
					t.Errorf("tree ends with %+v, want a problem of check %q", last, row.want)
				}
				report := must(newClient(t).Copy(t.Context(), a, newHost(t).name+"/app:1"))(t)
				if len(report.Left) != 1 {
					t.Errorf("left %+v, want one", report.Left)
				}
			}
		})
	}
	// OC-5: what is fetched is of the type that was announced.
	digest := attachRaw(t, c, h, a, raw, nil)
	answer(h, a, typeIndex, listOf(t, descriptor{MediaType: typeDockerManifest, Digest: digest, Size: int64(len(rawManifest(t, h, digest))),
		ArtifactType: "application/vnd.dev.sigstore.bundle.v0.3+json"}))
	defer h.set(nil)
	if found, errs := collect(t, newClient(t), a); len(found) != 0 || len(errs) != 1 || check.Of(errs[0]) != check.OCI || !strings.Contains(errs[0].Error(), "as announced") {
		t.Errorf("OC-5 other type announced: found %d, %v", len(found), errs)
	}
}

// What a document is refused for, and that its bounds are those that are named.
func TestOC5_OC8_Documents(t *testing.T) {
	const config = `"config":{"mediaType":"x","size":2,"digest":"` + emptyDigest + `"}`
	list := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`{"mediaType":"x","size":2,"digest":"`+emptyDigest+`"},`, n), ",") + "]"
	}
	layers := func(n int) string { return `{"schemaVersion":2,"layers":` + list(n) + "," + config + "}" }
	children := func(n int) string { return `{"schemaVersion":2,"manifests":` + list(n) + "}" }
	padded := func(n int) string { return layers(0) + strings.Repeat(" ", n-len(layers(0))) }
	for name, row := range map[string]struct {
		raw, media string
		want       check.Check
		text       string
	}{
		"image":                                    {layers(1), typeManifest, "", ""},
		"image, with parameter":                    {layers(1), typeManifest + "; charset=utf-8", "", ""},
		"index":                                    {children(1), typeIndex, "", ""},
		"OC-5 type of a blob":                      {layers(1), "application/json", check.OCI, `of type "application/json"`},
		"OC-5 no type":                             {layers(1), "", check.OCI, `of type ""`},
		"OC-8 as long as may be":                   {padded(MaxManifest), typeManifest, "", ""},
		"OC-8 one byte more":                       {padded(MaxManifest + 1), typeManifest, check.Limit, "more than"},
		"OC-8 as many layers":                      {layers(MaxLayers), typeManifest, "", ""},
		"OC-8 one layer more":                      {layers(MaxLayers + 1), typeManifest, check.Limit, "layers"},
		"OC-8 as many children":                    {children(MaxLayers), typeIndex, "", ""},
		"OC-8 one child more":                      {children(MaxLayers + 1), typeIndex, check.Limit, "manifests"},
		"OC-8 more than there may be in a listing": {`{"schemaVersion":2,"manifests":[` + strings.Repeat("{},", MaxReferrers) + "{}]}", typeIndex, check.Limit, "more than 100000 elements"},
		"OC-1 size 0":                              {strings.Replace(layers(1), `"size":2`, `"size":0`, 1), typeManifest, "", ""},
		"OC-1 layer of size -1":                    {strings.Replace(layers(1), `"size":2`, `"size":-1`, 1), typeManifest, check.OCI, "layers[0]: size is -1"},
		"OC-1 child of size -1":                    {strings.Replace(children(1), `"size":2`, `"size":-1`, 1), typeIndex, check.OCI, "manifests[0]: size is -1"},
		"OC-1 config of size -1":                   {strings.Replace(layers(0), `"size":2`, `"size":-1`, 1), typeManifest, check.OCI, "config: size is -1"},
		"OC-1 config without":                      {strings.Replace(layers(0), emptyDigest, "x", 1), typeManifest, check.OCI, `config: digest is "x"`},
		"OC-1 subject of size -1":                  {strings.Replace(layers(0), "{", `{"subject":{"size":-1,"digest":"`+emptyDigest+`"},`, 1), typeManifest, check.OCI, "subject: size is -1"},
		"OC-1 subject of no digest":                {strings.Replace(layers(0), "{", `{"subject":{"size":1,"digest":""},`, 1), typeManifest, check.OCI, "subject: digest is"},
	} {
		doc, err := readDocument([]byte(row.raw), row.media)
		if err == nil {
			err = doc.bounded()
		}
		if check.Of(err) != row.want || err != nil && !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: got %v, want check %q with %q", name, err, row.want, row.text)
		}
	}
}

// O13: a listing goes on at the same place or is refused.
func TestO13_NextPage(t *testing.T) {
	const path = "/v2/app/referrers/sha256:aa"
	request := &http.Request{URL: must(url.Parse("https://r.io" + path + "?n=1"))(t)}
	for name, row := range map[string]struct{ link, want, rule string }{
		"none":                {"", "", ""},
		"relative":            {"<" + path + `?n=2>; rel="next"`, "n=2", ""},
		"query alone":         {"<?n=2>; rel=next", "n=2", ""},
		"absolute":            {"<https://r.io:443" + path + `?n=2>; rel="next"`, "n=2", ""},
		"O13 other host":      {"<https://r.io.evil" + path + `?n=2>; rel="next"`, "", "OC-6"},
		"O13 other port":      {"<https://r.io:444" + path + `?n=2>; rel="next"`, "", "OC-6"},
		"O13 other scheme":    {"<http://r.io" + path + `?n=2>; rel="next"`, "", "OC-6"},
		"O13 user":            {"<https://u@r.io" + path + `?n=2>; rel="next"`, "", "OC-6"},
		"O13 other path":      {`</v2/other/referrers/sha256:aa?n=2>; rel="next"`, "", "OC-6"},
		"OC-3 other relation": {"<?n=2>; rel=last", "", "OC-3"},
		"OC-3 no relation":    {"<?n=2>", "", "OC-3"},
		"OC-3 no bracket":     {"?n=2; rel=next", "", "OC-3"},
		"OC-3 no URL":         {"<https://%zz>; rel=next", "", "OC-3"},
		"OC-3 too long":       {"<?n=" + strings.Repeat("2", maxChallenge) + ">; rel=next", "", "OC-3"},
	} {
		got, err := nextPage(&http.Response{Header: http.Header{"Link": {row.link}}, Request: request}, path)
		rule := ""
		if e, ok := errors.AsType[*check.Error](err); ok {
			rule = e.Rule
		}
		if rule != row.rule || got.Encode() != row.want {
			t.Errorf("%s: got %q, %v, want %q, rule %q", name, got.Encode(), err, row.want, row.rule)
		}
	}
}

// rawManifest reads a manifest without any of the checks.
func rawManifest(t *testing.T, h *host, ref string) []byte {
	t.Helper()
	res, err := http.Get(h.URL + "/v2/app/manifests/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return must(io.ReadAll(res.Body))(t)
}

func TestOC3_AnswersOfTheListing(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t, func(c *Config) { c.Retries = -1 }), withReferrers(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	refer := func(w http.ResponseWriter, r *http.Request) bool { return strings.Contains(r.URL.Path, "/referrers/") }
	many := make([]descriptor, MaxReferrers+1)
	for i := range many {
		many[i] = descriptor{MediaType: typeManifest, Digest: sum(fmt.Append(nil, i)), Size: 1, ArtifactType: "x"}
	}
	page := func(w http.ResponseWriter, link string, all ...descriptor) {
		w.Header().Set("Content-Type", typeIndex)
		w.Header().Set("Link", link)
		fmt.Fprint(w, listOf(t, all...))
	}
	large := listOf(t, descriptor{MediaType: typeManifest, Digest: emptyDigest, ArtifactType: "x", Annotations: map[string]string{"x": strings.Repeat("x", MaxManifest-1000)}})
	n := 0
	rows := []struct {
		name  string
		reply func(w http.ResponseWriter, r *http.Request)
		want  check.Check // "" for an empty listing
	}{
		{"O14 nothing", func(w http.ResponseWriter, r *http.Request) { page(w, "") }, ""},
		{"O14 404", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) }, ""},
		{"O14 manifests null", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", typeIndex)
			fmt.Fprint(w, `{"schemaVersion":2,"manifests":null}`)
		}, ""},
		{"O14 HTML", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>log in</html>")
		}, check.OCI},
		{"OC-3 another kind of index", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", typeDockerIndex)
			fmt.Fprint(w, strings.ReplaceAll(listOf(t), typeIndex, typeDockerIndex))
		}, check.OCI},
		{"O14 HTML as index", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", typeIndex)
			fmt.Fprint(w, "<html>log in</html>")
		}, check.OCI},
		{"O14 500", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }, check.Net},
		{"400", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(400) }, check.Net},
		{"O13 too many", func(w http.ResponseWriter, r *http.Request) {
			const size = 20_000
			k, _ := strconv.Atoi(r.URL.Query().Get("k"))
			page(w, fmt.Sprintf(`<?k=%d>; rel="next"`, k+size), many[k:min(k+size, len(many))]...)
		}, check.Limit},
		{"O13 pages for ever", func(w http.ResponseWriter, r *http.Request) {
			n++
			page(w, fmt.Sprintf(`<%s?n=%d>; rel="next"`, r.URL.Path, n), many[n])
		}, check.Limit},
		{"O13 bytes for ever", func(w http.ResponseWriter, r *http.Request) {
			n++
			w.Header().Set("Content-Type", typeIndex)
			w.Header().Set("Link", fmt.Sprintf(`<?n=%d>; rel="next"`, n))
			fmt.Fprint(w, strings.Replace(large, emptyDigest, many[n].Digest, 1))
		}, check.Limit},
		{"O13 same page", func(w http.ResponseWriter, r *http.Request) { page(w, `<`+r.URL.RequestURI()+`>; rel="next"`, many[0]) }, check.OCI},
		{"O13 other host", func(w http.ResponseWriter, r *http.Request) { page(w, `<http://127.0.0.1:1/v2/>; rel="next"`, many[0]) }, check.OCI},
		{"O13 other path", func(w http.ResponseWriter, r *http.Request) { page(w, `</v2/other/referrers/x>; rel="next"`, many[0]) }, check.OCI},
		{"link without next", func(w http.ResponseWriter, r *http.Request) { page(w, `<?n=1>`, many[0]) }, check.OCI},
		{"O12 encoded", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			page(w, "")
		}, check.OCI},
		{"200 MB announced", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", typeIndex)
			w.Header().Set("Content-Length", "200000000")
		}, check.Limit},
		{"body without end", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", typeIndex)
			for range 1000 {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, check.Limit},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			h.set(func(w http.ResponseWriter, r *http.Request) bool {
				if !refer(w, r) {
					return false
				}
				row.reply(w, r)
				return true
			})
			defer h.set(nil)
			found, errs := collect(t, c, a)
			if row.want == "" {
				if len(found) != 0 || errs != nil {
					t.Fatalf("found %d, %v, want nothing", len(found), errs)
				}
				return
			}
			if len(found) != 0 || len(errs) != 1 {
				t.Fatalf("found %d, %v, want one error", len(found), errs)
			}
			refused(t, errs[0], row.want)
		})
	}
	if found, _ := collect(t, c, a); len(found) != 1 {
		t.Errorf("repaired listing: found %d, want 1", len(found))
	}
}

func TestOC3_PagesAreFollowed(t *testing.T) {
	c, h := newClient(t), withReferrers(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/referrers/") {
			return false
		}
		n := r.URL.Query().Get("page")
		w.Header().Set("Content-Type", typeIndex)
		if n != "xx" {
			w.Header().Set("Link", "<"+r.URL.Path+"?page="+n+`x>; rel="next"`)
		}
		fmt.Fprint(w, listOf(t, descriptor{MediaType: typeManifest, Digest: sum([]byte(n)), Size: 1}))
		return true
	})
	for want := 3; want > 0; want-- { // to the end, or as far as is asked for
		n := 0
		err := c.repository(h.name, "app").referrers(t.Context(), a.Digest, func(descriptor) bool {
			n++
			return n < want || want == 3
		})
		if n != want || err != nil {
			t.Errorf("got %d entries of 3 pages, %v, want %d", n, err, want)
		}
	}
}

func TestO15_FallbackTag(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	image := pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	r := c.repository(h.name, "app")
	t.Run("O15 not an index", func(t *testing.T) {
		push1(t, r, fallbackTag(a.Digest), image)
		found, errs := collect(t, c, a)
		if len(found) != 0 || len(errs) != 1 {
			t.Fatalf("found %d, %v, want one error", len(found), errs)
		}
		refused(t, errs[0], check.OCI)
		_, err := c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers)
		refused(t, err, check.OCI)
		if err := r.remove(t.Context(), fallbackTag(a.Digest)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("O15 other subject beside a good one, O22", func(t *testing.T) {
		pushImage(t, c, h, "app", "2", "y")
		b := resolved(t, c, h.name+"/app:2")
		raw := signed(t, w, a, b)
		must(c.Attach(t.Context(), a, Signature{Bundle: raw}, Referrers))(t)
		must(c.Attach(t.Context(), b, Signature{Bundle: raw}, Referrers))(t)
		ours, theirs := must(r.manifest(t.Context(), fallbackTag(a.Digest)))(t), must(r.manifest(t.Context(), fallbackTag(b.Digest)))(t)
		both := descriptors(slices.Concat(theirs.children(), ours.children()))
		push1(t, r, fallbackTag(a.Digest), must(writeDocument(content{Manifests: &both}, typeIndex))(t))
		found, errs := collect(t, c, a)
		if len(found) != 1 || len(errs) != 1 {
			t.Fatalf("found %d, %v, want one and one error", len(found), errs)
		}
		refused(t, errs[0], check.OCI)
		verified(t, w, found[0], a.Digest)
	})
}

// BP-7: a chain in an annotation is certificates and nothing else.
// OC-8: what lists the digest of a signature as something else hides it from nobody.
func TestOC8_ListedWithAnotherSize(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	r := c.repository(h.name, "app")
	good := must(readFallback(t.Context(), r, a.Digest))(t)[0]
	larger, docker := good, good
	larger.Size++
	docker.MediaType = typeDockerManifest
	for name, lie := range map[string]descriptor{"size": larger, "type": docker, "nothing": good} {
		for _, all := range []descriptors{{lie, good}, {good, lie}} {
			push1(t, r, fallbackTag(a.Digest), must(writeDocument(content{Manifests: &all}, typeIndex))(t))
			wrong := 1
			if name == "nothing" { // listed twice is read once
				wrong = 0
			}
			if found, errs := collect(t, c, a); len(found) != 1 || len(errs) != wrong {
				t.Errorf("another %s: found %d, %v, want the signature and %d errors", name, len(found), errs, wrong)
			}
		}
	}
}

// OC-3: a walk that is told to stop between two places has not found that there is nothing.
func TestOC3_StoppedIsNoSilence(t *testing.T) {
	for _, stop := range []bool{true, false} {
		c, h := newClient(t), newHost(t)
		pushImage(t, c, h, "app", "1", "x")
		a := resolved(t, c, h.name+"/app:1")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a.extras = stopping{a.extras, func() {
			if stop {
				cancel()
			}
		}}
		var last error
		n := 0
		for _, err := range c.Bundles(ctx, a, 10) {
			n, last = n+1, err
		}
		if stop && (n != 1 || check.Of(last) != check.Net) || !stop && n != 0 {
			t.Errorf("stopped %v: got %d, the last %v", stop, n, last)
		}
	}
}

// stopping is a source after whose listing something is done.
type stopping struct {
	source
	then func()
}

func (s stopping) referrers(context.Context, string, func(descriptor) bool) error {
	s.then()
	return errMissing
}

func TestBP7_Chains(t *testing.T) {
	block := func(kind string, headers map[string]string, n int) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: bytes.Repeat([]byte("c"), n)}))
	}
	one := block("CERTIFICATE", nil, 3)
	for name, row := range map[string]struct {
		text string
		n    int
		want check.Check
	}{
		"none":                   {" \n", 0, ""},
		"two":                    {one + "\n" + one, 2, ""},
		"LM-4 as many as may be": {strings.Repeat(one, bundle.MaxChain), bundle.MaxChain, ""},
		"LM-4 one more":          {strings.Repeat(one, bundle.MaxChain+1), 0, check.Limit},
		"LM-4 as long as may be": {block("CERTIFICATE", nil, bundle.MaxCert), 1, ""},
		"LM-4 longer":            {block("CERTIFICATE", nil, bundle.MaxCert+1), 0, check.Limit},
		"BP-7 a key":             {one + block("PRIVATE KEY", nil, 3), 0, check.Parse},
		"BP-7 with headers":      {block("CERTIFICATE", map[string]string{"A": "b"}, 3), 0, check.Parse},
		"BP-7 text before":       {"text\n" + one, 0, check.Parse},
		"BP-7 text between":      {one + "text\n" + one, 0, check.Parse},
		"BP-7 text behind":       {one + "text", 0, check.Parse},
	} {
		got, err := readChain(row.text)
		if check.Of(err) != row.want || len(got) != row.n {
			t.Errorf("%s: got %d certificates, %v, want %d, check %q", name, len(got), err, row.n, row.want)
		}
	}
}

func TestOC3_NothingIsAsked(t *testing.T) {
	c := newClient(t)
	for name, row := range map[string]struct {
		a     Artifact
		limit int
	}{"image that is not resolved": {Artifact{}, 1}, "no candidates": {Artifact{extras: c.repository("h", "app")}, 0}} {
		for found, err := range c.Bundles(t.Context(), row.a, row.limit) {
			if check.Of(err) != check.Internal {
				t.Errorf("%s: got %+v, %v, want check internal", name, found, err)
			}
		}
	}
}

func TestOC8_MoreCandidatesThanAsked(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), withReferrers(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	for i := range 3 {
		statement := must(SigningStatement(map[string]string{"n": fmt.Sprint(i)}, a))(t)
		must(c.Attach(t.Context(), a, Signature{Bundle: w.Make(sigtest.Maker{Statement: statement}).JSON}, Referrers))(t)
	}
	good, last := 0, error(nil)
	for _, err := range c.Bundles(t.Context(), a, 2) {
		if err == nil {
			good++
		}
		last = err
	}
	if good != 2 {
		t.Errorf("got %d bundles, want 2", good)
	}
	refused(t, last, check.Limit)
}

func TestO14_NothingAttachedYieldsNothing(t *testing.T) {
	for _, h := range []*host{withReferrers(t), newHost(t)} {
		c := newClient(t)
		pushImage(t, c, h, "app", "1", "x")
		if found, errs := collect(t, c, resolved(t, c, h.name+"/app:1")); found != nil || errs != nil {
			t.Errorf("found %v, %v, want nothing", found, errs)
		}
	}
}

func TestOC4_OldSignatureVerifies(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	payload := must(SimplePayload(map[string]string{"k": "v"}, a))(t)
	made := w.Make(sigtest.Maker{Artifact: payload, Logs: []*sigtest.Log{w.Log1}, TSAs: []*sigtest.TSA{w.TSA}})
	at := must(c.Attach(t.Context(), a, Signature{Bundle: made.JSON, Payload: payload}, Tags))(t)
	if at[0].Where != WhereSig || at[0].Ref != h.name+"/app:sha256-"+a.Digest[7:]+".sig" {
		t.Errorf("attached at %+v, want the tag .sig", at)
	}
	second := w.Make(sigtest.Maker{Artifact: payload, Logs: []*sigtest.Log{w.Log1}})
	must(c.Attach(t.Context(), a, Signature{Bundle: second.JSON, Payload: payload}, Tags))(t)
	if again := must(c.Attach(t.Context(), a, Signature{Bundle: made.JSON, Payload: payload}, Tags))(t); !again[0].Before {
		t.Error("the same signature was written twice")
	}
	found, errs := collect(t, c, a)
	if len(found) != 2 || errs != nil {
		t.Fatalf("found %d, %v, want two", len(found), errs)
	}
	for _, f := range found {
		if f.Where != WhereSig || string(f.Payload) != string(payload) {
			t.Errorf("found at %q over %q, want %q over %q", f.Where, f.Payload, WhereSig, payload)
		}
		verified(t, w, f, a.Digest)
	}
	if got, want := found[1].Bundle.Timestamps, sameBundle(t, made.JSON).Timestamps; !cmp.Equal(got, want) {
		t.Errorf("%d timestamps, want the %d of the bundle", len(got), len(want))
	}
}

func TestOC4_OldAttestationVerifies(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	statement := must(SigningStatement(nil, a))(t)
	made := w.Make(sigtest.Maker{Statement: statement, Logs: []*sigtest.Log{w.Log1}})
	at := must(c.Attach(t.Context(), a, Signature{Bundle: made.JSON}, Both))(t)
	if len(at) != 2 || at[0].Where != WhereFallback || at[1].Where != WhereAtt {
		t.Errorf("attached at %+v, want the fallback tag and the tag .att", at)
	}
	found, errs := collect(t, c, a)
	if len(found) != 2 || errs != nil {
		t.Fatalf("found %d, %v, want two", len(found), errs)
	}
	for _, f := range found {
		verified(t, w, f, a.Digest)
	}
}

func TestOC4_OldSignaturesWithOneFault(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	other := pushImage(t, c, h, "app", "2", "y").digest
	a := resolved(t, c, h.name+"/app:1")
	payload := must(SimplePayload(nil, a))(t)
	raw := w.Make(sigtest.Maker{Artifact: payload, Logs: []*sigtest.Log{w.Log1}, TSAs: []*sigtest.TSA{w.TSA}}).JSON
	good := must(oldLayerOf(sameBundle(t, raw), payload, a.Digest))(t)
	text := func(from, to string) func(*oldLayer) {
		return func(l *oldLayer) { l.data = []byte(strings.Replace(string(l.data), from, to, 1)) }
	}
	note := func(key, value string) func(*oldLayer) {
		return func(l *oldLayer) { l.Annotations[key] = value }
	}
	rows := []struct {
		name string
		edit func(*oldLayer)
		want check.Check
	}{
		{"good", func(*oldLayer) {}, ""},
		{"O19 other digest", text(a.Digest, other), check.Statement},
		{"O19 other type", text(signType, "atomic container signature"), check.Statement},
		{"O19 digest missing", text(`"docker-manifest-digest"`, `"x"`), check.Statement},
		{"O19 digest twice", text(`"image":{`, `"image":{"docker-manifest-digest":"`+other+`",`), check.Statement},
		{"O19 no JSON", text("{", "["), check.Statement},
		{"no signature", note(noteSignature, ""), check.Parse},
		{"signature not base64", note(noteSignature, "!"), check.Parse},
		{"signature is an envelope", note(noteSignature, base64.StdEncoding.EncodeToString([]byte("{}"))), check.Content},
		{"O20 certificate is a public key", note(noteCertificate, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), check.Parse},
		{"chain is text", note(noteChain, "x"), check.Parse},
		{"chain is a key", note(noteChain, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), check.Parse},
		{"LM-4 long chain", func(l *oldLayer) { l.Annotations[noteChain] = strings.Repeat(l.Annotations[noteCertificate], 11) }, check.Limit},
		{"bundle is no JSON", note(noteBundle, "{"), check.Parse},
		{"bundle with unknown member", note(noteBundle, `{"x":1}`), check.Parse},
		{"bundle without promise", note(noteBundle, `{"Payload":{}}`), check.Content},
		{"timestamp is no JSON", note(noteTimestamp, "{"), check.Parse},
		{"timestamp with unknown member", note(noteTimestamp, `{"x":1}`), check.Parse},
		{"timestamp is empty", note(noteTimestamp, `{"SignedRFC3161Timestamp":""}`), check.Content},
		{"LM-4 timestamp too long", note(noteTimestamp, `{"SignedRFC3161Timestamp":"`+strings.Repeat("AAAA", 30000)+`"}`), check.Limit},
		{"O35 huge annotations", note("x", strings.Repeat("x", maxNotes)), check.Limit},
		{"other layer type", func(l *oldLayer) { l.MediaType = "application/json" }, check.OCI},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			l := *good
			l.Annotations = map[string]string{}
			for k, v := range good.Annotations {
				l.Annotations[k] = v
			}
			row.edit(&l)
			l.Digest, l.Size = sum(l.data), int64(len(l.data))
			r := c.repository(h.name, "app")
			must(r.writeBlob(t.Context(), l.descriptor, nil, inMemory(l.data)))(t)
			doc, _, err := appended(l.suffix, nil, l.descriptor)
			if err != nil {
				t.Fatal(err)
			}
			push1(t, r, fallbackTag(a.Digest)+suffixSig, doc)
			found, errs := collect(t, c, a)
			if row.want == "" {
				if len(found) != 1 || errs != nil {
					t.Fatalf("found %d, %v, want one", len(found), errs)
				}
				verified(t, w, found[0], a.Digest)
				return
			}
			if len(found) != 0 || len(errs) != 1 {
				t.Fatalf("found %d, %v, want one error", len(found), errs)
			}
			refused(t, errs[0], row.want)
		})
	}
}

func TestBP8_OldAttestationMustBeAnEnvelope(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	raw := w.Make(sigtest.Maker{Statement: must(SigningStatement(nil, a))(t), Logs: []*sigtest.Log{w.Log1}}).JSON
	l := must(oldLayerOf(sameBundle(t, raw), nil, a.Digest))(t)
	l.data = []byte("a signature")
	l.Digest, l.Size = sum(l.data), int64(len(l.data))
	r := c.repository(h.name, "app")
	must(r.writeBlob(t.Context(), l.descriptor, nil, inMemory(l.data)))(t)
	doc, _, err := appended(l.suffix, nil, l.descriptor)
	if err != nil {
		t.Fatal(err)
	}
	push1(t, r, fallbackTag(a.Digest)+suffixAtt, doc)
	found, errs := collect(t, c, a)
	if len(found) != 0 || len(errs) != 1 {
		t.Fatalf("found %d, %v, want one error", len(found), errs)
	}
	refused(t, errs[0], check.DSSE)
}

func TestSigningStatementIsWhatOthersSign(t *testing.T) {
	h, c := newHost(t), newClient(t)
	index := pushIndex(t, c, h, "app", "1", "amd64", "arm64")
	a := resolved(t, c, h.name+"/app:1")
	var children []Artifact
	for _, p := range a.Platforms {
		children = append(children, must(a.Child(p))(t))
	}
	got := must(SigningStatement(map[string]string{"k": "v"}, a, append(children, a)...))(t)
	subject := func(digest string) string {
		return `{"digest":{"sha256":"` + digest[7:] + `"},"annotations":{"k":"v"}}`
	}
	want := `{"_type":"https://in-toto.io/Statement/v1","subject":[` + subject(index.digest) + `,` +
		subject(children[0].Digest) + `,` + subject(children[1].Digest) +
		`],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	_, err := SigningStatement(nil, Artifact{})
	refused(t, err, check.Usage)
	var many []Artifact
	for i := range dsse.MaxSubjects {
		many = append(many, Artifact{Digest: sum(fmt.Append(nil, i))})
	}
	must(SigningStatement(nil, many[0], many...))(t)
	_, err = SigningStatement(nil, a, many...)
	refused(t, err, check.Limit) // LM-3
	_, err = SimplePayload(nil, Artifact{})
	refused(t, err, check.Usage)
}

func TestSimplePayloadIsWhatOthersSign(t *testing.T) {
	a := Artifact{Repository: "registry.example.com/app", Digest: emptyDigest}
	var got, want any
	if err := json.Unmarshal(must(SimplePayload(map[string]string{"k": "v"}, a))(t), &got); err != nil {
		t.Fatal(err)
	}
	text := `{"critical":{"identity":{"docker-reference":"registry.example.com/app"},"image":{"docker-manifest-digest":"` +
		emptyDigest + `"},"type":"cosign container image signature"},"optional":{"k":"v"}}`
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("payload (-want +got):\n%s", d)
	}
	if got := string(must(SimplePayload(nil, a))(t)); !strings.HasSuffix(got, `"optional":null}`) {
		t.Errorf("got %s, want optional to be null", got)
	}
}
