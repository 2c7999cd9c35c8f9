//go:build race

package bundle_test

// Under the race detector times say little: less bulk, and a generous bound.
const (
	bulk   = 4 << 20
	slower = 20
	slack  = 20 // allocations of the detector
)
