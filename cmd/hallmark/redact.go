package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/hallmarksign/hallmark/internal/fetch"
)

// redacting keeps what looks like a secret out of everything that is said on standard
// error, whoever says it and however the secret came there (M1, M3, M6).
type redacting struct{ w io.Writer }

func (r redacting) Write(p []byte) (int, error) {
	if _, err := r.w.Write([]byte(fetch.Redact(string(p)))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// printBundle writes a bundle that can be kept nowhere else to standard error, just as
// it is: base64 of JSON looks like a token.
func printBundle(e *env, serialised []byte) {
	w := e.stderr
	if r, ok := w.(redacting); ok {
		w = r.w
	}
	fmt.Fprintf(w, "%s\n", serialised)
}

// reason is the text of an error for standard output, where only it can hold what
// somebody else said.
func reason(err error, limit int) string { return printable(fetch.Redact(inOneLine(err)), limit) }

// imageLogin is an image name with a user and a password before the registry.
var imageLogin = regexp.MustCompile(`^([^\s/@:"]+):[^\s/"]+@[A-Za-z0-9.-]+(?::[0-9]+)?/`)

// withLogin reports whether an argument is an image name with a password. Words of ours
// before a colon are no users.
func withLogin(arg string) bool {
	found := imageLogin.FindStringSubmatch(arg)
	return found != nil && !slices.Contains([]string{"log", "key", "google", "microsoft", "github", "gitlab", "oci", "docker"}, found[1]) && !exists(arg)
}

// noSecrets refuses a command line with a secret in it: other users can read it, and
// no command can repeat, log or store what it is not given (M1).
func noSecrets(args []string) error {
	for _, arg := range args {
		kind := fetch.SecretIn(arg)
		if kind == "" && withLogin(arg) {
			kind = "a password"
		}
		next := "leave it out, and treat it as public from now on"
		switch kind {
		case "":
			continue
		case "an identity token":
			next = "put the token in a file for --identity-token or in " + tokenVariable + ", and treat this one as public"
		case "a private key":
			next = "name a file instead, and replace this key"
		}
		return usage("the command line holds %s, and other users can read command lines", kind).WithNext(next)
	}
	return nil
}
