// Verifybench measures hallmark's verifier beside sigstore-go's, in one run and
// with the same bundles, so that the ratios mean something on any machine:
//
//	go run ./verifybench -hallmark ../bin/hallmark
//
// In-process, all cores go through a corpus of bundles from their bytes to the
// verdict, first with one client and then with the other. With the programs
// hallmark and minimal, whole processes are compared as well. The Go benchmarks
// beside it measure the same.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "verifybench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	n := flag.Int("bundles", 256, "how many bundles a corpus has")
	rounds := flag.Int("rounds", 9, "how often each client goes through a corpus")
	hallmark := flag.String("hallmark", "", "the hallmark `program`; without it whole processes are not measured")
	cosign := flag.String("cosign", "", "a cosign `program` to measure beside it")
	runs := flag.Int("runs", 50, "how often each program runs")
	flag.Parse()
	fmt.Printf("%-52s %8s %8s %6s %6s %8s %8s %6s\n", "", "ours", "theirs", "time", "CPU", "ours", "theirs", "bytes")
	for _, r := range recipes() {
		c := newCorpus(r, *n)
		m, err := compare(c, *rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Printf("%-52s %8v %8v %5.2fx %5.2fx %7.1fK %7.1fK %5.2fx\n", c.name,
			m.ours.cpu.Round(time.Microsecond), m.theirs.cpu.Round(time.Microsecond), m.wall, m.cpu,
			m.ours.allocated/1024, m.theirs.allocated/1024, m.allocated)
	}
	if *hallmark == "" {
		return nil
	}
	fmt.Println()
	return processes(ctx, *hallmark, *cosign, *runs)
}
