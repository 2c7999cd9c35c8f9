package main

import (
	"archive/tar"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/trustroot"
)

// An imageWorld is a Sigstore, a folder and the command in it.
type imageWorld struct {
	*sigtest.World
	t   *testing.T
	dir string
}

func newImageWorld(t *testing.T) imageWorld {
	w := sigtest.New(t)
	w.Clock.Set(time.Now().Truncate(time.Second))
	i := imageWorld{w, t, t.TempDir()}
	write(t, filepath.Join(i.dir, "root.json"), w.TUF().Root())
	i.must("trust", "add", "test", "--mirror", w.TUF().URL, "--root", filepath.Join(i.dir, "root.json"))
	return i
}

func (i imageWorld) must(args ...string) string {
	i.t.Helper()
	status, stdout, stderr := interactive(i.t, i.World, i.dir, "", args...)
	if status != check.ExitOK {
		i.t.Fatalf("hallmark %s: exit status %d\n%s%s", strings.Join(args, " "), status, stdout, stderr)
	}
	return stdout
}

func (i imageWorld) fails(want int, args ...string) string {
	i.t.Helper()
	status, stdout, stderr := interactive(i.t, i.World, i.dir, "", args...)
	if status != want {
		i.t.Fatalf("hallmark %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), status, want, stdout, stderr)
	}
	return stderr
}

// rekor1 are the flags that sign into the older log.
func (i imageWorld) rekor1() []string {
	root, config := filepath.Join(i.dir, "trusted_root.json"), filepath.Join(i.dir, "signing_config.json")
	write(i.t, root, i.TrustedRoot())
	write(i.t, config, i.SigningConfig(func(doc map[string]any) {
		for _, log := range doc["rekorTlogUrls"].([]any) {
			log.(map[string]any)["url"] = i.Rekor(1).URL
			log.(map[string]any)["majorApiVersion"] = 1
		}
	}))
	return []string{"--trusted-root", root, "--signing-config", config}
}

func (i imageWorld) verify(ref string, flags ...string) []string {
	return append([]string{"verify", ref, "--from", "alice@example.com", "--issuer", i.Issuer().URL}, flags...)
}

// One login, one certificate, one log entry for an index and its children; each
// verifies alone, also after copying, saving and loading.
func TestImage_IndexWithFivePlatforms(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		name := map[bool]string{true: "referrers API", false: "fallback tag"}[referrers]
		t.Run(name, func(t *testing.T) {
			w := newImageWorld(t)
			src, dst := newRegistry(t, referrers), newRegistry(t, true)
			digest := pushIndex(t, src+"/app:1", 5)
			out := w.must("sign", src+"/app:1", "--yes")
			if !strings.Contains(out, digest) {
				t.Errorf("output %q does not name %s", out, digest)
			}
			if n := len(w.Fulcio().Requests()); n != 1 {
				t.Errorf("%d certificates, want 1", n)
			}
			if n := len(w.Rekor(2).Requests()); n != 1 {
				t.Errorf("%d log entries, want 1", n)
			}
			out = w.must(w.verify(src+"/app:1", "--all-platforms")...)
			if n := strings.Count(out, "ok  "); n != 6 {
				t.Errorf("%d verdicts, want 6:\n%s", n, out)
			}
			if !strings.Contains(out, "found by "+name) {
				t.Errorf("output does not say %q:\n%s", name, out)
			}
			w.must("image", "copy", src+"/app:1", dst+"/mirror/app:1")
			w.must(w.verify(dst+"/mirror/app:1", "--all-platforms")...)
			archive := filepath.Join(w.dir, "app.tar")
			w.must("image", "save", src+"/app:1", "--output", archive)
			w.must(w.verify("oci:"+archive, "--offline")...)
			w.must("image", "load", archive, dst+"/loaded:1")
			w.must(w.verify(dst+"/loaded:1", "--all-platforms")...)
			tree := w.must("image", "tree", src+"/app:1")
			who := "- signature, claims alice@example.com (" + w.Issuer().URL + "), 20"
			if n := strings.Count(tree, who); n != 6 {
				t.Errorf("%d branches say %q, want 6:\n%s", n, who, tree)
			}
		})
	}
}

