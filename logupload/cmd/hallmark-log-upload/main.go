// Program hallmark-log-upload makes the entries of a transparency log of the first
// generation (Rekor) that hallmark does not know by itself: signatures of PGP,
// minisign and SSH, and signed packages. "hallmark log upload --type" runs it.
//
// It reads local files and nothing else, verifies the signature with sigstore/rekor's
// own packages, as the log will, and prints one JSON document: the entry to propose,
// and the hashes of the forms in which the log may write it. It opens no connection;
// hallmark talks to the log and compares.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	rekorlog "github.com/sigstore/rekor/pkg/log"
	"go.uber.org/zap"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: status 0 with one document on out, or 1 with one line on errs.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	rekorlog.Logger = zap.NewNop().Sugar() // rekor's packages log what they refuse, in their own way
	if err := propose(ctx, args, out); err != nil {
		fmt.Fprintln(errs, oneLine(err))
		return 1
	}
	return 0
}

func propose(ctx context.Context, args []string, out io.Writer) error {
	var r request
	flags := flag.NewFlagSet("hallmark-log-upload", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&r.form, "type", "", "one of "+strings.Join(formNames(), ", "))
	flags.StringVar(&r.signature, "signature", "", "file with the detached signature")
	flags.StringVar(&r.key, "key", "", "file with the public key")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w; usage: hallmark-log-upload --type TYPE [--signature FILE] [--key FILE] FILE", err)
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("want one file, got %d", flags.NArg())
	}
	r.file = flags.Arg(0)
	a, err := r.entry(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(a)
}

// oneLine keeps an error readable: causes of rekor's may have many lines.
func oneLine(err error) string {
	const most = 1000
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > most {
		text = text[:most]
	}
	return text
}
