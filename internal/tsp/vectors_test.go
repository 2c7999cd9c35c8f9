package tsp

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// A vector is one timestamp of the conformance suite with what it should be over.
type vector struct {
	name      string
	der       []byte
	signature []byte
	chains    [][]*x509.Certificate
}

type certJSON struct{ RawBytes []byte }

type bundleJSON struct {
	VerificationMaterial struct {
		TimestampVerificationData struct {
			Rfc3161Timestamps []struct{ SignedTimestamp string }
		}
	}
	MessageSignature struct{ Signature string }
	DsseEnvelope     struct{ Signatures []struct{ Sig string } }
}

// vectorsDir looks upward for the shared vectors.
func vectorsDir(tb testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for range 6 {
		dir = filepath.Dir(dir)
		if p := filepath.Join(dir, "shared", "vectors"); isDir(p) {
			return p
		}
	}
	tb.Skip("SKIPPED: shared/vectors not found, conformance timestamps were not checked")
	return ""
}

func isDir(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.IsDir()
}

func loadVectors(tb testing.TB) []vector {
	dir := vectorsDir(tb)
	public := loadChains(tb, filepath.Join(dir, "public-good", "trusted_root.json"))
	files, err := filepath.Glob(filepath.Join(dir, "sigstore-conformance", "*", "bundle.sigstore.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var all []vector
	for _, f := range files {
		var b bundleJSON
		data, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		if json.Unmarshal(data, &b) != nil {
			continue // one case is cut JSON
		}
		sig := b.MessageSignature.Signature
		if len(b.DsseEnvelope.Signatures) > 0 {
			sig = b.DsseEnvelope.Signatures[0].Sig
		}
		chains := public
		if own := filepath.Join(filepath.Dir(f), "trusted_root.json"); exists(own) {
			chains = loadChains(tb, own)
		}
		for _, ts := range b.VerificationMaterial.TimestampVerificationData.Rfc3161Timestamps {
			all = append(all, vector{filepath.Base(filepath.Dir(f)), unbase64(tb, ts.SignedTimestamp), unbase64(tb, sig), chains})
		}
	}
	return all
}

func exists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}

func unbase64(tb testing.TB, s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func loadChains(tb testing.TB, file string) [][]*x509.Certificate {
	var root struct {
		TimestampAuthorities []struct {
			CertChain struct{ Certificates []certJSON }
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(data, &root); err != nil {
		tb.Fatal(err)
	}
	var chains [][]*x509.Certificate
	for _, a := range root.TimestampAuthorities {
		var chain []*x509.Certificate
		for _, c := range a.CertChain.Certificates {
			cert, err := x509.ParseCertificate(c.RawBytes)
			if err != nil {
				tb.Fatal(err)
			}
			chain = append(chain, cert)
		}
		chains = append(chains, chain)
	}
	return chains
}
