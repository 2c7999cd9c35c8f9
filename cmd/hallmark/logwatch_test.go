package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// ER-2: looking in no log at all is not the same as finding nothing.
func TestLogWatch_ER2_NoLogOfCertificates(t *testing.T) {
	w := newImageWorld(t)
	root := filepath.Join(w.dir, "root_without.json")
	write(t, root, w.TrustedRoot(func(doc map[string]any) { delete(doc, "ctlogs") }))
	config := filepath.Join(w.dir, "signing_config.json")
	write(t, config, w.SigningConfig())
	args := []string{"log", "watch", "--identity", "carol@example.com", "--log", w.Log2.Name, "--trusted-root", root, "--signing-config", config}
	w.must(args...)
	if stderr := w.fails(check.ExitUndecided, append(args, "--certificates")...); !strings.Contains(stderr, "no certificate transparency log") {
		t.Error(stderr)
	}
}
