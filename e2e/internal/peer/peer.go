// Package peer signs and verifies with sigstore-go, the client that hallmark
// is compared with.
package peer

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"google.golang.org/protobuf/encoding/protojson"
)

// A Trust is what a client needs to know of a Sigstore.
type Trust struct {
	Root     *root.TrustedRoot
	Services *root.SigningConfig
}

// Open reads the two files.
func Open(trustedRoot, signingConfig string) (*Trust, error) {
	r, err := root.NewTrustedRootFromPath(trustedRoot)
	if err != nil {
		return nil, err
	}
	s, err := root.NewSigningConfigFromPath(signingConfig)
	return &Trust{Root: r, Services: s}, err
}

// Fetch gets both over TUF, with a cache in dir.
func Fetch(mirror, rootFile, dir string) (*Trust, error) {
	data, err := os.ReadFile(rootFile)
	if err != nil {
		return nil, err
	}
	client, err := tuf.New(&tuf.Options{Root: data, RepositoryBaseURL: mirror, CachePath: dir})
	if err != nil {
		return nil, err
	}
	r, err := root.GetTrustedRoot(client)
	if err != nil {
		return nil, err
	}
	s, err := root.GetSigningConfig(client)
	return &Trust{Root: r, Services: s}, err
}

// Sign returns the bundle of an artifact.
func (t *Trust) Sign(ctx context.Context, artifact []byte, token string) ([]byte, error) {
	return t.sign(ctx, &sign.PlainData{Data: artifact}, token)
}

// Attest returns the bundle of an in-toto statement.
func (t *Trust) Attest(ctx context.Context, statement []byte, token string) ([]byte, error) {
	return t.sign(ctx, &sign.DSSEData{Data: statement, PayloadType: "application/vnd.in-toto+json"}, token)
}

func (t *Trust) sign(ctx context.Context, content sign.Content, token string) ([]byte, error) {
	now := time.Now()
	ca, err := root.SelectService(t.Services.FulcioCertificateAuthorityURLs(), sign.FulcioAPIVersions, now)
	if err != nil {
		return nil, err
	}
	logs, err := root.SelectServices(t.Services.RekorLogURLs(), t.Services.RekorLogURLsConfig(), sign.RekorAPIVersions, now)
	if err != nil {
		return nil, err
	}
	stamps, err := root.SelectServices(t.Services.TimestampAuthorityURLs(), t.Services.TimestampAuthorityURLsConfig(), sign.TimestampAuthorityAPIVersions, now)
	if err != nil {
		return nil, err
	}
	opts := sign.BundleOptions{
		Context: ctx, TrustedRoot: t.Root,
		CertificateProvider:        sign.NewFulcio(&sign.FulcioOptions{BaseURL: ca.URL}),
		CertificateProviderOptions: &sign.CertificateProviderOptions{IDToken: token},
	}
	for _, l := range logs {
		opts.TransparencyLogs = append(opts.TransparencyLogs, sign.NewRekor(&sign.RekorOptions{BaseURL: l.URL, Version: l.MajorAPIVersion}))
	}
	for _, s := range stamps {
		opts.TimestampAuthorities = append(opts.TimestampAuthorities, sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{URL: s.URL}))
	}
	key, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		return nil, err
	}
	b, err := sign.Bundle(content, key, opts)
	if err != nil {
		return nil, err
	}
	return protojson.Marshal(b)
}

// Verify checks a bundle for an artifact and who signed it, asking for one
// SCT, one log entry and one timestamp.
func (t *Trust) Verify(data, artifact []byte, issuer, subject string) (*verify.VerificationResult, error) {
	return t.check(data, verify.WithArtifact(bytes.NewReader(artifact)), issuer, subject)
}

// VerifyDigest is like Verify, for a SHA-256 digest.
func (t *Trust) VerifyDigest(data, digest []byte, issuer, subject string) (*verify.VerificationResult, error) {
	if len(digest) != crypto.SHA256.Size() {
		return nil, errors.New("not a SHA-256 digest")
	}
	return t.check(data, verify.WithArtifactDigest("sha256", digest), issuer, subject)
}

func (t *Trust) check(data []byte, artifact verify.ArtifactPolicyOption, issuer, subject string) (*verify.VerificationResult, error) {
	var b bundle.Bundle
	if err := b.UnmarshalJSON(data); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	v, err := verify.NewVerifier(t.Root, verify.WithSignedCertificateTimestamps(1), verify.WithTransparencyLog(1), verify.WithSignedTimestamps(1))
	if err != nil {
		return nil, err
	}
	identity, err := verify.NewShortCertificateIdentity(issuer, "", subject, "")
	if err != nil {
		return nil, err
	}
	return v.Verify(&b, verify.NewPolicy(artifact, verify.WithCertificateIdentity(identity)))
}
