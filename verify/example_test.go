package verify_test

import (
	"fmt"
	"os"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

func Example() {
	who, err := signer("app.tar.gz", "app.tar.gz.sigstore.json", "trusted_root.json")
	if err != nil {
		fmt.Println("not verified")
		return
	}
	fmt.Println("signed by", who)
	// Output: not verified
}

// signer says who signed a file, if alice did.
func signer(file, bundleFile, rootFile string) (string, error) {
	data, err := os.ReadFile(rootFile)
	if err != nil {
		return "", err
	}
	root, err := trustroot.Parse(data)
	if err != nil {
		return "", err
	}
	verifier, err := verify.New(root, verify.PublicGood)
	if err != nil {
		return "", err
	}
	if data, err = os.ReadFile(bundleFile); err != nil {
		return "", err
	}
	b, err := bundle.Parse(data)
	if err != nil {
		return "", err
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	artifact, err := verify.Hash(f, b.Hashes()...)
	if err != nil {
		return "", err
	}
	result, err := verifier.Verify(b, artifact, verify.AnyOf(verify.Identity{
		Issuer:  verify.Exactly("https://accounts.google.com"),
		Subject: verify.Exactly("alice@example.com"),
	}), time.Now())
	if err != nil {
		return "", err
	}
	return result.Signer.Subject, nil
}
