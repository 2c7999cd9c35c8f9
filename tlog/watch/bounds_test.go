package watch

import (
	"fmt"
	"testing"
)

// Bounds of TestSearchIndexOfFirstLog: maxScan.

func TestLG5_TreesOfALog(t *testing.T) {
	trees := func(n int) map[string]int64 {
		all := map[string]int64{}
		for i := range n {
			all[fmt.Sprint(i)] = 1
		}
		return all
	}
	for name, tt := range map[string]struct {
		trees, begin int
		good         bool
	}{
		"as many as may be": {maxTrees, maxTrees, true},
		"too many":          {maxTrees + 1, 0, false},
		"too many begun":    {0, maxTrees + 1, false},
	} {
		doc := NewState().doc
		doc.First["00"] = &reached{Trees: trees(tt.trees), Begin: trees(tt.begin)}
		doc.Sum = doc.sum()
		s := NewState()
		if err := s.take(doc); (err == nil) != tt.good || (len(s.doc.First) == 1) != tt.good {
			t.Errorf("%s: got %v, want good %v", name, err, tt.good)
		}
	}
}
