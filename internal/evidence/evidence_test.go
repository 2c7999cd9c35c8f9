package evidence

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

func TestLG1_Accuse(t *testing.T) {
	dir := t.TempDir()
	refusal := check.Refuse("LG-1", check.Checkpoint, "two histories")
	e := &Evidence{Kind: "fork", Origin: "Log.example/a - 1", LogID: "00ff", Served: "now", Remembered: &Seen{Note: "before"}}
	for range 2 { // the same is kept once
		err := Accuse(dir, e, refusal).(*check.Error)
		files, _ := filepath.Glob(filepath.Join(dir, "evidence", "fork-log.example_a_-_1-*.json"))
		if len(files) != 1 || !strings.Contains(err.Next, files[0]) || err.Rule != "LG-1" || err.Check != check.Checkpoint {
			t.Fatalf("got %v, next %q, files %q", err, err.Next, files)
		}
		data, err2 := os.ReadFile(files[0])
		var got Evidence
		if err2 != nil || json.Unmarshal(data, &got) != nil || got.Served != "now" || got.Remembered.Note != "before" {
			t.Errorf("got %s, %v", data, err2)
		}
	}
	if err := Accuse("", e, refusal); err != refusal {
		t.Errorf("without a directory: got %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Accuse(file, e, refusal).(*check.Error)
	if err.Rule != "LG-1" || err.Check != check.Checkpoint || !strings.Contains(err.Error(), "could not be kept") {
		t.Errorf("nowhere to keep it: got %v", err)
	}
}

// The same contradiction is kept once, however it was signed, and a log that
// contradicts itself for ever does not fill the disk.
func TestLG1_LM3_EvidenceIsBounded(t *testing.T) {
	dir := t.TempDir()
	refusal := check.Refuse("LG-1", check.Checkpoint, "two histories")
	accuse := func(e Evidence) (next string, n int) {
		e.Origin, e.LogID = "log.example - 1", "00ff"
		next = Accuse(dir, &e, refusal).(*check.Error).Next
		files, _ := filepath.Glob(filepath.Join(dir, "evidence", e.Kind+"-*.json"))
		return next, len(files)
	}
	for i := range 2 {
		if _, n := accuse(Evidence{Kind: "stale", Served: fmt.Sprintf("text\n\nsignature %d", i)}); n != 1 {
			t.Errorf("another signature: kept %d files, want 1", n)
		}
		seen := &Seen{Note: fmt.Sprintf("old\n\nsignature %d", i)}
		if _, n := accuse(Evidence{Kind: Dropped, Served: fmt.Sprintf("size %d\n\n", i), Remembered: seen}); n != 1 {
			t.Errorf("the other trees grew: kept %d files, want 1", n)
		}
	}
	for i := range maxKept + 2 {
		next, n := accuse(Evidence{Kind: "fork", Served: fmt.Sprintf("size %d\n\n", i)})
		if n != min(i+1, maxKept) || !strings.Contains(next, filepath.Join(dir, "evidence", "fork-")) {
			t.Fatalf("kept %d files after %d, next %q", n, i+1, next)
		}
	}
}
