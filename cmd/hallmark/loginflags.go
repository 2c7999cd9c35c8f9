package main

import (
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oidc"
)

const (
	clientID      = "sigstore" // of the public client that every instance knows
	tokenVariable = "SIGSTORE_ID_TOKEN"
	maxToken      = 64 << 10
)

// loginFlags say where the identity token comes from.
type loginFlags struct {
	tokenFile string
}

func (l *loginFlags) register(f *pflag.FlagSet) {
	f.StringVar(&l.tokenFile, "identity-token", "", "read the identity token from this `FILE`, or - for standard input; "+tokenVariable+" works as well")
}

// given returns a provider of a token that was given, or nil. A token is read
// before anything slow is done, and refused on the command line (M1).
func (l *loginFlags) given(e *env) (oidc.Provider, error) {
	switch {
	case l.tokenFile == "-":
		return oidc.FromReader(e.stdin, e.now)
	case l.tokenFile != "":
		if strings.Count(l.tokenFile, ".") == 2 && strings.HasPrefix(l.tokenFile, "ey") && !exists(l.tokenFile) {
			return nil, usage("--identity-token takes a file, not a token: other users can read command lines").
				WithNext("put the token in a file or in " + tokenVariable + "; treat this one as public")
		}
		f, err := os.Open(l.tokenFile)
		if err != nil {
			return nil, fileError(l.tokenFile, err)
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return nil, fileError(l.tokenFile, errNotRegular)
		}
		return oidc.FromReader(f, e.now)
	}
	if token := e.getenv(tokenVariable); token != "" {
		return oidc.FromReader(strings.NewReader(token), e.now)
	}
	return nil, nil
}

// provider returns the given token's provider, or the browser of the user.
func (l *loginFlags) provider(e *env, given oidc.Provider, issuer string, out *outputFlags) (oidc.Provider, error) {
	if given != nil {
		return given, nil
	}
	if e.ci() {
		return nil, &check.Error{Check: check.OIDCToken, Err: errNoToken, Next: "give the job an identity token in " + tokenVariable + " or --identity-token FILE"}
	}
	return oidc.Browser{
		Issuer:   issuer,
		ClientID: clientID,
		Out:      e.stderr,
		Env:      e.getenv,
		Now:      e.now,
	}, nil
}
