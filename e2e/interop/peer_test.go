// Package interop holds the tests that compare hallmark with sigstore-go,
// both against the same sandbox.
package interop

import (
	"testing"

	"github.com/hallmarksign/hallmark/e2e/internal/peer"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// The sandbox is right when sigstore-go, which knows nothing of it, signs on
// it and believes the result.
func TestSandbox_SatisfiesSigstoreGo(t *testing.T) {
	t.Parallel()
	s := sandbox.Start(t, sandbox.Options{})
	artifact := []byte("hello, sandbox\n")
	fromFiles, err := peer.Open(s.TrustedRoot(), s.SigningConfig())
	if err != nil {
		t.Fatal(err)
	}
	overTUF, err := peer.Fetch(s.URL(sandbox.TUF), s.TUFRoot(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	person, err := s.Token(t.Context(), sandbox.Alice)
	if err != nil {
		t.Fatal(err)
	}
	workflow, err := s.WorkflowToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, token, issuer, subject string
		trust                        *peer.Trust
	}{
		{"a person", person, s.Issuer(), sandbox.Alice, fromFiles},
		{"a person, trust over TUF", person, s.Issuer(), sandbox.Alice, overTUF},
		{"a workflow", workflow, s.URL(sandbox.Actions), sandbox.Workflow, overTUF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bundle, err := tt.trust.Sign(t.Context(), artifact, tt.token)
			if err != nil {
				t.Fatalf("sign: %v", err)
			}
			result, err := tt.trust.Verify(bundle, artifact, tt.issuer, tt.subject)
			if err != nil {
				t.Fatalf("verify: %v", err)
			}
			if got := result.Signature.Certificate.SubjectAlternativeName; got != tt.subject {
				t.Errorf("subject is %q, want %q", got, tt.subject)
			}
			if len(result.VerifiedTimestamps) == 0 {
				t.Error("no verified timestamp")
			}
			if _, err := tt.trust.Verify(bundle, []byte("something else"), tt.issuer, tt.subject); err == nil {
				t.Error("a changed artifact is accepted")
			}
			if _, err := tt.trust.Verify(bundle, artifact, tt.issuer, sandbox.Bob); err == nil {
				t.Error("another signer is accepted")
			}
		})
	}
}
