package main

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// usage is what one pass over a corpus cost, per bundle.
type usage struct {
	wall, cpu time.Duration
	allocated float64 // bytes
}

// pass verifies every bundle of a corpus once, with all cores.
func pass(c *corpus, v verifier) (usage, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu, begin := spent(), time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	faults := make([]error, runtime.GOMAXPROCS(0))
	for worker := range faults {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(c.samples) && faults[worker] == nil; i = next.Add(1) - 1 {
				faults[worker] = v.verify(&c.samples[i])
			}
		})
	}
	wg.Wait()
	wall, cpu := time.Since(begin), spent()-cpu
	runtime.ReadMemStats(&after)
	n := time.Duration(len(c.samples))
	return usage{wall / n, cpu / n, float64(after.TotalAlloc-before.TotalAlloc) / float64(n)}, errors.Join(faults...)
}

// spent is the processor time of this process so far.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A comparison is what both clients need for a corpus, and how they compare.
// Each ratio is the median over rounds in which one went right after the other,
// so that it means something on a machine that has other work.
type comparison struct {
	ours, theirs usage // medians
	wall, cpu    float64
	allocated    float64
}

func compare(c *corpus, rounds int) (comparison, error) {
	us, err := newOurs(c)
	if err != nil {
		return comparison{}, err
	}
	peer, err := newTheirs(c)
	if err != nil {
		return comparison{}, err
	}
	var ours, theirs []usage
	for range rounds {
		for _, side := range []struct {
			verifier
			out *[]usage
		}{{us, &ours}, {peer, &theirs}} {
			u, err := pass(c, side)
			if err != nil {
				return comparison{}, err
			}
			*side.out = append(*side.out, u)
		}
	}
	ratio := func(of func(usage) float64) float64 {
		var all []float64
		for i := range ours {
			all = append(all, of(theirs[i])/of(ours[i]))
		}
		return median(all)
	}
	return comparison{
		ours: middle(ours), theirs: middle(theirs),
		wall:      ratio(func(u usage) float64 { return float64(u.wall) }),
		cpu:       ratio(func(u usage) float64 { return float64(u.cpu) }),
		allocated: ratio(func(u usage) float64 { return u.allocated }),
	}, nil
}

// middle takes the median of each number.
func middle(all []usage) usage {
	var wall, cpu []time.Duration
	var allocated []float64
	for _, u := range all {
		wall, cpu, allocated = append(wall, u.wall), append(cpu, u.cpu), append(allocated, u.allocated)
	}
	return usage{median(wall), median(cpu), median(allocated)}
}

func median[T float64 | time.Duration](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}