func TestImage_Refusals(t *testing.T) {
	w := newImageWorld(t)
	host := newRegistry(t, true)
	pushIndex(t, host+"/app:1", 1)
	pushIndex(t, host+"/other:1", 1)
	if stderr := w.fails(check.ExitNotFound, w.verify(host+"/app:1")...); !strings.Contains(stderr, "not_found: ") {
		t.Errorf("O21: %s", stderr)
	}
	w.must("sign", host+"/app:1", "--yes")
	w.must(w.verify(host + "/app:1")...)
	if stderr := w.fails(check.ExitNo, "verify", host+"/app:1", "--from", "google:bob@example.com"); !strings.Contains(stderr, "identity: ") {
		t.Errorf("D1: %s", stderr)
	}
	// O18: a valid bundle of another image.
	bundles := w.must("image", "download", host+"/app:1")
	file := filepath.Join(w.dir, "app.sigstore.json")
	write(t, file, []byte(bundles))
	for _, args := range [][]string{{"image", "attach", file, host + "/other:1"}, {"sign", "--push-only", file, host + "/other:1"}} {
		if stderr := w.fails(check.ExitNo, args...); !strings.Contains(stderr, "statement: ") {
			t.Errorf("O18 %q: %s", args, stderr)
		}
	}
	w.fails(check.ExitNotFound, w.verify(host+"/other:1")...)
	for _, args := range [][]string{
		{"sign", host + "/app:1", file, "--yes"},
		{"sign", file, "--storage", "tags", "--yes"},
		{"sign", host + "/app:1", "--storage", "nowhere", "--yes"},
		append([]string{"sign", host + "/app:1", "--bundle", file + ".new", "--storage", "tags", "--yes"}, w.rekor1()...),
		append([]string{"sign", host + "/app:1", "--bundle", file + ".new", "--storage", "both", "--yes"}, w.rekor1()...),
		{"verify", file, "--platform", "linux/amd64", "--from", "google:a@b"},
		{"verify", host + "/app:1", "--platform", "linux/amd64", "--all-platforms", "--from", "google:a@b"},
		{"verify", host + "/app:1", "--bundle", file, "--platform", "linux/amd64", "--from", "google:a@b"}, // R3
		{"verify", host + "/app:1", "--bundle", file, "--all-platforms", "--from", "google:a@b"},
		{"verify", host + "/app:1", "--bundle", file, "--signature-repository", host + "/sigs", "--from", "google:a@b"},
		{"image"}, {"image", "tree"}, {"image", "clean", host + "/app:1"}, {"image", "save", host + "/app:1"},
	} {
		w.fails(check.ExitUsage, args...)
	}
	w.must("image", "clean", host+"/app:1", "--signatures", "--yes")
	w.fails(check.ExitNotFound, w.verify(host+"/app:1")...)
}

// Both schemes of storage, and attestations.
func TestImage_OlderSchemeAndAttestations(t *testing.T) {
	w := newImageWorld(t)
	host := newRegistry(t, true)
	digest := pushIndex(t, host+"/app:1", 2)
	if stderr := w.fails(check.ExitNo, "sign", host+"/app:1", "--yes", "--storage", "tags"); !strings.Contains(stderr, "signcfg: ") {
		t.Errorf("Rekor v2 and the older scheme: %s", stderr)
	}
	w.must(append([]string{"sign", host + "/app:1", "--yes", "--storage", "tags", "-a", "build=7"}, w.rekor1()...)...)
	if out := w.must(w.verify(host+"/app:1", "--all-platforms")...); !strings.Contains(out, "legacy tag .sig") {
		t.Errorf("not found under the old tag:\n%s", out)
	}
	if v := objects[verdictJSON](t, w.must(w.verify(host+"/app:1", "--json")...)); len(v) != 1 || v[0].Digest != digest {
		t.Errorf("verified is %+v, want %s, not the payload that names it", v, digest)
	}
	sbom := filepath.Join(w.dir, "sbom.json")
	write(t, sbom, []byte(`{"spdxVersion":"SPDX-2.3"}`))
	w.must("attest", host+"/app:1", "--predicate", sbom, "--type", "spdx", "--yes")
	if out := w.must(w.verify(host+"/app:1", "--type", "spdx", "--output", "predicate")...); !strings.Contains(out, "SPDX-2.3") {
		t.Errorf("predicate is %q", out)
	}
	w.fails(check.ExitNo, w.verify(host+"/app:1", "--type", "cyclonedx")...)

	// J33: an attestation is no signature of an image, wherever it comes from.
	att := filepath.Join(w.dir, "att.sigstore.json")
	w.must("attest", host+"/app:1", "--predicate", sbom, "--type", "spdx", "--yes", "--bundle", att)
	w.must(w.verify(host+"/app:1", "--bundle", att, "--type", "spdx")...)
	if stderr := w.fails(check.ExitNo, w.verify(host+"/app:1", "--bundle", att)...); !strings.Contains(stderr, "predicate: ") {
		t.Error(stderr)
	}
	tree := w.must("image", "tree", host+"/app:1")
	if n := strings.Count(tree, "- signature, claims alice@example.com"); n != 3 || !strings.Contains(tree, "- spdx attestation, claims alice@example.com") {
		t.Errorf("tree does not say who signed %d of 3 and who attested:\n%s", n, tree)
	}
}

