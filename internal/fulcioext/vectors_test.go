package fulcioext

import (
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type rawCert struct{ RawBytes []byte }

// Every leaf of the conformance suite has a readable identity; by default it
// is the one that its README names.
func TestConformanceIdentities(t *testing.T) {
	const (
		subject = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
		claim   = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon"
	)
	files, err := filepath.Glob(filepath.Join(vectorsDir(t), "sigstore-conformance", "*", "bundle.sigstore.json"))
	if err != nil {
		t.Fatal(err)
	}
	ran, withClaims := 0, 0
	for _, f := range files {
		der := readLeaf(t, f)
		if der == nil {
			continue
		}
		name := filepath.Base(filepath.Dir(f))
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		id, err := Parse(cert)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ran++
		want, wantIssuer := fileOr(f, "identity", subject), fileOr(f, "issuer", issuer)
		if !strings.HasSuffix(name, "_fail") && (id.Subject != want || id.Issuer != wantIssuer) {
			t.Errorf("%s: got %q by %q, want %q by %q", name, id.Subject, id.Issuer, want, wantIssuer)
		}
		// The leaves of the custom CA have no claims.
		if got, ok := id.Claims["source_repository_uri"]; ok && id.Subject == subject {
			withClaims++
			if got != claim {
				t.Errorf("%s: source_repository_uri is %q, want %q", name, got, claim)
			}
		}
	}
	if ran != 64 || withClaims < 40 {
		t.Errorf("ran %d conformance leaves (%d with claims), want 64 (at least 40)", ran, withClaims)
	}
}

func fileOr(bundle, name, otherwise string) string {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(bundle), name))
	if err != nil {
		return otherwise
	}
	return strings.TrimSpace(string(b))
}

func readLeaf(t *testing.T, file string) []byte {
	var b struct {
		VerificationMaterial struct {
			Certificate          rawCert
			X509CertificateChain struct{ Certificates []rawCert }
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if json.Unmarshal(data, &b) != nil {
		return nil // one case is cut JSON
	}
	if chain := b.VerificationMaterial.X509CertificateChain.Certificates; len(chain) > 0 {
		return chain[0].RawBytes
	}
	return b.VerificationMaterial.Certificate.RawBytes
}

// vectorsDir looks upward for the shared vectors.
func vectorsDir(tb testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for range 6 {
		dir = filepath.Dir(dir)
		p := filepath.Join(dir, "shared", "vectors")
		if st, err := os.Stat(p); err == nil && st.IsDir() {
			return p
		}
	}
	tb.Skip("SKIPPED: shared/vectors not found, conformance certificates were not checked")
	return ""
}
