package tsp

import "testing"

func pick(tb testing.TB, name string) vector {
	for _, v := range loadVectors(tb) {
		if v.name == name {
			return v
		}
	}
	tb.Fatalf("no conformance case %q", name)
	return vector{}
}

func BenchmarkParse(b *testing.B) {
	v := pick(b, "rekor2-happy-path")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(v.der); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseAndVerify(b *testing.B) {
	v := pick(b, "rekor2-happy-path")
	b.ReportAllocs()
	for b.Loop() {
		t, err := Parse(v.der)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := t.Verify(v.signature, v.chains[0]); err != nil {
			b.Fatal(err)
		}
	}
}

// A token is a small part of a verification that may allocate 45 KB.
func TestAllocations_ParseAndVerify(t *testing.T) {
	v := pick(t, "rekor2-happy-path")
	got := testing.AllocsPerRun(20, func() {
		tok, err := Parse(v.der)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tok.Verify(v.signature, v.chains[0]); err != nil {
			t.Fatal(err)
		}
	})
	if got > 200 {
		t.Errorf("got %v allocations, want at most 200", got)
	}
}