// Removing asks first, lists what would go and whose it is, and takes nothing but
// a yes; who is not there can't agree.
func TestImage_CleanAsks(t *testing.T) {
	w := newImageWorld(t)
	host := newRegistry(t, true)
	pushIndex(t, host+"/app:1", 1)
	w.must("sign", host+"/app:1", "--yes")
	sbom := filepath.Join(w.dir, "sbom.json")
	write(t, sbom, []byte(`{"spdxVersion":"SPDX-2.3"}`))
	w.must("attest", host+"/app:1", "--predicate", sbom, "--type", "spdx", "--yes")
	for _, answer := range []string{"", "\n", "n\n", "yess\n"} {
		status, stdout, stderr := interactive(t, w.World, w.dir, answer, "image", "clean", host+"/app:1", "--signatures")
		if status != check.ExitUsage || !strings.Contains(stderr, "Remove this one for good? [y/N]") ||
			!strings.Contains(stderr, "- signature, claims alice@example.com") || strings.Contains(stderr, "spdx") || stdout != "" {
			t.Errorf("answer %q: status %d\n%s%s", answer, status, stdout, stderr)
		}
	}
	// What is asked about is shown, also where nothing else is.
	if _, _, stderr := interactive(t, w.World, w.dir, "n\n", "image", "clean", host+"/app:1", "--signatures", "--quiet"); !strings.Contains(stderr, "- signature, claims alice@example.com") {
		t.Errorf("asks about something unseen:\n%s", stderr)
	}
	w.must(w.verify(host + "/app:1")...)
	status, stdout, stderr := interactive(t, w.World, w.dir, "y\n", "image", "clean", host+"/app:1", "--signatures")
	if status != check.ExitOK || stdout != "removed 1 of 1\n" {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	w.fails(check.ExitNo, w.verify(host+"/app:1")...)
	w.must(w.verify(host+"/app:1", "--type", "spdx")...)
	_, rest, _ := strings.Cut(w.must("image", "tree", host+"/app:1"), "image    ")
	child, _, _ := strings.Cut(rest, "\n")
	w.must(w.verify(host + "/app@" + child)...) // children keep theirs
}

// A signature over an index alone is none over an image behind it, whichever way
// it is kept.
func TestImage_OC4_O9_IndexAlone(t *testing.T) {
	w := newImageWorld(t)
	for _, storage := range []string{"referrers", "tags"} {
		host := newRegistry(t, true)
		pushIndex(t, host+"/app:1", 1)
		w.must(append([]string{"sign", host + "/app:1", "--yes", "--no-recursive", "--storage", storage}, w.rekor1()...)...)
		w.must(w.verify(host + "/app:1")...)
		if stderr := w.fails(check.ExitNo, w.verify(host+"/app:1", "--all-platforms")...); !strings.Contains(stderr, "statement: ") {
			t.Errorf("storage %s: %s", storage, stderr)
		}
	}
}

// What was published could not be told apart afterwards (ER-1).
func TestImage_OneImageUnderTwoNames(t *testing.T) {
	w := newImageWorld(t)
	host := newRegistry(t, true)
	digest := pushIndex(t, host+"/app:1", 1)
	w.fails(check.ExitUsage, "sign", host+"/app:1", host+"/app@"+digest, "--yes")
	_, rest, _ := strings.Cut(w.must("image", "tree", host+"/app:1"), "image    ")
	child, _, _ := strings.Cut(rest, "\n")
	tags := append([]string{"sign", host + "/app:1", host + "/app@" + child, "--yes", "--storage", "tags"}, w.rekor1()...)
	w.fails(check.ExitUsage, tags...)
	if n := len(w.Fulcio().Requests()); n != 0 {
		t.Errorf("%d certificates were issued, want none", n)
	}
	w.must("sign", host+"/app:1", host+"/app@"+child, "--yes")
}

// An index in an index hides nothing from --all-platforms.
func TestImage_O9_IndexInIndex(t *testing.T) {
	w := newImageWorld(t)
	host := newRegistry(t, true)
	inner := pushNested(t, host+"/app:1")
	w.must("sign", host+"/app:1", "--yes", "--no-recursive")
	w.must("sign", host+"/app@"+inner, "--yes", "--no-recursive")
	if stderr := w.fails(check.ExitNo, w.verify(host+"/app:1", "--all-platforms")...); strings.Count(stderr, "statement: ") != 1 {
		t.Errorf("want one image that nobody signed: %s", stderr)
	}
	w.must("sign", host+"/app@"+inner, "--yes")
	if out := w.must(w.verify(host+"/app:1", "--all-platforms")...); strings.Count(out, "ok  ") != 3 {
		t.Errorf("want three verdicts:\n%s", out)
	}
}

// What is signed behind an index is what is verified there.
func TestImage_SignsIndexInIndex(t *testing.T) {
	w := newImageWorld(t)
	host := newRegistry(t, true)
	inner := pushNested(t, host+"/app:1")
	status, stdout, stderr := interactive(t, w.World, w.dir, "", "sign", host+"/app:1", "--yes")
	if status != check.ExitOK || !strings.Contains(stderr, "(index of 2: 1 without platform, 1 more index)") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	if n := len(w.Rekor(2).Requests()); n != 1 {
		t.Errorf("%d log entries, want 1", n)
	}
	if out := w.must(w.verify(host+"/app:1", "--all-platforms")...); strings.Count(out, "ok  ") != 3 {
		t.Errorf("want three verdicts:\n%s", out)
	}
	w.must(w.verify(host+"/app@"+inner, "--all-platforms")...)
}

// The older scheme can't hold entries of Rekor v2: nothing is published to find out.
func TestImage_OlderSchemeIsRefusedBeforeTheLogin(t *testing.T) {
	w := newImageWorld(t)
	host := newRegistry(t, true)
	pushIndex(t, host+"/app:1", 1)
	sbom := filepath.Join(w.dir, "sbom.json")
	write(t, sbom, []byte(`{"spdxVersion":"SPDX-2.3"}`))
	for _, storage := range []string{"tags", "both"} {
		for _, args := range [][]string{{"sign"}, {"attest", "--predicate", sbom, "--type", "spdx"}} {
			args = append(args, host+"/app:1", "--yes", "--storage", storage)
			if stderr := w.fails(check.ExitNo, args...); !strings.Contains(stderr, "signcfg: ") {
				t.Errorf("%q: %s", args, stderr)
			}
		}
	}
	w.nothingPublished()
}

// requests counts those to what publishes.
func (i imageWorld) requests() int {
	return len(i.Fulcio().Requests()) + len(i.Rekor(1).Requests()) + len(i.Rekor(2).Requests())
}

// nothingPublished fails the test if a certificate or a log entry was made.
func (i imageWorld) nothingPublished() {
	i.t.Helper()
	if n := i.requests(); n != 0 {
		i.t.Errorf("%d requests to the certificate authority and the logs, want none", n)
	}
}

// Every log that may be used counts, not the first alone.
func TestLogsForTags(t *testing.T) {
	for _, row := range []struct {
		versions []int
		ok       bool
	}{{[]int{1}, true}, {[]int{1, 1}, true}, {[]int{2}, false}, {[]int{1, 2}, false}, {[]int{2, 1}, false}} {
		s := &services{chosen: &trustroot.Services{}}
		for _, v := range row.versions {
			s.chosen.Logs.Candidates = append(s.chosen.Logs.Candidates, trustroot.Service{URL: "https://log.example", Version: v})
		}
		if err := s.logsForTags(); (err == nil) != row.ok {
			t.Errorf("versions %v: got %v", row.versions, err)
		}
	}
}

// unpack saves an image and unpacks the archive.
func (i imageWorld) unpack(ref string) (dir, archive string) {
	i.t.Helper()
	dir, archive = filepath.Join(i.dir, "layout"), filepath.Join(i.dir, "app.tar")
	i.must("image", "save", ref, "--output", archive)
	file, err := os.Open(archive)
	if err != nil {
		i.t.Fatal(err)
	}
	defer file.Close()
	for r := tar.NewReader(file); ; {
		head, err := r.Next()
		if err == io.EOF {
			return dir, archive
		}
		if err != nil {
			i.t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			i.t.Fatal(err)
		}
		name := filepath.Join(dir, filepath.FromSlash(head.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			i.t.Fatal(err)
		}
		write(i.t, name, data)
	}
}

// A layout on disk is signed as an image in a registry is.
func TestImage_SignsALayout(t *testing.T) {
	w := newImageWorld(t)
	host := newRegistry(t, false)
	pushIndex(t, host+"/app:1", 2)
	dir, archive := w.unpack(host + "/app:1")
	if out := w.must("sign", "oci:"+dir, "--yes"); !strings.Contains(out, "image layout, 3 manifests") {
		t.Errorf("output does not say where it is:\n%s", out)
	}
	sbom := filepath.Join(w.dir, "sbom.json")
	write(t, sbom, []byte(`{"spdxVersion":"SPDX-2.3"}`))
	w.must("attest", "oci:"+dir, "--predicate", sbom, "--type", "spdx", "--yes")
	w.must(append([]string{"sign", "oci:" + dir, "--yes", "--storage", "tags"}, w.rekor1()...)...)
	if out := w.must(w.verify("oci:"+dir, "--all-platforms", "--offline")...); strings.Count(out, "ok  ") != 3 {
		t.Errorf("want three verdicts:\n%s", out)
	}
	w.must(w.verify("oci:"+dir, "--type", "spdx")...)
	w.must("image", "load", dir, host+"/loaded:1")
	w.must(w.verify(host+"/loaded:1", "--all-platforms")...)
	w.must(w.verify(host+"/loaded:1", "--type", "spdx")...)
	if data := w.must("image", "download", "oci:"+dir); strings.Contains(data, w.dir) {
		t.Errorf("what is published names a place on this machine:\n%s", data)
	}
	before := w.requests()
	if stderr := w.fails(check.ExitUsage, "sign", "oci:"+archive, "--yes"); !strings.Contains(stderr, "unpack it") {
		t.Error(stderr)
	}
	if n := w.requests(); n != before {
		t.Errorf("%d requests although an archive is not written to", n-before)
	}
	bundle := filepath.Join(w.dir, "app.sigstore.json")
	w.must("sign", "oci:"+archive, "--yes", "--bundle", bundle)
	w.must(w.verify("oci:"+archive, "--bundle", bundle)...)
}

// What a registry will refuse is found out before anything is published.
func TestImage_RegistryThatKeepsNothing(t *testing.T) {
	w := newImageWorld(t)
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(false))
	var readOnly, immutable atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case readOnly.Load() && r.Method != http.MethodGet && r.Method != http.MethodHead:
			rw.WriteHeader(http.StatusForbidden)
		case immutable.Load() && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256-"):
			rw.WriteHeader(http.StatusBadRequest)
		default:
			inner.ServeHTTP(rw, r)
		}
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	pushIndex(t, host+"/app:1", 1)
	readOnly.Store(true)
	if stderr := w.fails(check.ExitUndecided, "sign", host+"/app:1", "--yes"); !strings.Contains(stderr, "--signature-repository") {
		t.Error(stderr)
	}
	w.nothingPublished()
	w.must("sign", host+"/app:1", "--yes", "--bundle", filepath.Join(w.dir, "app.sigstore.json"))
	w.must("sign", host+"/app:1", "--yes", "--dry-run")
	readOnly.Store(false)
	w.must("sign", host+"/app:1", "--yes")
	before := w.requests()
	immutable.Store(true)
	if stderr := w.fails(check.ExitUndecided, "sign", host+"/app:1", "--yes"); !strings.Contains(stderr, "--signature-repository") || !strings.Contains(stderr, "--bundle") {
		t.Error(stderr)
	}
	if n := w.requests(); n != before {
		t.Errorf("%d requests although the listing can't be replaced", n-before)
	}
	w.must(w.verify(host+"/app:1", "--all-platforms")...)
	other := newRegistry(t, true)
	w.must("sign", host+"/app:1", "--yes", "--signature-repository", other+"/sigs")
}

