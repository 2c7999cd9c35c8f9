package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/oidc"
	"github.com/hallmarksign/hallmark/verify"
)

func newWhoami(e *env, done *outcome) *cobra.Command {
	var login loginFlags
	var output outputFlags
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "Print which identity would sign, and what each provider says",
		Long: `Ask each identity provider that needs no person, in the order in which sign asks
them, and print who would sign. Nothing is signed and nothing is sent to Sigstore.`,
		Example: `  hallmark whoami
  hallmark whoami --expect github:owner/repo`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := runWhoami(cmd.Context(), e, &login, &output); err != nil {
				return err
			}
			*done = informed()
			return nil
		},
	}
	login.register(cmd.Flags())
	output.register(cmd.Flags())
	return cmd
}

// A providerReport is what one provider said.
type providerReport struct {
	name  string
	token *oidc.Token
	err   error
}

func runWhoami(ctx context.Context, e *env, l *loginFlags, out *outputFlags) error {
	given, err := l.given(ctx, e)
	if err != nil {
		return err
	}
	asked := machines(e)
	if given != nil {
		asked = []namedProvider{{"given", given}}
	}
	var reports []providerReport
	var who *oidc.Token
	var failed error
	for _, p := range asked {
		if l.only != "" && p.name != l.only {
			continue
		}
		r := providerReport{name: p.name}
		token, err := p.Token(ctx, audience)
		if err != nil {
			r.err = err
			if who == nil && failed == nil && !l.asksPerson() && !errors.Is(err, oidc.ErrUnavailable) {
				failed = err // sign would stop here
			}
		} else {
			r.token = &token
			if who == nil && failed == nil && !l.asksPerson() {
				who = &token
			}
		}
		reports = append(reports, r)
	}
	if given == nil && l.only == "" {
		reports = append([]providerReport{{name: "given", err: errors.New("no " + tokenVariable + " and no --identity-token")}}, reports...)
		reports = append(reports, personReports(ctx, e)...)
	}
	if err := printWhoami(e, out, who, reports, unfinished(e)); err != nil {
		return err
	}
	switch {
	case failed != nil:
		return failed
	case who == nil && e.ci():
		return &check.Error{Check: check.OIDCToken, Err: errNoToken, Next: needsToken}
	case who == nil && l.expect != "":
		return check.Refuse("SG-7", check.OIDCToken, "nobody is known before the login, expected %q", l.expect).
			WithNext("give --expect to sign, which holds whoever logs in to it")
	case who == nil:
		return nil // a person would be asked
	}
	return l.expected(*who)
}

// personReports says of each way to log in whether it is open here, without
// going it.
func personReports(ctx context.Context, e *env) []providerReport {
	browser, device := "asks a person", "asks a person, with --device"
	switch {
	case e.ci():
		browser = "a pipeline asks nobody"
		device = browser
	case !e.desktop():
		browser = "no display and no BROWSER here; --no-browser lets you use one elsewhere"
		device = "asks a person"
	}
	return []providerReport{
		{name: "browser", err: errors.New(browser)},
		{name: "device", err: errors.New(device)},
		{name: "agent", err: errors.New(agentReport(ctx, e))},
	}
}

func agentReport(ctx context.Context, e *env) string {
	client, err := openAgent(ctx, e)
	if err != nil {
		return reasonOf(err)
	}
	held, err := client.Status(ctx)
	if err != nil {
		return reasonOf(err)
	}
	if len(held) == 1 {
		return "holds a login for sign --agent; see hallmark agent status"
	}
	return fmt.Sprintf("holds %d logins for sign --agent; see hallmark agent status", len(held))
}

// expected refuses an identity other than that of --expect.
func (l *loginFlags) expected(who oidc.Token) error {
	if l.expect == "" {
		return nil
	}
	signer, err := parseFrom(l.expect, "")
	if err != nil && check.Of(err) == check.Usage {
		signer, err = parseFrom(l.expect, who.CertificateIssuer()) // the issuer goes without saying
	}
	if err != nil {
		return err
	}
	want, ok := signer.(verify.Identity)
	if !ok {
		return usage("--expect %q is a key, want an identity", l.expect)
	}
	for _, name := range who.Names() {
		if want.Subject.Accepts(name) && want.Issuer.Accepts(who.CertificateIssuer()) {
			return nil
		}
	}
	return &check.Error{Check: check.Identity, Rule: "SG-7", Err: fmt.Errorf("logged in as %q of %q, expected %q", who.Names()[0], who.CertificateIssuer(), l.expect),
		Next: "log in as the expected signer; nothing was published"}
}

func printWhoami(e *env, out *outputFlags, who *oidc.Token, reports []providerReport, left []unfinishedJSON) error {
	if out.quiet {
		return nil
	}
	if out.json {
		return printWhoamiJSON(e, who, reports, left)
	}
	switch {
	case who != nil:
		fmt.Fprintf(e.stdout, "%s, for %s\n", printable(subjectOf(*who), 1024), who.Expiry.Sub(e.now()).Round(time.Second))
	case e.ci():
		fmt.Fprintln(e.stdout, "nobody")
	default:
		fmt.Fprintln(e.stdout, "whoever logs in")
	}
	for _, r := range reports {
		var says string
		if r.err != nil {
			says = reasonOf(r.err)
		} else {
			says = subjectOf(*r.token)
		}
		if _, err := fmt.Fprintf(e.stdout, "  %-18s %s\n", r.name, printable(says, 1024)); err != nil {
			return err
		}
	}
	return writeUnfinished(e.stdout, left, "  %-18s %s\n")
}

// reasonOf says why a provider has no token, without the words that every such
// line shares and without secrets.
func reasonOf(err error) string {
	var refused *check.Error
	if errors.As(err, &refused) && refused.Err != nil {
		err = refused.Err
	}
	return fetch.Redact(strings.TrimSuffix(err.Error(), ": "+oidc.ErrUnavailable.Error()))
}

func printWhoamiJSON(e *env, who *oidc.Token, reports []providerReport, left []unfinishedJSON) error {
	type reportJSON struct {
		Name    string `json:"name"`
		Subject string `json:"subject,omitempty"`
		Reason  string `json:"reason,omitempty"`
	}
	out := struct {
		Schema     int              `json:"schema"`
		Subject    string           `json:"subject,omitempty"`
		Issuer     string           `json:"issuer,omitempty"`
		Expiry     *time.Time       `json:"expiry,omitempty"`
		Providers  []reportJSON     `json:"providers"`
		Unfinished []unfinishedJSON `json:"unfinished"`
	}{Schema: schema, Providers: []reportJSON{}, Unfinished: left}
	if who != nil {
		expiry := who.Expiry.UTC()
		out.Subject, out.Issuer, out.Expiry = who.Names()[0], who.CertificateIssuer(), &expiry
	}
	for _, r := range reports {
		j := reportJSON{Name: r.name}
		if r.err != nil {
			j.Reason = printable(reasonOf(r.err), 1024)
		} else {
			j.Subject = r.token.Names()[0]
		}
		out.Providers = append(out.Providers, j)
	}
	return writeJSON(e.stdout, out)
}
