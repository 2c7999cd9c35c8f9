package main

import (
	"sync/atomic"
	"testing"
)

// size is how many bundles a corpus has.
const size = 256

// BenchmarkVerify measures both clients on all cores, from the bytes of a bundle
// to the verdict.
func BenchmarkVerify(b *testing.B) {
	for _, r := range recipes() {
		c := newCorpus(r, size)
		us, err := newOurs(c)
		if err != nil {
			b.Fatal(err)
		}
		peer, err := newTheirs(c)
		if err != nil {
			b.Fatal(err)
		}
		for _, v := range []struct {
			name string
			verifier
		}{{"hallmark", us}, {"sigstore-go", peer}} {
			b.Run(c.benchName()+"/"+v.name, func(b *testing.B) {
				b.ReportAllocs()
				var next atomic.Int64
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						i := int(next.Add(1)) % size
						if err := v.verify(&c.samples[i]); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}