// OC-8: what anybody who may push puts beside a signature hides it from nobody, and
// makes no definite answer of one that is not.
func TestImage_OC8_Flood(t *testing.T) {
	w := newImageWorld(t)
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(false))
	var endless, pages atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if endless.Load() == 0 || !strings.Contains(r.URL.Path, "/referrers/") {
			inner.ServeHTTP(rw, r)
			return
		}
		n := pages.Add(1)
		rw.Header().Set("Content-Type", string(types.OCIImageIndex))
		rw.Header().Set("Link", fmt.Sprintf(`<?n=%d>; rel="next"`, n))
		fmt.Fprintf(rw, `{"schemaVersion":2,"manifests":[{"mediaType":%q,"size":1,"digest":"sha256:%064x","artifactType":"x"}]}`, types.OCIManifestSchema1, n)
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	pushIndex(t, host+"/app:1", 1)
	endless.Store(1)
	if stderr := w.fails(check.ExitUndecided, w.verify(host+"/app:1")...); !strings.Contains(stderr, "more than 2000 pages") {
		t.Error(stderr)
	}
	endless.Store(0)
	w.must("sign", host+"/app:1", "--yes")
	endless.Store(1)
	w.must(w.verify(host + "/app:1")...)
	if stderr := w.fails(check.ExitUndecided, "verify", host+"/app:1", "--from", "google:bob@example.com"); !strings.Contains(stderr, "more than 2000 pages") {
		t.Error(stderr)
	}
	// What is not read may be what is to be removed.
	clean := []string{"image", "clean", host + "/app:1", "--signatures", "--yes", "--quiet"}
	for _, next := range []string{"run the same command again", "by the means of the registry"} {
		if stderr := w.fails(check.ExitUndecided, clean...); !strings.Contains(stderr, next) {
			t.Errorf("%s: want %q in it", stderr, next)
		}
	}
	endless.Store(0)
	w.must(clean...)
	w.fails(check.ExitNotFound, w.verify(host+"/app:1")...)
}

