package main

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"

	"github.com/hallmarksign/hallmark/oidc"
)

// A namedProvider is a machine identity under the name of --identity-provider.
type namedProvider struct {
	name string
	oidc.Provider
}

// machines lists the machine identities in the order in which they are asked:
// those that a variable announces exactly before those that need a look.
func machines(e *env) []namedProvider {
	google := oidc.Google{Env: e.getenv, UserAgent: userAgent(), Now: e.now}
	return []namedProvider{
		{"github", oidc.GitHub{Env: e.getenv, UserAgent: userAgent(), Now: e.now}},
		{"gitlab", oidc.GitLab{Env: e.getenv, Now: e.now}},
		{"buildkite", oidc.Buildkite{Env: e.getenv, UserAgent: userAgent(), Now: e.now}},
		{"circleci", oidc.CircleCI{Env: e.getenv, Now: e.now}},
		{"file", oidc.TokenFile{Env: e.getenv, Warn: warnReadable(e), Now: e.now}},
		{"google-impersonate", oidc.GoogleImpersonation{Machine: google}},
		{"google", google},
	}
}

func ambient(e *env) []oidc.Provider {
	var list []oidc.Provider
	for _, m := range machines(e) {
		list = append(list, m.Provider)
	}
	return list
}

func ambientByName(e *env, name string) oidc.Provider {
	for _, m := range machines(e) {
		if m.name == name {
			return m.Provider
		}
	}
	return oidc.FirstOf()
}

func providerNames() []string {
	var names []string
	for _, m := range machines(&env{}) {
		names = append(names, m.name)
	}
	return append(names, "browser", "device")
}

func knownProvider(name string) bool { return slices.Contains(providerNames(), name) }

// desktop reports whether a browser can probably open here, where the person is.
func (e *env) desktop() bool { return hasDesktop(runtime.GOOS, e.getenv) }

func hasDesktop(system string, getenv func(string) string) bool {
	if getenv("BROWSER") != "" {
		return true
	}
	if system != "linux" {
		return getenv("SSH_CONNECTION") == "" // it would open on a screen that is elsewhere
	}
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"} {
		if getenv(name) != "" {
			return true
		}
	}
	return false
}

// warnReadable says that a token lies open (L40).
func warnReadable(e *env) func(path string) {
	return func(path string) {
		fmt.Fprintf(e.stderr, "hallmark: warning: %s can be read by every user of this machine\n", printable(path, 256))
	}
}

// showCode tells a person how to log in with another device.
func showCode(e *env) func(code, address, complete string) {
	return func(code, address, complete string) {
		fmt.Fprintf(e.stderr, "To sign in, open this address on any device:\n\n  %s\n\nand enter the code\n\n  %s\n\n", address, code)
		if complete != "" {
			fmt.Fprintf(e.stderr, "or open this one, which holds the code:\n\n  %s\n\n", complete)
		}
		if e.movement { // a terminal that may have colours
			drawCode(e.stderr, cmp.Or(complete, address))
		}
	}
}
