package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/verify"
)

// An outcome is the exit status a command came to. Its zero value is a failure,
// so that a forgotten outcome is never success.
type outcome struct {
	success bool
	status  int // of a command with a status of its own; 0: none
}

// proved is the outcome of a command that verified or signed something. It is
// the only way to success for those: every result must be there and be one
// that a Verifier made (ER-1, ER-2).
func proved(results []*verify.Result) outcome {
	for _, r := range results {
		if !r.Verified() {
			return outcome{}
		}
	}
	return outcome{success: len(results) > 0}
}

// held is the outcome of a command that had logs prove entries: every one must be
// there, and at least one (ER-2).
func held[T any](facts []*T) outcome {
	for _, f := range facts {
		if f == nil {
			return outcome{}
		}
	}
	return outcome{success: len(facts) > 0}
}

// informed is the outcome of a command that only prints what it knows.
func informed() outcome { return outcome{success: true} }

// run executes one command line and returns its exit status.
func run(ctx context.Context, e *env) (status int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(e.stderr, "hallmark: internal: %s\n  next: %s\n", firstFrame(), reportBug)
			status = check.ExitInternal
		}
	}()
	stdout := &stickyWriter{w: e.stdout}
	e.stdout, e.stderr = stdout, redacting{e.stderr}
	var done outcome
	root := newRoot(e, &done)
	root.SetArgs(e.args)
	err := noSecrets(e.args)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if len(e.args) > 0 && (e.args[0] == cobra.ShellCompRequestCmd || e.args[0] == cobra.ShellCompNoDescRequestCmd) {
		done = informed() // the library adds this command when it runs
	}
	if stdout.err != nil {
		err = &check.Error{Check: check.FS, Field: "standard output", Err: stdout.err}
	}
	switch {
	case err != nil && done.status == exitNews: // an alarm is heard whatever else fails
		report(e.stderr, err)
		return done.status
	case ctx.Err() != nil && err != nil:
		if e.movement || e.terminal {
			fmt.Fprintln(e.stderr) // the line of a progress bar, a question or the ^C
		}
		stopped, ok := errors.AsType[*interruption](err)
		if !ok {
			if _, ok := errors.AsType[published](err); ok {
				report(e.stderr, err)
			}
			fmt.Fprintln(e.stderr, "hallmark: interrupted")
			return check.ExitInterrupted
		}
		if several, ok := errors.AsType[failures](stopped.err); ok {
			report(e.stderr, several)
		}
		fmt.Fprintf(e.stderr, "hallmark: interrupted: %s\n", printable(stopped.said, 1024))
		return check.ExitInterrupted
	case err != nil:
		report(e.stderr, err)
		return exitStatus(err)
	case done.status != 0:
		return done.status
	case !done.success:
		return check.ExitInternal
	}
	return check.ExitOK
}

const reportBug = "this is a bug; please report it with the command you ran"

// firstFrame names where a panic came from, without its value: a value could
// hold a secret (M4).
func firstFrame() string {
	for line := range strings.SplitSeq(string(debug.Stack()), "\n") {
		if strings.Contains(line, "hallmark") && strings.HasSuffix(line, ")") && !strings.Contains(line, "firstFrame") && !strings.Contains(line, "main.run") {
			return "a check of the program itself failed in " + line[:strings.LastIndex(line, "(")]
		}
	}
	return "a check of the program itself failed"
}

// newRoot returns the whole command tree.
func newRoot(e *env, done *outcome) *cobra.Command {
	root := &cobra.Command{
		Use:   "hallmark",
		Short: "Sign software with who you are, and verify who signed",
		Long: `hallmark signs software with a person's or a pipeline's identity instead of a
key they must keep, and verifies what others signed.`,
		Example: `  hallmark sign app.tar.gz
  hallmark verify app.tar.gz --from google:alice@example.com`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no command %q", args[0]).WithNext(`run "hallmark help" for the list`)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return usage("no command given")
		},
	}
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%v", err).WithNext(fmt.Sprintf("run %q for the flags", cmd.CommandPath()+" --help"))
	})
	root.AddCommand(
		newSign(e, done),
		newAttest(e, done),
		newVerify(e, done),
		newImage(e, done),
		newLog(e, done),
		newConvert(e, done),
		newWhoami(e, done),
		newAgent(e, done),
		newTrust(e, done),
		newVersion(e, done),
	)
	makeStrict(root)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	markInformed(root, done)
	markUsage(root)
	return root
}

