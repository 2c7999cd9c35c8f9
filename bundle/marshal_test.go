package bundle_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
)

func parse(t *testing.T, s string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBP1_BP2_MarshalIsCanonical(t *testing.T) {
	// The fragments are written in canonical order, so the text must come back.
	for _, want := range []string{good03, goodDSSE, goodKey, edit2(goodKey, `"hint":"k"`, ``, `,"keyid":"k"`, ``)} {
		got, err := parse(t, want).Marshal()
		if err != nil || string(got) != want {
			t.Errorf("got  %s (%v)\nwant %s", got, err, want)
		}
		if strings.ContainsAny(string(got), "\n\r") {
			t.Error("more than one line")
		}
	}
	old, err := parse(t, good03b).Marshal()
	if err != nil || string(old) != good03 {
		t.Errorf("the older media type was kept: %s (%v)", old, err)
	}
}

func edit2(s, a, b, c, d string) string { return strings.NewReplacer(a, b, c, d).Replace(s) }

func TestBP5_OldVersionsAreWrittenAs03(t *testing.T) {
	b := parse(t, good02)
	out, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	want := *b
	want.MediaType, want.Version = bundle.MediaType, bundle.V03
	if diff := cmp.Diff(&want, parse(t, string(out))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMarshalRefusesWhatParseWould(t *testing.T) {
	cases := []struct {
		name   string
		change func(b *bundle.Bundle)
		check  check.Check
		field  string
	}{
		{"SG-14 chain", func(b *bundle.Bundle) { b.Chain = [][]byte{{1}} }, check.Content, material + ".certificate"},
		{"BP-4 no signer", func(b *bundle.Bundle) { b.Certificate = nil }, check.Content, material},
		{"BP-4 two signers", func(b *bundle.Bundle) { b.PublicKey = &bundle.PublicKey{} }, check.Content, material},
		{"BP-4 no content", func(b *bundle.Bundle) { b.Message = nil }, check.Content, ""},
		{"BP-4 two contents", func(b *bundle.Bundle) { b.Envelope = &bundle.Envelope{} }, check.Content, ""},
		{"BP-7 empty certificate", func(b *bundle.Bundle) { b.Certificate = []byte{} }, check.Parse, material + ".certificate.rawBytes"},
		{"BP-9 no signature", func(b *bundle.Bundle) { b.Message.Signature = nil }, check.Content, "messageSignature.signature"},
		{"BP-5 no proof", func(b *bundle.Bundle) { b.Entries[0].Proof = nil }, check.Content, entry0 + ".inclusionProof"},
		{"BP-5 no checkpoint", func(b *bundle.Bundle) { b.Entries[0].Proof.Checkpoint = "" }, check.Content, entry0 + ".inclusionProof.checkpoint"},
		{"LM-5 index", func(b *bundle.Bundle) { b.Entries[0].LogIndex = -1 }, check.Parse, entry0 + ".logIndex"},
		{"LM-3 timestamps", func(b *bundle.Bundle) {
			b.Timestamps = slicesOf([]byte{1}, bundle.MaxTimestamps+1)
		}, check.Limit, material + ".timestampVerificationData.rfc3161Timestamps"},
		{"BP-2 not UTF-8", func(b *bundle.Bundle) { b.Entries[0].Kind = "\xff" }, check.Parse, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := parse(t, good03)
			c.change(b)
			out, err := b.Marshal()
			if out != nil {
				t.Errorf("wrote %s", out)
			}
			wantRefusal(t, err, c.check, c.field)
		})
	}
}

func slicesOf[T any](v T, n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = v
	}
	return s
}
