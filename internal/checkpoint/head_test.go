package checkpoint

import (
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

func TestLM5_Head(t *testing.T) {
	const empty = "log.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— log.example AAAAAAAA\n"
	c, err := ParseHead(empty)
	if err != nil || c.Size != 0 || c.Origin != "log.example" {
		t.Errorf("got %+v, %v, want an empty tree", c, err)
	}
	if _, err := Parse(empty); check.Of(err) != check.Checkpoint {
		t.Errorf("as evidence: got %v, want check checkpoint", err)
	}
	for name, bad := range map[string]string{
		"another root": strings.Replace(empty, "47DE", "00DE", 1), "no signature": empty[:strings.Index(empty, "—")],
		"size": strings.Replace(empty, "\n0\n", "\n00\n", 1),
	} {
		if c, err := ParseHead(bad); check.Of(err) != check.Checkpoint || c != nil {
			t.Errorf("%s: got %+v, %v, want check checkpoint", name, c, err)
		}
	}
}