// markUsage makes refusals of arguments by the CLI library errors of usage, and
// lets its own commands refuse what they don't know.
func markUsage(cmd *cobra.Command) {
	if validate := cmd.Args; validate != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			err := validate(c, args)
			switch {
			case err == nil || check.Of(err) != check.Internal:
				return err
			case c.HasSubCommands():
				_, path, _ := strings.Cut(c.CommandPath(), " ")
				return noCommand(c, path+" "+args[0])
			}
			return usage("want no argument, got %q", args[0]).WithNext(fmt.Sprintf("run %q for the flags", c.CommandPath()+" --help"))
		}
	}
	switch cmd.CommandPath() {
	case "hallmark completion":
		cmd.RunE = func(c *cobra.Command, _ []string) error {
			return usage("say for which shell").WithNext(fmt.Sprintf("run %q for the list", c.CommandPath()+" --help"))
		}
	case "hallmark help":
		cmd.Args = func(c *cobra.Command, args []string) error {
			found, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 && found.HasSubCommands() {
				return noCommand(c.Root(), strings.Join(args, " "))
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		markUsage(c)
	}
}

func noCommand(parent *cobra.Command, name string) error {
	return usage("there is no command %q", name).WithNext(fmt.Sprintf("run %q for the list", parent.CommandPath()+" --help"))
}

// markInformed lets the commands of the CLI library succeed: help and shell
// completion only print. Help beside arguments is printed, but no success: a shell
// that lists the files to verify may list one that is called -h (ER-1).
func markInformed(cmd *cobra.Command, done *outcome) {
	help := cmd.HelpFunc()
	cmd.SetHelpFunc(func(c *cobra.Command, args []string) {
		help(c, args)
		*done = informed()
		if c.Flags().NArg() > 0 {
			*done = outcome{status: check.ExitUsage}
		}
	})
	for _, c := range cmd.Commands() {
		if c.Name() == "completion" {
			c.PersistentPostRun = func(*cobra.Command, []string) { *done = informed() }
		}
	}
}

func usage(format string, args ...any) *check.Error {
	return check.Refuse("", check.Usage, format, args...)
}

// failures are the errors of several artifacts in one run.
type failures []error

func (f failures) Error() string {
	var lines []string
	for _, err := range f {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "; ")
}

// exitStatus returns the status of an error, and of several failures the most
// telling one: a definite no before anything undecided.
func exitStatus(err error) int {
	several, ok := err.(failures)
	if !ok {
		return check.Of(err).Exit()
	}
	for _, status := range []int{check.ExitInternal, check.ExitNo, check.ExitUsage, check.ExitUndecided, check.ExitNotFound} {
		for _, err := range several {
			if exitStatus(err) == status {
				return status
			}
		}
	}
	return check.ExitInternal
}

// report prints each error as one cause and one next step.
func report(w io.Writer, err error) {
	if several, ok := err.(failures); ok {
		for _, err := range several {
			report(w, err)
		}
		return
	}
	fmt.Fprintf(w, "hallmark: %s\n", printable(inOneLine(err), 1024))
	var refused *check.Error
	if errors.As(err, &refused) && refused.Next != "" {
		fmt.Fprintf(w, "  next: %s\n", printable(refused.Next, 1024))
	}
}

// inOneLine returns the text of an error; errors that were joined have a line each.
func inOneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// A stickyWriter remembers the first failure, so that a full disk or a closed
// pipe behind standard output is never success (ER-5).
type stickyWriter struct {
	w   io.Writer
	err error
}

func (s *stickyWriter) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}
