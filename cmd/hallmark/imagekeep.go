package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
	"github.com/hallmarksign/hallmark/internal/rescue"
	"github.com/hallmarksign/hallmark/oci"
	"github.com/hallmarksign/hallmark/oidc"
	"github.com/hallmarksign/hallmark/verify"
)

// attach puts a finished bundle beside its image. Until it is there it is kept in a
// file: should that fail or be killed, the next run attaches it and makes no second log
// entry.
func (r *signRun) attach(ctx context.Context, t *target, serialised []byte) error {
	kept := r.o.image.pushOnly
	if kept == "" {
		var err error
		if kept, err = r.keeper.store.Keep(t.key(), serialised, true); err != nil {
			r.o.output.say(r.e, "hallmark: warning: until it is attached, the bundle of %s is not kept: %s", printable(t.arg, 1024), printable(err.Error(), 1024))
			kept = ""
		}
		t.kept = kept != ""
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
		return r.unattached(t, serialised, kept, err)
	}
	t.attached = slices.Concat(done...)
	forget(r.e, kept)
	return nil
}

// forget removes a file of the folder of what is unfinished, and no other. If it stays,
// the next run finds what is attached already.
func forget(e *env, file string) {
	info, err := os.Lstat(file)
	if err != nil {
		return
	}
	store, err := openRescue(e)
	if err != nil {
		return
	}
	items, _ := store.List()
	for _, item := range items {
		if kept, err := os.Lstat(item.Path); err == nil && item.State == rescue.Made && os.SameFile(kept, info) {
			_ = store.Remove(item)
		}
	}
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

// unattached says of what could not be attached where it is kept, and what to repeat.
func (r *signRun) unattached(t *target, serialised []byte, kept string, err error) error {
	next := "run the same command again, or " + r.pushCommand(t, kept) +
		": the signature was made and is kept; nothing will be logged twice"
	if kept == "" {
		printBundle(r.e, serialised)
		next = "save the bundle that is printed above in a FILE, and run " + r.pushCommand(t, "FILE") + "; the signature is public already"
	}
	if _, ok := errors.AsType[*check.Error](err); !ok {
		err = &check.Error{Check: check.OCI, Err: err}
	}
	return public(err, next)
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
	if err := r.o.login.expected(tokenOf(result)); err != nil {
		return err
	}
	t.result = result
	return nil
}

// whoeverSigned accepts the identity in the certificate of a bundle. It is for
// bundles of the user's own: that they are good is asked, not by whom.
func whoeverSigned(b *bundle.Bundle) (verify.Policy, error) {
	who, err := signerIn(b)
	if err != nil {
		return verify.Policy{}, err
	}
	return verify.AnyOf(verify.Identity{Issuer: verify.Exactly(who.Issuer), Subject: verify.Exactly(who.Subject)}), nil
}

// signerIn returns whom the certificate of a bundle names; nothing of it is verified.
func signerIn(b *bundle.Bundle) (oidc.Token, error) {
	if b.Certificate == nil {
		return oidc.Token{}, usage("the bundle is signed with a key, want one with a certificate").
			WithNext("hallmark image attach attaches any bundle as it is")
	}
	cert, err := x509.ParseCertificate(b.Certificate)
	if err != nil {
		return oidc.Token{}, &check.Error{Check: check.Parse, Field: "certificate", Err: errors.New("can't be read")}
	}
	who, err := fulcioext.Parse(cert)
	if err != nil {
		return oidc.Token{}, err
	}
	return oidc.Token{Subject: who.Subject, Issuer: who.Issuer}, nil
}

// tokenOf returns whom a verified signature names.
func tokenOf(made *verify.Result) oidc.Token {
	return oidc.Token{Subject: made.Signer.Subject, Issuer: made.Signer.Issuer}
}
