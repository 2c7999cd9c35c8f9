package main

import (
	"os"
	"testing"
)

// mkfifo makes a folder: there are no pipes with names of files here.
func mkfifo(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
}
