package tsp

import (
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
)

// Bounds of TestCC10_MeshOfCAs: maxChecks.
// Bounds of TestCatalogueH_Tokens: MaxSize, MaxCert.

func TestLM4_NestedElements(t *testing.T) {
	der := tsptest.Seq()
	for range maxDepth - 1 {
		der = tsptest.Seq(der)
	}
	if !strict(cryptobyte.String(der), maxDepth) {
		t.Errorf("%d elements in each other are refused", maxDepth)
	}
	if strict(cryptobyte.String(tsptest.Seq(der)), maxDepth) {
		t.Errorf("%d elements in each other are accepted", maxDepth+1)
	}
}
