package sign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/oidc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var alice = oidc.Token{Subject: "alice@example.com", IsEmail: true, Issuer: "https://issuer.example.com"}

// A world is every service that a signer talks to, and a verifier. It notes what
// happened in which order.
type world struct {
	t *testing.T

	mu     sync.Mutex
	now    time.Time
	events []string

	token   func(n int) (oidc.Token, error) // of the nth login, from 1
	certify func(n int) error
	verify  func(b *bundle.Bundle, job Job) error // after the signature was verified
	life    time.Duration
	logins  int
	certs   int
	running int // jobs in a log at once
	most    int
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, now: start, life: 10 * time.Minute,
		token:   func(int) (oidc.Token, error) { return alice, nil },
		certify: func(int) error { return nil },
		verify:  func(*bundle.Bundle, Job) error { return nil },
	}
}

func (w *world) signer() *Signer {
	return &Signer{
		Tokens: w, Audience: "sigstore", CA: w,
		Logs: All[Log](&service{w: w, name: "log"}), Times: All[TimestampAuthority](&service{w: w, name: "tsa"}),
		Check: w.check, Now: w.clock,
	}
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

// count says how often something happened.
func (w *world) count(event string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if e == event {
			n++
		}
	}
	return n
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) Name() string { return "test" }

func (w *world) Token(_ context.Context, audience string) (oidc.Token, error) {
	if audience != "sigstore" {
		w.t.Errorf("asked for audience %q", audience)
	}
	w.note("token")
	w.mu.Lock()
	w.logins++
	n := w.logins
	w.mu.Unlock()
	return w.token(n)
}

func (w *world) Certify(_ context.Context, key crypto.Signer, who oidc.Token) ([]byte, error) {
	w.note("certificate for %s", who.Subject)
	w.mu.Lock()
	w.certs++
	n, now := w.certs, w.now
	w.mu.Unlock()
	if err := w.certify(n); err != nil {
		return nil, err
	}
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(n)), NotBefore: now, NotAfter: now.Add(w.life)}
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), ca)
}

// check is a verifier: it parses the bytes and checks the signature.
func (w *world) check(_ context.Context, serialised []byte, job Job, who oidc.Token) error {
	w.note("check")
	if who != alice {
		return check.Refuse("", check.Identity, "checked as %s", who)
	}
	b, err := bundle.Parse(serialised)
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(b.Certificate)
	if err != nil {
		return err
	}
	digest, sig := job.Digest, []byte(nil)
	if b.Message != nil {
		sig = b.Message.Signature
	} else {
		sum := sha256.Sum256(dsse.PAE(b.Envelope.PayloadType, b.Envelope.Payload))
		digest, sig = sum[:], b.Envelope.Signature
		if string(b.Envelope.Payload) != string(job.Statement) {
			return check.Refuse("", check.Statement, "another statement")
		}
	}
	if !ecdsa.VerifyASN1(cert.PublicKey.(*ecdsa.PublicKey), digest, sig) {
		return check.Refuse("", check.Signature, "signature is wrong")
	}
	return w.verify(b, job)
}

// A service is a log and a timestamp authority of a world.
type service struct {
	w     *world
	name  string
	delay time.Duration
	fail  func(digest []byte) error
	wait  bool // until the context ends

	together int // answers none before so many requests are there, if not 0
}

func (s *service) work(ctx context.Context, digest []byte) error {
	s.w.note("%s", s.name)
	s.w.mu.Lock()
	s.w.running++
	s.w.most = max(s.w.most, s.w.running)
	s.w.mu.Unlock()
	defer func() { s.w.mu.Lock(); s.w.running--; s.w.mu.Unlock() }()
	if s.wait {
		<-ctx.Done()
		s.w.note("%s stopped", s.name)
		return ctx.Err()
	}
	for s.together > 0 && !s.w.reached(s.together) {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.delay > 0 {
		select {
		case <-time.After(s.delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.fail != nil {
		return s.fail(digest)
	}
	return nil
}

// reached reports whether so many requests were there at once.
func (w *world) reached(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most >= n
}

func (s *service) Timestamp(ctx context.Context, signature []byte) ([]byte, error) {
	if err := s.work(ctx, nil); err != nil {
		return nil, err
	}
	return []byte{0x30, 0}, nil
}

func (s *service) Append(ctx context.Context, r Record) (bundle.Entry, error) {
	if r.Hash != crypto.SHA256 || len(r.Digest) != 32 || len(r.Signature) == 0 || len(r.Certificate) == 0 {
		return bundle.Entry{}, errors.New("record is not whole")
	}
	if err := s.work(ctx, r.Digest); err != nil {
		return bundle.Entry{}, err
	}
	return bundle.Entry{
		LogIndex: 1, LogID: make([]byte, 32), Kind: "hashedrekord", Version: "0.0.2", Body: []byte("{}"),
		Proof: &bundle.InclusionProof{LogIndex: 1, TreeSize: 2, RootHash: make([]byte, 32), Hashes: [][]byte{make([]byte, 32)}, Checkpoint: "x\n"},
	}, nil
}

func artifact(name string) Job {
	sum := sha256.Sum256([]byte(name))
	return Job{Name: name, Digest: sum[:]}
}

func artifacts(n int) []Job {
	var jobs []Job
	for i := range n {
		jobs = append(jobs, artifact(fmt.Sprintf("file%d", i)))
	}
	return jobs
}

// collect keeps the results of a run by name.
func collect(into map[string]Result) func(Result) error {
	return func(r Result) error {
		into[r.Job.Name] = r // calls come one at a time; the race detector watches
		return nil
	}
}

func down(name string) func([]byte) error {
	return func([]byte) error { return check.Refuse("", check.Net, "%s is down", name) }
}

func names(events []string, keep ...string) string {
	var out []string
	for _, e := range events {
		if len(keep) == 0 || slices.ContainsFunc(keep, func(k string) bool { return strings.HasPrefix(e, k) }) {
			out = append(out, e)
		}
	}
	return strings.Join(out, ", ")
}
