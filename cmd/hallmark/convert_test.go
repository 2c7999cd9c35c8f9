package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// BP-5: a bundle of version 0.2 becomes one of 0.3 that verifies alike; what it
// brought of the chain is left out, and that is said.
func TestConvert_BP5_OlderBundle(t *testing.T) {
	w := newImageWorld(t)
	file := filepath.Join(w.dir, "app.txt")
	write(t, file, []byte("app"))
	w.must("sign", file, "--yes")
	text, err := os.ReadFile(file + ".sigstore.json")
	if err != nil {
		t.Fatal(err)
	}
	var b map[string]any
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	material := b["verificationMaterial"].(map[string]any)
	leaf := material["certificate"]
	delete(material, "certificate")
	material["x509CertificateChain"] = map[string]any{"certificates": []any{leaf, map[string]any{"rawBytes": w.CA.Issuer.Raw}}}
	b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"
	if text, err = json.Marshal(b); err != nil {
		t.Fatal(err)
	}
	old, converted := filepath.Join(w.dir, "old.json"), filepath.Join(w.dir, "new.json")
	write(t, old, text)
	w.must(w.verify(file, "--bundle", old)...)
	status, stdout, stderr := interactive(t, w.World, w.dir, "", "convert", old, "--output", converted)
	if status != check.ExitOK || stdout != "" || !strings.Contains(stderr, "certificates after the signer's are left out: 1;") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	w.must(w.verify(file, "--bundle", converted)...)
	if text, err = os.ReadFile(converted); err != nil || !strings.Contains(string(text), "bundle.v0.3+json") || strings.Contains(string(text), "x509CertificateChain") {
		t.Errorf("%v: %s", err, text)
	}
}
