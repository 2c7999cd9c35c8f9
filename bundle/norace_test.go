//go:build !race

package bundle_test

// slower is how much longer tests may take: not at all.
const slower = 1
