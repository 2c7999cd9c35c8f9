package interop

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"testing"

	gobundle "github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmarksign/hallmark/e2e/internal/peer"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// One signature in both generations: the bundle has an entry of each.
// SC-3 has no signer write it, but nothing forbids to add an entry later.
func TestRekor1_BundleOfBothGenerations(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{SecondOperator: true})
	s.write(t, "f", "in both logs\n")
	s.run(t, 0, "sign", "f", "--identity-token", s.token(t, sandbox.Alice), "--yes")
	for _, service := range []sandbox.Service{sandbox.Rekor1, sandbox.Rekor1Other} {
		b := parse(t, s.read(t, "f.sigstore.json"))
		cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.VerificationMaterial.GetCertificate().RawBytes})
		first := sign.NewRekor(&sign.RekorOptions{BaseURL: s.URL(service), Version: 1})
		if err := first.GetTransparencyLogEntry(t.Context(), cert, b); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the order does not matter
			bundle, err := protojson.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			if got := entries(t, bundle); len(got) != 2 {
				t.Fatalf("entries are %q, want 2", got)
			}
			s.sameVerdicts(t, bundle)
			// TT-2: two logs of one operator count once for hallmark, and twice for
			// sigstore-go.
			s.demandTwoLogs(t, bundle, service == sandbox.Rekor1Other, true)
			slices.Reverse(b.VerificationMaterial.TlogEntries)
		}
	}
}

// Two operators of Rekor v1, and Rekor v2 of the first of them.
func TestRekor1_SC6_SeveralOperators(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{SecondOperator: true})
	s.write(t, "f", "in several logs\n")
	const one, two = "hashedrekord 0.0.1 promised", "hashedrekord 0.0.2"
	all, first := []uint32{1, 2}, []uint32{1}
	for name, tt := range map[string]struct {
		logs sandbox.Logs
		want []string // none: refused
	}{
		"ANY":                            {sandbox.Logs{Versions: first, Selector: "ANY"}, []string{one}},
		"ALL":                            {sandbox.Logs{Versions: first, Selector: "ALL"}, []string{one, one}},
		"EXACT 1":                        {sandbox.Logs{Versions: first, Selector: "EXACT", Count: 1}, []string{one}},
		"EXACT 2":                        {sandbox.Logs{Versions: first, Selector: "EXACT", Count: 2}, []string{one, one}},
		"EXACT 3":                        {sandbox.Logs{Versions: first, Selector: "EXACT", Count: 3}, nil},
		"SC-3 ALL of both generations":   {sandbox.Logs{Versions: all, Selector: "ALL"}, []string{two}},
		"SC-3 EXACT of both generations": {sandbox.Logs{Versions: all, Selector: "EXACT", Count: 2}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			args := with(s.offers(t, "services.json", tt.logs), "sign", "f", "--bundle", "b.json", "--identity-token", s.token(t, sandbox.Alice), "--yes")
			p, err := peer.Open(s.TrustedRoot(), s.path("services.json"))
			if err != nil {
				t.Fatal(err)
			}
			token, err := s.Token(t.Context(), sandbox.Alice)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := p.Sign(t.Context(), s.read(t, "f"), token)
			if tt.want == nil {
				s.run(t, 1, args...)
				if err == nil {
					t.Error("sigstore-go signs")
				}
				return
			}
			if err != nil {
				t.Fatalf("sigstore-go: %v", err)
			}
			s.run(t, 0, args...)
			defer os.Remove(s.path("b.json"))
			for _, bundle := range [][]byte{s.read(t, "b.json"), theirs} {
				wantEntries(t, bundle, tt.want...)
				if n := distinctLogs(t, bundle); n != len(tt.want) {
					t.Errorf("entries of %d logs, want %d", n, len(tt.want))
				}
				s.sameVerdicts(t, bundle)
				s.demandTwoLogs(t, bundle, len(tt.want) == 2, len(tt.want) == 2)
			}
		})
	}
	t.Run("SC-7 one operator down", func(t *testing.T) {
		s.Fault(sandbox.Rekor1Other, sandbox.Status(403))
		defer s.Fault(sandbox.Rekor1Other, nil)
		attempt := func(status int, l sandbox.Logs) {
			t.Helper()
			defer os.Remove(s.path("b.json"))
			s.run(t, status, with(s.offers(t, "services.json", l), "sign", "f", "--bundle", "b.json", "--identity-token", s.token(t, sandbox.Alice), "--yes")...)
			if _, err := os.Stat(s.path("b.json")); (err == nil) != (status == 0) {
				t.Errorf("%s: bundle: %v", l.Selector, err)
			}
		}
		attempt(1, sandbox.Logs{Versions: first, Selector: "ALL"})
		attempt(0, sandbox.Logs{Versions: first, Selector: "EXACT", Count: 1})
		attempt(0, sandbox.Logs{Versions: first, Selector: "ANY"})
		// K10: one that can't be reached says nothing, not no.
		s.Fault(sandbox.Rekor1Other, sandbox.Drop())
		attempt(3, sandbox.Logs{Versions: first, Selector: "ALL"})
	})
}

func distinctLogs(t *testing.T, bundle []byte) int {
	t.Helper()
	logs := map[string]bool{}
	for _, e := range parse(t, bundle).VerificationMaterial.TlogEntries {
		logs[fmt.Sprintf("%x", e.LogId.KeyId)] = true
	}
	return len(logs)
}

// demandTwoLogs has both clients demand two logs, and says whether they are to
// be content.
func (s *scene) demandTwoLogs(t *testing.T, bundle []byte, hallmark, sigstoreGo bool) {
	t.Helper()
	s.write(t, "judged.json", string(bundle))
	status := 1
	if hallmark {
		status = 0
	}
	s.run(t, status, with(s.from(sandbox.Alice), "verify", "f", "--bundle", "judged.json", "--min-logs", "2")...)
	var b gobundle.Bundle
	if err := b.UnmarshalJSON(bundle); err != nil {
		t.Fatal(err)
	}
	v, err := verify.NewVerifier(s.peer.Root, verify.WithSignedCertificateTimestamps(1), verify.WithTransparencyLog(2), verify.WithSignedTimestamps(1))
	if err != nil {
		t.Fatal(err)
	}
	identity, err := verify.NewShortCertificateIdentity(s.Issuer(), "", sandbox.Alice, "")
	if err != nil {
		t.Fatal(err)
	}
	artifact := verify.WithArtifact(bytes.NewReader(s.read(t, "f")))
	if _, err := v.Verify(&b, verify.NewPolicy(artifact, verify.WithCertificateIdentity(identity))); (err == nil) != sigstoreGo {
		t.Errorf("sigstore-go, asked for two logs: %v", err)
	}
}
