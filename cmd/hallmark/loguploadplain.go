package main

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/hashname"
	"github.com/hallmarksign/hallmark/internal/rescue"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/tlog"
	"github.com/hallmarksign/hallmark/verify"
)

const maxSignature = 64 << 10 // bytes of a file with a plain signature

// plain makes the upload of a signature by a public key or a certificate, verified.
func (o *uploadOptions) plain(ctx context.Context, arg string, p *progress) (*upload, error) {
	signature, err := o.readSignature()
	if err != nil {
		return nil, err
	}
	record := sign.Record{Signature: signature}
	key, line, err := o.signer(&record)
	if err != nil {
		return nil, err
	}
	if record.Hash, err = verify.LoggedHash(key); err != nil {
		return nil, named(o.key+o.certificate, err)
	}
	file, err := plainArtifact(ctx, arg, record.Hash, p)
	if err != nil {
		return nil, err
	}
	if err := verify.CheckLoggable(key, file, signature); err != nil {
		return nil, named(o.signature, err)
	}
	record.Digest = file.Sum(record.Hash)
	digest := bundle.Digest{Algorithm: hashname.ProtoName(record.Hash), Value: record.Digest}
	return &upload{
		digest: verify.Digest{Algorithm: record.Hash, Value: record.Digest}.String(),
		key:    rescue.Key(record.Digest),
		lines:  []string{line},
		send: func(ctx context.Context, w tlog.Writer) (tlog.Receipt, error) {
			return w.Upload(ctx, record)
		},
		bundle: func(e bundle.Entry) *bundle.Bundle {
			id := sha256.Sum256(record.PublicKey)
			return &bundle.Bundle{MediaType: bundle.MediaType, Version: bundle.V03,
				PublicKey: &bundle.PublicKey{Hint: base64.StdEncoding.EncodeToString(id[:])},
				Message:   &bundle.Message{Digest: &digest, Signature: signature}, Entries: []bundle.Entry{e}}
		},
		signer: verify.Key{Public: key},
		file:   file,
	}, nil
}

// plainArtifact hashes a file, or takes its digest.
func plainArtifact(ctx context.Context, arg string, h crypto.Hash, p *progress) (verify.Artifact, error) {
	if isDigest(arg) {
		return verify.ParseDigest(arg)
	}
	return hashFile(ctx, arg, p, h)
}

func (o *uploadOptions) readSignature() ([]byte, error) {
	data, err := readBounded(o.signature, maxSignature)
	if err != nil {
		return nil, err
	}
	claim, err := bundle.Detached(data, nil)
	if err != nil {
		return nil, named(o.signature, err)
	}
	if claim.Envelope != nil {
		return nil, named(o.signature, check.Refuse("", check.Content, "is an envelope, want a signature over the file"))
	}
	return claim.Message.Signature, nil
}

// signer reads who signed into the record, and says it in a line.
func (o *uploadOptions) signer(r *sign.Record) (key crypto.PublicKey, line string, err error) {
	if o.key != "" {
		signer, err := keyFile(o.key)
		if err != nil {
			return nil, "", err
		}
		key = signer.(verify.Key).Public
		if r.PublicKey, err = x509.MarshalPKIXPublicKey(key); err != nil {
			return nil, "", check.Refuse("", check.Internal, "%v", err)
		}
		id := sha256.Sum256(r.PublicKey)
		return key, "key       sha256:" + hex.EncodeToString(id[:]), nil
	}
	data, err := readBounded(o.certificate, bundle.MaxCert*2)
	if err != nil {
		return nil, "", err
	}
	claim, err := bundle.Detached(r.Signature, data)
	if err != nil {
		return nil, "", named(o.certificate, err)
	}
	cert, err := x509.ParseCertificate(claim.Certificate)
	if err != nil {
		return nil, "", named(o.certificate, check.Refuse("", check.Parse, "is no X.509 certificate: %v", err))
	}
	r.Certificate = claim.Certificate
	return cert.PublicKey, "identity  " + certificateText(cert), nil
}

// certificateText names whom a certificate is for: all of it becomes public.
func certificateText(c *x509.Certificate) string {
	text := fmt.Sprintf("%q", c.Subject.String())
	for _, name := range c.EmailAddresses {
		text += fmt.Sprintf(" %q", name)
	}
	for _, u := range c.URIs {
		text += fmt.Sprintf(" %q", u.String())
	}
	for _, name := range c.DNSNames {
		text += fmt.Sprintf(" %q", name)
	}
	return text + " certified by " + fmt.Sprintf("%q", c.Issuer.String())
}
