package main

import (
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/vectors"
)

// TestEveryRefusalHasANextStep takes the checks that the conformance suite and the
// catalogue of bad inputs reach in a verification.
func TestEveryRefusalHasANextStep(t *testing.T) {
	wanted := map[check.Check]string{}
	for name, c := range vectors.Suite {
		wanted[c] = name
	}
	for _, row := range vectors.Rows() {
		for _, c := range row.Must {
			wanted[c] = row.ID
		}
	}
	delete(wanted, check.Usage)  // says itself what to do
	delete(wanted, check.FS)     // the system's reason
	delete(wanted, check.Server) // of signing
	if len(wanted) < 20 {
		t.Errorf("found %d checks, want more", len(wanted))
	}
	for c, where := range wanted {
		if nextStep(c) == "" {
			t.Errorf("%s: check %s has no next step", where, c)
		}
	}
}
