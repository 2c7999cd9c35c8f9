package main

import (
	"bytes"
	"errors"
	"os"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/rescue"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/verify"
)

// reserve takes the place of the bundle before anything is published. It is never a
// file that this command reads.
func (r *uploadRun) reserve(arg string) (err error) {
	if r.o.bundle == "" {
		return nil
	}
	files := r.b.files.add(arg, r.o.signature, r.o.key, r.o.certificate)
	if info, err := os.Stat(r.o.bundle); err == nil {
		if name := files.names(info); name != "" {
			return usage("the bundle would replace %q, which this command reads", name).WithNext("choose another name with --bundle")
		}
	}
	if info, err := os.Lstat(r.o.bundle); err == nil && info.Mode().IsRegular() && !r.o.force {
		return inTheWay(r.o.bundle)
	}
	if r.place, err = atomicfile.Reserve(r.o.bundle, bundleRoom, 0o644, atomicfile.Options{Overwrite: r.o.force}); err != nil {
		return err
	}
	r.store, _ = openRescue(r.e) // without it a bundle that has no place is printed
	return nil
}

func (r *uploadRun) release() {
	if r.place != nil {
		r.place.Release()
	}
}

// unproved says what to do when the log's answer is no proof. What there is of a bundle
// is kept if an entry may be public.
func (r *uploadRun) unproved(u *upload, err error) error {
	sent, ok := errors.AsType[*sign.SentError](err)
	if !ok {
		return err
	}
	next := "run the same command again: it finds the entry if there is one, and finishes"
	if sent.Entry != nil && r.o.bundle != "" {
		if data, err := u.bundle(*sent.Entry).Marshal(); err == nil {
			next += "; what the log answered is kept, unverified, in " + keepUnverified(r.e, r.store, u.key, data)
		}
	}
	return public(err, next)
}

// write makes the bundle, verifies it from its bytes and puts it in its place (SG-13).
// The entry is public: what can't be put there is kept.
func (r *uploadRun) write(u *upload, entry bundle.Entry) (*verify.Result, error) {
	serialised, err := u.bundle(entry).Marshal()
	if err != nil {
		return nil, err
	}
	result, err := r.verify(u, serialised)
	if err != nil {
		err = check.Refuse("SG-13", check.Internal, "new bundle does not verify: %w", err)
		return nil, public(err, "the signature is public; its bundle is kept, unverified, in "+keepUnverified(r.e, r.store, u.key, serialised))
	}
	serialised = append(serialised, '\n')
	if err := r.place.Write(serialised); err != nil {
		_, err = keepBundle(r.e, r.store, u.key, r.o.bundle, serialised, err)
		return nil, err
	}
	if err := r.forget(u, serialised); err != nil {
		r.out.say(r.e, "hallmark: warning: %s", printable(err.Error(), 512))
	}
	return result, nil
}

// verify verifies the bundle as any verifier would, with the key as policy.
func (r *uploadRun) verify(u *upload, serialised []byte) (*verify.Result, error) {
	claim, err := bundle.Parse(serialised)
	if err != nil {
		return nil, err
	}
	verifier, err := verify.New(r.b.root, verify.Evidence{Logs: 1})
	if err != nil {
		return nil, err
	}
	policy := verify.AnyOf(u.signer)
	policy.Content = verify.Message
	return verifier.Verify(claim, u.file, policy, r.e.now())
}

// forget removes what an earlier run kept of the signature that is in its place now.
func (r *uploadRun) forget(u *upload, serialised []byte) error {
	if r.store == nil {
		return nil
	}
	claim, err := bundle.Parse(serialised)
	if err != nil {
		return err
	}
	items, err := r.store.List()
	if err != nil {
		return err
	}
	for _, item := range items {
		if item.Key != u.key || item.State == rescue.Sent {
			continue
		}
		data, err := item.Read()
		if err != nil {
			return fileError(item.Path, err)
		}
		kept, err := bundle.Parse(data)
		if err != nil || kept.Message == nil || !bytes.Equal(kept.Message.Signature, claim.Message.Signature) {
			continue
		}
		if err := r.store.Remove(item); err != nil {
			return err
		}
	}
	return nil
}
