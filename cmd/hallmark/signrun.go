package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/rescue"
	"github.com/hallmarksign/hallmark/oci"
	"github.com/hallmarksign/hallmark/oidc"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/verify"
)

// A signRun is the work of one sign command.
type signRun struct {
	e        *env
	o        *signOptions
	services *services
	targets  []*target
	progress *progress
	keeper   *keeper
	left     []rescue.Item // what earlier runs did not finish
	unsure   []*target     // signed before, by somebody of whom only a login tells whether it is who signs now
	awaited  sync.Map      // the names of jobs that a log is being asked about
}

// sign finishes what earlier runs have begun, logs in, signs every target that is
// left and writes each bundle as soon as it is there.
func (r *signRun) sign(ctx context.Context, tokens oidc.Provider) (outcome, error) {
	store, err := openRescue(r.e)
	if err != nil {
		return outcome{}, err
	}
	if r.keeper, err = newKeeper(store); err != nil {
		return outcome{}, err
	}
	defer r.keeper.journal.Close()
	signer, err := r.services.signer(r.e, nil)
	if err != nil {
		return outcome{}, err
	}
	signer.CA = expectedCA{signer.CA, &r.o.login}
	signer.Consent = r.consent
	signer.Check = r.check
	signer.Abandon = r.e.abandon
	left, err := r.resume(ctx, tokens, signer)
	if err != nil {
		return outcome{}, cmp.Or(r.printIf(func(t *target) bool { return t.done }), err)
	}
	if len(left) == 0 {
		return r.finish()
	}
	if signer.Tokens, err = r.o.login.provider(r.e, tokens, r.services.chosen.OIDC.URL); err != nil {
		return outcome{}, err
	}
	if err := r.canConsent(tokens); err != nil {
		return outcome{}, err
	}
	if err := r.keeper.journal.Room(len(left) * (journalRoom + r.o.attest.room())); err != nil {
		return outcome{}, err
	}
	r.watch(signer, left)
	session, err := r.login(ctx, signer)
	if err != nil {
		return outcome{}, err
	}
	defer session.Close()
	if err := r.all(ctx, session, left); err != nil {
		return outcome{}, err
	}
	return r.finish()
}

// watch writes down what is sent to a log, and counts what is awaited.
func (r *signRun) watch(signer *sign.Signer, left []*target) {
	keys := map[string]string{}
	for _, t := range left {
		keys[t.arg] = t.key()
	}
	signer.Sending = func(_ context.Context, job sign.Job, partial []byte) error {
		return r.keeper.sending(keys[job.Name], job.Name, partial)
	}
	signer.Progress = func(step sign.Step, job *sign.Job) {
		if step == sign.StepLog {
			r.awaited.Store(job.Name, true)
		}
	}
}

// finishing says what a run that was interrupted still waits for.
func (r *signRun) finishing() {
	n := 0
	r.awaited.Range(func(_, _ any) bool { n++; return true })
	if n == 0 {
		return
	}
	what := "a signature that is being published"
	if n > 1 {
		what = fmt.Sprintf("%d signatures that are being published", n)
	}
	r.o.output.say(r.e, "\nhallmark: finishing %s; press Ctrl-C again to stop at once", what)
}

// finish prints what was signed, in order.
func (r *signRun) finish() (outcome, error) {
	var results []*verify.Result
	for _, t := range r.targets {
		results = append(results, t.result)
	}
	return proved(results), r.printIf(func(*target) bool { return true })
}

// all signs the targets that are left. What was signed is printed also when
// others failed.
func (r *signRun) all(ctx context.Context, session *sign.Session, left []*target) error {
	step, stop := r.progress.wait("waiting for the log", len(left))
	unwatch := atEnd(ctx, r.finishing)
	problems := make([]error, len(left))
	public := 0
	err := session.Sign(ctx, jobs(left), func(res sign.Result) error {
		step()
		problems[res.Index] = named(left[res.Index].arg, r.settle(context.WithoutCancel(ctx), left[res.Index], res))
		r.awaited.Delete(left[res.Index].arg)
		if res.Sent && problems[res.Index] != nil {
			public++
		}
		return nil
	})
	unwatch()
	stop()
	if err = r.tell(ctx, problems, err); err != nil && ctx.Err() != nil {
		return r.interrupted(problems, public, err)
	}
	return err
}

// tell prints what was signed if not everything was, and returns what failed.
func (r *signRun) tell(ctx context.Context, problems []error, err error) error {
	var failed failures
	for _, problem := range problems {
		if problem != nil && !(ctx.Err() != nil && errors.Is(problem, context.Cause(ctx))) {
			failed = append(failed, problem)
		}
	}
	if !slices.ContainsFunc(problems, func(p error) bool { return p != nil }) {
		return err
	}
	if err := r.printIf(func(t *target) bool { return t.done || t.before }); err != nil {
		return err
	}
	if len(failed) == 0 {
		return err
	}
	return failed
}

