package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/rescue"
	"github.com/hallmarksign/hallmark/oidc"
	"github.com/hallmarksign/hallmark/sign"
)

// openRescue opens the folder of what is unfinished.
func openRescue(e *env) (*rescue.Store, error) {
	dir := e.stateDir()
	if dir == "" {
		return nil, &check.Error{Check: check.FS, Err: errors.New("there is no folder in which signatures could be kept until they are finished"),
			Next: "name one in HALLMARK_STATE_DIR"}
	}
	return rescue.Open(dir)
}

// key names what is signed, for what is unfinished.
func (t *target) key() string {
	job := t.job()
	if job.Statement == nil {
		return rescue.Key(job.Digest)
	}
	sum := sha256.Sum256(job.Statement)
	return rescue.Key(sum[:])
}

// A keeper writes down what is sent to a log, and keeps what can't be put in its place.
type keeper struct {
	store   *rescue.Store
	journal *rescue.Journal

	mu  sync.Mutex
	ids map[string][]int // in the journal, by the name of the job
}

func newKeeper(store *rescue.Store) (*keeper, error) {
	journal, err := store.Begin()
	if err != nil {
		return nil, err
	}
	return &keeper{store: store, journal: journal, ids: map[string][]int{}}, nil
}

// sending writes down what is about to be sent.
func (k *keeper) sending(key, name string, partial []byte) error {
	id, err := k.journal.Sending(key, name, partial)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, earlier := range k.ids[name] { // with a certificate that ran out
		k.journal.Done(earlier)
	}
	k.ids[name] = []int{id}
	return nil
}

// done strikes out what needs to be finished no more.
func (k *keeper) done(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range k.ids[name] {
		k.journal.Done(id)
	}
	delete(k.ids, name)
}

// settle puts what became of a target where it belongs. What is public is lost in no
// case: it is kept, or can be completed, or is printed.
func (r *signRun) settle(ctx context.Context, t *target, res sign.Result) error {
	if res.Err == nil {
		err := r.write(ctx, t, res.Serialised)
		if err == nil || t.kept { // else the journal has all that there is of it here
			r.keeper.done(t.arg)
		}
		t.done = err == nil
		return err
	}
	if !res.Unfinished {
		r.keeper.done(t.arg)
	}
	if !res.Sent {
		return res.Err
	}
	next := "run the same command again: it finishes the signature, and logs nothing twice"
	if res.Unverified != nil {
		where := keepUnverified(r.e, r.keeper.store, t.key(), res.Unverified)
		if !res.Unfinished {
			next = "an entry is public; what there is of its bundle is kept, unverified, in " + where
		}
	}
	return public(res.Err, next)
}

// A published error leaves something public, or perhaps: it is told even of a run that
// was interrupted.
type published struct{ error }

func (p published) Unwrap() error { return p.error }

// public says of an error that a log entry is there, or may be, and what to do.
func public(err error, next string) error {
	refused, ok := errors.AsType[*check.Error](err)
	if !ok {
		return &check.Error{Check: check.Internal, Err: published{err}, Next: next}
	}
	said := *refused
	if _, lost := errors.AsType[*sign.SentError](err); lost {
		said.Err, said.Next = published{fmt.Errorf("%w; an entry may be public", refused.Err)}, next
		return &said
	}
	if refused.Next != "" {
		next = refused.Next + "; then " + next
	}
	said.Err, said.Next = published{refused.Err}, next
	return &said
}

// keep keeps a bundle whose place could not be written to, and says where.
func (r *signRun) keep(t *target, serialised []byte, reason error) (err error) {
	t.kept, err = keepBundle(r.e, r.keeper.store, t.key(), t.output, serialised, reason)
	return err
}

// keepBundle keeps a good bundle that could not be put in its place for a reason, or
// prints it. The store may be nil.
func keepBundle(e *env, store *rescue.Store, key, output string, serialised []byte, reason error) (kept bool, err error) {
	path, err := keepIn(store, key, serialised, true)
	if err != nil {
		printBundle(e, serialised)
		return false, public(reason, "save the bundle that is printed above as "+quoted(output)+
			", for it could not be kept ("+printable(err.Error(), 512)+"); the signature is public already")
	}
	return true, public(reason, "run the same command again: it puts the bundle, which is kept in "+quoted(path)+
		", in its place; the signature is public already")
}

// keepUnverified keeps what there is of a bundle that is no proof, and says where.
func keepUnverified(e *env, store *rescue.Store, key string, serialised []byte) (where string) {
	where, err := keepIn(store, key, serialised, false)
	if err != nil {
		printBundle(e, serialised)
		return "above (" + printable(err.Error(), 512) + ")"
	}
	return where
}

func keepIn(store *rescue.Store, key string, data []byte, verified bool) (string, error) {
	if store == nil {
		return "", errors.New("there is no folder for it")
	}
	return store.Keep(key, data, verified)
}

// resume finds what needs no new signature: what is in its place already, and what an
// earlier run did not finish. It returns what is left to sign.
func (r *signRun) resume(ctx context.Context, tokens oidc.Provider, signer *sign.Signer) (left []*target, err error) {
	if r.left, err = r.keeper.store.List(); err != nil {
		return nil, err
	}
	for _, t := range r.targets {
		done := false
		switch {
		case t.exists:
			done, err = true, r.isSigned(ctx, tokens, t)
		default:
			done, err = r.takeUp(ctx, tokens, signer, t)
		}
		if err != nil {
			return nil, named(t.arg, err)
		}
		if !done {
			left = append(left, t)
		}
	}
	return left, r.strangers(len(left))
}

