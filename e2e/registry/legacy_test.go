package registry

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// This file reads the older scheme from its specification: the image under the
// tag sha256-HEX.sig, its layers of type simplesigning, and their annotations.

// trusted is what the trusted root says of the CA and the older log.
type trusted struct {
	Tlogs []struct {
		PublicKey struct{ RawBytes []byte }
		LogID     struct{ KeyID []byte }
	}
	CertificateAuthorities []struct {
		CertChain struct{ Certificates []struct{ RawBytes []byte } }
	}
}

func (s *scene) trusted(t testing.TB) (out trusted) {
	t.Helper()
	data, err := os.ReadFile(s.TrustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// oldSignatures judges all layers of the older scheme of a digest, and returns
// who signed and what.
func (s *scene) oldSignatures(t testing.TB, h *host, repository, digest string) (signers []string, payloads []map[string]any) {
	t.Helper()
	m := s.document(t, h, repository, strings.Replace(digest, ":", "-", 1)+".sig")
	if m == nil {
		return nil, nil
	}
	for _, l := range m.Layers {
		if l.MediaType != "application/vnd.dev.cosign.simplesigning.v1+json" {
			t.Errorf("layer is of type %q", l.MediaType)
		}
		payload := s.blob(t, h, repository, l)
		if got := sum(payload); got != l.Digest {
			t.Errorf("payload has digest %s, want %s", got, l.Digest)
		}
		cert := s.oldSigner(t, l.Annotations, payload)
		signers = append(signers, cert.EmailAddresses...)
		var p struct {
			Critical struct {
				Identity struct {
					Reference string `json:"docker-reference"`
				} `json:"identity"`
				Image struct {
					Digest string `json:"docker-manifest-digest"`
				} `json:"image"`
				Type string `json:"type"`
			} `json:"critical"`
			Optional map[string]any `json:"optional"`
		}
		if err := json.Unmarshal(payload, &p); err != nil {
			t.Fatal(err)
		}
		if p.Critical.Image.Digest != digest || p.Critical.Type != "cosign container image signature" {
			t.Errorf("payload is %s, want one about %s", payload, digest)
		}
		payloads = append(payloads, p.Optional)
	}
	return signers, payloads
}

// oldSigner checks the evidence of one layer: signature, chain, log, time.
func (s *scene) oldSigner(t testing.TB, notes map[string]string, payload []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(notes["dev.sigstore.cosign/certificate"]))
	if block == nil {
		t.Fatalf("no certificate in %q", notes)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(notes["dev.cosignproject.cosign/signature"])
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(payload)
	if !ecdsa.VerifyASN1(cert.PublicKey.(*ecdsa.PublicKey), hash[:], signature) {
		t.Error("the signature is not of the payload by the certificate's key")
	}
	at := s.oldEntry(t, notes["dev.sigstore.cosign/bundle"], hash[:], signature)
	roots, middle := x509.NewCertPool(), x509.NewCertPool()
	for _, ca := range s.trusted(t).CertificateAuthorities {
		for i, c := range ca.CertChain.Certificates {
			parsed, err := x509.ParseCertificate(c.RawBytes)
			if err != nil {
				t.Fatal(err)
			}
			if i == len(ca.CertChain.Certificates)-1 {
				roots.AddCert(parsed)
			} else {
				middle.AddCert(parsed)
			}
		}
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}); err != nil {
		t.Errorf("certificate: %v", err)
	}
	if text := notes["dev.sigstore.cosign/rfc3161timestamp"]; text != "" {
		var stamp struct{ SignedRFC3161Timestamp []byte }
		if err := json.Unmarshal([]byte(text), &stamp); err != nil {
			t.Fatal(err)
		}
		ts, err := timestamp.ParseResponse(stamp.SignedRFC3161Timestamp)
		want := sha256.Sum256(signature)
		if err != nil || !slices.Equal(ts.HashedMessage, want[:]) {
			t.Errorf("the timestamp is not of the signature (%v)", err)
		}
	}
	return cert
}

// oldEntry checks the log's promise, and that the entry has this signature of
// this payload; it returns when it was logged.
func (s *scene) oldEntry(t testing.TB, text string, hash, signature []byte) time.Time {
	t.Helper()
	var entry struct {
		SignedEntryTimestamp []byte
		Payload              struct {
			Body           string `json:"body"`
			IntegratedTime int64  `json:"integratedTime"`
			LogIndex       int64  `json:"logIndex"`
			LogID          string `json:"logID"`
		}
	}
	if err := json.Unmarshal([]byte(text), &entry); err != nil {
		t.Fatalf("bundle annotation %q: %v", text, err)
	}
	p := entry.Payload
	promised := sha256.Sum256(fmt.Appendf(nil, `{"body":%q,"integratedTime":%d,"logID":%q,"logIndex":%d}`, p.Body, p.IntegratedTime, p.LogID, p.LogIndex))
	id, known := hex.DecodeString(p.LogID)
	good := false
	for _, log := range s.trusted(t).Tlogs {
		if key, err := x509.ParsePKIXPublicKey(log.PublicKey.RawBytes); err == nil && known == nil && slices.Equal(id, log.LogID.KeyID) {
			ec, ok := key.(*ecdsa.PublicKey)
			good = ok && ecdsa.VerifyASN1(ec, promised[:], entry.SignedEntryTimestamp)
		}
	}
	if !good {
		t.Errorf("no log promised the entry at %d", p.LogIndex)
	}
	body, err := base64.StdEncoding.DecodeString(p.Body)
	if err != nil {
		t.Fatal(err)
	}
	var record struct {
		Kind string
		Spec struct {
			Data struct {
				Hash struct{ Algorithm, Value string }
			}
			Signature struct{ Content []byte }
		}
	}
	if err := json.Unmarshal(body, &record); err != nil {
		t.Fatal(err)
	}
	if record.Kind != "hashedrekord" || record.Spec.Data.Hash.Value != hex.EncodeToString(hash) || !slices.Equal(record.Spec.Signature.Content, signature) {
		t.Errorf("the log entry is of something else: %s", body)
	}
	return time.Unix(p.IntegratedTime, 0)
}

// rekor1 are the arguments that sign into Rekor v1, which the older scheme needs.
func (s *scene) rekor1(t testing.TB) []string {
	t.Helper()
	config, err := s.SigningConfigFor(1)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "rekor1.json", config)
	return []string{"--trusted-root", s.TrustedRoot(), "--signing-config", "rekor1.json"}
}

