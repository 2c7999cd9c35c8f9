package oidc

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// openGrace is how long a program that opens browsers may take to say that it
// can't. One that is still running then is taken for the browser itself.
const openGrace = 2 * time.Second

// OpenBrowser opens address, which must be http or https, with one of the
// programs in BROWSER or with the one of the desktop. The address is a single
// argument of a program with an absolute path; there is no shell (L33, L34).
// The program does not inherit variables that hold tokens (M8), and outlives
// this process.
func OpenBrowser(ctx context.Context, address string, env func(string) string) error {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return check.Refuse("OI-5", check.OIDCCallback, "want an http or https address to open, got another one")
	}
	var reasons []error
	for _, argv := range openers(runtime.GOOS, env) {
		path, err := find(argv[0], env)
		if err == nil {
			err = start(ctx, path, arguments(argv[1:], address), environment(os.Environ(), env))
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		reasons = append(reasons, err)
	}
	return &check.Error{Check: check.FS, Rule: "OI-5", Err: joined(reasons)}
}

// openers lists programs with their arguments, best first.
func openers(system string, env func(string) string) [][]string {
	switch system {
	case "windows":
		root := env("SystemRoot")
		if root == "" {
			root = `C:\Windows`
		}
		return [][]string{{root + `\System32\rundll32.exe`, "url.dll,FileProtocolHandler"}}
	case "darwin":
		return append(wished(env), []string{"/usr/bin/open"})
	}
	return append(wished(env), []string{"xdg-open"}, []string{"wslview"}, []string{"x-www-browser"})
}

// wished reads BROWSER: commands separated by colons, words separated by
// spaces, %s for the address.
func wished(env func(string) string) [][]string {
	var list [][]string
	for _, command := range strings.Split(env("BROWSER"), ":") {
		if words := strings.Fields(command); len(words) > 0 {
			list = append(list, words)
		}
	}
	return list
}

// arguments puts address in the place of every %s, or at the end.
func arguments(words []string, address string) []string {
	args := slices.Clone(words)
	found := false
	for i, w := range args {
		if w == "%s" {
			args[i], found = address, true
		}
	}
	if !found {
		args = append(args, address)
	}
	return args
}

// find looks name up in the absolute directories of PATH only: a program in
// the working directory is whatever somebody unpacked there.
func find(name string, env func(string) string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	if strings.ContainsAny(name, `/\`) {
		return "", check.Refuse("OI-5", check.FS, "want a program name or an absolute path, got %q", name)
	}
	for _, dir := range filepath.SplitList(env("PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", check.Refuse("OI-5", check.FS, "program %q is not in PATH", name)
}

// start runs a program and waits a moment for it to fail.
func start(ctx context.Context, path string, args, environ []string) error {
	cmd := exec.Command(path, args...) // not bound to ctx: the browser stays open
	cmd.Env = environ
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return check.Refuse("OI-5", check.FS, "program %q does not start: %v", path, plainFS(err))
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }() // ends with the browser at the latest
	select {
	case err := <-exited:
		if err != nil {
			return check.Refuse("OI-5", check.FS, "program %q ended with %v", path, err)
		}
		return nil
	case <-time.After(openGrace):
		return nil
	case <-ctx.Done():
		return nil
	}
}

// secretWords are parts of the names of variables that hold what a browser does
// not need.
var secretWords = []string{"TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY"}

// environment returns the variables that are named in list, with their values
// from env, without those that may hold a secret.
func environment(list []string, env func(string) string) []string {
	out := []string{} // not nil, which would mean to inherit everything
	for _, pair := range list {
		name, _, _ := strings.Cut(pair, "=")
		upper := strings.ToUpper(name)
		if name == "" || slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(upper, w) }) {
			continue
		}
		if value := env(name); value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}
