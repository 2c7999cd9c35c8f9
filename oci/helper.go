package oci

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/bounded"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Bounds of a credential helper (M9).
const (
	helperTime   = 10 * time.Second
	helperOutput = 1 << 20
)

var helperForm = regexp.MustCompile(`^[a-z0-9-]+$`)

// errNoHelper says that a helper is not installed.
var errNoHelper = errors.New("credential helper is not installed")

// help asks a credential helper for a server (Docker's credential helper
// protocol). "credentials not found" is an empty answer.
func (a AuthFiles) help(ctx context.Context, helper, server string) (Credential, error) {
	if len(helper) > 64 || !helperForm.MatchString(helper) {
		return Credential{}, check.Refuse("M9", check.FS, "credential helper is %q, want letters, digits and hyphens", strictjson.Clip(helper))
	}
	run := a.Run
	if run == nil {
		run = runHelper
	}
	out, err := run(ctx, "docker-credential-"+helper, server, withoutTokens(a.Environ))
	if errors.Is(err, exec.ErrNotFound) {
		return Credential{}, &check.Error{Check: check.FS, Rule: "M9", Field: "docker-credential-" + helper, Err: errNoHelper}
	}
	if err != nil && strings.Contains(string(out), "credentials not found") {
		return Credential{}, nil
	}
	if err != nil {
		return Credential{}, check.Refuse("M9", check.FS, "credential helper %q gives no answer for %q", helper, server)
	}
	var answer struct {
		Username string
		Secret   string
	}
	if strictjson.UnmarshalOpen(out, &answer) != nil {
		return Credential{}, check.Refuse("M9", check.FS, "credential helper %q gives an answer for %q that is not JSON", helper, server)
	}
	if answer.Username == "<token>" {
		return Credential{Identity: Secret(answer.Secret)}, nil
	}
	return Credential{Username: answer.Username, Password: Secret(answer.Secret)}, nil
}

// withoutTokens is what a helper may see of the environment: all but what identity
// tokens are taken from, or asked for with (M8).
func withoutTokens(environ []string) []string {
	out := []string{}
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if name == "SIGSTORE_ID_TOKEN" || name == "BUILDKITE_AGENT_ACCESS_TOKEN" || strings.HasPrefix(name, "ACTIONS_ID_TOKEN_") ||
			strings.HasPrefix(name, "CIRCLE_OIDC_TOKEN") || strings.HasPrefix(name, "HALLMARK_") {
			continue
		}
		out = append(out, entry)
	}
	return out
}

// runHelper runs a program of the system within bounds. It is found through the
// PATH of this process; what it says on its standard error is not looked at.
func runHelper(ctx context.Context, program, input string, environ []string) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, helperTime)
	defer stop()
	cmd := exec.CommandContext(ctx, program, "get")
	cmd.Env = environ
	cmd.Stdin = strings.NewReader(input)
	cmd.WaitDelay = time.Second
	out := bounded.Buffer{Most: helperOutput}
	cmd.Stdout = &out
	err := cmd.Run()
	if out.Over {
		return nil, check.Refuse("M9", check.Limit, "credential helper %q says more than %d bytes", program, helperOutput)
	}
	return out.Bytes(), err
}
