package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/oidc"
)

// consent shows what becomes public and asks before the first entry of an
// identity. Pipelines are never asked: they have a token because somebody gave
// them one.
func (r *signRun) consent(ctx context.Context, who oidc.Token) error {
	if err := r.o.login.expected(who); err != nil {
		return err
	}
	for _, t := range r.unsure {
		if !isFor(who, tokenOf(t.result)) {
			return named(t.arg, byAnother(t))
		}
	}
	if r.o.yes {
		return nil
	}
	remembered := newConsents(r.e)
	key := r.consentKey(who)
	if remembered.has(key) {
		return nil
	}
	r.announce(who)
	if r.e.ci() {
		return nil
	}
	if err := confirm(ctx, r.e, "Publish this, and later entries in this name without asking?"); err != nil {
		return err
	}
	if err := remembered.add(key); err != nil {
		r.o.output.say(r.e, "hallmark: warning: you will be asked again: %s", printable(err.Error(), 1024))
	}
	return nil
}

// consentKey is how the consent of an identity is remembered.
func (r *signRun) consentKey(who oidc.Token) string {
	return strings.Join([]string{r.publicWhere(), who.CertificateIssuer(), who.Names()[0]}, "\t")
}

// canConsent refuses before somebody logs in for nothing: whoever it is, nobody
// could agree.
func (r *signRun) canConsent(tokens oidc.Provider) error {
	if tokens != nil || r.o.yes || r.e.ci() || r.e.terminal || newConsents(r.e).any(r.publicWhere()) {
		return nil
	}
	return errNobody()
}

// publicWhere is what somebody agrees to: the instance, or the services of files,
// which belong to no instance that has a name.
func (r *signRun) publicWhere() string {
	if r.o.trust.trustedRoot == "" {
		return r.o.trust.name(r.e)
	}
	return strings.Join(r.services.describe(), ", ")
}

func errNobody() error {
	return usage("nobody is there to agree that this becomes public").WithNext("add --yes if you agree; --dry-run shows what it is")
}

func (r *signRun) announce(who oidc.Token) {
	w := r.e.stderr
	fmt.Fprintf(w, "This becomes public and stays public:\n  identity  %s\n", printable(subjectOf(who), 1024))
	for _, name := range who.Names()[1:] {
		fmt.Fprintf(w, "        or  %s\n", printable(name, 1024))
	}
	for _, t := range r.targets {
		fmt.Fprintf(w, "  digest    %s  (%s)\n", t.digest(), printable(t.arg, 1024))
	}
	for _, line := range r.services.describe() {
		fmt.Fprintf(w, "  service   %s\n", line)
	}
}

// confirm asks whoever is there to agree, after what becomes public was shown.
func confirm(ctx context.Context, e *env, question string) error {
	if !e.terminal {
		return errNobody()
	}
	fmt.Fprintf(e.stderr, "%s [y/N] ", question)
	answer, err := ask(ctx, e)
	if err != nil {
		return err
	}
	if answer != "y" && answer != "yes" {
		return usage("not agreed; nothing was published")
	}
	return nil
}

// ask reads one line and ends with its context. The end of the input is an empty
// answer.
func ask(ctx context.Context, e *env) (string, error) {
	line, err := e.line(ctx)
	if ctx.Err() != nil {
		return "", err
	}
	return strings.ToLower(strings.TrimSpace(line)), nil
}

// consents are the identities whose owner agreed at this machine, one line each
// in a file of the configuration folder: instance or services, issuer, subject.
type consents struct{ path string }

func newConsents(e *env) consents {
	dir := e.configDir()
	if dir == "" {
		return consents{}
	}
	return consents{filepath.Join(dir, "consents")}
}

// has reports whether a line is there. What can't be read is no consent.
func (c consents) has(line string) bool {
	lines, _ := c.read()
	return slices.Contains(lines, line)
}

// any reports whether anybody agreed on an instance.
func (c consents) any(instance string) bool {
	lines, _ := c.read()
	return slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, instance+"\t") })
}

func (c consents) add(line string) error {
	if c.path == "" {
		return errNoConfigDir
	}
	if strings.ContainsAny(line, "\r\n") {
		return errors.New("the identity has a line break")
	}
	lines, err := c.read()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return fileError(c.path, err)
	}
	text := strings.Join(append(lines, line), "\n") + "\n"
	return atomicfile.Write(c.path, []byte(text), 0o600, atomicfile.Options{Overwrite: true})
}

func (c consents) read() ([]string, error) {
	if c.path == "" {
		return nil, nil
	}
	data, err := readBounded(c.path, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"), err
}
