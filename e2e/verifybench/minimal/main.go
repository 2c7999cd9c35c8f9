// Minimal is the smallest program on sigstore-go that verifies a bundle as
// hallmark does, for comparison:
//
//	minimal TRUSTED_ROOT BUNDLE ISSUER SUBJECT FILE
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "minimal:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 5 {
		return errors.New("want TRUSTED_ROOT BUNDLE ISSUER SUBJECT FILE")
	}
	trusted, err := root.NewTrustedRootFromPath(args[0])
	if err != nil {
		return err
	}
	b, err := bundle.LoadJSONFromPath(args[1])
	if err != nil {
		return err
	}
	v, err := verify.NewVerifier(trusted, verify.WithSignedCertificateTimestamps(1), verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1))
	if err != nil {
		return err
	}
	identity, err := verify.NewShortCertificateIdentity(args[2], "", args[3], "")
	if err != nil {
		return err
	}
	file, err := os.Open(args[4])
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = v.Verify(b, verify.NewPolicy(verify.WithArtifact(file), verify.WithCertificateIdentity(identity)))
	if err == nil {
		fmt.Println("ok", args[4])
	}
	return err
}
