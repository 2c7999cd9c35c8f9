package verify_test

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// Bounds of TestLM1_WhatTheCallerGives: maxPEM, maxPattern, maxThreshold.

func TestLM1_WhatTheCallerGives(t *testing.T) {
	w := sigtest.At(t, "sigstore.example")
	root, err := trustroot.Parse(w.TrustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(w.SignerKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	key += strings.Repeat("\n", 64<<10-len(key))
	for name, f := range map[string]func(more int) error{
		"want at most 65536": func(more int) error {
			_, err := verify.ParsePublicKey([]byte(key + strings.Repeat("\n", more)))
			return err
		},
		"want at most 4096": func(more int) error {
			_, err := verify.Pattern(strings.Repeat("a", 4096+more))
			return err
		},
		"are demanded, want 0 to 32": func(more int) error {
			_, err := verify.New(root, verify.Evidence{SCTs: 32 + more})
			return err
		},
	} {
		if err := f(0); err != nil && strings.Contains(err.Error(), name) {
			t.Errorf("at the bound: %v", err)
		}
		if err := f(1); check.Of(err) != check.Usage || !strings.Contains(err.Error(), name) {
			t.Errorf("beyond it: got %v, want %q", err, name)
		}
	}
}
