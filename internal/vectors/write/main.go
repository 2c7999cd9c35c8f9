// Write writes the fixtures of package vectors to files, in the layout of
// sigstore-conformance, or their description.
//
//	go run ./internal/vectors/write -out DIR [-all]
//	go run ./internal/vectors/write -doc docs/vectors.md
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/hallmarksign/hallmark/internal/vectors"
)

func main() {
	out := flag.String("out", "", "directory for the fixtures")
	doc := flag.String("doc", "", "file for the description")
	all := flag.Bool("all", false, "every fixture instead of a sample of the long rows")
	flag.Parse()
	if err := run(*out, *doc, *all); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out, doc string, all bool) error {
	if doc != "" {
		return os.WriteFile(doc, vectors.Document(), 0o644)
	}
	if out == "" {
		return fmt.Errorf("say where: -out DIR or -doc FILE")
	}
	o := vectors.Options{Every: 8, Splices: 10}
	if all {
		o = vectors.All()
	}
	written, left, err := vectors.Write(out, o)
	if err != nil {
		return err
	}
	fmt.Printf("%d directories in %s; %d fixtures are of values that no file holds\n", written, out, left)
	return nil
}
