package sign

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oidc"
)

func TestSG13_OneArtifact(t *testing.T) {
	w := newWorld(t)
	got := map[string]Result{}
	if err := w.signer().Sign(t.Context(), artifacts(1), collect(got)); err != nil {
		t.Fatal(err)
	}
	r := got["file0"]
	b, err := bundle.Parse(r.Serialised)
	if err != nil {
		t.Fatal(err)
	}
	if b.Version != bundle.V03 || len(b.Entries) != 1 || len(b.Timestamps) != 1 || len(b.Chain) != 0 || b.Message.Digest.Algorithm != "SHA2_256" {
		t.Errorf("got %+v", b)
	}
	if r.Bundle == nil || r.Index != 0 || r.Err != nil {
		t.Errorf("got %+v", r)
	}
	if w.count("check") != 1 {
		t.Errorf("checked %d times, want once", w.count("check"))
	}
}

func TestR2_4_Statement(t *testing.T) {
	w := newWorld(t)
	got := map[string]Result{}
	job := Job{Name: "a", Statement: []byte(`{"_type":"https://in-toto.io/Statement/v1"}`)}
	if err := w.signer().Sign(t.Context(), []Job{job}, collect(got)); err != nil {
		t.Fatal(err)
	}
	if e := got["a"].Bundle.Envelope; e == nil || string(e.Payload) != string(job.Statement) {
		t.Errorf("got %+v", e)
	}
}

func TestOneLoginForManyArtifacts(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	s.Logs = All[Log](&service{w: w, name: "log", together: 100})
	got := map[string]Result{}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Sign(ctx, artifacts(100), collect(got)); err != nil {
		t.Fatal(err)
	}
	if len(got) != 100 || w.logins != 1 || w.certs != 1 {
		t.Errorf("got %d results, %d logins, %d certificates, want 100, 1, 1", len(got), w.logins, w.certs)
	}
	if w.most < 100 || w.most > 2*DefaultParallel {
		t.Errorf("at most %d requests at once, want 100 to %d", w.most, 2*DefaultParallel)
	}
}

func TestParallelIsBounded(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	s.Parallel, s.Times = 3, Quorum[TimestampAuthority]{}
	s.Logs = All[Log](&service{w: w, name: "log", delay: 5 * time.Millisecond})
	if err := s.Sign(t.Context(), artifacts(12), collect(map[string]Result{})); err != nil {
		t.Fatal(err)
	}
	if w.most != 3 {
		t.Errorf("at most %d at once, want 3", w.most)
	}
}

func TestM14_ConsentComesBeforeTheCertificate(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	s.Consent = func(_ context.Context, who oidc.Token) error { w.note("consent of %s", who.Subject); return nil }
	if err := s.Sign(t.Context(), artifacts(1), collect(map[string]Result{})); err != nil {
		t.Fatal(err)
	}
	want := "token, consent of alice@example.com, certificate for alice@example.com"
	if got := strings.Join(w.events[:3], ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	w = newWorld(t)
	s = w.signer()
	no := errors.New("not agreed")
	s.Consent = func(context.Context, oidc.Token) error { return no }
	if err := s.Sign(t.Context(), artifacts(1), collect(map[string]Result{})); !errors.Is(err, no) {
		t.Errorf("got %v, want %v", err, no)
	}
	if got := names(w.events); got != "token" {
		t.Errorf("got %s, want a token and nothing more", got)
	}
}

func TestER2_JobsThatCannotBeSigned(t *testing.T) {
	digest := make([]byte, 32)
	for _, tt := range []struct {
		name string
		jobs []Job
		want check.Check
	}{
		{"ER-2 none", nil, check.Usage},
		{"BP-4 neither", []Job{{Name: "a"}}, check.Internal},
		{"BP-4 both", []Job{{Name: "a", Digest: digest, Statement: []byte("{}")}}, check.Internal},
		{"LM-6 digest of 31 bytes", []Job{{Name: "a", Digest: digest[:31]}}, check.Digest},
		{"LM-6 digest of 64 bytes", []Job{artifact("ok"), {Name: "a", Digest: make([]byte, 64)}}, check.Digest},
		{"BP-8 statement empty", []Job{{Name: "a", Statement: []byte{}}}, check.Statement},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			err := w.signer().Sign(t.Context(), tt.jobs, collect(map[string]Result{}))
			if check.Of(err) != tt.want || len(w.events) != 0 {
				t.Errorf("got %v after %q, want check %s before anything", err, w.events, tt.want)
			}
			session, err := w.signer().Login(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			if err := session.Sign(t.Context(), tt.jobs, collect(map[string]Result{})); check.Of(err) != tt.want || w.count("log") != 0 {
				t.Errorf("session: got %v, want check %s", err, tt.want)
			}
		})
	}
}

func TestSC6_SignerThatCannotFinish(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(s *Signer)
		want   check.Check
	}{
		"K2 more logs than there are": {func(s *Signer) { s.Logs.Need = 2 }, check.SignCfg},
		"K2 a negative number":        {func(s *Signer) { s.Times.Need = -1 }, check.SignCfg},
		"SG-13 no check":              {func(s *Signer) { s.Check = nil }, check.Internal},
		"no authority":                {func(s *Signer) { s.CA = nil }, check.Internal},
		"no provider":                 {func(s *Signer) { s.Tokens = nil }, check.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.signer()
			tt.change(s)
			err := s.Sign(t.Context(), artifacts(1), collect(map[string]Result{}))
			if check.Of(err) != tt.want || len(w.events) != 0 {
				t.Errorf("got %v after %q, want check %s before anything", err, w.events, tt.want)
			}
		})
	}
}

