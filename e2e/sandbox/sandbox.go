// Package sandbox starts a whole Sigstore for tests: real servers in one
// child process on the loopback interface, each behind a front in this
// process that can be made to misbehave (see Sandbox.Fault).
//
//	s := sandbox.Start(t, sandbox.Options{})
//	token, err := s.Token(ctx, "alice@example.com")
//	...
//	s.Fault(sandbox.Rekor, sandbox.First(2, sandbox.Status(503)))
//
// Each Sandbox has a process of its own, so any number can run at once; the
// child ends with the test, and also when this process dies. The methods of a
// Sandbox may be called concurrently.
package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/e2e/internal/wire"
)

// A Service names one server of the sandbox.
type Service = wire.Service

// The servers of a sandbox.
const (
	Fulcio   = wire.Fulcio
	CTLog    = wire.CTLog
	Rekor    = wire.Rekor  // v2
	Rekor1   = wire.Rekor1 // v1
	TSA      = wire.TSA
	OIDC     = wire.OIDC
	Actions  = wire.Actions
	TUF      = wire.TUF
	Registry = wire.Registry

	// Rekor1Other is a second Rekor v1; see Options.SecondOperator.
	Rekor1Other = wire.Rekor1Other
)

// People the login page offers. The provider believes any other address too,
// and calls those that begin with "unverified" not verified.
const (
	Alice = "alice@example.com"
	Bob   = "bob@example.com"
)

// Workflow is the identity of the Actions issuer's tokens in certificates.
const Workflow = "https://github.com/octo/hello/.github/workflows/release.yml@refs/heads/main"

// Options change the sandbox. The zero value is a good one for most tests.
type Options struct {
	Dir                string        // keeps keys and logs; "": a temporary folder
	Binary             string        // the sandbox program; "": $HALLMARK_SANDBOX, or built by go build
	CheckpointInterval time.Duration // 0: 200 ms; at least 100 ms
	TimestampLife      time.Duration // of TUF's timestamp.json; 0: 30 days, negative: expired

	// Issuers are further OpenID providers that Fulcio believes, by URL, with the
	// type that Fulcio's configuration has for their tokens, such as "email".
	Issuers map[string]string

	// SecondOperator adds a second Rekor v1, of another operator, in a process of
	// its own.
	SecondOperator bool

	// FirstGeneration offers signers logs of the first generation only.
	FirstGeneration bool

	// Trillian is the host:port of a Trillian log server for Rekor v1, whose
	// first tree is used; "": one in memory, which is empty at every start.
	Trillian string
}

// A Sandbox is a running Sigstore.
type Sandbox struct {
	info   wire.Info
	child  *child
	fronts map[Service]*front
	temp   string // to be removed at the end
}

// Start runs a sandbox until the test ends. It fails the test when that is
// not possible, and then, and when the test fails later, logs what the
// servers wrote to their standard error.
func Start(t testing.TB, o Options) *Sandbox {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("sandbox: %v", err)
	}
	t.Cleanup(func() {
		err := s.Close()
		if t.Failed() {
			t.Logf("sandbox wrote:\n%s", s.child.stderr.String())
		}
		if err != nil {
			t.Errorf("sandbox: %v", err)
		}
	})
	return s
}

// Open runs a sandbox until Close is called. The context bounds the start only.
func Open(ctx context.Context, o Options) (_ *Sandbox, err error) {
	s := &Sandbox{fronts: map[Service]*front{}}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if o.Dir == "" {
		if s.temp, err = os.MkdirTemp("", "hallmark-sandbox-"); err != nil {
			return nil, err
		}
		o.Dir = s.temp
	} else if err = os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	if o.Binary == "" {
		if o.Binary, err = Binary(ctx); err != nil {
			return nil, err
		}
	}
	setup := wire.Setup{Dir: o.Dir, Temporary: s.temp != "", Public: map[Service]string{}, CheckpointInterval: o.CheckpointInterval, TimestampLife: o.TimestampLife, Issuers: o.Issuers, SecondOperator: o.SecondOperator, FirstGeneration: o.FirstGeneration, Trillian: o.Trillian}
	for _, service := range setup.Services() {
		f, err := newFront()
		if err != nil {
			return nil, err
		}
		s.fronts[service] = f
		setup.Public[service] = f.url
	}
	if s.child, err = spawn(o.Binary); err != nil {
		return nil, err
	}
	return s, s.begin(ctx, setup)
}

// begin says what is wanted, puts the fronts before what the child opened,
// and waits until all servers answer.
func (s *Sandbox) begin(ctx context.Context, setup wire.Setup) error {
	var backends wire.Backends
	if err := s.child.ask(ctx, setup, &backends); err != nil {
		return err
	}
	for service, f := range s.fronts {
		f.serve(backends.Addresses[service])
	}
	return s.child.ask(ctx, struct{}{}, &s.info)
}

// Close ends the servers and removes the temporary folder.
func (s *Sandbox) Close() error {
	var err error
	if s.child != nil {
		err = s.child.end()
	}
	for _, f := range s.fronts {
		f.close()
	}
	if s.temp != "" {
		os.RemoveAll(s.temp)
	}
	return err
}

// URL is the base URL of a service, as clients see it.
func (s *Sandbox) URL(service Service) string { return s.info.URLs[service] }

// Issuer is the issuer of the tokens that people get.
func (s *Sandbox) Issuer() string { return s.URL(OIDC) }

// Dir is the folder that holds keys and logs.
func (s *Sandbox) Dir() string { return s.info.Dir }

// Main runs the tests of a package that share one sandbox, and returns the status
// to exit with.
func Main(m *testing.M, o Options, started **Sandbox) (status int) {
	s, err := Open(context.Background(), o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "sandbox: %v\n", err)
		return 1
	}
	*started = s
	status = m.Run()
	if err := s.Close(); err != nil {
		fmt.Fprintf(os.Stderr, "sandbox: %v\n", err)
		return 1
	}
	return status
}

// PID is the process the servers run in.
func (s *Sandbox) PID() int { return s.info.PID }

// StartTime is how long the servers took from their own start to being ready.
func (s *Sandbox) StartTime() time.Duration { return time.Duration(s.info.Millis) * time.Millisecond }

// TrustedRoot, SigningConfig and TUFRoot are files.
func (s *Sandbox) TrustedRoot() string   { return s.info.TrustedRoot }
func (s *Sandbox) SigningConfig() string { return s.info.SigningConfig }
func (s *Sandbox) TUFRoot() string       { return s.info.TUFRoot }

// ActionsEnv is the environment a workflow on GitHub finds.
func (s *Sandbox) ActionsEnv() []string { return s.info.ActionsEnv() }

// Token mints an identity token for an e-mail address, without a login.
// It lives for one minute.
func (s *Sandbox) Token(ctx context.Context, email string) (string, error) {
	return get(ctx, s.URL(OIDC)+"/mint?email="+url.QueryEscape(email), "")
}

// WorkflowToken mints a token as a workflow on GitHub gets it.
func (s *Sandbox) WorkflowToken(ctx context.Context) (string, error) {
	body, err := get(ctx, s.info.ActionsURL+"&audience=sigstore", s.info.ActionsToken)
	if err != nil {
		return "", err
	}
	var answer struct{ Value string }
	return answer.Value, jsonError(json.Unmarshal([]byte(body), &answer))
}

func jsonError(err error) error {
	if err != nil {
		return fmt.Errorf("token answer: %w", err)
	}
	return nil
}

func get(ctx context.Context, url, bearer string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), nil
}
