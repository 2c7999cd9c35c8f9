package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/agent"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
)

func newAgent(e *env, done *outcome) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Keep one login for many runs, in memory",
		Long: `An agent is a process that holds the key and the certificate of a login until the
certificate runs out, after ten minutes. With "sign --agent" it is started when
there is none, and a script that signs five times logs in once. Only you can reach
it, through a socket in a folder of your own; nothing else is written.

There is no agent on Windows.`,
		Example: `  hallmark sign --agent app.tar.gz
  hallmark agent status
  hallmark agent stop`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no command %q", "agent "+args[0]).WithNext("say start, status or stop")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("say start, status or stop")
		},
	}
	var output outputFlags
	status := agentCommand("status", "Print whom the agent can sign as, and for how long", done, func(ctx context.Context) error {
		return agentStatus(ctx, e, &output)
	})
	output.register(status.Flags())
	serve := agentCommand("serve", "Be the agent", done, func(ctx context.Context) error { return serveAgent(ctx, e) })
	serve.Hidden = true
	cmd.AddCommand(
		agentCommand("start", "Start the agent, without a login", done, func(ctx context.Context) error {
			_, err := startAgent(ctx, e)
			return err
		}),
		status,
		agentCommand("stop", "Stop the agent; it forgets its keys", done, func(ctx context.Context) error {
			client, err := openAgent(ctx, e)
			if err != nil {
				return err
			}
			return client.Stop(ctx)
		}),
		serve,
	)
	return cmd
}

func agentCommand(name, short string, done *outcome, run func(context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Example: "  hallmark agent " + name, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := run(cmd.Context()); err != nil {
				return err
			}
			*done = informed()
			return nil
		},
	}
}

// openAgent finds the agent that runs.
func openAgent(ctx context.Context, e *env) (*agent.Client, error) {
	client, err := agent.Open(ctx, agent.Dir(e.getenv))
	if errors.Is(err, agent.ErrNone) {
		return nil, &check.Error{Check: check.NotFound, Err: agent.ErrNone, Next: "hallmark sign --agent starts one"}
	}
	return client, err
}

// startAgent returns the agent that runs, or starts one. It gets no variables but
// those that say where its socket is, and outlives this process.
func startAgent(ctx context.Context, e *env) (*agent.Client, error) {
	client, err := openAgent(ctx, e)
	if check.Of(err) != check.NotFound {
		return client, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, &check.Error{Check: check.FS, Err: err}
	}
	cmd := exec.Command(self, "agent", "serve")
	cmd.Args[0] = os.Args[0]
	cmd.Dir = string(os.PathSeparator) // keeps no folder busy
	for _, name := range []string{"HALLMARK_RUNTIME_DIR", "XDG_RUNTIME_DIR", "TMPDIR"} {
		if v := e.getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C") // an empty list would mean to inherit everything
	detachAgent(cmd)
	says, err := cmd.StdoutPipe()
	if err != nil {
		return nil, &check.Error{Check: check.FS, Err: err}
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, &check.Error{Check: check.FS, Err: fmt.Errorf("the agent does not start: %w", err)}
	}
	line, err := bufio.NewReader(io.LimitReader(says, 4096)).ReadString('\n')
	if err != nil || line != agentReady {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		// Another run may have started one at the same time.
		if client, err := openAgent(ctx, e); err == nil {
			return client, nil
		}
		return nil, &check.Error{Check: check.FS, Err: fmt.Errorf("the agent does not start: %s", printable(strings.TrimSpace(line), 1024))}
	}
	_ = cmd.Process.Release()
	return openAgent(ctx, e)
}

// agentReady is the line by which an agent says that it listens.
const agentReady = "ready\n"

func serveAgent(ctx context.Context, e *env) error {
	if err := agent.Harden(); err != nil {
		return err
	}
	l, err := agent.Listen(agent.Dir(e.getenv))
	if err != nil {
		return err
	}
	if _, err := io.WriteString(e.stdout, agentReady); err != nil {
		l.Close()
		return &check.Error{Check: check.FS, Err: err}
	}
	return agent.Serve(ctx, l, agent.Config{Now: e.now})
}

func agentStatus(ctx context.Context, e *env, out *outputFlags) error {
	client, err := openAgent(ctx, e)
	if err != nil {
		return err
	}
	held, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if len(held) == 0 && !out.json && !out.quiet {
		_, err := fmt.Fprintln(e.stdout, "nobody: the agent holds no login")
		return err
	}
	for _, h := range held {
		if err := printHeld(e, out, h); err != nil {
			return err
		}
	}
	return nil
}

func printHeld(e *env, out *outputFlags, h agent.Held) error {
	cert, err := x509.ParseCertificate(h.Leaf)
	if err != nil {
		return &check.Error{Check: check.CertProfile, Err: err}
	}
	who, err := fulcioext.Parse(cert)
	if err != nil {
		return err
	}
	services := strings.Split(h.Scope, "\n")
	switch {
	case out.quiet:
		return nil
	case out.json:
		return writeJSON(e.stdout, map[string]any{"schema": schema, "subject": printable(who.Subject, 1024), "issuer": printable(who.Issuer, 1024),
			"authority": printable(services[0], 1024), "expiry": h.Expiry.UTC()})
	}
	_, err = fmt.Fprintf(e.stdout, "%s (%s), for %s, certified by %s\n", printable(who.Subject, 1024), issuerName(who.Issuer),
		h.Expiry.Sub(e.now()).Round(time.Second), host(services[0]))
	return err
}

func expiryOf(leaf []byte) (time.Time, error) {
	cert, err := x509.ParseCertificate(leaf)
	if err != nil {
		return time.Time{}, &check.Error{Check: check.CertProfile, Err: err}
	}
	return cert.NotAfter, nil
}
