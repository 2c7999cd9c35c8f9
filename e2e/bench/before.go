package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
)

// files is how many files are signed in one run to compare two versions.
const files = 1000

// limits of the comparison: nothing gets slower.
const (
	slower = 1.05
	bigger = 1.05
)

// compare signs many files with another version of the program and with this one, in
// turns, and prints the ratios of the best times and of the peaks.
func (b *bench) compare(ctx context.Context, before string) error {
	earlier := *b.hallmark
	var err error
	if earlier.Binary, err = filepath.Abs(before); err != nil {
		return err
	}
	var names []string
	for i := range files {
		name := fmt.Sprintf("many-%04d", i)
		names = append(names, name)
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(name+"\n"), 0o600); err != nil {
			return err
		}
	}
	// The trust root is in the cache from now on.
	if _, err := b.many(ctx, b.hallmark, names[:1]); err != nil {
		return err
	}
	var walls [2][]time.Duration
	var peaks [2]int64
	for range b.runs {
		for i, h := range []*cli.Hallmark{&earlier, b.hallmark} {
			r, err := b.many(ctx, h, names)
			if err != nil {
				return err
			}
			walls[i], peaks[i] = append(walls[i], r.Wall), max(peaks[i], r.Peak)
		}
	}
	fmt.Printf("\n%d files, %d runs in turns\n", files, b.runs)
	for i, who := range []string{"before", "now"} {
		fmt.Printf("%-22s %9v %9v to %v %6.1f MiB\n", who, middle(walls[i]).Round(time.Millisecond),
			slices.Min(walls[i]).Round(time.Millisecond), slices.Max(walls[i]).Round(time.Millisecond), float64(peaks[i])/(1<<20))
	}
	b.limit("sign: wall of 1,000 files against before", ratio(middle(walls[1]), middle(walls[0])), slower)
	b.limit("sign: peak of 1,000 files against before", float64(peaks[1])/float64(peaks[0]), bigger)
	return b.verdict()
}

// many signs all files anew.
func (b *bench) many(ctx context.Context, h *cli.Hallmark, names []string) (*cli.Result, error) {
	for _, name := range names {
		if err := os.Remove(filepath.Join(b.dir, name+".sigstore.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if err := b.token(ctx); err != nil {
		return nil, err
	}
	r, err := h.Run(ctx, append([]string{"sign", "--identity-token", "token.jwt", "--yes", "--quiet"}, names...)...)
	if err != nil {
		return nil, err
	}
	return r, r.Want(0)
}

// middle is the median.
func middle(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
