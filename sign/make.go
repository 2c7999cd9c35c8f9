package sign

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/hashname"
)

// Sign signs every job and calls done with each result as soon as it is there,
// one call at a time, in no order. A job that fails stops no other. An error of
// done counts as a failure of its job. The returned error has the reason of
// every job that failed, under its name.
func (s *Session) Sign(ctx context.Context, jobs []Job, done func(Result) error) error {
	if err := validate(jobs); err != nil {
		return err
	}
	var (
		mu     sync.Mutex // of done and failed
		failed = make([]error, len(jobs))
		queue  = make(chan int)
		wg     sync.WaitGroup
	)
	for range min(s.parallel(), len(jobs)) {
		wg.Go(func() {
			for i := range queue {
				r := s.one(ctx, jobs[i])
				r.Index, r.Job = i, jobs[i]
				if r.Err != nil && ctx.Err() != nil {
					r.Err = interrupted(ctx, r)
				}
				mu.Lock()
				err := done(r)
				if r.Err != nil {
					err = r.Err
				}
				failed[i] = named(jobs[i], err)
				mu.Unlock()
			}
		})
	}
	for i := range jobs {
		queue <- i
	}
	close(queue)
	wg.Wait()
	return reasons(ctx, failed)
}

// reasons joins what failed; that a context ended is said only once.
func reasons(ctx context.Context, failed []error) error {
	n := len(failed)
	if ctx.Err() != nil {
		failed = slices.DeleteFunc(failed, func(err error) bool { return errors.Is(err, context.Cause(ctx)) })
	}
	if len(failed) < n {
		failed = append(failed, stopped(ctx))
	}
	return errors.Join(failed...)
}

func (s *Session) parallel() int {
	if s.signer.Parallel > 0 {
		return s.signer.Parallel
	}
	return DefaultParallel
}

func named(j Job, err error) error {
	if err == nil || j.Name == "" {
		return err
	}
	return fmt.Errorf("%q: %w", j.Name, err)
}

// one signs a job, once more with a new certificate when the first ran out while
// the services were being waited for (SG-7).
func (s *Session) one(ctx context.Context, job Job) Result {
	cred, err := s.credential(ctx, nil)
	if err != nil {
		return Result{Err: err}
	}
	r := s.attempt(ctx, &job, cred)
	if check.Of(r.Err) != check.CertTime || ctx.Err() != nil {
		return r
	}
	s.signer.progress(StepRetry, &job)
	if cred, err = s.credential(ctx, cred); err != nil {
		r.Err = errors.Join(r.Err, err)
		return r
	}
	again := s.attempt(ctx, &job, cred)
	if again.Unverified == nil { // of the first attempt, whose entry is public
		again.Unverified = r.Unverified
	}
	again.Sent = again.Sent || r.Sent
	return again
}

// attempt makes one bundle with one certificate. The log comes last: it is the only
// step that can't be taken back.
func (s *Session) attempt(ctx context.Context, job *Job, cred *credential) Result {
	if ctx.Err() != nil {
		return Result{Err: stopped(ctx)}
	}
	b, err := s.signed(job, cred)
	if err != nil {
		return Result{Err: err}
	}
	s.signer.progress(StepTimestamp, job)
	b.Timestamps, err = ask(ctx, s.signer.Times, func(ctx context.Context, t TimestampAuthority) ([]byte, error) {
		return t.Timestamp(ctx, signatureOf(b))
	})
	if err != nil {
		return Result{Err: err}
	}
	if !s.signer.now().Add(minLogLife).Before(cred.expiry) {
		return Result{Err: check.Refuse("SG-7", check.CertTime, "certificate ran out while the timestamp was being waited for")}
	}
	return s.signer.publish(ctx, job, b, s.who)
}

// unverified says that a finished bundle was refused. Services were checked
// before, so all that is left is the time that passed, or a fault of our own.
func unverified(err error) error {
	switch check.Of(err) {
	case check.CertTime, check.Time:
		return err
	}
	return check.Refuse("SG-13", check.Internal, "new bundle does not verify: %w", err)
}

// interrupted returns why a job failed whose run was ended.
func interrupted(ctx context.Context, r Result) error {
	switch {
	case !r.Sent:
		return stopped(ctx)
	case errors.Is(r.Err, context.Canceled):
		return &SentError{Err: stopped(ctx)}
	}
	return r.Err
}

// stopped returns the reason a context ended.
func stopped(ctx context.Context) error {
	return check.Refuse("", check.Net, "stopped: %w", context.Cause(ctx))
}

// signed returns a bundle that has a signature and no evidence yet.
func (s *Session) signed(job *Job, cred *credential) (*bundle.Bundle, error) {
	s.signer.progress(StepSignature, job)
	b := &bundle.Bundle{MediaType: bundle.MediaType, Version: bundle.V03, Certificate: cred.leaf}
	digest := job.signs()
	sig, err := cred.key.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return nil, check.Refuse("SG-3", check.Internal, "%v", err)
	}
	if job.Statement != nil {
		b.Envelope = &bundle.Envelope{PayloadType: dsse.PayloadType, Payload: job.Statement, Signature: sig}
	} else {
		b.Message = &bundle.Message{Digest: &bundle.Digest{Algorithm: hashname.ProtoName(crypto.SHA256), Value: digest}, Signature: sig}
	}
	return b, nil
}

// signs returns the digest that is signed: of the artifact, or of the PAE of the
// envelope (R2-4).
func (j *Job) signs() []byte {
	if j.Statement == nil {
		return j.Digest
	}
	sum := sha256.Sum256(dsse.PAE(dsse.PayloadType, j.Statement))
	return sum[:]
}

func signatureOf(b *bundle.Bundle) []byte {
	if b.Envelope != nil {
		return b.Envelope.Signature
	}
	return b.Message.Signature
}
