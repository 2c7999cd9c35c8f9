package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
	"github.com/hallmarksign/hallmark/oci"
	"github.com/hallmarksign/hallmark/oidc"
	"github.com/hallmarksign/hallmark/verify"
)

// attach keeps a finished bundle with its image. Until it is there the bundle is kept
// here as well: should that fail or be killed, the next run attaches it and makes no
// second log entry.
func (r *signRun) attach(ctx context.Context, t *target, serialised []byte) error {
	p := pendingOf(r.e, t)
	kept, lost := r.o.image.pushOnly, error(nil)
	if kept == "" {
		kept, lost = p.path, p.write(serialised)
	}
	done := make([][]oci.Attached, len(t.place.to))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, a := range t.place.to {
		g.Go(func() (err error) {
			done[i], err = t.place.client.Attach(ctx, a, oci.Signature{Bundle: serialised, Payload: t.place.payload}, t.place.storage)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return r.unattached(t, kept, lost, err)
	}
	t.attached = slices.Concat(done...)
	p.remove()
	return nil
}

// attachedText says where a bundle is: at one manifest, or at how many.
func attachedText(all []oci.Attached) string {
	if len(all) == 1 {
		return all[0].Where + " " + all[0].Ref
	}
	var text []string
	for rest := all; len(rest) > 0; {
		where := rest[0].Where
		n := len(rest)
		rest = slices.DeleteFunc(slices.Clone(rest), func(a oci.Attached) bool { return a.Where == where })
		text = append(text, fmt.Sprintf("%s, %d manifests", where, n-len(rest)))
	}
	return strings.Join(text, "; ")
}

// unattached says of what could not be attached where it is kept, or why it is lost,
// and what to repeat.
func (r *signRun) unattached(t *target, kept string, lost, err error) error {
	next := "run the same command again, or " + r.pushCommand(t, kept) +
		": the signature was made and is kept; nothing will be logged twice"
	if lost != nil {
		next = "the signature was logged, but could not be kept (" + lost.Error() + "): mend that, then sign again"
	}
	var refused *check.Error
	if errors.As(err, &refused) {
		if refused.Next != "" {
			next = refused.Next + "; then " + next
		}
		return refused.WithNext(next)
	}
	return &check.Error{Check: check.OCI, Err: err, Next: next}
}

// pushCommand attaches a bundle that was made, wherever it is run.
func (r *signRun) pushCommand(t *target, file string) string {
	line := "hallmark sign --push-only " + quoted(file) + " " + quoted(t.place.to[0].Ref())
	if len(t.place.to) == 1 && t.place.to[0].IsIndex() {
		line += " --no-recursive"
	}
	if t.place.storage != oci.Referrers {
		line += " --storage " + storageName(t.place.storage)
	}
	for _, note := range r.o.image.annotations {
		line += " --annotation " + quoted(note)
	}
	return line + r.o.trust.arguments(r.e)
}

// A pending is the bundle of a signature that was made and logged, but not
// attached yet.
type pending struct{ path string }

func pendingOf(e *env, t *target) pending {
	dir := e.cacheDir()
	if dir == "" {
		return pending{}
	}
	about := t.place.payload
	if t.statement != nil {
		about = t.statement
	}
	name, err := verify.Hash(bytes.NewReader(about), crypto.SHA256)
	if err != nil {
		return pending{}
	}
	return pending{filepath.Join(dir, "pending", hex.EncodeToString(name.Sum(crypto.SHA256))+".sigstore.json")}
}

func (p pending) write(serialised []byte) error {
	if p.path == "" {
		return errNoConfigDir
	}
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(p.path, serialised, 0o600, atomicfile.Options{Overwrite: true})
}

func (p pending) remove() {
	if p.path != "" {
		_ = os.Remove(p.path) // if it stays, the next run finds what is attached already
	}
}

// resume attaches what an earlier run has signed, and returns what is left to sign.
func (r *signRun) resume(ctx context.Context, tokens oidc.Provider) ([]*target, error) {
	var left []*target
	for _, t := range r.targets {
		if t.place == nil || !r.verifiedPending(t) || !r.wouldBe(ctx, tokens, t.result) {
			left = append(left, t)
			continue
		}
		r.o.output.say(r.e, "%s was signed by %s before; attaching that", printable(t.arg, 1024), signerText(t.result.Signer))
		if err := r.attach(ctx, t, t.serialised); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// verifiedPending reports whether an earlier run made the signature that is to be
// made now; it is verified like a new one.
func (r *signRun) verifiedPending(t *target) bool {
	data, err := readBounded(pendingOf(r.e, t).path, bundle.MaxSize)
	if err != nil {
		return false
	}
	b, err := bundle.Parse(data)
	if err != nil || t.statement != nil && (b.Envelope == nil || !bytes.Equal(b.Envelope.Payload, t.statement)) {
		return false
	}
	t.serialised = data
	return r.accept(t, b) == nil
}

// wouldBe reports whether the signature would be in the same name if it were made
// now, as far as that is known without asking a person.
func (r *signRun) wouldBe(ctx context.Context, tokens oidc.Provider, made *verify.Result) bool {
	who := oidc.Token{Subject: made.Signer.Subject, Issuer: made.Signer.Issuer}
	if tokens == nil {
		return r.o.login.stillIs(ctx, r.e, who)
	}
	t, err := tokens.Token(ctx, audience)
	return err == nil && isFor(t, who)
}

// accept verifies a bundle that was made before, as one of whoever its
// certificate names, or of whom --expect does.
func (r *signRun) accept(t *target, b *bundle.Bundle) error {
	policy, err := whoeverSigned(b)
	if err != nil {
		return err
	}
	policy.Content = t.content()
	result, err := r.services.verifier.Verify(b, t.artifact, policy, r.e.now())
	if err != nil {
		return err
	}
	if err := r.o.login.expected(oidc.Token{Subject: result.Signer.Subject, Issuer: result.Signer.Issuer}); err != nil {
		return err
	}
	t.result = result
	return nil
}

// whoeverSigned accepts the identity in the certificate of a bundle. It is for
// bundles of the user's own: that they are good is asked, not by whom.
func whoeverSigned(b *bundle.Bundle) (verify.Policy, error) {
	if b.Certificate == nil {
		return verify.Policy{}, usage("the bundle is signed with a key, want one with a certificate").
			WithNext("hallmark image attach attaches any bundle as it is")
	}
	cert, err := x509.ParseCertificate(b.Certificate)
	if err != nil {
		return verify.Policy{}, &check.Error{Check: check.Parse, Field: "certificate", Err: errors.New("can't be read")}
	}
	who, err := fulcioext.Parse(cert)
	if err != nil {
		return verify.Policy{}, err
	}
	return verify.AnyOf(verify.Identity{Issuer: verify.Exactly(who.Issuer), Subject: verify.Exactly(who.Subject)}), nil
}