func TestSC7_OneFailureStopsNoOther(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	bad := artifact("file3").Digest
	s.Logs = All[Log](&service{w: w, name: "log", fail: func(d []byte) error {
		if string(d) == string(bad) {
			return check.Refuse("", check.Server, "no")
		}
		return nil
	}})
	got := map[string]Result{}
	err := s.Sign(t.Context(), artifacts(8), collect(got))
	if check.Of(err) != check.Server || !strings.Contains(fmt.Sprint(err), `"file3"`) || strings.Count(err.Error(), "file") != 1 {
		t.Errorf("got %v, want check server of file3 alone", err)
	}
	for name, r := range got {
		if (r.Err != nil) != (name == "file3") || (r.Serialised == nil) != (name == "file3") {
			t.Errorf("%s: got %v", name, r.Err)
		}
	}
	if len(got) != 8 {
		t.Errorf("got %d results, want 8", len(got))
	}
}

func TestAnErrorOfDoneIsAFailureOfTheJob(t *testing.T) {
	w := newWorld(t)
	full := errors.New("disk is full")
	err := w.signer().Sign(t.Context(), artifacts(3), func(r Result) error {
		if r.Index == 1 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || err.Error() != `"file1": disk is full` {
		t.Errorf("got %v", err)
	}
}

func TestSG13_K31_SelfCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want check.Check
	}{
		"K31 wrong signature": {check.Refuse("", check.Signature, "no"), check.Internal},
		"K31 wrong identity":  {check.Refuse("", check.Identity, "no"), check.Internal},
		"K31 foreign error":   {errors.New("no"), check.Internal},
		"K29 time":            {check.Refuse("", check.Time, "no"), check.Time},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.verify = func(*bundle.Bundle, Job) error { return tt.err }
			got := map[string]Result{}
			err := w.signer().Sign(t.Context(), artifacts(1), collect(got))
			if check.Of(err) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %v, want check %s", err, tt.want)
			}
			if r := got["file0"]; r.Serialised != nil || r.Bundle != nil {
				t.Error("a bundle that does not verify was handed out")
			}
			if w.logins != 1 {
				t.Errorf("got %d logins, want 1", w.logins)
			}
		})
	}
}

func TestLM2_K31_BundleThatCannotBeWritten(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	job := Job{Name: "a", Statement: make([]byte, bundle.MaxSize+1)}
	err := s.Sign(t.Context(), []Job{job}, collect(map[string]Result{}))
	if check.Of(err) != check.Internal || w.count("check") != 0 {
		t.Errorf("got %v, want check internal", err)
	}
}

func TestQ31_Cancelled(t *testing.T) {
	for _, at := range []string{"log", "tsa"} {
		w := newWorld(t)
		s := w.signer()
		if at == "log" {
			s.Logs = All[Log](&service{w: w, name: "log", wait: true})
			abandon := make(chan struct{})
			close(abandon)
			s.Abandon = abandon
		} else {
			s.Times = All[TimestampAuthority](&service{w: w, name: "tsa", wait: true})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		begin := time.Now()
		got := map[string]Result{}
		err := s.Sign(ctx, artifacts(50), collect(got))
		if d := time.Since(begin); d > time.Second || !errors.Is(err, context.DeadlineExceeded) || check.Of(err) != check.Net {
			t.Errorf("%s: got %v after %v", at, err, d)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one reason", at, err)
		}
		if len(got) != 50 {
			t.Errorf("%s: got %d results, want 50", at, len(got))
		}
	}
}

func TestProgress(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	s.Progress = func(step Step, job *Job) {
		name := "-"
		if job != nil {
			name = job.Name
		}
		w.note("step %s %s", step, name)
	}
	if err := s.Sign(t.Context(), artifacts(1), collect(map[string]Result{})); err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"login -", "certificate -", "signature file0", "timestamp file0", "log file0", "check file0"} {
		if w.count("step "+step) != 1 {
			t.Errorf("step %q: got %d, want 1 in %q", step, w.count("step "+step), w.events)
		}
	}
}

func ExampleSigner() {
	w := newWorld(nil) // services of a test; see sign/fulcio, sign/tsa and tlog for the real ones
	signer := &Signer{
		Tokens:   w,
		Audience: "sigstore",
		CA:       w,
		Logs:     All[Log](&service{w: w, name: "log"}),
		Times:    All[TimestampAuthority](&service{w: w, name: "tsa"}),
		Check:    w.check,
		Now:      w.clock,
	}
	digest := sha256.Sum256([]byte("the artifact")) // hash first, then log in
	err := signer.Sign(context.Background(), []Job{{Name: "app.tar.gz", Digest: digest[:]}}, func(r Result) error {
		if r.Err == nil {
			fmt.Println(r.Job.Name, r.Bundle.MediaType)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// app.tar.gz application/vnd.dev.sigstore.bundle.v0.3+json
	// <nil>
}
