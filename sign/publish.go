package sign

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oidc"
)

// Patience is how long what was sent to a log is waited for after the context of a
// run has ended.
const Patience = time.Minute

// minLogLife is the life that a certificate must still have when its signature is
// sent to a log: logs of the first generation date the entry when they answer.
const minLogLife = 5 * time.Second

// ErrNotLogged says that no log has the entry that a bundle lacks, and that it is
// too late to make it. The signature is worth nothing; nothing of it is public.
var ErrNotLogged = errors.New("the certificate has run out, and the signature was not logged before")

// A Finder is a [Log] that can be asked for an entry without adding it.
type Finder interface {
	Find(ctx context.Context, r Record) (e bundle.Entry, found bool, err error)
}

// Complete finishes a bundle that lacks nothing but its log entries: one that was
// given to [Signer.Sending] by a run that did not end well. No entry is made when the
// log has it already. who is whom the certificate names.
func (s *Signer) Complete(ctx context.Context, job Job, b *bundle.Bundle, who oidc.Token) Result {
	if s.Check == nil {
		return Result{Err: check.Refuse("SG-13", check.Internal, "signer without check")}
	}
	if err := s.Logs.validate("logs"); err != nil {
		return Result{Err: err}
	}
	if err := validate([]Job{job}); err != nil {
		return Result{Err: err}
	}
	cert, err := x509.ParseCertificate(b.Certificate)
	if err != nil {
		return Result{Err: check.Refuse("SG-7", check.Parse, "certificate: %v", err)}
	}
	late := !s.now().Add(minLogLife).Before(cert.NotAfter)
	claim, again := *b, *s
	again.Sending = nil // it was told before
	again.Logs.Candidates = s.whoHas(ctx, job.record(b), late)
	return again.publish(ctx, &job, &claim, who)
}

// An answered log was asked for an entry before.
type answered struct {
	entry bundle.Entry
	err   error
}

func (a answered) Append(context.Context, Record) (bundle.Entry, error) { return a.entry, a.err }

// whoHas asks all logs for an entry and returns them in the order in which they are to
// be used: first those that have it, then those that did not answer, which may have
// it and which no other log replaces, then the rest. It is too late to add an entry to
// a log that can be asked and hasn't one if late.
func (s *Signer) whoHas(ctx context.Context, r Record, late bool) []Log {
	logs := s.Logs.Candidates
	const have, unknown, rest = 0, 1, 2
	order, place := slices.Clone(logs), make([]int, len(logs))
	var wg sync.WaitGroup
	for i, l := range logs {
		place[i] = rest
		f, ok := l.(Finder)
		if !ok {
			continue
		}
		wg.Go(func() {
			e, found, err := f.Find(ctx, r)
			switch {
			case err != nil:
				order[i], place[i] = answered{err: &SentError{Err: err}}, unknown
			case found:
				order[i], place[i] = answered{entry: e}, have
			case late:
				order[i] = answered{err: ErrNotLogged}
			}
		})
	}
	wg.Wait()
	var sorted []Log
	for _, wanted := range []int{have, unknown, rest} {
		for i, l := range order {
			if place[i] == wanted {
				sorted = append(sorted, l)
			}
		}
	}
	return sorted
}

// record is what a log is given of a bundle.
func (j *Job) record(b *bundle.Bundle) Record {
	return Record{Hash: crypto.SHA256, Digest: j.signs(), Signature: signatureOf(b), Certificate: b.Certificate, Envelope: b.Envelope}
}

// publish has the logs record a bundle that lacks nothing else, and checks the whole.
// From the first request on it does not end with its context: what is public must
// not be lost.
func (s *Signer) publish(ctx context.Context, job *Job, b *bundle.Bundle, who oidc.Token) Result {
	partial, err := b.Marshal()
	if err != nil {
		return Result{Err: check.Refuse("BP-11", check.Internal, "%w", err)}
	}
	if s.Sending != nil {
		if err := s.Sending(ctx, *job, partial); err != nil {
			return Result{Err: err}
		}
	}
	if ctx.Err() != nil {
		return Result{Err: stopped(ctx)}
	}
	ctx, cancel := Finishing(ctx, s.Abandon)
	defer cancel()
	s.progress(StepLog, job)
	sent, err := s.logged(ctx, job, b)
	r := Result{Sent: sent, Unfinished: sent && err != nil, Err: err}
	serialised, merr := b.Marshal()
	switch {
	case err != nil && len(b.Entries) > 0:
		r.Unverified = serialised
		return r
	case err != nil:
		return r
	case merr != nil:
		r.Err = check.Refuse("BP-11", check.Internal, "%w", merr)
		return r
	}
	s.progress(StepCheck, job)
	if err := s.Check(ctx, serialised, *job, who); err != nil {
		r.Err, r.Unverified = unverified(err), serialised
		return r
	}
	r.Serialised, r.Bundle = serialised, b
	return r
}

// logged adds the entries of the logs to b. On error those stay that are there all
// the same; sent says whether anything may be public. No log is given up because
// another failed, and none that may have the entry is replaced by another.
func (s *Signer) logged(ctx context.Context, job *Job, b *bundle.Bundle) (sent bool, err error) {
	r := job.record(b)
	var mu sync.Mutex
	var there []bundle.Entry
	b.Entries, err = ask(ctx, s.Logs, func(_ context.Context, l Log) (bundle.Entry, error) {
		e, err := l.Append(ctx, r)
		mu.Lock()
		defer mu.Unlock()
		unproved, isSent := errors.AsType[*SentError](err)
		sent = sent || isSent || err == nil || ctx.Err() != nil
		switch {
		case err == nil:
			there = append(there, e)
		case isSent && unproved.Entry != nil:
			there = append(there, *unproved.Entry)
		}
		return e, err
	})
	if err != nil {
		b.Entries = there
	}
	return sent, err
}

// Finishing returns a context for what was sent to a log, which must not be lost: it
// outlives ctx by [Patience], or until abandon is closed.
func Finishing(ctx context.Context, abandon <-chan struct{}) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		patience := time.NewTimer(Patience)
		defer patience.Stop()
		select {
		case <-abandon:
		case <-patience.C:
		case <-out.Done():
		}
		cancel(context.Cause(ctx))
	})
	return out, func() { stop(); cancel(nil) }
}
