// Sandbox runs a whole Sigstore on the loopback interface until it gets
// SIGINT or SIGTERM, and prints lines that make hallmark use it:
//
//	sandbox [--dir DIR] [--checkpoint-interval 1s] [--second-operator] [--trillian HOST:PORT]
//
// With --driven it talks to the package sandbox over its standard streams.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hallmarksign/hallmark/e2e/internal/stack"
	"github.com/hallmarksign/hallmark/e2e/internal/wire"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == stack.Rekor1Command {
		return stack.ServeRekor1(args[1:], os.Stdin, os.Stdout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var setup wire.Setup
	flags := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	flags.StringVar(&setup.Dir, "dir", "", "keep keys and logs in `DIR` (default: a temporary folder, removed at the end)")
	flags.DurationVar(&setup.CheckpointInterval, "checkpoint-interval", 200*time.Millisecond, "time between checkpoints of Rekor v2")
	flags.BoolVar(&setup.SecondOperator, "second-operator", false, "run a second Rekor v1, of another operator")
	flags.StringVar(&setup.Trillian, "trillian", "", "keep the log of Rekor v1 in the Trillian log server at `HOST:PORT`, with a database of its own (default: in memory)")
	driven := flags.Bool("driven", false, "for package sandbox: take the setup from standard input, end with it")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *driven {
		return drive(ctx, os.Stdin, os.Stdout)
	}
	if setup.Dir == "" {
		dir, err := os.MkdirTemp("", "hallmark-sandbox-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		setup.Dir = dir
	} else if err := os.MkdirAll(setup.Dir, 0o700); err != nil {
		return err
	}
	s, err := stack.Listen(setup)
	if err != nil {
		return err
	}
	info, err := s.Start(ctx)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	if err := announce(ctx, os.Stdout, &setup, info); err != nil {
		return errors.Join(err, s.Close())
	}
	<-ctx.Done()
	fmt.Fprintln(os.Stderr, "ending")
	return s.Close()
}

// drive serves one driver: its setup, our addresses, its go-ahead by having
// put its fronts in place, and then our readiness.
func drive(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	var setup wire.Setup
	if err := read(lines, &setup); err != nil {
		return err
	}
	if setup.Temporary {
		defer os.RemoveAll(setup.Dir)
	}
	s, err := stack.Listen(setup)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(wire.Backends{Addresses: s.Addresses()}); err != nil {
		return errors.Join(err, s.Close())
	}
	if _, err := lines.ReadString('\n'); err != nil {
		return errors.Join(fmt.Errorf("driver is gone: %w", err), s.Close())
	}
	info, err := s.Start(ctx)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	if err := json.NewEncoder(out).Encode(info); err != nil {
		return errors.Join(err, s.Close())
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		io.Copy(io.Discard, lines)
	}()
	select {
	case <-gone:
	case <-ctx.Done():
	}
	return s.Close()
}

func read(lines *bufio.Reader, v any) error {
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}
