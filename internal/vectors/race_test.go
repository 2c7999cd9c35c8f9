//go:build race

package vectors_test

// raceEnabled thins the fixtures: the race detector makes each many times dearer.
const raceEnabled = true
