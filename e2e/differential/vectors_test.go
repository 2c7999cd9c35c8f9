package differential_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/hallmarksign/hallmark/verify"
)

// vectors is the folder beside the project that may have the suite's cases.
const vectors = "../../../shared/vectors"

// A base is a bundle with what is asked about it.
type base struct {
	name string
	data []byte
	q    *question // nil if a client does not take the trusted root
	ours error     // of the trusted root
	peer error
}

// suite returns the cases of the conformance suite, none without the folder.
func suite(t *testing.T) []base {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(vectors, "sigstore-conformance", "*", "bundle.sigstore.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Logf("NOT RUN: the cases of the conformance suite, no folder %s", vectors)
	}
	var out []base
	for _, path := range found {
		out = append(out, open(t, filepath.Dir(path)))
	}
	return out
}

func open(t *testing.T, dir string) base {
	t.Helper()
	read := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	or := func(name, fallback string) string {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return fallback
		}
		return filepath.Join(dir, name)
	}
	text := func(name, fallback string) string {
		if path := or(name, ""); path != "" {
			return strings.TrimSpace(string(read(path)))
		}
		return fallback
	}
	b := base{name: filepath.Base(dir), data: read(filepath.Join(dir, "bundle.sigstore.json"))}
	root := read(or("trusted_root.json", filepath.Join(vectors, "public-good", "trusted_root.json")))
	artifact := read(or("artifact", filepath.Join(vectors, "sigstore-conformance", "a.txt")))
	issuer := text("issuer", "https://token.actions.githubusercontent.com")
	subject := text("identity", "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main")
	if path := or("key.pub", ""); path != "" {
		key, err := verify.ParsePublicKey(read(path))
		_, peer := cryptoutils.UnmarshalPEMToPublicKey(read(path))
		if err != nil || peer != nil {
			b.ours, b.peer = err, peer
			return b
		}
		b.q, b.ours, b.peer = newQuestion(root, artifact, "", "", key)
	} else {
		b.q, b.ours, b.peer = newQuestion(root, artifact, issuer, subject, nil)
	}
	if b.ours != nil || b.peer != nil {
		b.q = nil
	}
	return b
}

// TestDifferential_Suite compares the verdicts on the cases of the suite.
func TestDifferential_Suite(t *testing.T) {
	all := suite(t)
	if len(all) == 0 {
		t.Skip("NOT RUN: no cases")
	}
	counts := newTally(t)
	for _, b := range all {
		if b.q == nil {
			counts.count(b.name, b.data, b.ours, b.peer)
			continue
		}
		if accepted := counts.add(b.name, b.q, b.data); accepted == strings.HasSuffix(b.name, "_fail") {
			t.Errorf("%s: accepted = %v", b.name, accepted)
		}
	}
	counts.report()
	if counts.cases != 70 {
		t.Errorf("compared %d cases, want 70", counts.cases)
	}
}
