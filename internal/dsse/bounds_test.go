package dsse

import (
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Bounds of TestParseStatement: MaxSubjects, MaxDigests.

func TestLM4_TextOfSubjects(t *testing.T) {
	for n, want := range map[int]check.Check{maxText: "", maxText + 1: check.Limit} {
		for _, subject := range []string{
			`{"name":"@","digest":{"sha256":"` + sha256hex + `"}}`,
			`{"digest":{"sha256":"` + sha256hex + `","other":"@"}}`,
		} {
			text := statement(v1Type, "["+strings.Replace(subject, "@", strings.Repeat("x", n), 1)+"]")
			if _, err := ParseStatement([]byte(text)); check.Of(err) != want {
				t.Errorf("%d bytes in %s: got %v, want check %q", n, subject, err, want)
			}
		}
	}
}
