package oci_test

import (
	"context"
	"fmt"
	"os"

	"github.com/hallmarksign/hallmark/oci"
)

func Example() {
	ctx := context.Background()
	c := oci.New(oci.Config{Credentials: oci.AuthFiles{Paths: oci.AuthPaths(os.Getenv), Environ: os.Environ()}})
	a, err := c.Resolve(ctx, "registry.example.com/app:1.2")
	if err != nil {
		fmt.Println(err)
		return
	}
	for found, err := range c.Bundles(ctx, a, 32) {
		if err != nil {
			fmt.Printf("%s: %v\n", found.Where, err)
			continue
		}
		fmt.Printf("%s: a claim about %s, to be verified\n", found.Where, a.Ref())
	}
}
