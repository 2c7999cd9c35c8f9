package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oci"
)

// O21: every reason is said, under the check of the most telling one; one that
// leaves it open whether there is a good signature leaves the verdict open.
func TestRefusals_O21(t *testing.T) {
	noneOf := func(reasons []error) error {
		var no refusals
		for _, err := range reasons {
			no.add(err, strings.Contains(err.Error(), "place"))
		}
		return no.err()
	}
	no := func(c check.Check, text string) error { return &check.Error{Check: c, Err: errors.New(text)} }
	var many []error
	for i := range 9 {
		many = append(many, no(check.OCI, fmt.Sprintf("reason %d", i)))
	}
	for _, row := range []struct {
		name    string
		reasons []error
		want    check.Check
		says    []string
	}{
		{"one", many[:1], check.OCI, []string{"reason 0"}},
		{"the same twice", []error{no(check.OCI, "a"), no(check.OCI, "a")}, check.OCI, []string{"none of 2 signatures was accepted: a"}},
		{"identity tells most", []error{no(check.OCI, "a"), no(check.Identity, "b")}, check.Identity, []string{"accepted: b; oci: a"}},
		{"predicate tells more", []error{no(check.Identity, "b"), no(check.Predicate, "c")}, check.Predicate, []string{"accepted: c; identity: b"}},
		{"one that could not be read", []error{no(check.Identity, "b"), no(check.Net, "d")}, check.Net, []string{"accepted: d; identity: b"}},
		{"one that tells most after many", append(slices.Clone(many), no(check.Identity, "b")), check.Identity, []string{"accepted: b; oci: reason 0", "reason 4", "and 4 other reasons"}},
		{"a place tells most", []error{no(check.Net, "d"), no(check.Net, "place")}, check.Net, []string{"accepted: place; net: d"}},
		{"many", many, check.OCI, []string{"reason 0", "reason 1", "reason 5", "and 3 other reasons"}},
	} {
		err := noneOf(row.reasons)
		if got := check.Of(err); got != row.want {
			t.Errorf("%s: check %q, want %q", row.name, got, row.want)
		}
		for _, text := range row.says {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q does not say %q", row.name, err, text)
			}
		}
	}
	if text := noneOf(many).Error(); strings.Contains(text, "reason 6") || strings.Count(noneOf([]error{many[0], many[0]}).Error(), "reason 0") != 1 {
		t.Errorf("too much is said: %s", text)
	}
}

// O35: what a registry says about an image can't move the cursor.
func TestPrintTree_O35(t *testing.T) {
	var b strings.Builder
	hostile := "x\x1b[2J\u202e\n"
	branches := []oci.Branch{{Kind: oci.KindImage, Digest: "sha256:1", ArtifactType: hostile, Platform: oci.Platform{OS: hostile, Architecture: hostile}, Tag: hostile, Problem: errors.New(hostile)}}
	if err := writeTree(&b, branches, func(oci.Branch) []claimJSON { return []claimJSON{{Error: hostile}} }); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.ContainsAny(text, "\x1b\u202e") || strings.Count(text, "\n") != 3 || strings.Count(text, `\x1b[2J`)+strings.Count(text, `\u001b[2J`) != 6 {
		t.Errorf("got %q", text)
	}
}
