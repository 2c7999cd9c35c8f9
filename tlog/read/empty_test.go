package read

import (
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A tree without entries has no head; one that had entries has gone back.
func TestLG2_EmptyTree(t *testing.T) {
	v := newWorld(t)
	l := v.v1(nil)
	if err := l.never(shard1{TreeID: "1"}); err != nil {
		t.Errorf("without memory: %v", err)
	}
	m := must(OpenMemory(t.TempDir()))
	l = v.v1(m)
	if err := l.never(shard1{TreeID: "1"}); err != nil {
		t.Errorf("never seen: %v", err)
	}
	heads, err := l.Heads(t.Context())
	if err != nil || len(heads) == 0 {
		t.Fatalf("got %v, %v, want a head", heads, err)
	}
	_, tree, _ := strings.Cut(heads[0].Origin, " - ")
	if err := l.never(shard1{TreeID: tree}); check.Of(err) != check.Checkpoint {
		t.Errorf("LG-2 seen before: got %v, want check checkpoint", err)
	}
}
