package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Bounds of TestReadFile: maxPart, maxFile.

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, limit := range []int64{maxPart, maxFile} {
		for more, good := range []bool{true, false} {
			if err := os.WriteFile(path, make([]byte, limit+int64(more)), 0o600); err != nil {
				t.Fatal(err)
			}
			if data, err := readFile(path, limit); (err == nil) != good {
				t.Errorf("%d bytes: got %d and %v, want good %v", limit+int64(more), len(data), err, good)
			}
		}
	}
}
