package tlog

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"slices"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/sign"
)

// A Proposal is an entry of a kind that is not made here.
type Proposal struct {
	Kind, Version string
	Request       []byte              // ProposedEntry of Rekor's API v1, in JSON
	Bodies        [][sha256.Size]byte // hashes of every body that the log may make of it
}

// Takes reports by its error whether logs of a generation take entries of a kind
// that is not made here. It is a *check.Error of check usage.
func Takes(version int, kind string) error {
	if version != 1 {
		return check.Refuse("SG-11", check.Usage, "logs of the second generation take only signatures by X.509 certificates and public keys, not %s", kind).
			WithNext("name a log of the first generation, one of your own, with --log")
	}
	return nil
}

// Propose implements Writer. The entry in the answer is one of the bodies that were
// expected, or refused.
func (l *v1) Propose(ctx context.Context, p Proposal) (Receipt, error) {
	return l.put(ctx, p.Request, func(e *bundle.Entry) error {
		e.Kind, e.Version = p.Kind, p.Version
		if !slices.Contains(p.Bodies, sha256.Sum256(e.Body)) {
			return check.Refuse("SG-12", check.Server, "entry is not the one that was sent")
		}
		return nil
	})
}

// Propose implements Writer: there is only one kind of entry.
func (l *v2) Propose(_ context.Context, p Proposal) (Receipt, error) {
	return Receipt{}, Takes(2, p.Kind)
}

// detailsOf returns the name of the algorithm of a record. What has none can't be
// logged (SG-3, SG-4).
func detailsOf(r sign.Record) (string, error) {
	if (r.Certificate == nil) == (r.PublicKey == nil) {
		return "", check.Refuse("SG-11", check.Internal, "want a certificate or a public key, and only one")
	}
	if r.PublicKey != nil {
		key, err := x509.ParsePKIXPublicKey(r.PublicKey)
		if err != nil {
			return "", check.Refuse("SG-11", check.Internal, "public key: %v", err)
		}
		return entry.KeyDetailsOf(key, r.Hash)
	}
	cert, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return "", check.Refuse("SG-11", check.Internal, "certificate: %v", err)
	}
	return entry.KeyDetailsOf(cert.PublicKey, r.Hash)
}
