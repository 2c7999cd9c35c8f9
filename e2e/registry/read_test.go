package registry

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// This file reads registries with nothing but HTTP and JSON: what a client
// sees that knows the distribution specification and no line of hallmark's.

const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeEmpty    = "application/vnd.oci.empty.v1+json"
	typeBundle   = "application/vnd.dev.sigstore.bundle.v0.3+json"
)

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations"`
}

type manifest struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Config       descriptor        `json:"config"`
	Layers       []descriptor      `json:"layers"`
	Manifests    []descriptor      `json:"manifests"`
	Subject      *descriptor       `json:"subject"`
	Annotations  map[string]string `json:"annotations"`
}

// document reads a manifest by tag or digest; nil if there is none.
func (s *scene) document(t testing.TB, h *host, repository, ref string) *manifest {
	t.Helper()
	return s.decode(t, h, "/v2/"+repository+"/manifests/"+ref)
}

func (s *scene) decode(t testing.TB, h *host, path string) *manifest {
	t.Helper()
	res, body := s.get(t, h, path, typeIndex+", "+typeManifest)
	if res.StatusCode == http.StatusNotFound {
		return nil
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", path, res.Status, body)
	}
	var m manifest
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return &m
}

// blob reads a blob.
func (s *scene) blob(t testing.TB, h *host, repository string, d descriptor) []byte {
	t.Helper()
	res, body := s.get(t, h, "/v2/"+repository+"/blobs/"+d.Digest, "")
	if res.StatusCode != http.StatusOK || int64(len(body)) != d.Size {
		t.Fatalf("blob %s: %s with %d bytes, want %d", d.Digest, res.Status, len(body), d.Size)
	}
	return body
}

// bundles returns what is attached to a digest: by the referrers API, else
// by the referrers tag (distribution-spec, listing referrers).
func (s *scene) bundles(t testing.TB, h *host, repository, digest string) (all [][]byte) {
	t.Helper()
	list := s.decode(t, h, "/v2/"+repository+"/referrers/"+digest)
	if list == nil {
		if list = s.document(t, h, repository, strings.Replace(digest, ":", "-", 1)); list == nil {
			return nil
		}
	}
	for _, d := range list.Manifests {
		// go-containerregistry lists the type of the config.
		if d.ArtifactType != typeBundle && d.ArtifactType != typeEmpty {
			t.Errorf("listing says artifact type %q, want %q", d.ArtifactType, typeBundle)
		}
		m := s.document(t, h, repository, d.Digest)
		switch {
		case m == nil:
			t.Fatalf("manifest %s is listed and does not exist", d.Digest)
		case m.ArtifactType != typeBundle || m.Subject == nil || m.Subject.Digest != digest || len(m.Layers) != 1:
			t.Fatalf("manifest %s is not a bundle about %s: %+v", d.Digest, digest, m)
		}
		all = append(all, s.blob(t, h, repository, m.Layers[0]))
	}
	return all
}

// accepted has sigstore-go judge all bundles of a digest; somebody must have
// signed exactly one of them.
func (s *scene) accepted(t testing.TB, h *host, repository, digest, email string) {
	t.Helper()
	raw, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
	if err != nil {
		t.Fatal(err)
	}
	other := append([]byte{}, raw...)
	other[0] ^= 1
	n := 0
	var last error
	for _, b := range s.bundles(t, h, repository, digest) {
		result, err := s.peer.VerifyDigest(b, raw, s.Issuer(), email)
		if err != nil {
			last = err
			continue
		}
		n++
		if got := result.Statement.GetPredicateType(); got != "https://sigstore.dev/cosign/sign/v1" {
			t.Errorf("predicate type is %q", got)
		}
		if _, err := s.peer.VerifyDigest(b, other, s.Issuer(), email); err == nil {
			t.Errorf("sigstore-go accepts the bundle of %s for another digest", digest)
		}
	}
	if n != 1 {
		t.Errorf("sigstore-go accepts %d bundles by %s of %s/%s@%s, want 1 (%v)", n, email, h.name, repository, digest, last)
	}
}
