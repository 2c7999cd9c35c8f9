package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A log whose key can't be used is refused before the login, or another takes its place.
func TestSign_LogWithAKeyOfAnUnknownKind(t *testing.T) {
	w := newImageWorld(t)
	file, root, config := w.file("app"), filepath.Join(w.dir, "root2.json"), filepath.Join(w.dir, "config2.json")
	write(t, root, w.TrustedRoot(func(doc map[string]any) {
		for _, log := range doc["tlogs"].([]any) {
			if l := log.(map[string]any); strings.HasSuffix(l["baseUrl"].(string), "log2") {
				l["publicKey"].(map[string]any)["keyDetails"] = "ML_DSA_44"
			}
		}
	}))
	write(t, config, w.SigningConfig())
	args := []string{"sign", file, "--yes", "--trusted-root", root, "--signing-config", config}
	stderr := w.fails(check.ExitNo, args...)
	if !strings.Contains(stderr, `log "`+w.Rekor(2).URL+`" signs with a key of "ML_DSA_44"`) || !strings.Contains(stderr, "next: ") {
		t.Errorf("got %s", stderr)
	}
	if n := len(w.Rekor(2).Requests()) + len(w.Fulcio().Requests()) + len(w.Issuer().Requests()); n != 0 {
		t.Errorf("%d requests were sent, want none", n)
	}
	write(t, config, w.SigningConfig(withFirstLog(w.World)))
	none := filepath.Join(w.dir, "root3.json")
	write(t, none, w.TrustedRoot(func(doc map[string]any) {
		for _, log := range doc["tlogs"].([]any) {
			log.(map[string]any)["publicKey"].(map[string]any)["keyDetails"] = "ML_DSA_44"
		}
	}))
	stderr = w.fails(check.ExitNo, "sign", file, "--yes", "--trusted-root", none, "--signing-config", config)
	if !strings.Contains(stderr, "can't verify; tlog_unknown: log ") || strings.Contains(stderr, `\u000a`) {
		t.Errorf("got %s, want the reasons of both logs in one line", stderr)
	}
	w.must(args...)
	if one, two := len(w.Rekor(1).Requests()), len(w.Rekor(2).Requests()); one != 1 || two != 0 {
		t.Errorf("%d requests to the first log and %d to the second, want 1 and 0", one, two)
	}
	w.must("verify", file, "--from", "alice@example.com", "--issuer", w.Issuer().URL, "--trusted-root", root)
}
