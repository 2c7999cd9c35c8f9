// Peer is a minimal program on sigstore-go, for comparison:
//
//	peer sign   TRUSTED_ROOT SIGNING_CONFIG TOKEN_FILE FILE
//	peer verify TRUSTED_ROOT SIGNING_CONFIG ISSUER SUBJECT FILE
//
// The bundle is FILE.peer.json. As in sigstore-go's own example, the file to
// sign is in memory as a whole, and the one to verify is read as a stream.
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"github.com/hallmarksign/hallmark/e2e/internal/peer"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 5 {
		return fmt.Errorf("want 5 or 6 arguments, got %d", len(args))
	}
	trust, err := peer.Open(args[1], args[2])
	if err != nil {
		return err
	}
	file := args[len(args)-1]
	if args[0] == "sign" {
		token, err := os.ReadFile(args[3])
		if err != nil {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		bundle, err := trust.Sign(context.Background(), data, string(token))
		if err != nil {
			return err
		}
		return os.WriteFile(file+".peer.json", bundle, 0o644)
	}
	bundle, err := os.ReadFile(file + ".peer.json")
	if err != nil {
		return err
	}
	digest, err := hash(file)
	if err != nil {
		return err
	}
	_, err = trust.VerifyDigest(bundle, digest, args[3], args[4])
	return err
}

func hash(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
}
