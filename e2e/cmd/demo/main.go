// Demo does what a maintainer and their users do, for real, against a
// sandbox on this machine: it logs in, signs, verifies, and shows what is
// refused and why.
//
//	demo -hallmark bin/hallmark -source .
//
// Nobody has to sit before it: it is its own browser ("demo -login EMAIL URL"),
// which fills in the login page as a person would.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	hallmark := flags.String("hallmark", "bin/hallmark", "the hallmark `program`")
	source := flags.String("source", ".", "the `folder` that is packed and signed as a release")
	servers := flags.String("sandbox", "", "the sandbox `program` (default: the one beside this program)")
	size := flags.Int64("size", 512, "size of the big file in `MiB`")
	login := flags.String("login", "", "be the browser of the person with this `address`, for one URL")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *login != "" {
		return sandbox.Login(ctx, flags.Arg(0), *login)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if *servers == "" {
		*servers = filepath.Join(filepath.Dir(self), "sandbox")
	}
	dir, err := os.MkdirTemp("", "hallmark-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &demo{self: self, dir: dir, source: *source, bigSize: *size << 20}
	return d.run(ctx, *hallmark, *servers)
}