// isSigned accepts a file in the place of a bundle if it is the signature that is
// wanted: a good one, of the same bytes, by whoever signs now.
func (r *signRun) isSigned(ctx context.Context, tokens oidc.Provider, t *target) error {
	_, b, err := readBundle(t.output)
	if err != nil || !t.fits(b) || r.accept(t, b) != nil {
		return inTheWay(t.output)
	}
	same, known := r.isSigner(ctx, tokens, tokenOf(t.result))
	if known && !same {
		return byAnother(t)
	}
	t.before = true
	if !known && r.o.login.expect == "" && !newConsents(r.e).has(r.consentKey(tokenOf(t.result))) {
		r.unsure = append(r.unsure, t)
	}
	return r.strike(t, b)
}

// byAnother says that a file has been signed by somebody else.
func byAnother(t *target) error {
	err := inTheWay(t.output)
	err.Err = fmt.Errorf("exists already, with a signature by %s", signerText(t.result.Signer))
	return err
}

// strangers refuses signatures of which it is not known whether they are by whoever
// signs now, if no login will tell.
func (r *signRun) strangers(left int) error {
	if left > 0 || len(r.unsure) == 0 {
		return nil
	}
	return named(r.unsure[0].arg, byAnother(r.unsure[0]))
}

// fits reports whether a bundle holds what is to be signed: the very statement, or a
// signature without one.
func (t *target) fits(b *bundle.Bundle) bool {
	if t.statement == nil {
		return b.Envelope == nil
	}
	return b.Envelope != nil && bytes.Equal(b.Envelope.Payload, t.statement)
}

// takeUp finishes what an earlier run has signed, and reports whether there was
// something.
func (r *signRun) takeUp(ctx context.Context, tokens oidc.Provider, signer *sign.Signer, t *target) (bool, error) {
	for _, item := range slices.Clone(r.left) {
		if item.Key != t.key() || item.State == rescue.Unverified {
			continue
		}
		data, err := item.Read()
		if err != nil {
			return false, fileError(item.Path, err)
		}
		b, err := bundle.Parse(data)
		if err != nil || !t.fits(b) || !r.isOurs(b) {
			continue
		}
		who, err := signerIn(b)
		if err != nil {
			continue
		}
		same, known := r.isSigner(ctx, tokens, who)
		if known && !same || r.o.login.expected(who) != nil {
			continue
		}
		if data, err = r.finished(ctx, signer, t, item, b, data, who); err != nil {
			return false, err
		}
		if data == nil {
			continue
		}
		r.o.output.say(r.e, "hallmark: %s was signed by %s before; finishing that", printable(t.arg, 1024), signerText(t.result.Signer))
		if err := r.write(ctx, t, data); err != nil {
			return false, err
		}
		t.before, t.done = true, true
		return true, r.strike(t, b)
	}
	return false, nil
}

// isOurs reports whether the certificate of a bundle is of the authority that this
// run trusts. What was left at another instance must not be sent to the logs of this
// one: nobody agreed to that.
func (r *signRun) isOurs(b *bundle.Bundle) bool {
	cert, err := x509.ParseCertificate(b.Certificate)
	if err != nil {
		return false
	}
	_, _, err = r.services.verifier.Certificate(b.Certificate, cert.NotBefore)
	return err == nil
}

// strike removes all that earlier runs left of the signature that is in its place now.
func (r *signRun) strike(t *target, b *bundle.Bundle) error {
	for _, item := range slices.Clone(r.left) {
		if item.Key != t.key() || item.State == rescue.Unverified {
			continue
		}
		data, err := item.Read()
		if errors.Is(err, fs.ErrNotExist) { // removed by attach
			continue
		}
		if err != nil {
			return fileError(item.Path, err)
		}
		left, err := bundle.Parse(data)
		if err != nil || !bytes.Equal(signatureOf(left), signatureOf(b)) {
			continue
		}
		if err := r.remove(item); err != nil {
			return err
		}
	}
	return nil
}

// remove removes what an earlier run left, so that no other target takes it up.
func (r *signRun) remove(item rescue.Item) error {
	r.left = slices.DeleteFunc(r.left, func(i rescue.Item) bool { return i == item })
	return r.keeper.store.Remove(item)
}

func signatureOf(b *bundle.Bundle) []byte {
	if b.Envelope != nil {
		return b.Envelope.Signature
	}
	return b.Message.Signature
}

// finished returns the whole bundle of an item, verified; nil if it is worth nothing.
func (r *signRun) finished(ctx context.Context, signer *sign.Signer, t *target, item rescue.Item, b *bundle.Bundle, data []byte, who oidc.Token) ([]byte, error) {
	if item.State == rescue.Made {
		if r.accept(t, b) != nil {
			return nil, nil
		}
		return data, nil
	}
	res := signer.Complete(ctx, t.job(), b, who)
	if res.Err == nil {
		return res.Serialised, nil
	}
	_, unknown := errors.AsType[*sign.SentError](res.Err)
	late := errors.Is(res.Err, sign.ErrNotLogged) && !unknown
	if !late && (res.Unverified == nil || res.Unfinished) {
		return nil, public(res.Err, "run the same command again when the log answers: an earlier run has signed this, and its log entry may be public")
	}
	if res.Unverified != nil { // what is public of it is worth nothing
		if _, err := r.keeper.store.Keep(t.key(), res.Unverified, false); err != nil {
			return nil, err
		}
	}
	return nil, r.remove(item)
}
