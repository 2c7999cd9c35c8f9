package registry

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"testing"
)

// pushElsewhere pushes an image whose layer says to be at another host.
func (s *scene) pushElsewhere(t testing.TB, h *host, repository, at string) {
	t.Helper()
	config, layer := []byte(`{"architecture":"amd64","os":"linux"}`), []byte("a layer")
	for _, blob := range [][]byte{config, layer} {
		s.send(t, http.MethodPost, h.url()+"/v2/"+repository+"/blobs/uploads/?digest="+sum(blob), "application/octet-stream", blob)
	}
	doc := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":%d,"digest":%q},`+
		`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","size":%d,"digest":%q,"urls":[%q]}]}`,
		typeManifest, len(config), sum(config), len(layer), sum(layer), at+"/layer")
	s.send(t, http.MethodPut, h.url()+"/v2/"+repository+"/manifests/1", typeManifest, doc)
	h.taken()
}

func sum(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func (s *scene) send(t testing.TB, method, to, media string, body []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, to, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(userName, password)
	r.Header.Set("Content-Type", media)
	res, err := s.client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s: %s", method, to, res.Status)
	}
}
