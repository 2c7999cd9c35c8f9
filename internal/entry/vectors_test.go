package entry

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// vectors finds the folder of vectors beside the repository.
func vectors(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "shared", "vectors", "sigstore-conformance")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skip("SKIPPED: no folder shared/vectors above this package; nothing real was read")
	return ""
}

// TestVectors_Bodies reads the body of every vector; hashedrekord 0.0.2 is
// written again as it was.
func TestVectors_Bodies(t *testing.T) {
	bad := map[string]bool{ // their fault, or part of it, is in the body
		"bundle-empty-certificate-chain_fail":  true,
		"bundle-invalid-base64-signature_fail": true, // the certificate is not base64 either
		"bundle-negative-log-index_fail":       true,
		"bundle-unknown-version_fail":          true,
		"intoto-log-entry-mismatch_fail":       true,
	}
	paths, err := filepath.Glob(filepath.Join(vectors(t), "*", "bundle.sigstore.json"))
	if err != nil {
		t.Fatal(err)
	}
	ran, v2 := 0, 0
	for _, path := range paths {
		name := filepath.Base(filepath.Dir(path))
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			VerificationMaterial struct {
				TlogEntries []struct {
					KindVersion       struct{ Kind, Version string }
					CanonicalizedBody []byte
				}
			}
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			if !strings.HasSuffix(name, "_fail") {
				t.Fatal(err)
			}
			continue // its fault is in the JSON
		}
		for _, e := range doc.VerificationMaterial.TlogEntries {
			ran++
			b, err := Parse(e.KindVersion.Kind, e.KindVersion.Version, e.CanonicalizedBody)
			if bad[name] {
				if c := check.Of(err); c != check.Entry {
					t.Errorf("%s: check is %q (%v), want entry", name, c, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if e.KindVersion.Version != "0.0.2" || e.KindVersion.Kind != "hashedrekord" {
				continue
			}
			v2++
			out, err := HashedRekord2(b)
			if err != nil || !bytes.Equal(out, e.CanonicalizedBody) {
				t.Errorf("%s: written as %s, %v", name, out, err)
			}
			cert, err := x509.ParseCertificate(b.Certificate)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if details, err := KeyDetailsOf(cert.PublicKey, b.Hash); err != nil || details != b.KeyDetails {
				t.Errorf("%s: key details are %q, %v; want %q", name, details, err, b.KeyDetails)
			}
		}
	}
	if ran < 60 || v2 < 25 {
		t.Errorf("%d bodies were read, %d of them hashedrekord 0.0.2; want at least 60 and 25", ran, v2)
	}
	t.Logf("%d bodies, %d of them hashedrekord 0.0.2", ran, v2)
}
