package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// ER-4: JSON on a terminal says the same and does nothing.
func TestER4_N22_JSON(t *testing.T) {
	hostile := "a\x1b[31m\u009b31m\u007f\u202eb\u200b\u2028\u00a0\U000e0041<&>\u00e9\"\\\n"
	var out bytes.Buffer
	if err := writeJSON(&out, map[string]string{"x": hostile}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, r := range strings.TrimSuffix(text, "\n") {
		if !visible(r) {
			t.Errorf("%q holds %U", text, r)
		}
	}
	var back map[string]string
	if err := json.Unmarshal([]byte(text), &back); err != nil || back["x"] != hostile {
		t.Errorf("got %q, %v, want %q", back, err, hostile)
	}
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, "<&>\u00e9") {
		t.Errorf("got %q", text)
	}
}
