package evidence

import (
	"encoding/json"
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