// What a listing names and does not exist keeps nobody from the others, and is not
// passed over in silence.
func TestImage_ListedAndNotThere(t *testing.T) {
	w := newImageWorld(t)
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(false))
	var lying atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		there := httptest.NewRecorder()
		inner.ServeHTTP(there, r)
		body := there.Body.String()
		if lying.Load() && r.Method == http.MethodGet && there.Code == http.StatusOK && strings.Contains(r.URL.Path, "/manifests/sha256-") {
			body = strings.Replace(body, `"manifests":[`, fmt.Sprintf(`"manifests":[{"mediaType":%q,"size":1,"digest":"sha256:%064x","annotations":{"org.opencontainers.image.created":"2099-01-01T00:00:00Z"}},`, types.OCIManifestSchema1, 1), 1)
			there.Header().Del("Docker-Content-Digest")
			there.Header().Set("Content-Length", fmt.Sprint(len(body)))
		}
		for name, values := range there.Header() {
			rw.Header()[name] = values
		}
		rw.WriteHeader(there.Code)
		_, _ = io.WriteString(rw, body)
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	pushIndex(t, host+"/app:1", 1)
	w.must("sign", host+"/app:1", "--yes")
	for _, lie := range []bool{true, false} {
		lying.Store(lie)
		want, says := check.ExitOK, 0
		if lie {
			want, says = check.ExitUndecided, 1
		}
		status, stdout, stderr := interactive(t, w.World, w.dir, "", "image", "download", host+"/app:1")
		if status != want || strings.Count(stdout, "\n") != 1 || strings.Count(stderr, "is left out: ") != says {
			t.Errorf("download: status %d, want %d, and the signature\n%s%s", status, want, stdout, stderr)
		}
		for _, args := range [][]string{
			{"image", "copy", host + "/app:1", newRegistry(t, true) + "/app:1"},
			{"image", "save", host + "/app:1", "--output", filepath.Join(t.TempDir(), "app.tar")},
		} {
			status, _, stderr := interactive(t, w.World, w.dir, "", append(args, "--quiet")...)
			if status != check.ExitOK || strings.Contains(stderr, "not copied: ") != lie {
				t.Errorf("%q: status %d, want it said that something is left out: %v\n%s", args[:2], status, lie, stderr)
			}
		}
	}
}