// What hallmark keeps in the older scheme, a reader of its specification reads.
func TestLegacy_OnEachRegistry(t *testing.T) {
	s := newScene(t)
	rekor1 := s.rekor1(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			h := s.open(t, k)
			t.Parallel()
			digest, children := s.push(t, h, "app:1", 1)
			s.sign(t, 0, sandbox.Alice, h.name+"/app:1", append(slices.Clone(rekor1), "--storage", "both", "-a", "build=7")...)
			for _, d := range []string{digest, children[0]} {
				signers, notes := s.oldSignatures(t, h, "app", d)
				if len(signers) != 1 || signers[0] != sandbox.Alice || notes[0]["build"] != "7" {
					t.Errorf("signed by %q with %v, want alice and the annotation", signers, notes)
				}
				s.accepted(t, h, "app", d, sandbox.Alice)
			}
			// A second signer is added to the first.
			s.sign(t, 0, sandbox.Bob, h.name+"/app:1", append(slices.Clone(rekor1), "--storage", "tags", "--no-recursive")...)
			if signers, _ := s.oldSignatures(t, h, "app", digest); !slices.Equal(signers, []string{sandbox.Alice, sandbox.Bob}) {
				t.Errorf("signed by %q, want both", signers)
			}
			if r := s.verify(t, 0, sandbox.Bob, h.name+"/app:1"); !strings.Contains(r.Stdout, "legacy tag .sig") {
				t.Errorf("not found under the old tag:\n%s", r.Stdout)
			}
		})
	}
}
