// Package logs holds the tests of hallmark's log commands on real logs of both
// generations: what they print is proved, and a log that lies is caught, with
// the check that must catch it.
package logs