// printIf prints some of the targets, in order.
func (r *signRun) printIf(some func(*target) bool) error {
	for _, t := range r.targets {
		if some(t) {
			if err := r.print(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// An interruption says how far a run came that was stopped.
type interruption struct {
	err  error // what failed besides
	said string
}

func (i *interruption) Error() string { return i.said }
func (i *interruption) Unwrap() error { return i.err }

func (r *signRun) interrupted(problems []error, public int, err error) error {
	failed := 0
	for _, problem := range problems {
		if problem != nil {
			failed++
		}
	}
	said := fmt.Sprintf("%d of %d were signed; of the rest nothing is public", len(problems)-failed, len(problems))
	if public > 0 {
		said = fmt.Sprintf("%d of %d were signed; %d more may be public, and not finished", len(problems)-failed, len(problems), public)
	}
	return &interruption{err: err, said: said + ": run the same command again, it signs what is missing and logs nothing twice"}
}

// write puts a finished bundle in its place: a file, or beside the image. What can't
// be put there is kept.
func (r *signRun) write(ctx context.Context, t *target, serialised []byte) error {
	if t.place != nil && t.output == "" {
		return r.attach(ctx, t, serialised)
	}
	if err := t.reserved.Write(append(serialised, '\n')); err != nil {
		return r.keep(t, serialised, err)
	}
	return nil
}

// check verifies a finished bundle from its bytes as any verifier would, with
// the identity of the login as policy (SG-13).
func (r *signRun) check(_ context.Context, serialised []byte, job sign.Job, who oidc.Token) error {
	b, err := bundle.Parse(serialised)
	if err != nil {
		return err
	}
	for _, t := range r.targets {
		if t.arg != job.Name {
			continue
		}
		policy := verify.AnyOf(identitiesOf(who)...)
		policy.Content = t.content()
		t.result, err = r.services.verifier.Verify(b, t.artifact, policy, r.e.now())
		return err
	}
	return usage("%q is not a target", job.Name)
}

// identitiesOf returns the identities that a certificate for a token may have.
func identitiesOf(who oidc.Token) []verify.Signer {
	var list []verify.Signer
	for _, name := range who.Names() {
		list = append(list, verify.Identity{Issuer: verify.Exactly(who.CertificateIssuer()), Subject: verify.Exactly(name)})
	}
	return list
}

// describe prints what would become public (--dry-run).
func (r *signRun) describe(ctx context.Context, tokens oidc.Provider) error {
	who := "the identity of your login"
	if tokens != nil {
		token, err := tokens.Token(ctx, audience)
		if err != nil {
			return err
		}
		if err := r.o.login.expected(token); err != nil {
			return err
		}
		who = subjectOf(token)
	}
	if r.o.output.json {
		return r.describeJSON(who)
	}
	fmt.Fprintf(r.e.stdout, "would publish, for ever, in the name of %s:\n", printable(who, 1024))
	for _, t := range r.targets {
		to := t.output
		if to == "" {
			to = fmt.Sprintf("the registry, for %d of its manifests", len(t.place.to))
		}
		fmt.Fprintf(r.e.stdout, "  %s  %s  to %s\n", printable(t.arg, 1024), t.digest(), printable(to, 1024))
	}
	for _, line := range r.services.describe() {
		fmt.Fprintf(r.e.stdout, "  %s\n", line)
	}
	fmt.Fprintln(r.e.stdout, "nothing was sent")
	return nil
}

func (r *signRun) describeJSON(who string) error {
	for _, t := range r.targets {
		err := writeJSON(r.e.stdout, map[string]any{"schema": schema, "dry_run": true, "artifact": t.arg, "bundle": t.output,
			"digest": t.digest(), "identity": who, "services": r.services.describe()})
		if err != nil {
			return err
		}
	}
	return nil
}

// subjectOf says who a token is for, as the certificate will.
func subjectOf(who oidc.Token) string {
	return who.Names()[0] + " (" + issuerName(who.CertificateIssuer()) + ")"
}

// print says who signed, when and where it is logged, and the line to publish.
func (r *signRun) print(t *target) error {
	v := verdict{artifact: t.arg, bundle: t.output, result: t.result, publish: r.publish(t), before: t.before}
	switch {
	case r.o.output.quiet:
		return nil
	case r.o.output.json:
		return v.writeJSON(r.e.stdout, false)
	}
	to := t.output
	if to == "" {
		to = attachedText(t.attached)
	}
	s := t.result
	word := "signed"
	if t.before {
		word = "already signed"
	}
	_, err := fmt.Fprintf(r.e.stdout, "%s  %s  ->  %s\n    by      %s\n    at      %s\n    log     %s\n    verify  %s\n",
		word, printable(t.arg, 1024), printable(to, 4096), signerText(s.Signer),
		s.Times[0].Time.UTC().Format(time.RFC3339), logsText(s.Logs), printable(v.publish, 2048))
	return err
}

// publish returns the command that a user of the artifact runs.
func (r *signRun) publish(t *target) string {
	line := "hallmark verify "
	name := t.arg
	if strings.HasPrefix(name, "-") && name != "-" {
		name = "./" + name
	}
	if name == "-" {
		line, name = "hallmark verify - --bundle "+quoted(t.output)+" ", ""
	} else {
		line += quoted(name) + " "
		if t.place != nil {
			if line = "hallmark verify " + quoted(strings.TrimSuffix(name, " (tag)")) + " "; t.output != "" {
				line += "--bundle " + quoted(t.output) + " "
			}
		} else if t.output != t.arg+".sigstore.json" && (r.o.attest == nil || t.output != t.arg+r.o.attest.suffix()) {
			line += "--bundle " + quoted(t.output) + " "
		}
	}
	if s := t.result.Statement; s != nil && s.PredicateType != oci.SignPredicate {
		line += "--type " + quoted(typeName(s.PredicateType)) + " "
	}
	s := t.result.Signer
	line += fromForm(s.Subject, s.SubjectKind, s.Issuer)
	return line + r.o.trust.arguments(r.e)
}

func logsText(logs []verify.LogProof) string {
	var parts []string
	for _, l := range logs {
		parts = append(parts, fmt.Sprintf("%s #%d", printable(l.Name, 256), l.Index))
	}
	return strings.Join(parts, ", ")
}
