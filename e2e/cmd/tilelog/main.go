// Command tilelog writes a log of the second generation with so many entries, of
// the kind that tlog/index measures itself with:
//
//	tilelog -dir DIR/1000000 -entries 1000000
//	HALLMARK_MEASURE=1000000 HALLMARK_MEASURE_DIR=DIR go test -v -run Measure ./tlog/index
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/hallmarksign/hallmark/e2e/internal/tilelog"
)

// certificates is how many tlog/index measures with.
const certificates = 2048

func main() {
	dir := flag.String("dir", "", "write the log into `DIR`")
	entries := flag.Int("entries", 1_000_000, "number of entries")
	flag.Parse()
	if *dir == "" || *entries < 1 {
		flag.Usage()
		os.Exit(2)
	}
	begin := time.Now()
	if err := tilelog.Write(context.Background(), *dir, *entries, certificates); err != nil {
		fmt.Fprintf(os.Stderr, "tilelog: %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("%d entries in %s after %v\n", *entries, *dir, time.Since(begin).Round(time.Millisecond))
}
