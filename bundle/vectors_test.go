package bundle_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
)

// vectors holds the cases every Sigstore client is tested with.
const vectors = "../../shared/vectors/sigstore-conformance"

// refused lists the vectors whose fault is one of shape. All others must parse;
// if they are bad, it is verify that refuses them.
var refused = map[string]check.Check{
	"bundle-empty-certificate-chain_fail":       check.Content,
	"bundle-invalid-base64-signature_fail":      check.Parse,
	"bundle-malformed-json_fail":                check.Parse,
	"bundle-negative-log-index_fail":            check.Parse,
	"bundle-unknown-version_fail":               check.Version,
	"bundle-with-root-cert_fail":                check.Content,
	"intoto-missing-inclusion-proof_fail":       check.Content,
	"invalid-inclusion-proof_fail":              check.Content,
	"rekor2-no-inclusion-proof_fail":            check.Content,
	"rekor2-timestamp-with-incorrect-time_fail": check.Parse, // line breaks in its base64 (A28)
}

// readVectors returns the bundle of every case by the name of the case.
func readVectors(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(vectors, "*", "bundle.sigstore.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skip("SKIPPED: no vectors at", vectors)
	}
	all := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(filepath.Dir(path))] = data
	}
	return all
}

func TestVectors(t *testing.T) {
	got := map[string]check.Check{}
	ran := 0
	for name, data := range readVectors(t) {
		ran++
		if _, err := bundle.Parse(data); err != nil {
			got[name] = check.Of(err)
			t.Logf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(refused, got); diff != "" {
		t.Errorf("refused vectors (-want +got):\n%s", diff)
	}
	if ran != 70 {
		t.Errorf("ran %d vectors, want 70", ran)
	}
}

func TestBP11_MarshalAndParseGiveTheSame(t *testing.T) {
	ran := 0
	for name, data := range readVectors(t) {
		b, err := bundle.Parse(data)
		if err != nil || b.Version != bundle.V03 {
			continue
		}
		ran++
		checkRoundTrip(t, name, b)
	}
	if ran < 30 {
		t.Errorf("ran %d bundles, want at least 30", ran)
	}
}

// checkRoundTrip fails if b does not survive being written and read.
func checkRoundTrip(t *testing.T, name string, b *bundle.Bundle) {
	t.Helper()
	out, err := b.Marshal()
	if err != nil {
		t.Errorf("%s: Marshal: %v", name, err)
		return
	}
	again, err := bundle.Parse(out)
	if err != nil {
		t.Errorf("%s: Parse of what Marshal wrote: %v", name, err)
		return
	}
	want := *b
	want.MediaType = bundle.MediaType
	want.Version = bundle.V03
	if !reflect.DeepEqual(&want, again) { // cmp is too slow for the fuzzer
		t.Errorf("%s: (-want +got):\n%s", name, cmp.Diff(&want, again))
	}
	twice, err := again.Marshal()
	if err != nil || string(twice) != string(out) {
		t.Errorf("%s: second Marshal differs: %v", name, err)
	}
}
