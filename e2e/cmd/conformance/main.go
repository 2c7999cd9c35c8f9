// Command conformance speaks the command line protocol of the Sigstore client
// conformance suite and only translates it for the hallmark binary beside it
// (or the one HALLMARK names).
//
//	conformance sign-bundle [--staging] --identity-token TOKEN --bundle FILE [--trusted-root FILE] [--signing-config FILE] FILE
//	conformance verify-bundle [--staging] --bundle FILE (--certificate-identity ID --certificate-oidc-issuer URL | --key FILE) [--trusted-root FILE] FILE_OR_DIGEST
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	translated, environment, err := translate(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return 2
	}
	binary := os.Getenv("HALLMARK")
	if binary == "" {
		self, err := os.Executable()
		if err != nil {
			fmt.Fprintln(os.Stderr, "conformance:", err)
			return 2
		}
		binary = filepath.Join(filepath.Dir(self), "hallmark")
	}
	cmd := exec.Command(binary, translated...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), environment...)
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "conformance:", err)
	return 2
}

// translate returns the arguments of hallmark. A token goes through the
// environment, because hallmark takes none on its command line.
func translate(args []string) (out, environment []string, err error) {
	if len(args) == 0 {
		return nil, nil, errors.New("want sign-bundle or verify-bundle")
	}
	command := args[0]
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	staging := f.Bool("staging", false, "")
	pass := map[string]*string{"bundle": f.String("bundle", "", ""), "trusted-root": f.String("trusted-root", "", "")}
	var token *string
	switch command {
	case "sign-bundle":
		out = []string{"sign", "--yes"}
		token = f.String("identity-token", "", "")
		pass["signing-config"] = f.String("signing-config", "", "")
	case "verify-bundle":
		out = []string{"verify"}
		for _, name := range []string{"certificate-identity", "certificate-oidc-issuer", "key"} {
			pass[name] = f.String(name, "", "")
		}
	default:
		return nil, nil, fmt.Errorf("unknown command %q", command)
	}
	if err := f.Parse(args[1:]); err != nil {
		return nil, nil, err
	}
	if f.NArg() != 1 {
		return nil, nil, fmt.Errorf("want one artifact, got %d", f.NArg())
	}
	f.Visit(func(given *flag.Flag) {
		if value, ok := pass[given.Name]; ok {
			out = append(out, "--"+given.Name+"="+*value)
		}
	})
	if *staging && *pass["trusted-root"] == "" {
		out = append(out, "--instance=staging")
	}
	if token != nil && *token != "" {
		environment = append(environment, "SIGSTORE_ID_TOKEN="+*token)
	}
	return append(out, "--", f.Arg(0)), environment, nil
}
