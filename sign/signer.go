package sign

import (
	"context"
	"crypto"
	"crypto/sha256"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oidc"
)

// DefaultParallel is how many artifacts are in work at once by default. A log
// entry takes seconds of waiting and no computing.
const DefaultParallel = 128

// A Signer signs with an identity instead of a key that is kept. Tokens, CA and
// Check are needed. It is safe for concurrent use when its fields are.
type Signer struct {
	Tokens   oidc.Provider
	Audience string // of the token; names the certificate authority (SG-1)
	CA       CertificateAuthority
	Logs     Quorum[Log]
	Times    Quorum[TimestampAuthority]

	// Consent is asked after the login and before anything becomes public: the
	// certificate alone puts the identity into a public log. An error stops the
	// run and is returned as it is. Nil means that the user has agreed already.
	Consent func(ctx context.Context, who oidc.Token) error

	// Check verifies a finished bundle completely, with the identity of the token
	// as policy, from the bytes that will be written (SG-13). It is called from
	// several goroutines.
	Check func(ctx context.Context, serialised []byte, job Job, who oidc.Token) error

	// Sending is told of every signature before it is sent to a log: the last moment
	// at which nothing is public. partial is the bundle without its log entries, which
	// [Signer.Complete] finishes if this run can't. An error stops the job. It is
	// called from several goroutines, and may be nil.
	Sending func(ctx context.Context, job Job, partial []byte) error

	// Abandon is closed when not even what was sent to a log shall be waited for any
	// more, after the context of the run has ended. Nil waits for [Patience].
	Abandon <-chan struct{}

	// NewKey makes the key of a login: P-256, elsewhere than in this process if
	// that is wanted. Nil makes it here.
	NewKey func(ctx context.Context) (crypto.Signer, error)

	Now      func() time.Time          // time.Now if nil
	Parallel int                       // artifacts in work at once; DefaultParallel if 0
	Progress func(step Step, job *Job) // may be nil; called from several goroutines, job is nil for a step of the run
}

// A Job is one thing to sign. Exactly one of Digest and Statement is set.
type Job struct {
	Name      string // for messages; not signed
	Digest    []byte // SHA-256 of the artifact
	Statement []byte // in-toto statement, signed in an envelope
}

// A Result is what became of a job.
type Result struct {
	Index      int // of the job
	Job        Job
	Serialised []byte         // the bundle, checked; nil if Err is set
	Bundle     *bundle.Bundle // the same; nil if Err is set
	Err        error

	Sent       bool   // a log has an entry, or may have one
	Unfinished bool   // Err is of the logs: [Signer.Complete] may finish what was given to [Signer.Sending]
	Unverified []byte // what there is of a bundle whose entry is public, if Err is set: evidence of that entry, no signature to use
}

// A Step is what a signer is about to do.
type Step string

// The steps, in order.
const (
	StepLogin       Step = "login"
	StepConsent     Step = "consent"
	StepCertificate Step = "certificate"
	StepSignature   Step = "signature"
	StepTimestamp   Step = "timestamp"
	StepLog         Step = "log"
	StepCheck       Step = "check"
	StepRetry       Step = "retry" // the certificate ran out: once more with a new one
)

// Sign is [Signer.Login] and [Session.Sign] for one run.
func (s *Signer) Sign(ctx context.Context, jobs []Job, done func(Result) error) error {
	if err := validate(jobs); err != nil { // before a token is spent
		return err
	}
	session, err := s.Login(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	return session.Sign(ctx, jobs, done)
}

// validate refuses a signer that could not finish.
func (s *Signer) validate() error {
	if s.Tokens == nil || s.CA == nil || s.Check == nil {
		return check.Refuse("SG-13", check.Internal, "signer without token provider, certificate authority or check")
	}
	if err := s.Logs.validate("logs"); err != nil {
		return err
	}
	return s.Times.validate("timestamp authorities")
}

// validate refuses jobs that cannot be signed.
func validate(jobs []Job) error {
	if len(jobs) == 0 {
		return check.Refuse("ER-2", check.Usage, "nothing to sign")
	}
	for _, j := range jobs {
		if (j.Digest == nil) == (j.Statement == nil) {
			return check.Refuse("BP-4", check.Internal, "%q: want a digest or a statement, and only one", j.Name)
		}
		if j.Statement == nil && len(j.Digest) != sha256.Size {
			return check.Refuse("LM-6", check.Digest, "%q: digest has %d bytes, want %d", j.Name, len(j.Digest), sha256.Size)
		}
		if j.Digest == nil && len(j.Statement) == 0 {
			return check.Refuse("BP-8", check.Statement, "%q: statement is empty", j.Name)
		}
	}
	return nil
}

func (s *Signer) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Signer) progress(step Step, job *Job) {
	if s.Progress != nil {
		s.Progress(step, job)
	}
}
