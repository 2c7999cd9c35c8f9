package vectors_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/hallmarksign/hallmark/internal/vectors"
)

func TestDocumentIsCurrent(t *testing.T) {
	got, err := os.ReadFile("../../docs/vectors.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, vectors.Document()) {
		t.Error("docs/vectors.md is out of date: make docs")
	}
}
