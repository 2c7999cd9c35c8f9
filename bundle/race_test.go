//go:build race

package bundle_test

// slower is how much longer tests may take under the race detector.
const slower = 20
